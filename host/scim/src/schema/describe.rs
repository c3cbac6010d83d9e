//! Reads Schema and ResourceType documents (RFC 7643 §6 and §7), a plugin's or the core's.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Attribute, Kind, Mutability, Returned, Schema, Uniqueness};

/// The `schemas` URI of a Schema document.
pub const SCHEMA_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
/// The `schemas` URI of a ResourceType document.
pub const RESOURCE_TYPE_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";

/// Characters of a URN, and of an attribute's or resource type's name.
const MAX_NAME: usize = 200;

/// Schemas and resource types that belong together: the core's, or those of one plugin.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Description {
    /// The schemas.
    pub schemas: Vec<Schema>,
    /// The resource types, and the extensions to those of others.
    pub resource_types: Vec<ResourceTypeDocument>,
}

/// A ResourceType document (RFC 7643 §6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceTypeDocument {
    /// The name. Where it is that of an existing type, the document extends that type.
    pub name: String,
    /// The path of its endpoint below the base URL, `/Users`. Left out by a document that extends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The URN of its base schema. Left out by a document that extends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The extensions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema_extensions: Vec<SchemaExtension>,
}

/// One element of `schemaExtensions` (RFC 7643 §6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SchemaExtension {
    /// The URN of the extension's schema.
    pub schema: String,
    /// Whether every resource of the type must have data of it.
    #[serde(default)]
    pub required: bool,
}

/// Why documents cannot be taken up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SchemaError {
    /// The document is neither a Schema nor a ResourceType.
    #[error(
        "document {index} is neither a Schema nor a ResourceType: \"schemas\" must be \
         [\"{SCHEMA_SCHEMA}\"] or [\"{RESOURCE_TYPE_SCHEMA}\"]"
    )]
    UnknownDocument {
        /// Its place among the documents, from 0.
        index: usize,
    },
    /// The document does not have the form of its kind.
    #[error("document {index} is not a well-formed {kind}: {error}")]
    Malformed {
        /// Its place among the documents, from 0.
        index: usize,
        /// `Schema` or `ResourceType`.
        kind: &'static str,
        /// What the reader says of it.
        error: String,
    },
    /// The identifier of a schema is not a URN.
    #[error(
        "schema \"{id}\": the id must be a URN of at most {MAX_NAME} characters, such as \
         urn:example:2.0:User"
    )]
    NotAUrn {
        /// The identifier.
        id: String,
    },
    /// Two schemas have the same URN.
    #[error("schema \"{id}\" is defined already; a schema of another name is needed")]
    DuplicateSchema {
        /// The URN.
        id: String,
    },
    /// Paths to the attributes of one schema would be read as the other's.
    #[error(
        "schema \"{id}\" and schema \"{other}\" cannot both be: one is the beginning of the other"
    )]
    AmbiguousSchema {
        /// The URN.
        id: String,
        /// The URN that is there already.
        other: String,
    },
    /// The name of a resource type is not one.
    #[error(
        "resource type \"{name}\": a name is a letter followed by letters, digits, \"-\" or \"_\", \
         {MAX_NAME} characters at the most"
    )]
    TypeName {
        /// The name.
        name: String,
    },
    /// An attribute breaks a rule of RFC 7643.
    #[error("schema \"{schema}\", attribute \"{attribute}\": {rule}")]
    Attribute {
        /// The URN of the schema.
        schema: String,
        /// The name, with its parent's before a dot.
        attribute: String,
        /// The rule.
        rule: AttributeRule,
    },
    /// A resource type refers to a schema that nobody defines.
    #[error("resource type \"{resource_type}\": no schema \"{schema}\" is defined")]
    UnknownSchema {
        /// The name of the type.
        resource_type: String,
        /// The URN.
        schema: String,
    },
    /// A new resource type lacks its base schema or its endpoint.
    #[error(
        "resource type \"{resource_type}\" does not exist yet; a new one needs \"schema\" and \
         \"endpoint\""
    )]
    Incomplete {
        /// The name of the type.
        resource_type: String,
    },
    /// A document that extends a type would change what the type is.
    #[error(
        "resource type \"{resource_type}\" exists already, with another \"{member}\"; leave \
         \"{member}\" out to extend it, or choose another name"
    )]
    Redefined {
        /// The name of the type.
        resource_type: String,
        /// `schema` or `endpoint`.
        member: &'static str,
    },
    /// The endpoint is not one path segment of its own.
    #[error("resource type \"{resource_type}\": endpoint \"{endpoint}\" {rule}")]
    Endpoint {
        /// The name of the type.
        resource_type: String,
        /// The endpoint.
        endpoint: String,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// The extension is there already.
    #[error("resource type \"{resource_type}\" has the extension \"{schema}\" already")]
    DuplicateExtension {
        /// The name of the type.
        resource_type: String,
        /// The URN.
        schema: String,
    },
}

/// A rule of RFC 7643 that an attribute's definition breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttributeRule {
    /// RFC 7643 §2.1.
    #[error(
        "a name is a letter followed by letters, digits, \"-\" or \"_\" (RFC 7643 section 2.1)"
    )]
    Name,
    /// Names differ by more than case (RFC 7643 §2.1).
    #[error("the name is used twice; names are compared without regard to case")]
    Duplicate,
    /// RFC 7643 §3.1.
    #[error("the name is reserved for the attribute of every resource (RFC 7643 section 3.1)")]
    Reserved,
    /// RFC 7643 §2.3.8.
    #[error("a sub-attribute cannot be complex (RFC 7643 section 2.3.8)")]
    Nested,
    /// A complex attribute needs parts.
    #[error("a complex attribute needs subAttributes")]
    NoSubAttributes,
    /// Only complex attributes have parts.
    #[error("only a complex attribute has subAttributes; its type is not \"complex\"")]
    SubAttributesOfSimple,
    /// RFC 7643 §7: the values of a writeOnly attribute "SHALL NOT be returned".
    #[error("a writeOnly attribute needs \"returned\": \"never\" (RFC 7643 section 7)")]
    WriteOnlyReturned,
    /// What nobody reads is stored as a hash, and only a string can be one.
    #[error(
        "a writeOnly attribute is stored as a hash: it must be a string with one value, and not a \
         sub-attribute"
    )]
    WriteOnlyKind,
    /// Uniqueness is compared value by value.
    #[error("a complex or multi-valued attribute, or a sub-attribute, cannot be unique")]
    Unique,
}

impl Description {
    /// Reads documents in any order. Unknown characteristics of an attribute are an error: a
    /// misspelt one would otherwise silently have its default.
    ///
    /// # Errors
    /// A document of another kind or form. Whether the documents fit together, and fit to what
    /// is there, is for [`Registry::with`](crate::Registry::with) to say.
    pub fn parse(documents: &[Value]) -> Result<Self, SchemaError> {
        let mut description = Self::default();
        for (index, document) in documents.iter().enumerate() {
            if names(document, SCHEMA_SCHEMA) {
                let schema: Schema = read(document, index, "Schema")?;
                check_schema(&schema)?;
                description.schemas.push(schema);
            } else if names(document, RESOURCE_TYPE_SCHEMA) {
                let resource_type: ResourceTypeDocument = read(document, index, "ResourceType")?;
                let name = resource_type.name.as_str();
                if !crate::path::is_attribute_name(name) || name.len() > MAX_NAME {
                    return Err(SchemaError::TypeName { name: name.to_owned() });
                }
                description.resource_types.push(resource_type);
            } else {
                return Err(SchemaError::UnknownDocument { index });
            }
        }
        Ok(description)
    }
}

fn names(document: &Value, schema: &str) -> bool {
    document
        .get("schemas")
        .and_then(Value::as_array)
        .is_some_and(|schemas| schemas.iter().any(|id| id.as_str() == Some(schema)))
}

fn read<T: serde::de::DeserializeOwned>(
    document: &Value,
    index: usize,
    kind: &'static str,
) -> Result<T, SchemaError> {
    T::deserialize(document).map_err(|error| SchemaError::Malformed {
        index,
        kind,
        error: error.to_string(),
    })
}

fn check_schema(schema: &Schema) -> Result<(), SchemaError> {
    if !is_urn(&schema.id) {
        return Err(SchemaError::NotAUrn { id: schema.id.clone() });
    }
    let mut seen = HashSet::new();
    for attribute in &schema.attributes {
        check_attribute(attribute, &mut seen).map_err(|rule| SchemaError::Attribute {
            schema: schema.id.clone(),
            attribute: attribute.name.clone(),
            rule,
        })?;
        let mut seen = HashSet::new();
        for sub in &attribute.sub_attributes {
            check_sub_attribute(sub, &mut seen).map_err(|rule| SchemaError::Attribute {
                schema: schema.id.clone(),
                attribute: format!("{}.{}", attribute.name, sub.name),
                rule,
            })?;
        }
    }
    Ok(())
}

fn check_attribute(attribute: &Attribute, seen: &mut HashSet<String>) -> Result<(), AttributeRule> {
    check_name(&attribute.name, seen)?;
    if Attribute::named(super::core::common_attributes(), &attribute.name).is_some() {
        return Err(AttributeRule::Reserved);
    }
    let complex = attribute.kind == Kind::Complex;
    match (complex, attribute.sub_attributes.is_empty()) {
        (true, true) => return Err(AttributeRule::NoSubAttributes),
        (false, false) => return Err(AttributeRule::SubAttributesOfSimple),
        _ => {}
    }
    if attribute.uniqueness != Uniqueness::None && (complex || attribute.multi_valued) {
        return Err(AttributeRule::Unique);
    }
    if attribute.mutability == Mutability::WriteOnly {
        if attribute.returned != Returned::Never {
            return Err(AttributeRule::WriteOnlyReturned);
        }
        if !attribute.is_secret() {
            return Err(AttributeRule::WriteOnlyKind);
        }
    }
    Ok(())
}

fn check_sub_attribute(sub: &Attribute, seen: &mut HashSet<String>) -> Result<(), AttributeRule> {
    check_name(&sub.name, seen)?;
    if sub.kind == Kind::Complex {
        return Err(AttributeRule::Nested);
    }
    if !sub.sub_attributes.is_empty() {
        return Err(AttributeRule::SubAttributesOfSimple);
    }
    if sub.uniqueness != Uniqueness::None {
        return Err(AttributeRule::Unique);
    }
    if sub.mutability == Mutability::WriteOnly {
        return Err(AttributeRule::WriteOnlyKind);
    }
    Ok(())
}

fn check_name(name: &str, seen: &mut HashSet<String>) -> Result<(), AttributeRule> {
    // `$ref` is the one name outside the grammar (RFC 7643 section 2.4).
    let fits = crate::path::is_attribute_name(name) && name.len() <= MAX_NAME;
    if name != "$ref" && !fits {
        return Err(AttributeRule::Name);
    }
    if !seen.insert(name.to_ascii_lowercase()) {
        return Err(AttributeRule::Duplicate);
    }
    Ok(())
}

/// `urn:` + a namespace + a name (RFC 8141 §2), of characters that need no quoting in a path.
fn is_urn(id: &str) -> bool {
    let mut parts = id.split(':');
    id.len() <= MAX_NAME
        && parts.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn"))
        && parts.clone().count() >= 2
        && parts.all(|part| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        })
}
