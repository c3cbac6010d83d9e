//! PATCH (RFC 7644 §3.5.2): a sequence of operations that is carried out whole or not at all.
//!
//! [`PatchRequest::parse`] reads the body, [`apply`] carries it out on a copy. What comes out is
//! not yet a valid resource: [`validate::patched`](crate::schema::validate::patched) has the
//! last word, over the result of all operations.

mod apply;
mod edits;
mod filters;
pub mod members;
mod request;
mod values;

pub use apply::{MAX_VISITS, apply};
pub use edits::check_edits;
pub use filters::filters;
pub use request::{Op, Operation, PATCH_SCHEMA, PatchRequest};
pub(crate) use request::{member, without_filter};

use crate::error::ScimType;
use crate::path::PathError;
use crate::quote::shortened;
use crate::schema::validate::Invalid;

/// Why a PATCH request cannot be carried out. Nothing of it has been.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchError {
    /// The place of the operation in `Operations`, from 0; `None` where the request as a whole
    /// is wrong.
    pub operation: Option<usize>,
    /// What is wrong.
    pub kind: PatchErrorKind,
}

/// What is wrong with a PATCH request.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PatchErrorKind {
    /// The body does not say what it is.
    #[error("\"schemas\" must be [\"{PATCH_SCHEMA}\"]")]
    Schema,
    /// There is nothing to do.
    #[error("\"Operations\" must be an array of at least one object")]
    NoOperations,
    /// A member has the wrong type.
    #[error("\"{member}\" must be {expected}")]
    Member {
        /// The member.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// RFC 7644 §3.5.2 has three operations.
    #[error("\"op\" must be \"add\", \"replace\" or \"remove\", not \"{}\"", shortened(.found))]
    UnknownOp {
        /// What was asked for.
        found: String,
    },
    /// RFC 7644 §3.5.2.2.
    #[error("\"remove\" needs a \"path\"")]
    RemoveWithoutPath,
    /// The tenant's dialect has no operation without a path.
    #[error("an operation needs a \"path\" in the tenant's dialect, \"{dialect}\"")]
    PathRequired {
        /// The name of the dialect.
        dialect: &'static str,
    },
    /// Without a path, the value says which attributes are meant.
    #[error("without a \"path\", \"value\" must be an object of attributes, not {found}")]
    PathlessValue {
        /// What it is.
        found: &'static str,
    },
    /// An operation has another JSON type.
    #[error("an operation must be an object, not {found}")]
    Operation {
        /// What it is.
        found: &'static str,
    },
    /// An extension as a whole is an object.
    #[error("path \"{path}\": \"value\" must be an object of attributes, not {found}")]
    ExtensionValue {
        /// The URN.
        path: String,
        /// What the value is.
        found: &'static str,
    },
    /// A filter selects values one by one; several cannot be put in the place of each.
    #[error("path \"{path}\": \"value\" must be one value, not {found}")]
    SeveralValues {
        /// The path.
        path: String,
        /// How many there are.
        found: usize,
    },
    /// The operations together look at more values than one request may.
    #[error(
        "the operations look at more than {MAX_VISITS} values of multi-valued attributes, counted \
         once for each term of a filter; send them in several requests, or several values in one \
         operation"
    )]
    TooMuchWork,
    /// The path names nothing, or is not one.
    #[error(transparent)]
    Path(PathError),
    /// The filter in the path selects no value (RFC 7644 §3.5.2.3).
    #[error("path \"{}\" matches no value", shortened(.path))]
    NoMatch {
        /// The path as it was sent.
        path: String,
    },
    /// The server alone writes it.
    #[error("attribute \"{path}\" is readOnly")]
    ReadOnly {
        /// The attribute.
        path: String,
    },
    /// RFC 7644 §3.5.2.2: a required attribute cannot become unassigned.
    #[error("attribute \"{path}\" is required and cannot be removed")]
    Required {
        /// The attribute.
        path: String,
    },
    /// RFC 7643 §7, `immutable`.
    #[error("attribute \"{path}\" is immutable; its value cannot be changed or removed")]
    Immutable {
        /// The attribute.
        path: String,
    },
    /// The value does not fit the attribute.
    #[error(transparent)]
    Value(Invalid),
}

impl PatchError {
    /// The `scimType` (RFC 7644 §3.12, table 9).
    #[must_use]
    pub fn scim_type(&self) -> ScimType {
        match &self.kind {
            PatchErrorKind::Schema
            | PatchErrorKind::NoOperations
            | PatchErrorKind::Member { .. }
            | PatchErrorKind::UnknownOp { .. }
            | PatchErrorKind::PathRequired { .. }
            | PatchErrorKind::Operation { .. }
            | PatchErrorKind::ExtensionValue { .. }
            | PatchErrorKind::PathlessValue { .. } => ScimType::InvalidSyntax,
            PatchErrorKind::RemoveWithoutPath | PatchErrorKind::NoMatch { .. } => {
                ScimType::NoTarget
            }
            PatchErrorKind::SeveralValues { .. } => ScimType::InvalidValue,
            PatchErrorKind::TooMuchWork => ScimType::TooMany,
            PatchErrorKind::Path(PathError::Filter { .. }) => ScimType::InvalidFilter,
            PatchErrorKind::Path(_) => ScimType::InvalidPath,
            PatchErrorKind::ReadOnly { .. }
            | PatchErrorKind::Required { .. }
            | PatchErrorKind::Immutable { .. } => ScimType::Mutability,
            PatchErrorKind::Value(invalid) => invalid.scim_type(),
        }
    }
}

impl std::fmt::Display for PatchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.operation {
            Some(index) => write!(f, "Operations[{index}]: {}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

impl std::error::Error for PatchError {}
