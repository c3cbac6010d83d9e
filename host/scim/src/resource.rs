//! What the server adds to a resource: `id`, `meta`, the ETag (RFC 7643 §3.1, RFC 7644 §3.14).

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::Object;
use crate::schema::ResourceType;
use crate::value::timestamp;

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
    #[must_use]
    pub fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    /// The URI of the resource, below the base URL of the tenant's service.
    #[must_use]
    pub fn location(&self, resource_type: &ResourceType, base_url: &str) -> String {
        format!("{base_url}{}/{}", resource_type.endpoint, self.id)
    }
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
    resource.insert(
        "meta".to_owned(),
        json!({
            "resourceType": resource_type.name,
            "created": timestamp(meta.created),
            "lastModified": timestamp(meta.last_modified),
            "location": meta.location(resource_type, base_url),
            "version": meta.etag(),
        }),
    );
    resource
}

/// Whether an `If-Match` or `If-None-Match` header names this ETag: `*` or a list, compared
/// weakly (RFC 9110 §8.8.3.2; RFC 7644 §3.14 has weak ETags).
#[must_use]
pub fn etag_matches(header: &str, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    header.split(',').any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::Registry;

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
    fn etags_are_compared_weakly_and_in_lists() {
        let etag = "W/\"3\"";
        for header in ["W/\"3\"", "\"3\"", "*", "W/\"1\", W/\"3\""] {
            assert!(etag_matches(header, etag), "{header}");
        }
        for header in ["W/\"33\"", "3", "", "W/\"1\",\"2\""] {
            assert!(!etag_matches(header, etag), "{header}");
        }
    }
}
