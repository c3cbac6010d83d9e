//! Reads the body of a PATCH request.

use serde::Serialize;
use serde_json::Value;

use super::{PatchError, PatchErrorKind};
use crate::Object;
use crate::project::names_in;
use crate::schema::ResourceType;
use crate::value::json_type;

/// The `schemas` URI of a PATCH request (RFC 7644 §3.5.2).
pub const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A PATCH request, read but not yet looked at against a schema.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchRequest {
    /// The operations, in the order in which they are carried out. Never empty.
    pub operations: Vec<Operation>,
}

/// One operation. It is written as in a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Operation {
    /// What to do.
    pub op: Op,
    /// To what; `None` where the value says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// With what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Adds values, or sets them where there were none.
    Add,
    /// Sets values in the place of others.
    Replace,
    /// Removes values.
    Remove,
}

impl PatchRequest {
    /// Reads a body. Names of members and of operations are read without regard to case: Entra
    /// ID sends `"op": "Replace"`.
    ///
    /// # Errors
    /// The body is not a PATCH request.
    pub fn parse(body: &Object) -> Result<Self, PatchError> {
        let whole = |kind| PatchError { operation: None, kind };
        let says_so = member(body, "schemas").and_then(Value::as_array).is_some_and(|schemas| {
            let named =
                |it: &Value| it.as_str().is_some_and(|it| it.eq_ignore_ascii_case(PATCH_SCHEMA));
            schemas.iter().any(named)
        });
        if !says_so {
            return Err(whole(PatchErrorKind::Schema));
        }
        let operations = member(body, "Operations")
            .and_then(Value::as_array)
            .filter(|operations| !operations.is_empty())
            .ok_or_else(|| whole(PatchErrorKind::NoOperations))?;
        let operations = operations
            .iter()
            .enumerate()
            .map(|(index, operation)| {
                Operation::parse(operation)
                    .map_err(|kind| PatchError { operation: Some(index), kind })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { operations })
    }
}

impl PatchRequest {
    /// The paths of the attributes that the operations name, without the filters in them.
    #[must_use]
    pub fn names(&self, resource_type: &ResourceType) -> Vec<String> {
        let of = |operation: &Operation| match (&operation.path, &operation.value) {
            (Some(path), _) => vec![without_filter(path)],
            (None, Some(Value::Object(members))) => {
                names_in(resource_type, members).iter().map(|it| without_filter(it)).collect()
            }
            (None, _) => Vec::new(),
        };
        self.operations.iter().flat_map(of).collect()
    }
}

impl Operation {
    fn parse(operation: &Value) -> Result<Self, PatchErrorKind> {
        let found = json_type(operation);
        let operation = operation.as_object().ok_or(PatchErrorKind::Operation { found })?;
        let Some(Value::String(op)) = member(operation, "op") else {
            return Err(PatchErrorKind::Member { member: "op", expected: "a string" });
        };
        let path = match member(operation, "path") {
            None | Some(Value::Null) => None,
            Some(Value::String(path)) => Some(path.clone()),
            Some(_) => {
                return Err(PatchErrorKind::Member { member: "path", expected: "a string" });
            }
        };
        Self::of(op, path, member(operation, "value").cloned())
    }

    /// An operation of its parts. The name of what to do is read without regard to case; an empty
    /// path is none.
    ///
    /// # Errors
    /// There is no such thing to do, or it needs a value.
    pub fn of(
        op: &str,
        path: Option<String>,
        value: Option<Value>,
    ) -> Result<Self, PatchErrorKind> {
        let op =
            Op::from_word(op).ok_or_else(|| PatchErrorKind::UnknownOp { found: op.to_owned() })?;
        let path = path.filter(|path| !path.trim().is_empty());
        if value.is_none() && op == Op::Add {
            return Err(PatchErrorKind::Member {
                member: "value",
                expected: "there: \"add\" needs one",
            });
        }
        Ok(Self { op, path, value })
    }
}

impl Op {
    fn from_word(word: &str) -> Option<Self> {
        [("add", Self::Add), ("replace", Self::Replace), ("remove", Self::Remove)]
            .into_iter()
            .find_map(|(name, op)| word.eq_ignore_ascii_case(name).then_some(op))
    }
}

/// A path without the filter in it: `emails.value` of `emails[type eq "work"].value`.
pub(crate) fn without_filter(path: &str) -> String {
    match (path.split_once('['), path.rsplit_once(']')) {
        (Some((head, _)), Some((_, tail))) => format!("{head}{tail}"),
        _ => path.to_owned(),
    }
}

/// The member of a message, whose name is compared without regard to case.
pub(crate) fn member<'v>(object: &'v Object, name: &str) -> Option<&'v Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v))
}
