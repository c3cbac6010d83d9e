//! Memberships, seen from both sides: the `members` of a group (RFC 7643 §4.2) and the `groups` of
//! a user (§4.1.2). They are kept apart from both resources, and shown on either.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::Object;
use crate::schema::core::{GROUP, USER};
use crate::schema::validate::{Invalid, Issue, Rule};
use crate::schema::{Attribute, Mutability, ResourceType};
use crate::value::is_unassigned;

/// An attribute whose values are memberships.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Membership<'a> {
    /// `members` of a group: where memberships are written.
    Members(&'a Attribute),
    /// `groups` of a user: the same memberships, and those through nested groups; readOnly.
    Groups(&'a Attribute),
}

impl<'a> Membership<'a> {
    /// The attribute.
    #[must_use]
    pub const fn attribute(self) -> &'a Attribute {
        match self {
            Self::Members(attribute) | Self::Groups(attribute) => attribute,
        }
    }
}

/// The attribute of a resource type whose values are memberships. It is known by the base schema,
/// whatever the type is called.
#[must_use]
pub fn of(resource_type: &ResourceType) -> Option<Membership<'_>> {
    match resource_type.schema.id.as_str() {
        GROUP => resource_type.attribute("members").map(Membership::Members),
        USER => resource_type.attribute("groups").map(Membership::Groups),
        _ => None,
    }
}

/// `members` of a resource type that has them.
#[must_use]
pub fn members_of(resource_type: &ResourceType) -> Option<&Attribute> {
    match of(resource_type)? {
        Membership::Members(attribute) => Some(attribute),
        Membership::Groups(_) => None,
    }
}

/// One value of `members` or `groups`.
///
/// `label` is its `type`: that of the member (`User`), or how a user belongs to a group (`direct`).
#[must_use]
pub fn value(id: &str, location: Option<&str>, label: &str, display: Option<&str>) -> Value {
    let mut value = json!({ "value": id });
    if let Some(members) = value.as_object_mut() {
        members.extend(location.map(|uri| ("$ref".to_owned(), Value::from(uri))));
        members.insert("type".to_owned(), Value::from(label));
        members.extend(display.map(|text| ("display".to_owned(), Value::from(text))));
    }
    value
}

/// The id of every member that a resource lists, in its order.
///
/// # Errors
/// Members without a `value`: it is what makes a membership.
pub fn ids<'v>(attribute: &Attribute, resource: &'v Object) -> Result<Vec<&'v str>, Invalid> {
    let listed = resource.get(&attribute.name).and_then(Value::as_array);
    let mut ids = Vec::with_capacity(listed.map_or(0, Vec::len));
    let mut issues = Vec::new();
    for (place, member) in listed.into_iter().flatten().enumerate() {
        match member.get("value").and_then(Value::as_str) {
            Some(id) => ids.push(id),
            None => issues.push(Issue { path: path(attribute, place), rule: Rule::Required }),
        }
    }
    if issues.is_empty() { Ok(ids) } else { Err(Invalid { issues }) }
}

/// A complex value as a client sent it, with a `value` where its `$ref` alone says which resource
/// is meant. RFC 7643 §2.4: `$ref` is "The reference URI of a target resource".
///
/// It is done where `value` is immutable, and so is what the whole is known by. Elsewhere one of the
/// two may be removed and the other stay.
pub(crate) fn completed<'v>(attribute: &Attribute, given: &'v Object) -> Cow<'v, Object> {
    let (Some(id), Some(uri)) = (attribute.sub("value"), attribute.sub("$ref")) else {
        return Cow::Borrowed(given);
    };
    let part = |sub: &Attribute| {
        let named = given.iter().find(|(name, _)| name.eq_ignore_ascii_case(&sub.name));
        named.map(|(_, value)| value).filter(|value| !is_unassigned(value))
    };
    let is_named_by_uri =
        id.mutability == Mutability::Immutable && uri.refers_to_resources() && part(id).is_none();
    let led_to = part(uri).filter(|_| is_named_by_uri).and_then(Value::as_str).map(id_in);
    let Some(led_to) = led_to.filter(|it| !it.is_empty()) else { return Cow::Borrowed(given) };
    let mut completed = given.clone();
    completed.retain(|name, _| !name.eq_ignore_ascii_case(&id.name));
    completed.insert(id.name.clone(), Value::from(led_to));
    Cow::Owned(completed)
}

/// Whether two references lead to the same resource: they end with the same id. Before it they may
/// be relative or absolute, and by whichever name of the tenant. RFC 7643 §2.4: "URIs for SCIM
/// resources with an API version SHALL be considered comparable to URIs without a version".
#[must_use]
pub fn lead_to_the_same(a: &str, b: &str) -> bool {
    id_in(a) == id_in(b)
}

/// The id of the resource that a reference leads to: the end of its path.
#[must_use]
pub fn id_in(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

/// The path of the `value` of one member: `members[2].value`.
#[must_use]
pub fn path(attribute: &Attribute, place: usize) -> String {
    format!("{}[{place}].value", attribute.name)
}

/// What may be a member: the `referenceTypes` of `members.$ref`.
#[must_use]
pub fn member_types(attribute: &Attribute) -> &[String] {
    attribute.sub("$ref").map_or(&[], |reference| &reference.reference_types)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registry;
    use crate::schema::describe::Description;

    #[test]
    fn a_type_of_any_name_has_members_if_it_is_over_the_group_schema() {
        let team = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "name": "Team", "endpoint": "/Teams", "schema": GROUP
        });
        let registry = Registry::core().with(&Description::parse(&[team]).unwrap()).unwrap();
        let attribute = |name| of(registry.resource_type(name).unwrap()).unwrap();
        assert!(matches!(attribute("Team"), Membership::Members(it) if it.name == "members"));
        assert!(matches!(attribute("Group"), Membership::Members(it) if it.name == "members"));
        assert!(matches!(attribute("User"), Membership::Groups(it) if it.name == "groups"));
        let team = registry.resource_type("Team").unwrap();
        assert_eq!(member_types(members_of(team).unwrap()), ["User", "Group"]);
        assert_eq!(members_of(registry.resource_type("User").unwrap()), None);
    }

    #[test]
    fn a_value_says_what_is_known() {
        assert_eq!(
            value("1", Some("https://x/Users/1"), "User", Some("Babs")).to_string(),
            r#"{"value":"1","$ref":"https://x/Users/1","type":"User","display":"Babs"}"#
        );
        assert_eq!(value("1", None, "User", None), json!({ "value": "1", "type": "User" }));
    }

    #[test]
    fn a_value_that_is_missing_is_the_id_at_the_end_of_its_uri() {
        let registry = Registry::core();
        let members = members_of(registry.resource_type("Group").unwrap()).unwrap();
        let emails = registry.resource_type("User").unwrap().attribute("emails").unwrap();
        let uri = "https://x.example/Users/1";
        let cases = [
            (members, json!({ "$REF": uri, "Value": null }), Some("1")),
            (members, json!({ "$ref": "../Users/2" }), Some("2")),
            (members, json!({ "$ref": uri, "VALUE": "3" }), None),
            (members, json!({ "$ref": "https://x.example/Users/" }), None),
            (members, json!({ "$ref": 1 }), None),
            (members, json!({ "display": "a" }), None),
            (emails, json!({ "$ref": uri }), None),
        ];
        for (attribute, given, expected) in cases {
            let given = given.as_object().unwrap();
            match (completed(attribute, given), expected) {
                (Cow::Owned(completed), Some(id)) => {
                    assert_eq!(completed["value"], json!(id));
                    assert!(!completed.contains_key("Value"));
                }
                (Cow::Borrowed(_), None) => {}
                (other, _) => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_member_without_a_value_is_named() {
        let registry = Registry::core();
        let members = members_of(registry.resource_type("Group").unwrap()).unwrap();
        let group = json!({ "members": [{ "value": "a" }, { "type": "User" }] });
        let error = ids(members, group.as_object().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "attribute \"members[1].value\" is required");
    }
}
