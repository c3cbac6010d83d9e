//! Which attributes are part of an answer: `attributes`, `excludedAttributes` (RFC 7644 §3.9) and
//! each attribute's `returned` (RFC 7643 §7).

mod hidden;
mod names;
mod splice;

use serde_json::Value;

use self::names::Names;
use crate::Object;
use crate::path::AttributeRef;
use crate::schema::{Attribute, ResourceType, Returned};

pub use hidden::Hidden;
pub use splice::Splice;
pub(crate) use splice::shows_whole;

/// What a request asks to be returned, read against a resource type.
#[derive(Debug, Clone, Default)]
pub struct Projection {
    mode: Mode,
    written: Names,
    hidden: Hidden,
}

#[derive(Debug, Clone, Default)]
enum Mode {
    /// What is returned by default.
    #[default]
    Default,
    /// These, and what is always returned.
    Only(Names),
    /// What is returned by default, less these.
    Without(Names),
}

/// How much of an attribute is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wanted {
    Nothing,
    /// The attribute, with the parts that are returned by default.
    Whole,
    /// The parts that are named, and no others.
    NamedParts,
}

impl Projection {
    fn is_default(&self) -> bool {
        matches!(self.mode, Mode::Default) && self.written.is_empty() && self.hidden.is_empty()
    }

    /// Only the named attributes. A name that no schema has is passed over: it is unassigned in
    /// every resource.
    #[must_use]
    pub fn only(resource_type: &ResourceType, names: &[String]) -> Self {
        Self { mode: Mode::Only(Names::read(resource_type, names)), ..Self::default() }
    }

    /// All but the named attributes.
    #[must_use]
    pub fn without(resource_type: &ResourceType, names: &[String]) -> Self {
        Self { mode: Mode::Without(Names::read(resource_type, names)), ..Self::default() }
    }

    /// The same for the answer to a request that has written these attributes.
    ///
    /// RFC 7643 §7: what is returned on `request` is also "returned in response to any PUT, POST,
    /// or PATCH operations if the attribute was specified by the client".
    #[must_use]
    pub fn after_writing(self, resource_type: &ResourceType, names: &[String]) -> Self {
        Self { written: Names::read(resource_type, names), ..self }
    }

    /// The same for a client that may not read some attributes, whatever it asks for and has written.
    #[must_use]
    pub fn hiding(self, hidden: Hidden) -> Self {
        Self { hidden, ..self }
    }

    /// Whether anything of this attribute of the base schema is to be returned.
    #[must_use]
    pub fn wants(&self, attribute: &Attribute) -> bool {
        self.wanted(None, attribute) != Wanted::Nothing
    }

    /// Removes from a resource what is not to be returned.
    pub fn apply(&self, resource_type: &ResourceType, resource: &mut Object) {
        resource.retain(|name, value| self.keep_member(resource_type, name, value));
    }

    /// Whether an attribute stays; of a complex one, the parts that are not wanted go.
    fn keep(&self, extension: Option<&str>, attribute: &Attribute, value: &mut Value) -> bool {
        let wanted = self.wanted(extension, attribute);
        if wanted == Wanted::Nothing || attribute.sub_attributes.is_empty() {
            return wanted != Wanted::Nothing;
        }
        let keep_parts = |element: &mut Value| {
            element.as_object_mut().is_some_and(|members| {
                members.retain(|key, _| {
                    attribute
                        .sub(key)
                        .is_some_and(|sub| self.wants_part(extension, attribute, sub, wanted))
                });
                !members.is_empty()
            })
        };
        match value {
            Value::Array(elements) => {
                elements.retain_mut(keep_parts);
                !elements.is_empty()
            }
            single => keep_parts(single),
        }
    }

    /// RFC 7644 §3.9: what is returned `always` is part of every answer, what is returned `never`
    /// of none, and `request` needs to be named.
    fn wanted(&self, extension: Option<&str>, attribute: &Attribute) -> Wanted {
        if self.hidden.has(AttributeRef { extension, attribute, sub: None }) {
            return Wanted::Nothing;
        }
        let by_default = match attribute.returned {
            Returned::Never => return Wanted::Nothing,
            Returned::Always => return Wanted::Whole,
            Returned::Default => true,
            Returned::Request => {
                self.written.has(extension, Some(attribute), None)
                    || extension.is_some() && self.written.has(extension, None, None)
            }
        };
        let in_named_extension =
            |names: &Names| extension.is_some() && names.has(extension, None, None);
        let is_named = |names: &Names| names.has(extension, Some(attribute), None);
        let whole = match &self.mode {
            Mode::Default => by_default,
            Mode::Without(names) => by_default && !is_named(names) && !in_named_extension(names),
            Mode::Only(names) if is_named(names) => true,
            Mode::Only(names) if by_default && in_named_extension(names) => true,
            Mode::Only(names) => {
                let part = |sub: &Attribute| names.has(extension, Some(attribute), Some(sub));
                return if attribute.sub_attributes.iter().any(part) {
                    Wanted::NamedParts
                } else {
                    Wanted::Nothing
                };
            }
        };
        if whole { Wanted::Whole } else { Wanted::Nothing }
    }

    fn wants_part(
        &self,
        extension: Option<&str>,
        attribute: &Attribute,
        sub: &Attribute,
        wanted: Wanted,
    ) -> bool {
        if self.hidden.has(AttributeRef { extension, attribute, sub: Some(sub) }) {
            return false;
        }
        let by_default = match sub.returned {
            Returned::Never => return false,
            Returned::Always => return true,
            Returned::Default => true,
            Returned::Request => {
                self.written.has(extension, Some(attribute), Some(sub))
                    || self.written.has(extension, Some(attribute), None)
            }
        };
        let is_named = |names: &Names| names.has(extension, Some(attribute), Some(sub));
        match &self.mode {
            Mode::Default => by_default,
            Mode::Without(names) => by_default && !is_named(names),
            Mode::Only(names) => is_named(names) || by_default && wanted == Wanted::Whole,
        }
    }
}

/// The paths of the attributes that a resource in a request names.
#[must_use]
pub fn names_in(resource_type: &ResourceType, input: &Object) -> Vec<String> {
    let mut names = Vec::new();
    for (name, value) in input {
        match (resource_type.extension(name), value) {
            (Some(_), Value::Object(members)) => {
                names.extend(members.keys().map(|member| format!("{name}:{member}")));
            }
            _ => names.push(name.clone()),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Registry;
    use crate::schema::core::{ENTERPRISE_USER, USER};
    use crate::schema::describe::Description;

    fn projected(projection: impl Fn(&ResourceType) -> Projection) -> Value {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let mut resource = json!({
            "schemas": [USER, ENTERPRISE_USER],
            "id": "1",
            "userName": "bjensen",
            "password": "secret",
            "name": { "familyName": "Jensen", "givenName": "Barbara" },
            "emails": [{ "value": "b@example.com", "type": "work" }, { "type": "home" }],
            ENTERPRISE_USER: { "department": "Sales", "manager": { "value": "26" } },
            "meta": { "resourceType": "User" }
        });
        projection(user).apply(user, resource.as_object_mut().unwrap());
        resource
    }

    fn only(names: &[&str]) -> Value {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        projected(|user| Projection::only(user, &names))
    }

    fn without(names: &[&str]) -> Value {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        projected(|user| Projection::without(user, &names))
    }

    #[test]
    fn what_is_never_returned_is_not_even_when_it_is_named() {
        assert_eq!(projected(|_| Projection::default()).get("password"), None);
        assert_eq!(only(&["password"]), json!({ "schemas": [USER, ENTERPRISE_USER], "id": "1" }));
    }

    #[test]
    fn named_attributes_and_parts_are_returned_with_what_always_is() {
        let schemas = json!([USER, ENTERPRISE_USER]);
        let cases = [
            (vec!["userName"], json!({ "schemas": schemas, "id": "1", "userName": "bjensen" })),
            (
                vec!["NAME.familyname"],
                json!({ "schemas": schemas, "id": "1", "name": { "familyName": "Jensen" } }),
            ),
            (
                vec!["emails.value"],
                json!({ "schemas": schemas, "id": "1", "emails": [{ "value": "b@example.com" }] }),
            ),
            (vec!["nonsense"], json!({ "schemas": schemas, "id": "1" })),
            (
                vec!["meta", "meta.resourceType"],
                json!({ "schemas": schemas, "id": "1", "meta": { "resourceType": "User" } }),
            ),
        ];
        for (names, expected) in cases {
            assert_eq!(only(&names), expected, "{names:?}");
        }
        let department = format!("{ENTERPRISE_USER}:department");
        assert_eq!(only(&[&department])[ENTERPRISE_USER], json!({ "department": "Sales" }));
        let manager = json!({ "department": "Sales", "manager": { "value": "26" } });
        assert_eq!(only(&[ENTERPRISE_USER])[ENTERPRISE_USER], manager);
    }

    #[test]
    fn what_is_returned_on_request_is_returned_to_the_one_who_wrote_it() {
        let description = Description::parse(&[
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": "urn:example:2.0:X",
                "attributes": [{ "name": "a", "returned": "request" }, { "name": "b", "returned": "request" }]
            }),
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "name": "User", "schemaExtensions": [{ "schema": "urn:example:2.0:X" }]
            }),
        ]);
        let registry = Registry::core().with(&description.unwrap()).unwrap();
        let user = registry.resource_type("User").unwrap();
        let shown = |projection: Projection| {
            let mut resource = json!({ "id": "1", "urn:example:2.0:X": { "a": "1", "b": "2" } });
            projection.apply(user, resource.as_object_mut().unwrap());
            resource
        };
        assert_eq!(shown(Projection::default()), json!({ "id": "1" }));
        let written = ["urn:example:2.0:X:a".to_owned()];
        assert_eq!(
            shown(Projection::default().after_writing(user, &written)),
            json!({ "id": "1", "urn:example:2.0:X": { "a": "1" } })
        );
    }

    #[test]
    fn what_is_always_returned_cannot_be_excluded() {
        let rest = without(&["id", "schemas", "emails", "name.givenName", ENTERPRISE_USER, "meta"]);
        assert_eq!(
            rest,
            json!({
                "schemas": [USER, ENTERPRISE_USER],
                "id": "1",
                "userName": "bjensen",
                "name": { "familyName": "Jensen" }
            })
        );
    }
}
