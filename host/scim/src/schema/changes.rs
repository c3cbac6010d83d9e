//! What a change of a tenant's schemas does to resources that are stored.
//!
//! What is added, described in other words, suggested (`canonicalValues`, which RFC 7643 §7 does not enforce)
//! or indexed does nothing to them. The rest is a [`Change`] each.

use std::fmt;

use sha2::{Digest, Sha256};

use super::registry::Registry;
use super::{Attribute, Mutability, ResourceType, Returned, Uniqueness};

/// A change that stored resources, or clients that know them, have to do with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The name of the type.
    pub resource_type: String,
    /// Where in its resources, from the outermost member on: the URN of an extension, the attribute, its
    /// sub-attribute. Empty where it is the whole type.
    pub members: Vec<String>,
    /// What.
    pub kind: ChangeKind,
}

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// There are no resources of the type any more.
    TypeRemoved,
    /// They are somewhere else.
    EndpointChanged,
    /// The type has another schema.
    SchemaChanged,
    /// The type does not have the extension any more.
    ExtensionRemoved,
    /// Every resource has to have data of the extension.
    ExtensionRequired,
    /// There is no such attribute any more.
    AttributeRemoved,
    /// Its values are of another type.
    TypeChanged,
    /// It has one value, and had any number of them; or the other way round.
    PluralityChanged,
    /// Every resource has to have a value.
    Required,
    /// No two resources may have the same value.
    Unique,
    /// Clients may write less of it.
    MutabilityNarrowed,
    /// Clients see less of it.
    ReturnedNarrowed,
    /// Values are compared in another way.
    ComparisonChanged,
}

impl ChangeKind {
    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TypeRemoved => "type-removed",
            Self::EndpointChanged => "endpoint-changed",
            Self::SchemaChanged => "schema-changed",
            Self::ExtensionRemoved => "extension-removed",
            Self::ExtensionRequired => "extension-required",
            Self::AttributeRemoved => "attribute-removed",
            Self::TypeChanged => "type-changed",
            Self::PluralityChanged => "plurality-changed",
            Self::Required => "required",
            Self::Unique => "unique",
            Self::MutabilityNarrowed => "mutability-narrowed",
            Self::ReturnedNarrowed => "returned-narrowed",
            Self::ComparisonChanged => "comparison-changed",
        }
    }

    /// What it does to what is stored.
    #[must_use]
    pub const fn effect(self) -> &'static str {
        match self {
            Self::TypeRemoved => {
                "its resources are kept, nobody can read them, and a version with the type has them again"
            }
            Self::EndpointChanged => {
                "its resources are at the new endpoint, and clients that know the old one get 404"
            }
            Self::SchemaChanged => {
                "what the new schema does not have is kept and not shown; a version with the old one shows it \
                 again"
            }
            Self::ExtensionRemoved | Self::AttributeRemoved => {
                "its values are kept and not shown, filters do not find them, and a version that has it shows \
                 them again; those of a sub-attribute are lost when their resource is next replaced"
            }
            Self::ExtensionRequired | Self::Required => {
                "resources without a value stay as they are, and a PUT without one is refused from now on"
            }
            Self::TypeChanged | Self::PluralityChanged => {
                "stored values are shown as they are, which clients that know the schema do not expect; a PUT \
                 with a value of the old form is refused"
            }
            Self::Unique => {
                "values that several resources have stay as they are; a value is kept unique from when its \
                 resource is next written"
            }
            Self::MutabilityNarrowed => {
                "stored values stay as they are; requests that change them are refused or have no effect"
            }
            Self::ReturnedNarrowed => "stored values stay, and answers do not have them any more",
            Self::ComparisonChanged => {
                "filters find other resources; values that were different may be equal now, or the other way \
                 round"
            }
        }
    }

    /// Whether resources without a value have to do with it, rather than those with one.
    #[must_use]
    pub const fn is_about_those_without(self) -> bool {
        matches!(self, Self::ExtensionRequired | Self::Required)
    }
}

/// `User urn:example:2.0:Badge number: attribute-removed`
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource_type)?;
        self.members.iter().try_for_each(|member| write!(f, " {member}"))?;
        write!(f, ": {}", self.kind.name())
    }
}

/// Stands for a set of changes: who names it has seen them.
#[must_use]
pub fn fingerprint(changes: &[Change]) -> String {
    let mut all: Vec<String> = changes.iter().map(ToString::to_string).collect();
    all.sort();
    let digest = Sha256::digest(all.join("\n"));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The changes from one registry to another that stored resources have to do with.
#[must_use]
pub fn changes(from: &Registry, to: &Registry) -> Vec<Change> {
    let mut changes = Vec::new();
    for before in from.resource_types() {
        let mut found = Found { resource_type: &before.name, changes: &mut changes };
        match to.resource_type(&before.name) {
            None => found.add(&[], ChangeKind::TypeRemoved),
            Some(after) => of_type(before, after, &mut found),
        }
    }
    changes
}

struct Found<'f> {
    resource_type: &'f str,
    changes: &'f mut Vec<Change>,
}

impl Found<'_> {
    fn add(&mut self, members: &[&str], kind: ChangeKind) {
        self.changes.push(Change {
            resource_type: self.resource_type.to_owned(),
            members: members.iter().map(|member| (*member).to_owned()).collect(),
            kind,
        });
    }
}

fn of_type(before: &ResourceType, after: &ResourceType, found: &mut Found<'_>) {
    if before.endpoint != after.endpoint {
        found.add(&[], ChangeKind::EndpointChanged);
    }
    if before.schema.id != after.schema.id {
        found.add(&[], ChangeKind::SchemaChanged);
    }
    of_attributes(&before.schema.attributes, &after.schema.attributes, &[], found);
    for extension in &before.extensions {
        let id = extension.schema.id.as_str();
        match after.extension(id) {
            None => found.add(&[id], ChangeKind::ExtensionRemoved),
            Some(now) => {
                let attributes = (&extension.schema.attributes, &now.schema.attributes);
                of_attributes(attributes.0, attributes.1, &[id], found);
            }
        }
    }
    for extension in after.extensions.iter().filter(|it| it.required) {
        let id = extension.schema.id.as_str();
        if !before.extension(id).is_some_and(|it| it.required) {
            found.add(&[id], ChangeKind::ExtensionRequired);
        }
    }
}

fn of_attributes(before: &[Attribute], after: &[Attribute], at: &[&str], found: &mut Found<'_>) {
    for attribute in before {
        let members = [at, &[attribute.name.as_str()]].concat();
        match Attribute::named(after, &attribute.name) {
            None => found.add(&members, ChangeKind::AttributeRemoved),
            Some(now) => {
                for (_, kind) in differences(attribute, now).into_iter().filter(|(is, _)| *is) {
                    found.add(&members, kind);
                }
                of_attributes(&attribute.sub_attributes, &now.sub_attributes, &members, found);
            }
        }
    }
    let is_new = |it: &&Attribute| Attribute::named(before, &it.name).is_none();
    for attribute in after.iter().filter(is_new).filter(|it| it.required) {
        found.add(&[at, &[attribute.name.as_str()]].concat(), ChangeKind::Required);
    }
}

fn differences(before: &Attribute, after: &Attribute) -> [(bool, ChangeKind); 7] {
    let is_unique = |it: &Attribute| it.uniqueness != Uniqueness::None;
    [
        (before.kind != after.kind, ChangeKind::TypeChanged),
        (before.multi_valued != after.multi_valued, ChangeKind::PluralityChanged),
        (!before.required && after.required, ChangeKind::Required),
        (!is_unique(before) && is_unique(after), ChangeKind::Unique),
        (
            before.mutability != after.mutability && after.mutability != Mutability::ReadWrite,
            ChangeKind::MutabilityNarrowed,
        ),
        (
            before.returned != after.returned
                && matches!(after.returned, Returned::Never | Returned::Request),
            ChangeKind::ReturnedNarrowed,
        ),
        (before.compares_exactly() != after.compares_exactly(), ChangeKind::ComparisonChanged),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::schema::describe::Description;

    const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
    const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";

    /// The core, a type with these attributes, and an extension of User that has them too.
    fn registry(endpoint: &str, required: bool, attributes: Value) -> Registry {
        let schema = |id: &str| json!({ "schemas": [SCHEMA], "id": id, "name": "It", "attributes": attributes });
        let documents = [
            schema("urn:example:2.0:Badge"),
            schema("urn:example:2.0:OfUser"),
            json!({
                "schemas": [RESOURCE_TYPE], "name": "Badge", "endpoint": endpoint,
                "schema": "urn:example:2.0:Badge",
            }),
            json!({
                "schemas": [RESOURCE_TYPE], "name": "User", "endpoint": "/Users",
                "schema": "urn:ietf:params:scim:schemas:core:2.0:User",
                "schemaExtensions": [{ "schema": "urn:example:2.0:OfUser", "required": required }],
            }),
        ];
        Registry::core().with(&Description::parse(&documents).unwrap()).unwrap()
    }

    fn told(from: &Registry, to: &Registry) -> Vec<String> {
        changes(from, to).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_added_described_suggested_or_indexed_is_safe() {
        let from =
            registry("/Badges", false, json!([{ "name": "a", "canonicalValues": ["x", "y"] }]));
        let to = registry(
            "/Badges",
            false,
            json!([
                { "name": "A", "description": "another", "canonicalValues": ["x"], "indexed": "values" },
                { "name": "b", "type": "complex", "subAttributes": [{ "name": "c" }] },
            ]),
        );
        assert_eq!(told(&from, &to), Vec::<String>::new());
        assert_eq!(told(&Registry::core(), &from), Vec::<String>::new());
        assert_eq!(told(&from, &from), Vec::<String>::new());
    }

    #[test]
    fn each_breaking_change_is_told_with_its_place() {
        let from = registry("/Badges", false, json!([{ "name": "a" }]));
        for (attribute, kind) in [
            (json!({ "name": "a", "type": "integer" }), "type-changed"),
            (json!({ "name": "a", "multiValued": true }), "plurality-changed"),
            (json!({ "name": "a", "required": true }), "required"),
            (json!({ "name": "a", "uniqueness": "server" }), "unique"),
            (json!({ "name": "a", "mutability": "immutable" }), "mutability-narrowed"),
            (json!({ "name": "a", "returned": "request" }), "returned-narrowed"),
            (json!({ "name": "a", "caseExact": true }), "comparison-changed"),
        ] {
            let to = registry("/Badges", false, json!([attribute]));
            let expected =
                [format!("User urn:example:2.0:OfUser a: {kind}"), format!("Badge a: {kind}")];
            assert_eq!(told(&from, &to), expected);
        }
        let to = registry("/Others", true, json!([{ "name": "b", "required": true }]));
        let expected = [
            "User urn:example:2.0:OfUser a: attribute-removed",
            "User urn:example:2.0:OfUser b: required",
            "User urn:example:2.0:OfUser: extension-required",
            "Badge: endpoint-changed",
            "Badge a: attribute-removed",
            "Badge b: required",
        ];
        assert_eq!(told(&from, &to), expected);
        let expected = ["User urn:example:2.0:OfUser: extension-removed", "Badge: type-removed"];
        assert_eq!(told(&from, &Registry::core()), expected);
    }

    #[test]
    fn sub_attributes_have_their_place_too_and_what_becomes_freer_is_safe() {
        let complex =
            |subs: Value| json!([{ "name": "a", "type": "complex", "subAttributes": subs }]);
        let from = registry("/Badges", false, complex(json!([{ "name": "x", "required": true }])));
        let freer = registry("/Badges", false, complex(json!([{ "name": "x" }])));
        assert_eq!(told(&from, &freer), Vec::<String>::new());
        let gone = registry("/Badges", false, complex(json!([{ "name": "y" }])));
        let told = told(&from, &gone);
        assert!(told.contains(&"Badge a x: attribute-removed".to_owned()), "{told:?}");
    }

    #[test]
    fn a_fingerprint_stands_for_the_changes_and_not_for_their_order() {
        let from = registry("/Badges", false, json!([{ "name": "a" }]));
        let mut all = changes(&from, &Registry::core());
        let one = fingerprint(&all);
        all.reverse();
        assert_eq!(fingerprint(&all), one);
        all.pop();
        assert_ne!(fingerprint(&all), one);
    }
}
