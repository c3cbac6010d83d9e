//! The values of a multi-valued attribute, none of them twice.

use std::collections::{HashMap, HashSet, VecDeque};

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
    places: HashMap<String, Places>,
}

/// Where the values are that have one `value`. What is found is always the first that fits.
struct Places {
    first: usize,
    /// The first of each `type`, which is normalised.
    of_type: HashMap<String, usize>,
    /// Those without a `type`, in ascending order: they contradict none.
    untyped: VecDeque<usize>,
}

impl<'a> Elements<'a> {
    /// These values, as they are.
    pub(crate) fn of(attribute: &'a Attribute, values: Vec<Value>) -> Self {
        let places = HashMap::with_capacity(values.len());
        let mut elements = Self { attribute, values: Vec::with_capacity(values.len()), places };
        for value in values {
            elements.append(value);
        }
        elements
    }

    /// The place of the same value.
    pub(crate) fn find(&self, value: &Value) -> Option<usize> {
        let places = self.places.get(&identity(self.attribute, value))?;
        Some(match type_of(self.attribute, value) {
            None => places.first,
            Some(kind) => {
                let (typed, untyped) = (places.of_type.get(&kind), places.untyped.front());
                typed.into_iter().chain(untyped).copied().min()?
            }
        })
    }

    /// The same value.
    pub(crate) fn get(&self, value: &Value) -> Option<&Value> {
        self.find(value).and_then(|place| self.values.get(place))
    }

    /// Completes the same value by what is given, or appends it; its place.
    pub(crate) fn put(&mut self, value: Value) -> usize {
        let Some(place) = self.find(&value) else { return self.append(value) };
        if let Some(kind) = type_of(self.attribute, &value)
            && let Some(places) = self.places.get_mut(&identity(self.attribute, &value))
        {
            places.untyped.pop_front_if(|untyped| *untyped == place);
            places.of_type.insert(kind, place);
        }
        if let (Some(Value::Object(known)), Value::Object(given)) =
            (self.values.get_mut(place), value)
        {
            known.extend(given);
        }
        place
    }

    /// The values, in the order in which they came.
    pub(crate) fn into_values(self) -> Vec<Value> {
        self.values
    }

    fn append(&mut self, value: Value) -> usize {
        let place = self.values.len();
        let places = self.places.entry(identity(self.attribute, &value)).or_insert_with(|| {
            Places { first: place, of_type: HashMap::new(), untyped: VecDeque::new() }
        });
        match type_of(self.attribute, &value) {
            Some(kind) => {
                places.of_type.entry(kind).or_insert(place);
            }
            None => places.untyped.push_back(place),
        }
        self.values.push(value);
        place
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
    let changed: HashSet<usize> = changed.iter().copied().collect();
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

/// The `type` of an element, normalised.
fn type_of(attribute: &Attribute, element: &Value) -> Option<String> {
    let sub = attribute.sub("type")?;
    let text = element.get(&sub.name)?.as_str()?;
    Some(value::normalized(sub, text).into_owned())
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

    #[test]
    fn a_value_without_a_type_contradicts_none() {
        let typed = json!([{ "value": "a", "type": "work" }, { "value": "a", "type": "home" }]);
        let mut given = typed.as_array().unwrap().clone();
        given.push(json!({ "value": "a", "display": "A" }));
        let first = json!({ "value": "a", "type": "work", "display": "A" });
        assert_eq!(gathered("emails", json!(given)), json!([first, typed[1]]));
        // Once it has got a type, others are others.
        given.rotate_right(1);
        assert_eq!(gathered("emails", json!(given)), json!([first, typed[1]]));
    }

    #[test]
    fn the_first_that_fits_is_found_among_values_that_are_no_set() {
        let emails = attribute("emails");
        let as_they_are = json!([
            { "value": "a", "type": "home" }, { "value": "a" }, { "value": "a" },
            { "value": "a", "type": "work" }
        ]);
        let mut elements = Elements::of(&emails, as_they_are.as_array().unwrap().clone());
        assert_eq!(elements.find(&json!({ "value": "a" })), Some(0));
        assert_eq!(elements.find(&json!({ "value": "A", "type": "Home" })), Some(0));
        for place in [1, 1] {
            assert_eq!(elements.put(json!({ "value": "a", "type": "work" })), place);
        }
        assert_eq!(elements.put(json!({ "value": "a", "type": "other" })), 2);
        assert_eq!(elements.find(&json!({ "value": "a", "type": "new" })), None);
        assert_eq!(elements.find(&json!({ "value": "b" })), None);
    }

    // Each compared with each, these would take minutes.
    const MANY: usize = 20_000;

    #[test]
    fn many_types_of_one_value_are_not_compared_with_each_other() {
        let value = |place| json!({ "value": "a", "type": format!("t{place}") });
        let many: Vec<Value> = (0..MANY).map(value).collect();
        let twice = Value::Array([many.clone(), many.clone()].concat());
        assert!(gathered("emails", twice) == Value::Array(many));
    }

    #[test]
    fn many_primary_values_are_not_compared_with_each_other() {
        let mut many = vec![json!({ "primary": true }); MANY];
        let changed: Vec<usize> = (1..MANY).collect();
        keep_one_primary(&mut many, &changed);
        assert_eq!(many.iter().position(is_primary), Some(1));
    }
}
