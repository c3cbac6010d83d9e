//! What a client is told: every error of the protocol, its status, its `scimType`, its body.

use serde::Serialize;
use serde_json::{Value, json};

use crate::bulk::OperationError;
use crate::filter::FilterError;
use crate::list::QueryError;
use crate::patch::PatchError;
use crate::path::PathError;
use crate::precondition::Malformed;
use crate::schema::validate::Invalid;

/// The `schemas` URI of an error body (RFC 7644 §3.12).
pub const ERROR_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// A request that the protocol core refuses. The text is written for the client.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The `filter` is not one, or asks what the schemas do not allow.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// A path names nothing, or is not a path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A PATCH request that cannot be carried out.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// A query parameter is wrong.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// An operation of a bulk request that cannot be carried out.
    #[error(transparent)]
    BulkOperation(#[from] OperationError),
    /// A precondition that cannot be read.
    #[error(transparent)]
    Precondition(#[from] Malformed),
    /// The resource breaks its schemas.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl Error {
    /// The `scimType` (RFC 7644 §3.12, table 9; RFC 9865 §2.1). All errors of this crate have status 400.
    #[must_use]
    pub fn scim_type(&self) -> ScimType {
        match self {
            Self::Filter(_) => ScimType::InvalidFilter,
            Self::Path(_) => ScimType::InvalidPath,
            Self::Patch(error) => error.scim_type(),
            Self::Query(error) => error.scim_type(),
            Self::Precondition(_) => ScimType::InvalidValue,
            Self::BulkOperation(error) => error.scim_type(),
            Self::Invalid(invalid) => invalid.scim_type(),
        }
    }
}

/// The detail error keyword (RFC 7644 §3.12, table 9; RFC 9865 §2.1, table 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ScimType {
    /// The filter is malformed, or compares what cannot be compared.
    InvalidFilter,
    /// The query would yield more than the server is willing to process.
    TooMany,
    /// A value is already in use.
    Uniqueness,
    /// The attribute cannot be changed like this.
    Mutability,
    /// The body is not what the operation takes.
    InvalidSyntax,
    /// The `path` of a PATCH operation is malformed or names nothing.
    InvalidPath,
    /// The `path` selects nothing, or is missing.
    NoTarget,
    /// A required value is missing, or a value is wrong for its attribute.
    InvalidValue,
    /// The protocol version is not supported.
    InvalidVers,
    /// The request would put sensitive data into a URL.
    Sensitive,
    /// The cursor is not one of this query.
    InvalidCursor,
    /// The cursor is too old.
    ExpiredCursor,
    /// The `count` is none, too large, or not that of the first page.
    InvalidCount,
}

impl ScimType {
    /// The keyword on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVers => "invalidVers",
            Self::Sensitive => "sensitive",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }

    /// The keyword with this spelling, if the RFC has it.
    #[must_use]
    pub fn from_keyword(keyword: &str) -> Option<Self> {
        [
            Self::InvalidFilter,
            Self::TooMany,
            Self::Uniqueness,
            Self::Mutability,
            Self::InvalidSyntax,
            Self::InvalidPath,
            Self::NoTarget,
            Self::InvalidValue,
            Self::InvalidVers,
            Self::Sensitive,
            Self::InvalidCursor,
            Self::ExpiredCursor,
            Self::InvalidCount,
        ]
        .into_iter()
        .find(|candidate| candidate.as_str() == keyword)
    }
}

/// The JSON body of an error (RFC 7644 §3.12). `status` is a string there.
#[must_use]
pub fn body(status: u16, scim_type: Option<ScimType>, detail: &str) -> Value {
    let mut body = json!({ "schemas": [ERROR_SCHEMA], "status": status.to_string() });
    if let (Some(scim_type), Some(object)) = (scim_type, body.as_object_mut()) {
        object.insert("scimType".into(), scim_type.as_str().into());
    }
    if let Some(object) = body.as_object_mut() {
        object.insert("detail".into(), detail.into());
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_a_string() {
        let body = body(400, Some(ScimType::Mutability), "Attribute 'id' is readOnly");
        assert_eq!(
            body,
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
                "status": "400",
                "scimType": "mutability",
                "detail": "Attribute 'id' is readOnly"
            })
        );
    }

    #[test]
    fn every_keyword_is_found_by_its_spelling() {
        for keyword in ["invalidFilter", "tooMany", "noTarget", "sensitive", "expiredCursor"] {
            assert_eq!(ScimType::from_keyword(keyword).map(ScimType::as_str), Some(keyword));
        }
        assert_eq!(ScimType::from_keyword("InvalidFilter"), None);
    }
}
