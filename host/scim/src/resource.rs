//! What the server adds to a resource: `id`, `meta`, the ETag (RFC 7643 §3.1, RFC 7644 §3.14).

use std::fmt;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::Object;
use crate::schema::validate::with_schemas;
use crate::schema::{Attribute, Kind, ResourceType, Returned, Uniqueness};
use crate::value::{instant, normalized, timestamp};

/// Characters of a `display` at the most.
const MAX_DISPLAY: usize = 256;

/// What the server knows of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The identifier.
    pub id: String,
    /// When it was created.
    pub created: OffsetDateTime,
    /// When it was last changed.
    pub last_modified: OffsetDateTime,
    /// Counts the changes, from 1.
    pub version: i64,
}

impl Meta {
    /// The ETag. It is weak: the same version may be written with other attributes left out
    /// (RFC 7644 §3.14).
    ///
    /// It stands for what is written to the resource, the members of a group included. What is
    /// derived from other resources is not: the `groups` of a user, and the `display` of a member,
    /// change without it.
    #[must_use]
    pub fn etag(&self) -> String {
        etag(self.version)
    }

    /// `meta` as clients see it (RFC 7643 §3.1).
    #[must_use]
    pub fn value(&self, resource_type: &ResourceType, base_url: &str) -> Value {
        json!({
            "resourceType": resource_type.name,
            "created": timestamp(self.created),
            "lastModified": timestamp(self.last_modified),
            "location": self.location(resource_type, base_url),
            "version": self.etag(),
        })
    }

    /// The URI of the resource, below the base URL of the tenant's service.
    #[must_use]
    pub fn location(&self, resource_type: &ResourceType, base_url: &str) -> String {
        location(resource_type, &self.id, base_url)
    }
}

/// `meta` of the resources of one type, as text.
#[derive(Debug, Clone)]
pub struct MetaText {
    /// A JSON string.
    resource_type: String,
    /// A JSON string without its end: the location up to the id.
    location: String,
}

impl MetaText {
    /// Works out what it is for all resources of a type.
    #[must_use]
    pub fn new(resource_type: &ResourceType, base_url: &str) -> Self {
        let mut location = Value::from(location(resource_type, "", base_url)).to_string();
        location.pop();
        Self { resource_type: Value::from(resource_type.name.as_str()).to_string(), location }
    }

    /// Adds `"meta":{…}` of a resource whose id needs no escape: the text of [`Meta::value`].
    pub fn push(&self, text: &mut String, meta: &Meta) {
        let parts = [
            "\"meta\":{\"resourceType\":",
            &self.resource_type,
            ",\"created\":\"",
            &timestamp(meta.created),
            "\",\"lastModified\":\"",
            &timestamp(meta.last_modified),
            "\",\"location\":",
            &self.location,
            &meta.id,
            "\",\"version\":\"W/\\\"",
            &meta.version.to_string(),
            "\\\"\"}",
        ];
        text.extend(parts);
    }
}

/// The ETag of a version; see [`Meta::etag`].
#[must_use]
pub fn etag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// The URI of a resource, below the base URL of the tenant's service.
#[must_use]
pub fn location(resource_type: &ResourceType, id: &str, base_url: &str) -> String {
    format!("{base_url}{}/{id}", resource_type.endpoint)
}

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

/// One value that no other resource of the type may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueValue {
    /// The path of the attribute.
    pub path: String,
    /// The value, normalised as the attribute compares it.
    pub value: String,
}

/// The attributes of a type whose values are unique, by their paths (RFC 7643 §7, `uniqueness`).
/// `id` is not among them: the server assigns it.
#[must_use]
pub fn unique_paths(resource_type: &ResourceType) -> Vec<String> {
    unique_attributes(resource_type).map(|(urn, attribute)| path_of(urn, attribute)).collect()
}

/// The unique values of a resource.
#[must_use]
pub fn unique_values(resource_type: &ResourceType, attributes: &Object) -> Vec<UniqueValue> {
    unique_attributes(resource_type)
        .filter_map(|(urn, attribute)| {
            let container = match urn {
                None => Some(attributes),
                Some(urn) => attributes.get(urn).and_then(Value::as_object),
            };
            let value = match container?.get(&attribute.name)? {
                // One instant can be written in many ways.
                Value::String(text) if attribute.kind == Kind::DateTime => {
                    instant(text)?.unix_timestamp_nanos().to_string()
                }
                Value::String(text) => normalized(attribute, text).into_owned(),
                other => other.to_string(),
            };
            Some(UniqueValue { path: path_of(urn, attribute), value })
        })
        .collect()
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

fn unique_attributes(
    resource_type: &ResourceType,
) -> impl Iterator<Item = (Option<&str>, &Attribute)> {
    let base = resource_type.schema.attributes.iter().map(|attribute| (None, attribute));
    let extensions = resource_type.extensions.iter().flat_map(|extension| {
        let urn = extension.schema.id.as_str();
        extension.schema.attributes.iter().map(move |attribute| (Some(urn), attribute))
    });
    base.chain(extensions).filter(|(_, attribute)| attribute.uniqueness != Uniqueness::None)
}

fn path_of(urn: Option<&str>, attribute: &Attribute) -> String {
    urn.map_or_else(|| attribute.name.clone(), |urn| format!("{urn}:{}", attribute.name))
}

#[cfg(test)]
mod tests {
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
    fn meta_as_text_is_meta() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let meta = Meta {
            id: "2819c223-7f76-453a-919d-413861904646".into(),
            created: datetime!(2010-01-23 04:56:22.5 UTC),
            last_modified: datetime!(2011-05-13 04:42:34 UTC),
            version: 12,
        };
        let base_url = "https://t.example/\"/v2";
        let mut text = "{".to_owned();
        MetaText::new(user, base_url).push(&mut text, &meta);
        text.push('}');
        assert_eq!(text, json!({ "meta": meta.value(user, base_url) }).to_string());
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
    fn unique_values_are_normalised_and_passwords_are_not_shown() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let resource = json!({ "userName": "BJensen", "password": "secret" });
        let resource = resource.as_object().unwrap();
        let expected = UniqueValue { path: "userName".into(), value: "bjensen".into() };
        assert_eq!(unique_values(user, resource), [expected]);
        assert_eq!(unique_paths(user), ["userName"]);
        let shown = Value::Object(without_secrets(user, resource));
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
