//! What a hook answers.

use std::error::Error;
use std::fmt;

use crate::edit::Edit;

/// What is to become of a write.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteDecision {
    /// It goes on as it is.
    Proceed,
    /// It goes on with these edits, carried out in their order.
    Amend(Vec<Edit>),
    /// It is refused with these issues (400), of which there is at least one.
    Reject(Vec<Issue>),
}

/// What is to become of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryDecision {
    /// All resources of the type are seen.
    Proceed,
    /// Only those are seen that match this filter too (RFC 7644 §3.4.2.2).
    Narrow(String),
    /// The query is refused with these issues (400), of which there is at least one.
    Reject(Vec<Issue>),
}

/// What a resolver says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The name of the tenant. It counts only where the tenant is of the resolver's realm.
    pub tenant: String,
    /// Who asks, for audit records.
    pub subject: Option<String>,
    /// What they may do. It counts only as far as the realm grants it.
    pub permissions: Vec<String>,
}

/// One thing that is wrong with a resource. The client sees it.
///
/// ```
/// use tenon_sdk::Issue;
///
/// let issue = Issue::new("The user name has to end in @example.com.")
///     .at("userName")
///     .scim_type("invalidValue");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The SCIM path of the attribute that is wrong.
    pub path: Option<String>,
    /// A `scimType` of RFC 7644 §3.12. The server takes `invalidValue` where there is none.
    pub scim_type: Option<String>,
    /// What is wrong, and what would be right.
    pub detail: String,
}

/// The plugin could not do its work. The message is for the tenant's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub message: String,
}

impl Issue {
    /// An issue with the resource as a whole. Say what is wrong and what would be right.
    pub fn new(detail: impl Into<String>) -> Issue {
        Issue { path: None, scim_type: None, detail: detail.into() }
    }

    /// An issue with the attribute at this SCIM path.
    #[must_use]
    pub fn at(self, path: impl Into<String>) -> Issue {
        Issue { path: Some(path.into()), ..self }
    }

    /// The kind of error that the client is told, of RFC 7644 §3.12.
    #[must_use]
    pub fn scim_type(self, scim_type: impl Into<String>) -> Issue {
        Issue { scim_type: Some(scim_type.into()), ..self }
    }
}

impl Failure {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

impl From<String> for Failure {
    fn from(message: String) -> Failure {
        Failure { message }
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Failure {
        Failure::new(message)
    }
}
