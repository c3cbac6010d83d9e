//! What an author writes: a trait for each capability, and the types in their signatures.

use std::error::Error;
use std::fmt;

use crate::describe::Description;
use crate::document::Document;

/// The capability `schema`: extensions and resource types for the tenant.
pub trait Schema {
    /// What the plugin adds. Called once, when the component is uploaded: it can depend on
    /// nothing but the component itself.
    fn describe() -> Description;
}

/// The capability `validation`: rules for resources.
pub trait Validation {
    /// Judges a resource that is about to be written. It has passed the server's own schema
    /// validation. `candidate` is the resource as it would be stored; `current` is the stored
    /// one, where there is one.
    ///
    /// No issues accept the resource. Otherwise the client is told all of them, with status 400.
    ///
    /// # Errors
    ///
    /// The plugin itself cannot do its work, say because its configuration is wrong. The write
    /// is refused with status 5xx; the message goes to the tenant's log, not to the client.
    fn validate(
        context: &Context,
        candidate: &Document,
        current: Option<&Document>,
    ) -> Result<Vec<Issue>, Failure>;
}

/// What the server is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Identifies the request, in the server's log too.
    pub request_id: String,
    /// The name of the resource type, such as `User`.
    pub resource_type: String,
    /// What is to happen to the resource.
    pub operation: Operation,
    /// Who does it, as in the audit records: `token:<id>`, say.
    pub actor: String,
}

/// What is to happen to a resource. More may be added.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// POST.
    Create,
    /// PUT.
    Replace,
    /// PATCH.
    Patch,
    /// One that this version of the SDK does not know.
    Other(String),
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

impl From<String> for Operation {
    fn from(name: String) -> Operation {
        match name.as_str() {
            "create" => Operation::Create,
            "replace" => Operation::Replace,
            "patch" => Operation::Patch,
            _ => Operation::Other(name),
        }
    }
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
