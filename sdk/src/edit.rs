//! Changes that a plugin asks for.

use serde_json::Value;

/// A change to a resource, as an operation of a PATCH request (RFC 7644 §3.5.2).
///
/// ```
/// use serde_json::json;
/// use tenon_sdk::Edit;
///
/// let edits = vec![
///     Edit::replace("displayName", "Ada Lovelace"),
///     Edit::add("emails", json!([{ "value": "ada@example.com", "type": "work" }])),
///     Edit::remove(r#"phoneNumbers[type eq "fax"]"#),
/// ];
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// `add`, `replace` or `remove`.
    pub op: &'static str,
    /// What is changed, a SCIM path.
    pub path: Option<String>,
    /// The new value.
    pub value: Option<Value>,
}

impl Edit {
    /// Adds values, or sets one where there was none.
    pub fn add(path: impl Into<String>, value: impl Into<Value>) -> Edit {
        Edit { op: "add", path: Some(path.into()), value: Some(value.into()) }
    }

    /// Sets a value in the place of others.
    pub fn replace(path: impl Into<String>, value: impl Into<Value>) -> Edit {
        Edit { op: "replace", path: Some(path.into()), value: Some(value.into()) }
    }

    /// Removes values.
    pub fn remove(path: impl Into<String>) -> Edit {
        Edit { op: "remove", path: Some(path.into()), value: None }
    }
}
