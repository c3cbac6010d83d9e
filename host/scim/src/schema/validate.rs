//! Turns what a client sent into a [`ValidResource`], or says all that is wrong with it.
//!
//! Three things happen at once: names get the schemas' spelling, what a client cannot set is
//! left out, and every value is checked against its attribute. The rules over several values
//! (required, immutable, one primary) come after.

mod current;
mod hidden;
mod reader;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use current::{changes, keep_unsendable, with_changes};
use hidden::keep_hidden;
use reader::Reader;

use super::{Attribute, ResourceType};
use crate::Object;
use crate::error::ScimType;
use crate::project::Hidden;

/// Bytes of a value whose attribute is unique: it is a key in an index.
pub const MAX_UNIQUE_BYTES: usize = 1_024;

/// A resource that satisfies its schemas. Nothing else makes one than this module.
///
/// It holds what clients may set, in the schemas' spelling, with `schemas` in step with the
/// data (RFC 7643 §3.3) and without unassigned values; `id` and `meta` are the server's.
#[derive(Debug, Clone)]
pub struct ValidResource {
    resource_type: Arc<ResourceType>,
    attributes: Object,
    ignored: Vec<String>,
}

/// All that is wrong with a resource. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Invalid {
    /// What is wrong, in the order of the input.
    pub issues: Vec<Issue>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Issue {
    /// The path of the attribute, with the index of the value: `emails[0].value`.
    pub path: String,
    /// The rule that it breaks.
    pub rule: Rule,
}

/// A rule that a value breaks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rule {
    /// The JSON type is not that of the attribute.
    #[error("must be {expected}, not {found}")]
    Type {
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// RFC 7643 §2.3.5.
    #[error("must be an xsd:dateTime such as \"2008-01-23T04:56:22Z\"")]
    DateTime,
    /// RFC 7643 §2.3.6.
    #[error("must be base64 with padding (RFC 4648 section 4)")]
    Base64,
    /// RFC 7643 §2.3.7.
    #[error(
        "must be a URI or a relative reference (RFC 3986): no spaces, no control characters and \
         none of < > \" {{ }} | \\ ^ `"
    )]
    Reference,
    /// RFC 7643 §2.3.4.
    #[error("must be a whole number of at most 64 bits")]
    Integer,
    /// A unique value is part of an index.
    #[error("must have at most {MAX_UNIQUE_BYTES} bytes: its values are unique")]
    TooLong,
    /// U+0000 cannot be stored.
    #[error("must not contain the character U+0000")]
    Nul,
    /// A secret that everybody knows.
    #[error("must not be empty")]
    EmptySecret,
    /// RFC 7643 §2.2, `required`.
    #[error("is required")]
    Required,
    /// RFC 7643 §2.2, `immutable`.
    #[error("is immutable, and has another value already")]
    Immutable,
    /// RFC 7643 §2.4.
    #[error("has more than one value with \"primary\": true")]
    Primaries,
    /// One name in two spellings: in another case, or with its URN and without.
    #[error("is given twice, in two spellings of its name")]
    Twice,
    /// No schema of the resource type has it, and the tenant's dialect refuses such.
    #[error("is in no schema of the resource type")]
    Unknown,
    /// RFC 7643 §3.
    #[error("must be an array that contains \"{base}\"")]
    Schemas {
        /// The URN of the base schema.
        base: String,
    },
    /// RFC 7643 §3.1: an id is compared as it is written.
    #[error("must be an id as the server gives them out: a UUID in lower case, with hyphens")]
    Id,
    /// RFC 7643 §4.2: the id of a resource of one of these types.
    #[error("must be the id of a {}; \"{id}\" is {}", expected.join(" or "), a_type(found.as_deref()))]
    ResourceId {
        /// The types.
        expected: Vec<String>,
        /// The id.
        id: String,
        /// The type of the resource that has it, if there is one.
        found: Option<String>,
    },
}

/// Checks a resource that a client wants to create.
///
/// # Errors
/// All that is wrong with it.
pub fn create(resource_type: &Arc<ResourceType>, input: &Object) -> Result<ValidResource, Invalid> {
    let mut reader = Reader::default();
    let attributes = reader.resource(resource_type, input);
    reader.check_required(resource_type, &attributes);
    finish(resource_type, attributes, reader)
}

/// Checks a resource that a client wants to put in the place of `current` (RFC 7644 §3.5.1).
/// What the client could not know or change and did not send is kept: `hidden` are the attributes
/// that it may not read.
///
/// # Errors
/// All that is wrong with it.
pub fn replace(
    resource_type: &Arc<ResourceType>,
    current: &Object,
    input: &Object,
    hidden: &Hidden,
) -> Result<ValidResource, Invalid> {
    let mut reader = Reader::default();
    let mut attributes = reader.resource(resource_type, input);
    keep_unsendable(resource_type, current, &mut attributes);
    keep_hidden(resource_type, hidden, current, &mut attributes);
    reader.check_required(resource_type, &attributes);
    reader.check_immutable(resource_type, current, &attributes);
    finish(resource_type, attributes, reader)
}

/// Checks what a PATCH has made of `current`. What the PATCH left alone is not judged: a schema
/// that has become stricter must not keep a client from disabling a user.
///
/// # Errors
/// All that is wrong with what has changed.
pub fn patched(
    resource_type: &Arc<ResourceType>,
    current: &Object,
    candidate: &Object,
) -> Result<ValidResource, Invalid> {
    let mut reader = Reader::default();
    let mut changed = changes(resource_type, current, candidate);
    changed.insert("schemas".to_owned(), Value::from(vec![resource_type.schema.id.as_str()]));
    let read = reader.resource(resource_type, &changed);
    let attributes = with_changes(resource_type, current, candidate, &read);

    let mut before = Reader::default();
    before.check_required(resource_type, current);
    reader.check_required(resource_type, &attributes);
    reader.issues.retain(|issue| issue.rule != Rule::Required || !before.issues.contains(issue));
    reader.check_immutable(resource_type, current, &attributes);
    finish(resource_type, attributes, reader)
}

/// Reads one value of an attribute, as a PATCH operation brings it: in the schemas' spelling,
/// or `None` where it amounts to no value.
///
/// # Errors
/// All that is wrong with it; paths begin with `path`.
pub fn attribute_value(
    attribute: &Attribute,
    value: &Value,
    path: &str,
) -> Result<Option<Value>, Invalid> {
    let mut reader = Reader::default();
    let value = reader.attribute(attribute, value, path);
    reader.into_result().map(|()| value)
}

/// Reads one element of a multi-valued attribute.
///
/// # Errors
/// As [`attribute_value`].
pub fn element_value(
    attribute: &Attribute,
    value: &Value,
    path: &str,
) -> Result<Option<Value>, Invalid> {
    let mut reader = Reader::default();
    let value = reader.single(attribute, value, path);
    reader.into_result().map(|()| value)
}

impl ValidResource {
    /// The resource type.
    #[must_use]
    pub fn resource_type(&self) -> &Arc<ResourceType> {
        &self.resource_type
    }

    /// The attributes, `schemas` first.
    #[must_use]
    pub fn attributes(&self) -> &Object {
        &self.attributes
    }

    /// The attributes, `schemas` first.
    #[must_use]
    pub fn into_attributes(self) -> Object {
        self.attributes
    }

    /// Names in the input that no schema has. They were left out (RFC 7644 §3.3).
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }
}

impl Invalid {
    pub(crate) fn twice(path: String) -> Self {
        Self { issues: vec![Issue { path, rule: Rule::Twice }] }
    }

    /// The `scimType` of the first issue.
    #[must_use]
    pub fn scim_type(&self) -> ScimType {
        match self.issues.first().map(|issue| &issue.rule) {
            Some(Rule::Immutable) => ScimType::Mutability,
            Some(Rule::Schemas { .. } | Rule::Twice | Rule::Unknown) => ScimType::InvalidSyntax,
            _ => ScimType::InvalidValue,
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        for (index, issue) in self.issues.iter().take(SHOWN).enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "attribute \"{}\" {}", issue.path, issue.rule)?;
        }
        match self.issues.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for Invalid {}

fn a_type(name: Option<&str>) -> String {
    name.map_or_else(|| "none".to_owned(), |name| format!("a {name}"))
}

fn finish(
    resource_type: &Arc<ResourceType>,
    attributes: Object,
    mut reader: Reader,
) -> Result<ValidResource, Invalid> {
    let ignored = std::mem::take(&mut reader.ignored);
    reader.into_result()?;
    let attributes = with_schemas(resource_type, attributes);
    Ok(ValidResource { resource_type: Arc::clone(resource_type), attributes, ignored })
}

/// RFC 7643 §3.3: the URN of every extension with data is in `schemas`, and no other.
pub(crate) fn with_schemas(resource_type: &ResourceType, attributes: Object) -> Object {
    let mut schemas = vec![Value::from(resource_type.schema.id.as_str())];
    schemas.extend(
        resource_type
            .extensions
            .iter()
            .map(|extension| extension.schema.id.as_str())
            .filter(|id| attributes.contains_key(*id))
            .map(Value::from),
    );
    let mut resource = Object::with_capacity(attributes.len() + 1);
    resource.insert("schemas".to_owned(), Value::Array(schemas));
    resource.extend(attributes);
    resource
}

#[cfg(test)]
mod tests;
