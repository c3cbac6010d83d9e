//! Reads the body of a bulk request.

use std::collections::HashMap;

use serde_json::Value;

use super::operation::{Method, Operation, ResourcePath, take};
use super::{BulkError, MAX_OPERATIONS, OperationError, order};
use crate::patch::member;
use crate::value::json_type;
use crate::{Object, Registry};

/// The `schemas` URI of a bulk request (RFC 7644 §3.7).
pub const BULK_REQUEST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// A bulk request, whose resources are not yet looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkRequest {
    /// With so many errors no further operation is begun.
    pub fail_on_errors: Option<usize>,
    /// The operations, in the order of the request. Never empty.
    pub entries: Vec<Entry>,
}

/// One operation, or what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What the answer repeats of it.
    pub label: Label,
    /// What is to be done.
    pub operation: Result<Operation, OperationError>,
    /// The places of the operations that create what this one refers to, each once.
    references: Vec<usize>,
}

/// What the answer repeats of an operation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Label {
    /// Its place in the request, from 0.
    pub index: usize,
    /// The method: as RFC 7644 spells it where it has it, else as it was sent.
    pub method: Option<String>,
    /// The bulkId.
    pub bulk_id: Option<String>,
    /// The path of the resource as it was sent; none for POST, which has that of a type.
    path: Option<String>,
}

impl BulkRequest {
    /// Reads a body of at most `max_operations` on the resource types of `registry`, and no more than
    /// [`MAX_OPERATIONS`]. Names of members and methods are read without regard to case.
    ///
    /// # Errors
    /// The request as a whole is wrong. What is wrong with one operation is in its [`Entry`].
    pub fn parse(
        mut body: Object,
        registry: &Registry,
        max_operations: usize,
    ) -> Result<Self, BulkError> {
        let says_so = member(&body, "schemas").and_then(Value::as_array).is_some_and(|schemas| {
            let named = |it: &str| it.eq_ignore_ascii_case(BULK_REQUEST_SCHEMA);
            schemas.iter().filter_map(Value::as_str).any(named)
        });
        if !says_so {
            return Err(BulkError::Schema);
        }
        let fail_on_errors = match take(&mut body, "failOnErrors") {
            None | Some(Value::Null) => None,
            Some(number) => Some(at_least_one(&number).ok_or(BulkError::FailOnErrors)?),
        };
        let operations = match take(&mut body, "Operations") {
            Some(Value::Array(operations)) if !operations.is_empty() => operations,
            _ => return Err(BulkError::NoOperations),
        };
        let (limit, found) = (max_operations.min(MAX_OPERATIONS), operations.len());
        if found > limit {
            return Err(BulkError::TooManyOperations { limit, found });
        }
        let mut entries: Vec<Entry> =
            operations.into_iter().enumerate().map(|(index, it)| Entry::parse(index, it)).collect();
        let created = created(&entries)?;
        entries.iter_mut().for_each(|entry| entry.link(&created, registry));
        Ok(Self { fail_on_errors, entries })
    }

    /// The operations in the steps in which they are to be carried out: each after those it
    /// refers to, and together where they refer to each other. All of such a step are POSTs.
    #[must_use]
    pub fn into_steps(self) -> Vec<Vec<Entry>> {
        let references: Vec<_> = self.entries.iter().map(|it| it.references.clone()).collect();
        let mut entries: Vec<_> = self.entries.into_iter().map(Some).collect();
        let mut entry = |index: usize| entries.get_mut(index).and_then(Option::take);
        let steps = order::steps(&references).into_iter();
        steps.map(|step| step.into_iter().filter_map(&mut entry).collect()).collect()
    }
}

impl Label {
    /// The bulkId by which others may refer to what the operation creates.
    #[must_use]
    pub fn creates(&self) -> Option<&str> {
        self.bulk_id.as_deref().filter(|_| self.method.as_deref() == Some(Method::Post.as_str()))
    }

    /// The path of the resource, with the id in the place of a reference that `id_of` knows. One
    /// that cannot be read is as it was sent, but for a slash at its beginning.
    pub fn path(&self, id_of: impl FnMut(&str) -> Option<String>) -> Option<String> {
        let sent = self.path.as_deref()?;
        Some(match ResourcePath::parse(sent) {
            Some(path) => path.resolved(id_of).to_string(),
            None if sent.starts_with('/') => sent.to_owned(),
            None => format!("/{sent}"),
        })
    }

    fn of(index: usize, members: &Object) -> Self {
        let text = |name| member(members, name).and_then(Value::as_str);
        let method = text("method").map(|word| {
            Method::from_word(word).map_or_else(|| word.to_owned(), |it| it.as_str().to_owned())
        });
        let bulk_id = text("bulkId").map(str::to_owned);
        let path = text("path").filter(|_| method.as_deref() != Some(Method::Post.as_str()));
        let path = path.map(str::to_owned);
        Self { index, method, bulk_id, path }
    }
}

impl Entry {
    fn parse(index: usize, operation: Value) -> Self {
        let found = json_type(&operation);
        let Value::Object(mut members) = operation else {
            let label = Label { index, ..Label::default() };
            let operation = Err(OperationError::NotAnObject { found });
            return Self { label, operation, references: Vec::new() };
        };
        let label = Label::of(index, &members);
        Self { label, operation: Operation::parse(&mut members), references: Vec::new() }
    }

    /// Finds the operations to which this one refers among those that create something.
    /// An operation on no resource type refers to none, and fails when its turn comes.
    fn link(&mut self, created: &HashMap<String, usize>, registry: &Registry) {
        let Ok(operation) = &mut self.operation else { return };
        let Some(resource_type) = registry.at_endpoint(operation.endpoint()) else { return };
        let (mut references, mut unknown) = (Vec::new(), None);
        operation.replace_references(resource_type, |bulk_id| {
            match created.get(bulk_id) {
                Some(index) => references.push(*index),
                None => unknown = Some(bulk_id.to_owned()),
            }
            None
        });
        if let Some(bulk_id) = unknown {
            self.operation = Err(OperationError::UnknownReference { bulk_id });
            return;
        }
        references.sort_unstable();
        references.dedup();
        self.references = references;
    }
}

/// Which operation creates what, by bulkId.
fn created(entries: &[Entry]) -> Result<HashMap<String, usize>, BulkError> {
    let mut created = HashMap::new();
    for entry in entries {
        let Some(bulk_id) = entry.label.creates() else { continue };
        if created.insert(bulk_id.to_owned(), entry.label.index).is_some() {
            return Err(BulkError::DuplicateBulkId { bulk_id: bulk_id.to_owned() });
        }
    }
    Ok(created)
}

fn at_least_one(number: &Value) -> Option<usize> {
    number.as_u64().filter(|it| *it > 0).and_then(|it| usize::try_from(it).ok())
}

#[cfg(test)]
mod tests;
