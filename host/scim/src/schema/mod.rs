//! Schemas and their attributes (RFC 7643 §7), as data.

pub mod changes;
pub mod core;
pub mod describe;
pub mod registry;
pub mod validate;

use serde::{Deserialize, Serialize};

pub use registry::{Extension, ResourceType};

/// A schema: a URN and the attributes it defines (RFC 7643 §7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    /// The URN of the schema.
    pub id: String,
    /// A name for people.
    #[serde(default)]
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The attributes, in the order they are advertised.
    pub attributes: Vec<Attribute>,
}

/// An attribute and its characteristics (RFC 7643 §7), with the defaults of §2.2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attribute {
    /// Its name. Names are compared without regard to case (RFC 7643 §2.1).
    pub name: String,
    /// The type of its values.
    #[serde(rename = "type", default)]
    pub kind: Kind,
    /// Whether it holds any number of values.
    #[serde(default)]
    pub multi_valued: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether a resource must have a value for it.
    #[serde(default)]
    pub required: bool,
    /// Values that are suggested. They are advertised and not enforced: others are allowed
    /// (RFC 7643 §7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    /// Whether strings are compared with regard to case.
    #[serde(default)]
    pub case_exact: bool,
    /// Who may write it, and when.
    #[serde(default)]
    pub mutability: Mutability,
    /// When it is part of an answer.
    #[serde(default)]
    pub returned: Returned,
    /// Whether two resources may have the same value.
    #[serde(default)]
    pub uniqueness: Uniqueness,
    /// Whether filters and sorts find its values quickly: of no concern to clients, so it is not
    /// advertised.
    #[serde(default, skip_serializing)]
    pub indexed: Indexed,
    /// What a reference may point to: names of resource types, `external`, `uri`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_types: Vec<String>,
    /// The parts of a complex attribute. They are never complex themselves (RFC 7643 §2.3.8).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_attributes: Vec<Attribute>,
}

impl Attribute {
    /// The attribute of that name, without regard to case.
    #[must_use]
    pub fn named<'a>(attributes: &'a [Self], name: &str) -> Option<&'a Self> {
        attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }

    /// The sub-attribute of that name, without regard to case.
    #[must_use]
    pub fn sub(&self, name: &str) -> Option<&Self> {
        Self::named(&self.sub_attributes, name)
    }

    /// Whether values are compared as they are written. References are (RFC 7643 §2.3.7), and
    /// binary data is (§2.3.6), whatever the schema says.
    #[must_use]
    pub const fn compares_exactly(&self) -> bool {
        self.case_exact || matches!(self.kind, Kind::Reference | Kind::Binary)
    }

    /// Whether its values are URIs of resources of the service (RFC 7643 §7, `referenceTypes`).
    #[must_use]
    pub fn refers_to_resources(&self) -> bool {
        let is_type = |name: &String| !matches!(name.as_str(), "external" | "uri");
        self.kind == Kind::Reference && self.reference_types.iter().any(is_type)
    }

    /// Whether the parts of its values are indexed: only text has some.
    #[must_use]
    pub const fn has_indexed_substrings(&self) -> bool {
        matches!(self.indexed, Indexed::Substrings) && matches!(self.kind, Kind::String)
    }

    /// Whether it holds a secret: written by clients, given to nobody (RFC 7643 §4.1.1,
    /// `password`). Secrets are stored as hashes.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        matches!(self.mutability, Mutability::WriteOnly)
            && matches!(self.returned, Returned::Never)
            && matches!(self.kind, Kind::String)
            && !self.multi_valued
    }
}

/// The type of an attribute's values (RFC 7643 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Unicode text.
    #[default]
    String,
    /// `true` or `false`.
    Boolean,
    /// A number that may have a fraction.
    Decimal,
    /// A whole number.
    Integer,
    /// An `xsd:dateTime` with its time, `2008-01-23T04:56:22Z`.
    DateTime,
    /// Base64 (RFC 4648 §4).
    Binary,
    /// The URI of something.
    Reference,
    /// An object of sub-attributes.
    Complex,
}

impl Kind {
    /// Its name in a schema document.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Decimal => "decimal",
            Self::Integer => "integer",
            Self::DateTime => "dateTime",
            Self::Binary => "binary",
            Self::Reference => "reference",
            Self::Complex => "complex",
        }
    }
}

/// Who may write an attribute, and when (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    /// The server alone.
    ReadOnly,
    /// Anyone, at any time.
    #[default]
    ReadWrite,
    /// Anyone, once.
    Immutable,
    /// Anyone, and nobody reads it.
    WriteOnly,
}

/// When an attribute is part of an answer (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    /// In every answer, whatever was asked for.
    Always,
    /// In none.
    Never,
    /// Unless the request leaves it out.
    #[default]
    Default,
    /// Only where the request names it.
    Request,
}

/// Whether two resources may have the same value (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    /// They may.
    #[default]
    None,
    /// Not within the tenant and the resource type.
    Server,
    /// Not anywhere. A server can answer for itself only, so it is enforced as `server`.
    Global,
}

/// Whether the values of an attribute are indexed. Each has what those before it have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Indexed {
    /// They are not.
    #[default]
    None,
    /// Whole values and their beginnings are: `eq`, `sw`, `gt`, `ge`, `lt`, `le`, `pr`, and sorting.
    Values,
    /// Their parts too, where the database can: `co` and `ew`.
    Substrings,
}
