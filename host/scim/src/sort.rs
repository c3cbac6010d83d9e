//! Sorting (RFC 7644 §3.4.2.3).

use std::cmp::Ordering;

use serde_json::{Number, Value};
use time::OffsetDateTime;

use crate::filter::compare_numbers;
use crate::path::{self, AttributeRef, PathError, Target};
use crate::schema::{Kind, ResourceType, Returned};
use crate::{Object, value};

/// `sortOrder`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortOrder {
    /// Smallest first; resources without a value last.
    #[default]
    Ascending,
    /// Largest first; resources without a value first.
    Descending,
}

/// What resources are sorted by, and in which direction.
#[derive(Debug, Clone, Copy)]
pub struct Sort<'a> {
    target: AttributeRef<'a>,
    order: SortOrder,
}

/// The place of one resource in a sorted list. Compare keys of the same [`Sort`] only.
#[derive(Debug, Clone, PartialEq)]
pub enum SortKey {
    /// A boolean; false first.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text, normalised as the attribute asks.
    Text(String),
    /// An instant.
    Instant(OffsetDateTime),
    /// No value: after all others.
    Missing,
}

impl<'a> Sort<'a> {
    /// Reads `sortBy`.
    ///
    /// # Errors
    /// The path names nothing of this resource type that has an order.
    pub fn new(
        resource_type: &'a ResourceType,
        sort_by: &str,
        order: SortOrder,
    ) -> Result<Self, PathError> {
        let malformed = || PathError::Malformed { path: sort_by.to_owned() };
        let Target::Attribute(target) = path::resolve(resource_type, sort_by)? else {
            return Err(malformed());
        };
        // RFC 7644 §3.4.2.3: "If the "sortBy" attribute is … a complex attribute … " the value
        // that counts is its `value`, as in a filter. Secrets have no order.
        let target = target.comparable().ok_or_else(malformed)?;
        if target.leaf().returned == Returned::Never {
            return Err(malformed());
        }
        Ok(Self { target, order })
    }

    /// Where a resource belongs.
    #[must_use]
    pub fn key(&self, resource: &Object) -> SortKey {
        let leaf = self.target.leaf();
        // What an older schema left there with another type has no place among the others.
        match (leaf.kind, self.value(resource)) {
            (Kind::Boolean, Some(Value::Bool(value))) => SortKey::Bool(*value),
            (Kind::Integer | Kind::Decimal, Some(Value::Number(value))) => {
                SortKey::Number(value.clone())
            }
            (Kind::DateTime, Some(Value::String(text))) => {
                value::instant(text).map_or(SortKey::Missing, SortKey::Instant)
            }
            (Kind::String | Kind::Reference | Kind::Binary, Some(Value::String(text))) => {
                SortKey::Text(value::normalized(leaf, text).into_owned())
            }
            _ => SortKey::Missing,
        }
    }

    /// Which of two keys comes first. Sort with it stably: resources that compare equal keep
    /// the order they had.
    #[must_use]
    pub fn compare(&self, a: &SortKey, b: &SortKey) -> Ordering {
        let ordering = match (a, b) {
            (SortKey::Missing, SortKey::Missing) => Ordering::Equal,
            (SortKey::Missing, _) => Ordering::Greater,
            (_, SortKey::Missing) => Ordering::Less,
            (SortKey::Bool(a), SortKey::Bool(b)) => a.cmp(b),
            (SortKey::Number(a), SortKey::Number(b)) => compare_numbers(a, b),
            (SortKey::Text(a), SortKey::Text(b)) => a.cmp(b),
            (SortKey::Instant(a), SortKey::Instant(b)) => a.cmp(b),
            _ => Ordering::Equal,
        };
        match self.order {
            SortOrder::Ascending => ordering,
            SortOrder::Descending => ordering.reverse(),
        }
    }

    /// RFC 7644 §3.4.2.3: "For multi-valued attributes … the primary value, if any, or else the
    /// first value in the list".
    fn value<'v>(&self, resource: &'v Object) -> Option<&'v Value> {
        let container = self.target.container(resource)?;
        let value = container.get(&self.target.attribute.name)?;
        let element = match value {
            Value::Array(elements) => elements
                .iter()
                .find(|element| element.get("primary") == Some(&Value::Bool(true)))
                .or_else(|| elements.first())?,
            single => single,
        };
        match self.target.sub {
            Some(sub) => element.get(&sub.name),
            None => Some(element),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Registry;

    fn sorted(sort_by: &str, order: SortOrder) -> Vec<String> {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let sort = Sort::new(user, sort_by, order).unwrap();
        let mut users = [
            json!({ "userName": "b", "emails": [{ "value": "a@x" }, { "value": "z@x", "primary": true }] }),
            json!({ "userName": "A", "title": "Vice" }),
            json!({ "userName": "c", "title": "chief", "emails": [{ "value": "m@x" }] }),
        ];
        users.sort_by(|a, b| {
            let key = |user: &Value| sort.key(user.as_object().unwrap());
            sort.compare(&key(a), &key(b))
        });
        users.iter().map(|user| user["userName"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn case_does_not_count_unless_the_schema_says_so() {
        assert_eq!(sorted("userName", SortOrder::Ascending), ["A", "b", "c"]);
        assert_eq!(sorted("userName", SortOrder::Descending), ["c", "b", "A"]);
    }

    #[test]
    fn missing_values_are_last_ascending_and_first_descending() {
        assert_eq!(sorted("title", SortOrder::Ascending), ["c", "A", "b"]);
        assert_eq!(sorted("title", SortOrder::Descending), ["b", "A", "c"]);
    }

    #[test]
    fn the_primary_value_counts() {
        assert_eq!(sorted("emails", SortOrder::Ascending), ["c", "b", "A"]);
    }

    #[test]
    fn a_value_of_another_type_is_no_value() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let sort = Sort::new(user, "title", SortOrder::Ascending).unwrap();
        for stray in [json!(true), json!(5), json!({ "value": "a" })] {
            let resource = json!({ "title": stray });
            assert_eq!(sort.key(resource.as_object().unwrap()), SortKey::Missing, "{resource}");
        }
    }
}
