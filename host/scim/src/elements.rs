//! The values of a multi-valued attribute, none of them twice.

use std::collections::HashMap;

use serde_json::Value;

use crate::schema::Attribute;
use crate::value;

/// Values that are found by their identity, without comparing each with each.
///
/// Two are the same one when their `value`s are, and their `type`s do not contradict each other;
/// without a `value`, when they are equal. RFC 7643 §2.4: a service provider "SHOULD NOT return
/// the same (type, value) combination more than once per attribute".
pub(crate) struct Elements<'a> {
    attribute: &'a Attribute,
    values: Vec<Value>,
    places: HashMap<String, Vec<usize>>,
}

impl<'a> Elements<'a> {
    /// These values, as they are.
    pub(crate) fn of(attribute: &'a Attribute, values: Vec<Value>) -> Self {
        let mut places: HashMap<String, Vec<usize>> = HashMap::with_capacity(values.len());
        for (place, value) in values.iter().enumerate() {
            places.entry(identity(attribute, value)).or_default().push(place);
        }
        Self { attribute, values, places }
    }

    /// The place of the same value.
    pub(crate) fn find(&self, value: &Value) -> Option<usize> {
        let places = self.places.get(&identity(self.attribute, value))?;
        places.iter().copied().find(|place| {
            self.values.get(*place).is_some_and(|it| types_agree(self.attribute, value, it))
        })
    }

    /// The same value.
    pub(crate) fn get(&self, value: &Value) -> Option<&Value> {
        self.find(value).and_then(|place| self.values.get(place))
    }

    /// Completes the same value by what is given, or appends it; its place.
    pub(crate) fn put(&mut self, value: Value) -> usize {
        if let Some(place) = self.find(&value) {
            if let (Some(Value::Object(known)), Value::Object(given)) =
                (self.values.get_mut(place), value)
            {
                known.extend(given);
            }
            return place;
        }
        let place = self.values.len();
        self.places.entry(identity(self.attribute, &value)).or_default().push(place);
        self.values.push(value);
        place
    }

    /// The values, in the order in which they came.
    pub(crate) fn into_values(self) -> Vec<Value> {
        self.values
    }
}

/// Whether an element is the primary one (RFC 7643 §2.4).
pub(crate) fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// RFC 7644 §3.5.2: "For multi-valued attributes, a PATCH operation that sets a value's "primary"
/// sub-attribute to "true" SHALL cause the server to automatically set "primary" to "false" for
/// any other values in the array."
pub(crate) fn keep_one_primary(elements: &mut [Value], changed: &[usize]) {
    let keep = changed.iter().rev().find(|index| elements.get(**index).is_some_and(is_primary));
    let Some(keep) = keep else { return };
    for (index, element) in elements.iter_mut().enumerate() {
        if index != *keep
            && is_primary(element)
            && !changed.contains(&index)
            && let Some(element) = element.as_object_mut()
        {
            element.insert("primary".to_owned(), Value::Bool(false));
        }
    }
}

fn identity(attribute: &Attribute, element: &Value) -> String {
    match (attribute.sub("value"), element.get("value")) {
        (Some(sub), Some(Value::String(text))) => value::normalized(sub, text).into_owned(),
        (Some(_), Some(other)) => other.to_string(),
        (None, _) if element.is_string() => {
            value::normalized(attribute, element.as_str().unwrap_or_default()).into_owned()
        }
        _ => value::canonical(element),
    }
}

fn types_agree(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    let Some(sub) = attribute.sub("type") else { return true };
    match (a.get("type").and_then(Value::as_str), b.get("type").and_then(Value::as_str)) {
        (Some(a), Some(b)) => value::normalized(sub, a) == value::normalized(sub, b),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Registry;

    fn attribute(name: &str) -> Attribute {
        let registry = Registry::core();
        registry.resource_type("User").unwrap().attribute(name).unwrap().clone()
    }

    fn gathered(name: &str, values: Value) -> Value {
        let attribute = attribute(name);
        let mut elements = Elements::of(&attribute, Vec::new());
        for value in values.as_array().unwrap() {
            elements.put(value.clone());
        }
        Value::Array(elements.into_values())
    }

    #[test]
    fn the_later_of_two_that_are_one_completes_the_earlier() {
        let given = json!([
            { "value": "a", "type": "work", "display": "A" },
            { "value": "A", "type": "WORK", "primary": true }
        ]);
        let one = json!([{ "value": "A", "type": "WORK", "display": "A", "primary": true }]);
        assert_eq!(gathered("emails", given), one);
    }

    #[test]
    fn one_value_of_two_types_is_two() {
        let two = json!([{ "value": "a", "type": "work" }, { "value": "a", "type": "home" }]);
        assert_eq!(gathered("emails", two.clone()), two);
    }

    #[test]
    fn without_a_value_equal_ones_are_one() {
        let home = json!({ "type": "home", "locality": "Ulm" });
        let given = json!([home, { "locality": "Ulm", "type": "home" }, { "type": "home" }]);
        assert_eq!(gathered("addresses", given), json!([home, { "type": "home" }]));
    }
}
