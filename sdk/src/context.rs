//! What a hook is told of its call.

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

/// What is to happen to a resource, or to those of a type. More may be added.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// POST.
    Create,
    /// PUT.
    Replace,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
    /// GET of one resource.
    Read,
    /// A list, a search.
    List,
    /// One that this version of the SDK does not know.
    Other(String),
}

/// Something that happened to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Identifies the event. One that is told again has the same.
    pub id: String,
    /// What happened.
    pub operation: Operation,
    /// The name of the resource type.
    pub resource_type: String,
    /// The `id` of the resource.
    pub resource_id: String,
    /// The version of the resource that the event made; of a deletion, the last one.
    pub version: u64,
    /// When it happened, as an RFC 3339 date and time.
    pub at: String,
}

/// The head of a request, for [`crate::Resolver`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method, in upper case.
    pub method: String,
    /// The path, without the query string.
    pub path: String,
    /// The host that the request names.
    pub host: Option<String>,
    /// The headers that the operator lets resolvers see, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The address of the client.
    pub client: String,
}

impl RequestHead {
    /// The first header of this name, which is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl From<String> for Operation {
    fn from(name: String) -> Operation {
        match name.as_str() {
            "create" => Operation::Create,
            "replace" => Operation::Replace,
            "patch" => Operation::Patch,
            "delete" => Operation::Delete,
            "read" => Operation::Read,
            "list" => Operation::List,
            _ => Operation::Other(name),
        }
    }
}
