//! Takes a resource apart whose references cannot all be resolved yet.
//!
//! RFC 7644 §3.7.1: "The service provider MUST try to resolve circular cross-references". One of
//! a circle is created without the values that refer to what does not exist, and gets them by a
//! PATCH when it does.

use serde_json::{Value, json};

use super::references::Scope;
use crate::Object;
use crate::patch::PATCH_SCHEMA;
use crate::schema::{Attribute, Mutability, ResourceType};

/// A resource in two parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Deferred {
    /// What can be created now.
    pub now: Object,
    /// The body of the PATCH request that completes it; none where nothing is missing.
    pub later: Option<Object>,
}

/// Puts off the values with references in `data`: elements of multi-valued attributes one by one,
/// others as a whole. What the schemas do not know, or a client cannot set, stays where it is, for
/// the validator to deal with.
///
/// # Errors
/// The path of an attribute that is required and would have no value.
pub fn defer(resource_type: &ResourceType, data: Object) -> Result<Deferred, String> {
    let mut later = Vec::new();
    let mut now = Object::with_capacity(data.len());
    for (name, value) in data {
        let scope = Scope::Resource(resource_type).below(&name);
        if !scope.is_some_and(|scope| scope.any_in(&value)) {
            now.insert(name, value);
            continue;
        }
        let kept = match (resource_type.extension(&name), value) {
            (Some(extension), Value::Object(members)) => {
                let urn = &extension.schema.id;
                let kept = in_extension(urn, &extension.schema.attributes, members, &mut later)?;
                if kept.is_empty() && extension.required {
                    return Err(urn.clone());
                }
                (!kept.is_empty()).then_some(Value::Object(kept))
            }
            (_, value) => match resource_type.attribute(&name) {
                Some(attribute) => in_attribute(attribute, &attribute.name, value, &mut later)?,
                None => Some(value),
            },
        };
        now.extend(kept.map(|value| (name, value)));
    }
    Ok(Deferred { now, later: patch(later) })
}

fn in_extension(
    urn: &str,
    attributes: &[Attribute],
    members: Object,
    later: &mut Vec<Value>,
) -> Result<Object, String> {
    let mut kept = Object::with_capacity(members.len());
    for (name, value) in members {
        let value = match Attribute::named(attributes, &name) {
            Some(attribute) => {
                in_attribute(attribute, &format!("{urn}:{}", attribute.name), value, later)?
            }
            None => Some(value),
        };
        kept.extend(value.map(|value| (name, value)));
    }
    Ok(kept)
}

/// What is left of the value of an attribute; the rest becomes an operation in `later`.
fn in_attribute(
    attribute: &Attribute,
    path: &str,
    value: Value,
    later: &mut Vec<Value>,
) -> Result<Option<Value>, String> {
    let scope = Scope::of(attribute).filter(|scope| scope.any_in(&value));
    let Some(scope) = scope.filter(|_| attribute.mutability != Mutability::ReadOnly) else {
        return Ok(Some(value));
    };
    let (kept, moved) = match value {
        Value::Array(elements) => {
            let (moved, kept): (Vec<_>, Vec<_>) =
                elements.into_iter().partition(|it| scope.any_in(it));
            ((!kept.is_empty()).then_some(Value::Array(kept)), Value::Array(moved))
        }
        whole => (None, whole),
    };
    if kept.is_none() && attribute.required {
        return Err(path.to_owned());
    }
    later.push(json!({ "op": "add", "path": path, "value": moved }));
    Ok(kept)
}

fn patch(operations: Vec<Value>) -> Option<Object> {
    if operations.is_empty() {
        return None;
    }
    let members = [
        ("schemas".to_owned(), json!([PATCH_SCHEMA])),
        ("Operations".to_owned(), Value::Array(operations)),
    ];
    Some(members.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registry;
    use crate::schema::core::ENTERPRISE_USER;
    use crate::schema::describe::Description;

    fn deferred(resource_type: &ResourceType, data: Value) -> Result<(Value, Value), String> {
        let deferred = defer(resource_type, data.as_object().unwrap().clone())?;
        let operations = deferred.later.map_or(Value::Null, |later| later["Operations"].clone());
        Ok((Value::Object(deferred.now), operations))
    }

    #[test]
    fn elements_that_refer_are_added_later() {
        let registry = Registry::core();
        let group = registry.resource_type("Group").unwrap();
        let (now, later) = deferred(
            group,
            json!({ "displayName": "A", "Members": [{ "value": "bulkId:b" }, { "value": "u" }] }),
        )
        .unwrap();
        assert_eq!(now, json!({ "displayName": "A", "Members": [{ "value": "u" }] }));
        let add = json!({ "op": "add", "path": "members", "value": [{ "value": "bulkId:b" }] });
        assert_eq!(later, json!([add]));
    }

    #[test]
    fn an_attribute_of_an_extension_is_added_later_as_a_whole() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let manager = json!({ "value": "bulkId:b", "$ref": "x" });
        let (now, later) = deferred(
            user,
            json!({ "userName": "a", ENTERPRISE_USER: { "Manager": manager, "division": "d" } }),
        )
        .unwrap();
        assert_eq!(now, json!({ "userName": "a", ENTERPRISE_USER: { "division": "d" } }));
        let path = format!("{ENTERPRISE_USER}:manager");
        assert_eq!(later, json!([{ "op": "add", "path": path, "value": manager }]));
        let (now, _) = deferred(user, json!({ ENTERPRISE_USER: { "manager": manager } })).unwrap();
        assert_eq!(now, json!({}));
    }

    #[test]
    fn what_no_client_can_set_and_no_schema_knows_stays() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let data = json!({
            "groups": [{ "value": "bulkId:b" }], "unknown": "bulkId:b", ENTERPRISE_USER: { "x": "bulkId:b" }
        });
        assert_eq!(deferred(user, data.clone()), Ok((data, Value::Null)));
    }

    #[test]
    fn a_required_attribute_cannot_be_put_off_unless_values_remain() {
        let description = Description::parse(&[
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
                "id": "urn:example:2.0:Team",
                "attributes": [{ "name": "lead", "required": true },
                    { "name": "deputies", "required": true, "multiValued": true }]
            }),
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "name": "Team", "endpoint": "/Teams", "schema": "urn:example:2.0:Team"
            }),
        ]);
        let registry = Registry::core().with(&description.unwrap()).unwrap();
        let team = registry.resource_type("Team").unwrap();
        assert_eq!(deferred(team, json!({ "lead": "bulkId:a" })), Err("lead".into()));
        assert_eq!(deferred(team, json!({ "deputies": ["bulkId:a"] })), Err("deputies".into()));
        let (now, later) = deferred(team, json!({ "deputies": ["bulkId:a", "b"] })).unwrap();
        assert_eq!((now, later.as_array().unwrap().len()), (json!({ "deputies": ["b"] }), 1));
    }
}
