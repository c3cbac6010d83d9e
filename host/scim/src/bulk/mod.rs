//! Bulk (RFC 7644 §3.7): many operations in one request, which may refer to what other
//! operations of the request create.
//!
//! [`BulkRequest::parse`] reads the body, [`BulkRequest::into_steps`] orders the operations so
//! that each comes after those it refers to, [`defer`] takes apart what a circular reference
//! keeps from being created whole, and [`response`] makes the answer. Carrying the operations out
//! is for the server: each is a request of its own.

mod defer;
mod operation;
mod order;
mod references;
mod request;
mod response;

pub use defer::{Deferred, defer};
pub use operation::{Action, Change, Creation, Operation, ResourcePath};
pub use references::replace_in_patch;
pub use request::{BULK_REQUEST_SCHEMA, BulkRequest, Entry, Label};
pub use response::{BULK_RESPONSE_SCHEMA, OperationResponse, response};

use crate::error::ScimType;
use crate::precondition::Malformed;

/// Operations of a bulk request at the most (RFC 7643 §5, `maxOperations`).
pub const MAX_OPERATIONS: usize = 1_000;

/// Why a bulk request is refused as a whole. Nothing of it has been carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BulkError {
    /// The body does not say what it is.
    #[error("\"schemas\" must be [\"{BULK_REQUEST_SCHEMA}\"]")]
    Schema,
    /// There is nothing to do.
    #[error("\"Operations\" must be an array of at least one object")]
    NoOperations,
    /// RFC 7644 §3.7.4: "The returned response MUST specify the limit exceeded".
    #[error("the number of operations ({found}) exceeds the maxOperations ({limit})")]
    TooManyOperations {
        /// How many there may be.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// It counts errors, from one.
    #[error("\"failOnErrors\" must be a whole number of at least 1")]
    FailOnErrors,
    /// RFC 7644 §3.7: a bulkId is "unique within a bulk request". What refers to this one could
    /// mean either operation, and so could the answer.
    #[error("the bulkId \"{bulk_id}\" is that of two operations with the method POST")]
    DuplicateBulkId {
        /// The bulkId.
        bulk_id: String,
    },
}

/// What is wrong with one operation. The others are carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// It has another JSON type.
    #[error("an operation must be an object, not {found}")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// A member has the wrong type, or is missing.
    #[error("\"{member}\" must be {expected}")]
    Member {
        /// The member.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// RFC 7644 §3.7 has four methods.
    #[error("\"method\" must be \"POST\", \"PUT\", \"PATCH\" or \"DELETE\", not \"{found}\"")]
    UnknownMethod {
        /// What was asked for.
        found: String,
    },
    /// RFC 7644 §3.7: "If "method" is "POST", the value must specify a resource type endpoint".
    #[error("\"path\" must name a resource type for POST, such as \"/Users\", not \"{path}\"")]
    NoCollection {
        /// The path.
        path: String,
    },
    /// RFC 7644 §3.7: "all other "method" values must specify the path to a specific resource".
    #[error("\"path\" must name a resource, such as \"/Users/{{id}}\", not \"{path}\"")]
    NoResource {
        /// The path.
        path: String,
    },
    /// Operations are on resources; the protocol's own endpoints are asked one by one.
    #[error("\"path\" must not be \"{path}\": an operation is on a resource or a resource type")]
    ProtocolEndpoint {
        /// The path.
        path: String,
    },
    /// The version is no entity-tag.
    #[error(transparent)]
    Version(Malformed),
    /// Nothing of that name is created.
    #[error("{} refers to no operation of the request with the method POST", reference(bulk_id))]
    UnknownReference {
        /// The bulkId.
        bulk_id: String,
    },
}

/// A reference as an error names it. A text that only begins like one is not repeated: it can be
/// anything, and answers come to be seen by many.
fn reference(bulk_id: &str) -> String {
    let is_like_an_id = bulk_id.len() <= 64 && bulk_id.bytes().all(|it| it.is_ascii_graphic());
    if is_like_an_id {
        format!("\"bulkId:{bulk_id}\"")
    } else {
        "a value that begins with \"bulkId:\"".to_owned()
    }
}

impl OperationError {
    /// The `scimType` (RFC 7644 §3.12, table 9).
    #[must_use]
    pub const fn scim_type(&self) -> ScimType {
        match self {
            Self::Version(_) | Self::UnknownReference { .. } => ScimType::InvalidValue,
            _ => ScimType::InvalidSyntax,
        }
    }
}
