//! Sorting (RFC 7644 §3.4.2.3).

use std::cmp::Reverse;

use serde_json::Value;

use crate::Object;
use crate::index;
use crate::path::{self, AttributeRef, PathError, Target};
use crate::schema::{Kind, ResourceType, Returned};

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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SortKey(Directed);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Directed {
    Ascending(String),
    Descending(Reverse<String>),
}

/// The rank of resources without a value: after all others.
pub const MISSING: &str = "4";

/// What the keys of values begin with. A type of resource may have numbers where another has text.
#[must_use]
pub const fn rank(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "0",
        Kind::Integer | Kind::Decimal => "1",
        Kind::DateTime => "2",
        Kind::String | Kind::Reference | Kind::Binary => "3",
        Kind::Complex => MISSING,
    }
}

impl SortKey {
    /// The key of a resource that has no value.
    #[must_use]
    pub fn missing(order: SortOrder) -> Self {
        Self::of(MISSING.to_owned(), order)
    }

    /// The key as text, in the order of bytes: the [`rank`] of its type, then [`index::key`].
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.0 {
            Directed::Ascending(key) | Directed::Descending(Reverse(key)) => key,
        }
    }

    const fn of(key: String, order: SortOrder) -> Self {
        Self(match order {
            SortOrder::Ascending => Directed::Ascending(key),
            SortOrder::Descending => Directed::Descending(Reverse(key)),
        })
    }
}

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

    /// The attribute whose values decide; never a complex one.
    #[must_use]
    pub const fn target(&self) -> AttributeRef<'a> {
        self.target
    }

    /// The attributes whose values decide: which of several values counts is said by `primary`.
    pub fn decides(&self) -> impl Iterator<Item = AttributeRef<'a>> {
        let primary = self.target.attribute.sub("primary").filter(|_| self.target.sub.is_some());
        let primary = primary.map(|primary| AttributeRef { sub: Some(primary), ..self.target });
        std::iter::once(self.target).chain(primary)
    }

    /// The direction.
    #[must_use]
    pub const fn order(&self) -> SortOrder {
        self.order
    }

    /// Where a resource belongs. Sort with it stably: resources that have equal keys keep the order
    /// they had.
    #[must_use]
    pub fn key(&self, resource: &Object) -> SortKey {
        let leaf = self.target.leaf();
        // What an older schema left there with another type has no place among the others.
        match self.value(resource).and_then(|value| index::key(leaf, value)) {
            Some(key) => SortKey::of(format!("{}{key}", rank(leaf.kind)), self.order),
            None => SortKey::missing(self.order),
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
    fn types_of_values_have_an_order_among_each_other() {
        let kinds = [Kind::Boolean, Kind::Integer, Kind::DateTime, Kind::String, Kind::Complex];
        assert!(kinds.map(rank).is_sorted());
        assert_eq!((rank(Kind::Decimal), rank(Kind::Reference)), ("1", "3"));
    }
}
