//! The schemas and resource types of RFC 7643, as data files.
//!
//! The files are §8.7.1 of the RFC with its verified errata: no uniqueness on complex
//! attributes (6004), `Group.displayName` required (5368), `manager.value` caseExact (8472).
//! `addresses.primary` is added, as §2.4 allows for every multi-valued attribute, and
//! `members.display`. `type` of members is readOnly rather than immutable, as `display` is: the
//! server knows them from the member that `value` names. Characteristics that have their default
//! value (§2.2) are left out.

use std::sync::LazyLock;

use super::Attribute;
use super::describe::Description;

/// URN of the core User schema (RFC 7643 §4.1).
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// URN of the core Group schema (RFC 7643 §4.2).
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// URN of the enterprise extension of User (RFC 7643 §4.3).
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

const SCHEMAS: [&str; 3] = [
    include_str!("core/user.json"),
    include_str!("core/group.json"),
    include_str!("core/enterprise_user.json"),
];
const RESOURCE_TYPES: &str = include_str!("core/resource_types.json");
const COMMON: &str = include_str!("core/common.json");

static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| Description {
    schemas: SCHEMAS.iter().map(|document| embedded(document)).collect(),
    resource_types: embedded(RESOURCE_TYPES),
});

static COMMON_ATTRIBUTES: LazyLock<Vec<Attribute>> = LazyLock::new(|| embedded(COMMON));

/// The core schemas and resource types.
#[must_use]
pub fn description() -> &'static Description {
    &DESCRIPTION
}

/// The attributes that every resource has (RFC 7643 §3.1), and `schemas` (§3).
#[must_use]
pub fn common_attributes() -> &'static [Attribute] {
    &COMMON_ATTRIBUTES
}

#[expect(clippy::expect_used, reason = "the files are compiled in; a unit test reads them all")]
fn embedded<T: serde::de::DeserializeOwned>(document: &str) -> T {
    serde_json::from_str(document).expect("a schema file of this crate is well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Kind, Mutability, Uniqueness};

    #[test]
    fn no_complex_attribute_is_unique() {
        for attribute in description().schemas.iter().flat_map(|schema| &schema.attributes) {
            if attribute.kind == Kind::Complex {
                assert_eq!(attribute.uniqueness, Uniqueness::None, "{}", attribute.name);
            }
        }
    }

    #[test]
    fn the_errata_are_applied() {
        let schema = |id| description().schemas.iter().find(|schema| schema.id == id).unwrap();
        let display_name = Attribute::named(&schema(GROUP).attributes, "displayName").unwrap();
        assert!(display_name.required);
        let manager = Attribute::named(&schema(ENTERPRISE_USER).attributes, "manager").unwrap();
        assert!(manager.sub("value").unwrap().case_exact);
    }

    #[test]
    fn of_a_member_a_client_says_which_it_is_and_the_server_the_rest() {
        let group = description().schemas.iter().find(|schema| schema.id == GROUP).unwrap();
        let members = Attribute::named(&group.attributes, "members").unwrap();
        let of = |name: &str| members.sub(name).unwrap().mutability;
        assert_eq!(["value", "$ref"].map(of), [Mutability::Immutable; 2]);
        assert_eq!(["type", "display"].map(of), [Mutability::ReadOnly; 2]);
    }

    #[test]
    fn common_attributes_are_read() {
        let names: Vec<_> = common_attributes().iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names, ["schemas", "id", "externalId", "meta"]);
    }
}
