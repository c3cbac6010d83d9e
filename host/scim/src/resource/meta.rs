//! `meta`, the ETag and the location of a resource (RFC 7643 §3.1).

use serde_json::{Value, json};
use time::OffsetDateTime;

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

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::Registry;

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
}
