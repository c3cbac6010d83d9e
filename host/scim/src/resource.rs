//! What the server adds to a resource: `id`, `meta`, the ETag (RFC 7643 §3.1, RFC 7644 §3.14).

mod meta;
mod unique;

use std::fmt;

use serde_json::Value;

pub use self::meta::{Meta, MetaText, etag, location};
pub use self::unique::{UniqueValue, unique_paths, unique_values};
use crate::Object;
use crate::schema::validate::with_schemas;
use crate::schema::{Attribute, ResourceType, Returned};

/// Characters of a `display` at the most.
const MAX_DISPLAY: usize = 256;

/// What others call the resource where they refer to it (`display`, RFC 7643 §2.4): its
/// `displayName`, and nothing else, since an account's name need not be for everybody's eyes.
/// Characters after the 256th are left out: a thousand others may show it in one answer.
#[must_use]
pub fn display(attributes: &Object) -> Option<&str> {
    let text = attributes.get("displayName")?.as_str().filter(|text| !text.is_empty())?;
    let end = text.char_indices().nth(MAX_DISPLAY).map_or(text.len(), |(end, _)| end);
    text.get(..end)
}

/// The whole resource as clients see it: `schemas`, `id`, the attributes, `meta`.
#[must_use]
pub fn assemble(
    resource_type: &ResourceType,
    attributes: &Object,
    meta: &Meta,
    base_url: &str,
) -> Object {
    let mut resource = Object::with_capacity(attributes.len() + 2);
    if let Some(schemas) = attributes.get("schemas") {
        resource.insert("schemas".to_owned(), schemas.clone());
    }
    resource.insert("id".to_owned(), Value::from(meta.id.as_str()));
    for (name, value) in attributes {
        resource.entry(name.as_str()).or_insert_with(|| value.clone());
    }
    resource.insert("meta".to_owned(), meta.value(resource_type, base_url));
    resource
}

/// A stored resource, divided by what its type knows today.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// What the schemas of the type know, with `schemas` in step.
    pub attributes: Object,
    /// What they do not know.
    pub hidden: Kept,
}

/// The data of extensions, and of attributes of extensions, that a type does not have at present: of a
/// plugin that is not active, or of another version. It is kept and not shown.
#[derive(Clone, Default, PartialEq)]
pub struct Kept {
    /// What was shown to clients.
    pub body: Object,
    /// What was returned to nobody.
    pub secrets: Object,
}

/// Without the values, which may be secrets.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.body.keys()).entries(self.secrets.keys()).finish()
    }
}

impl Kept {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.body.is_empty() && self.secrets.is_empty()
    }
}

impl Known {
    /// Divides a stored resource, and what of it is returned to nobody.
    #[must_use]
    pub fn of(resource_type: &ResourceType, body: Object, secrets: Object) -> Self {
        let (mut attributes, body) = divide(resource_type, body);
        let (known_secrets, secrets) = divide(resource_type, secrets);
        put_into(&mut attributes, known_secrets);
        let attributes = with_schemas(resource_type, attributes);
        Self { attributes, hidden: Kept { body, secrets } }
    }
}

/// What a type knows of a stored resource, and what it does not.
fn divide(resource_type: &ResourceType, stored: Object) -> (Object, Object) {
    let (mut attributes, mut hidden) = (Object::with_capacity(stored.len()), Object::new());
    for (name, value) in stored {
        match (resource_type.extension(&name), value) {
            (Some(extension), Value::Object(members)) => {
                let known =
                    |name: &str| Attribute::named(&extension.schema.attributes, name).is_some();
                let (shown, kept): (Object, Object) =
                    members.into_iter().partition(|(name, _)| known(name));
                if !shown.is_empty() {
                    attributes.insert(name.clone(), Value::Object(shown));
                }
                if !kept.is_empty() {
                    hidden.insert(name, Value::Object(kept));
                }
            }
            (_, value) if resource_type.attribute(&name).is_some() => {
                if name != "schemas" {
                    attributes.insert(name, value);
                }
            }
            (_, value) => {
                hidden.insert(name, value);
            }
        }
    }
    (attributes, hidden)
}

/// Puts members into an object that has been divided: each into the value from which it was taken, of
/// several into that at its place.
pub(crate) fn put_into(members: &mut Object, taken: Object) {
    for (name, taken) in taken {
        match (members.get_mut(&name), taken) {
            (Some(Value::Object(value)), Value::Object(taken)) => put_into(value, taken),
            (Some(Value::Array(values)), Value::Array(taken)) => {
                for (value, taken) in values.iter_mut().zip(taken) {
                    if let (Value::Object(value), Value::Object(taken)) = (value, taken) {
                        put_into(value, taken);
                    }
                }
            }
            (_, taken) => {
                members.insert(name, taken);
            }
        }
    }
}

/// The resource without what is returned to nobody: passwords.
#[must_use]
pub fn without_secrets(resource_type: &ResourceType, resource: &Object) -> Object {
    let mut resource = resource.clone();
    remove_secrets(&resource_type.schema.attributes, &mut resource);
    for extension in &resource_type.extensions {
        if let Some(Value::Object(members)) = resource.get_mut(&extension.schema.id) {
            remove_secrets(&extension.schema.attributes, members);
        }
    }
    resource
}

fn remove_secrets(definitions: &[Attribute], members: &mut Object) {
    members.retain(|name, value| match Attribute::named(definitions, name) {
        Some(definition) if definition.returned == Returned::Never => false,
        Some(definition) if !definition.sub_attributes.is_empty() => {
            let elements = match value {
                Value::Array(elements) => elements.as_mut_slice(),
                single => std::slice::from_mut(single),
            };
            for element in elements.iter_mut().filter_map(Value::as_object_mut) {
                remove_secrets(&definition.sub_attributes, element);
            }
            true
        }
        _ => true,
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::Registry;
    use crate::schema::describe::Description;

    #[test]
    fn a_resource_has_its_identity_and_history() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let meta = Meta {
            id: "2819c223".into(),
            created: datetime!(2010-01-23 04:56:22 UTC),
            last_modified: datetime!(2011-05-13 04:42:34 UTC),
            version: 3,
        };
        let attributes = json!({ "schemas": ["urn:x"], "userName": "bjensen" });
        let resource =
            assemble(user, attributes.as_object().unwrap(), &meta, "https://t.example/v2");
        assert_eq!(
            serde_json::to_string(&resource).unwrap(),
            concat!(
                r#"{"schemas":["urn:x"],"id":"2819c223","userName":"bjensen","meta":{"#,
                r#""resourceType":"User","created":"2010-01-23T04:56:22.000Z","#,
                r#""lastModified":"2011-05-13T04:42:34.000Z","#,
                r#""location":"https://t.example/v2/Users/2819c223","version":"W/\"3\""}}"#
            )
        );
    }

    #[test]
    fn a_resource_is_called_by_its_display_name_and_not_by_its_user_name() {
        let long = "é".repeat(256);
        let cases = [
            (json!({ "userName": "b", "displayName": "Babs" }), Some("Babs")),
            (json!({ "displayName": "é".repeat(256) }), Some(long.as_str())),
            (json!({ "displayName": "é".repeat(257) }), Some(long.as_str())),
            (json!({ "userName": "b", "displayName": "" }), None),
            (json!({ "userName": "b" }), None),
            (json!({ "displayName": { "en": "Babs" } }), None),
            (json!({}), None),
        ];
        for (attributes, expected) in cases {
            assert_eq!(display(attributes.as_object().unwrap()), expected, "{attributes}");
        }
    }

    #[test]
    fn data_of_an_unknown_extension_is_kept_apart_and_out_of_schemas() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let stored = json!({
            "schemas": [crate::schema::core::USER, "urn:gone"],
            "userName": "b",
            "urn:gone": { "a": 1 }
        });
        let known = Known::of(user, stored.as_object().unwrap().clone(), Object::new());
        assert_eq!(
            Value::Object(known.attributes.clone()),
            json!({ "schemas": [crate::schema::core::USER], "userName": "b" })
        );
        assert_eq!(Value::Object(known.hidden.body), json!({ "urn:gone": { "a": 1 } }));
    }

    #[test]
    fn data_of_an_unknown_attribute_of_an_extension_is_kept_apart_too() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let urn = crate::schema::core::ENTERPRISE_USER;
        let stored = json!({ urn: { "department": "Sales", "gone": 1 } });
        let known = Known::of(user, stored.as_object().unwrap().clone(), Object::new());
        assert_eq!(known.attributes[urn], json!({ "department": "Sales" }));
        assert_eq!(known.hidden.body[urn], json!({ "gone": 1 }));
    }

    #[test]
    fn passwords_are_not_shown() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let resource = json!({ "userName": "BJensen", "password": "secret" });
        let shown = Value::Object(without_secrets(user, resource.as_object().unwrap()));
        assert_eq!(shown, json!({ "userName": "BJensen" }));
    }

    #[test]
    fn a_secret_part_of_a_complex_value_is_not_shown() {
        let description = Description::parse(&[
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
                "id": "urn:example:2.0:Badge",
                "attributes": [{ "name": "keys", "type": "complex", "multiValued": true,
                    "subAttributes": [{ "name": "value" }, { "name": "pin", "returned": "never" }] }]
            }),
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "name": "User", "schemaExtensions": [{ "schema": "urn:example:2.0:Badge" }]
            }),
        ]);
        let registry = Registry::core().with(&description.unwrap()).unwrap();
        let user = registry.resource_type("User").unwrap();
        let resource =
            json!({ "urn:example:2.0:Badge": { "keys": [{ "value": "a", "pin": "1" }] } });
        let shown = without_secrets(user, resource.as_object().unwrap());
        assert_eq!(shown["urn:example:2.0:Badge"], json!({ "keys": [{ "value": "a" }] }));
    }
}
