//! Whether a value fits to a schema of the description: the part of JSON Schema that it uses. What it
//! does not describe is refused, so that nothing is forgotten.

use serde_json::Value;

/// What does not fit, if something does not. `all` is the description.
pub(super) fn misfit(all: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = all.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        return misfit(all, schema, value);
    }
    for (name, constraint) in schema.as_object().unwrap() {
        let wrong = match name.as_str() {
            "type" => !is_of(constraint, value),
            "enum" => !constraint.as_array().unwrap().contains(value),
            "const" => constraint != value,
            "anyOf" | "oneOf" => {
                let fits = |it: &&Value| misfit(all, it, value).is_none();
                constraint.as_array().unwrap().iter().filter(fits).count() != 1
            }
            "required" => {
                let named = constraint.as_array().unwrap().iter();
                value.is_object()
                    && named.clone().any(|it| value.get(it.as_str().unwrap()).is_none())
            }
            "minimum" => value.as_i64() < constraint.as_i64() && value.is_number(),
            "maximum" => value.as_i64() > constraint.as_i64() && value.is_number(),
            "minLength" => value.as_str().is_some_and(|it| it.is_empty()),
            "minItems" => value.as_array().is_some_and(Vec::is_empty),
            "pattern" => !regex_lite::Regex::new(constraint.as_str().unwrap())
                .unwrap()
                .is_match(value.as_str().unwrap_or_default()),
            "format"
            | "description"
            | "default"
            | "properties"
            | "additionalProperties"
            | "items" => false,
            other => panic!("\"{other}\" is not checked here"),
        };
        if wrong {
            return Some(format!("{value} does not fit to {name} {constraint}"));
        }
    }
    within(all, schema, value)
}

fn within(all: &Value, schema: &Value, value: &Value) -> Option<String> {
    match value {
        Value::Array(values) => {
            let items = schema.get("items")?;
            values.iter().find_map(|it| misfit(all, items, it))
        }
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            let others = schema.get("additionalProperties");
            match (schema.get("properties").and_then(|it| it.get(name)), others) {
                (Some(schema), _) => misfit(all, schema, value),
                (None, Some(schema)) if schema.is_object() => misfit(all, schema, value),
                // An object of which nothing is said may have anything.
                (None, None) if schema.get("properties").is_none() => None,
                (None, _) => Some(format!("\"{name}\" is not described")),
            }
        }),
        _ => None,
    }
}

fn is_of(constraint: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("\"{other}\" is not checked here"),
    };
    constraint.as_array().map_or_else(|| is(constraint), |names| names.iter().any(is))
}
