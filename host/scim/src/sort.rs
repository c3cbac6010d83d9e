//! Sorting (RFC 7644 §3.4.2.3).

use std::cmp::{Ordering, Reverse};

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::filter::compare_numbers;
use crate::path::{self, AttributeRef, PathError, Target};
use crate::schema::{Attribute, Kind, ResourceType, Returned};
use crate::{Object, value};

/// Bytes of a text that count for its place. A place is kept for every resource of a sorted list,
/// and travels in cursors: both need a bound.
const TEXT_BYTES: usize = 1024;

/// `sortOrder`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortOrder {
    /// Smallest first; resources without a value last.
    #[default]
    Ascending,
    /// Largest first; resources without a value first.
    Descending,
}

impl SortOrder {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
        }
    }
}

/// What resources are sorted by, and in which direction.
#[derive(Debug, Clone, Copy)]
pub struct Sort<'a> {
    target: AttributeRef<'a>,
    order: SortOrder,
}

/// Why nothing can be sorted by a `sortBy`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SortError {
    /// The path names nothing.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A complex attribute or an extension as a whole, without a `value` that could count.
    #[error("\"{attribute}\" is complex; sort by one of its sub-attributes")]
    Complex {
        /// The attribute, or the extension's URN.
        attribute: String,
    },
    /// Secrets: their order would tell of them.
    #[error("\"{attribute}\" is never returned, so nothing can be sorted by it")]
    NeverReturned {
        /// The attribute.
        attribute: String,
    },
}

/// The place of a resource in a list: smaller keys come first. Only keys of one order compare in
/// a way that means something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SortKey(Directed);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Directed {
    Ascending(Key),
    Descending(Reverse<Key>),
}

/// A value in a form that has an order. A type of resource may have numbers where another has text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Key {
    /// False first.
    Bool(bool),
    /// By its exact value, as filters compare it.
    Number(Exact),
    /// Nanoseconds since 1970.
    Instant(i128),
    /// Normalised as the attribute asks.
    Text(String),
    /// No value: after all others.
    Missing,
}

impl SortKey {
    /// The key of a resource that has no value.
    #[must_use]
    pub const fn missing(order: SortOrder) -> Self {
        Self::of(Key::Missing, order)
    }

    const fn of(key: Key, order: SortOrder) -> Self {
        Self(match order {
            SortOrder::Ascending => Directed::Ascending(key),
            SortOrder::Descending => Directed::Descending(Reverse(key)),
        })
    }
}

impl Key {
    fn text(text: &str) -> Self {
        let end = text.floor_char_boundary(TEXT_BYTES);
        Self::Text(text.get(..end).unwrap_or(text).to_owned())
    }
}

/// A number that has the order that filters see.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Exact(Number);

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_numbers(&self.0, &other.0)
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Exact {}

impl<'a> Sort<'a> {
    /// Reads `sortBy`.
    ///
    /// # Errors
    /// The path names nothing of this resource type, or nothing that has an order.
    pub fn new(
        resource_type: &'a ResourceType,
        sort_by: &str,
        order: SortOrder,
    ) -> Result<Self, SortError> {
        let target = match path::resolve(resource_type, sort_by)? {
            Target::Attribute(target) => target,
            Target::Extension(schema) => {
                return Err(SortError::Complex { attribute: schema.id.clone() });
            }
        };
        // RFC 7644 §3.4.2.3: "If the attribute is complex, the attribute name must be a path to a
        // sub-attribute". Where there is a `value`, it is the one meant, as in a filter.
        let complex = || SortError::Complex { attribute: target.path() };
        let target = target.comparable().ok_or_else(complex)?;
        if target.leaf().returned == Returned::Never {
            return Err(SortError::NeverReturned { attribute: target.path() });
        }
        Ok(Self { target, order })
    }

    /// Whether the sort is by this attribute of the base schema, or a part of it.
    #[must_use]
    pub fn names(&self, attribute: &Attribute) -> bool {
        self.target.is_of(attribute)
    }

    /// Where a resource belongs. Sort with it stably: resources that have equal keys keep the order
    /// they had.
    #[must_use]
    pub fn key(&self, resource: &Object) -> SortKey {
        let leaf = self.target.leaf();
        // What an older schema left there with another type has no place among the others.
        let key = match (leaf.kind, self.value(resource)) {
            (Kind::Boolean, Some(Value::Bool(value))) => Key::Bool(*value),
            (Kind::Integer | Kind::Decimal, Some(Value::Number(value))) => {
                Key::Number(Exact(value.clone()))
            }
            (Kind::DateTime, Some(Value::String(text))) => value::instant(text)
                .map_or(Key::Missing, |instant| Key::Instant(instant.unix_timestamp_nanos())),
            (Kind::String | Kind::Reference | Kind::Binary, Some(Value::String(text))) => {
                Key::text(&value::normalized(leaf, text))
            }
            _ => Key::Missing,
        };
        SortKey::of(key, self.order)
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
    use crate::schema::core::ENTERPRISE_USER;

    fn sorted(sort_by: &str, order: SortOrder) -> Vec<String> {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let sort = Sort::new(user, sort_by, order).unwrap();
        let mut users = [
            json!({ "userName": "b", "emails": [{ "value": "a@x" }, { "value": "z@x", "primary": true }] }),
            json!({ "userName": "A", "title": "Vice" }),
            json!({ "userName": "c", "title": "chief", "emails": [{ "value": "m@x" }] }),
        ];
        users.sort_by_key(|user| sort.key(user.as_object().unwrap()));
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
    fn a_refused_sort_says_why() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let cases = [
            ("name", "\"name\" is complex; sort by one of its sub-attributes"),
            ("meta", "\"meta\" is complex"),
            (ENTERPRISE_USER, "enterprise:2.0:User\" is complex"),
            ("password", "\"password\" is never returned"),
            ("nope", "resource type User has no attribute \"nope\""),
            ("emails[type eq \"work\"]", "expected attribute"),
        ];
        for (sort_by, reason) in cases {
            let error = Sort::new(user, sort_by, SortOrder::Ascending).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_no_value() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let sort = Sort::new(user, "title", SortOrder::Ascending).unwrap();
        for stray in [json!(true), json!(5), json!({ "value": "a" })] {
            let resource = json!({ "title": stray });
            let key = sort.key(resource.as_object().unwrap());
            assert_eq!(key, SortKey::missing(SortOrder::Ascending), "{resource}");
        }
    }

    #[test]
    fn numbers_have_one_order_whatever_their_form() {
        let texts = [
            "-1e300",
            "-2.5",
            "-2",
            "0",
            "0.5",
            "9007199254740992",
            "9007199254740993",
            "9007199254740994.0",
            "18446744073709551615",
            "1e300",
        ];
        let numbers: Vec<Number> =
            texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        let keys: Vec<Key> = numbers.into_iter().map(|it| Key::Number(Exact(it))).collect();
        assert!(keys.is_sorted() && keys.windows(2).all(|pair| pair[0] != pair[1]), "{keys:?}");
        let zero: Number = serde_json::from_str("-0.0").unwrap();
        assert_eq!(Exact(zero), Exact(0.into()));
    }

    #[test]
    fn a_key_survives_being_written_down() {
        let keys = [
            Key::Bool(true),
            Key::Number(Exact(Number::from_f64(0.1).unwrap())),
            Key::Instant(-1),
            Key::text("\u{e9}\"x"),
            Key::Missing,
        ];
        for key in keys {
            for order in [SortOrder::Ascending, SortOrder::Descending] {
                let key = SortKey::of(key.clone(), order);
                let written = serde_json::to_string(&key).unwrap();
                assert_eq!(serde_json::from_str::<SortKey>(&written).unwrap(), key);
            }
        }
    }

    #[test]
    fn long_text_has_a_place_by_its_beginning() {
        let Key::Text(kept) = Key::text(&format!("a{}", "\u{e9}".repeat(TEXT_BYTES))) else {
            panic!()
        };
        assert_eq!(kept.len(), TEXT_BYTES - 1);
    }
}
