//! Carries out PATCH operations on a resource. Each names a place; [`values`](super::values)
//! does the work there.

use std::collections::HashSet;

use serde_json::Value;

use super::request::{Op, Operation, PatchRequest};
use super::values::Edit;
use super::{PatchError, PatchErrorKind};
use crate::dialect::Dialect;
use crate::filter::BoundFilter;
use crate::path::{self, AttributeRef, Path, PathError, ValuePath};
use crate::schema::validate::Invalid;
use crate::schema::{Mutability, ResourceType, Schema};
use crate::{Object, value};

type Outcome = Result<(), PatchErrorKind>;

/// Values of multi-valued attributes that the operations of a request may look at together. Each
/// operation looks at all values of its attribute, once for each term of its filter; without a
/// bound, a thousand operations on a group of ten thousand members would hold a processor for
/// minutes.
pub const MAX_VISITS: usize = 1_000_000;

/// Carries out all operations in order, each on the result of the one before, or none. The request
/// is in the RFC's form, as [`Dialect::patch`] makes it.
///
/// `current` is in the schemas' spelling, as [`validate`](crate::schema::validate) makes it; so
/// is the result, whose rules over several values (required, immutable) are still to be checked.
///
/// # Errors
/// The first operation that cannot be carried out.
pub fn apply(
    resource_type: &ResourceType,
    current: &Object,
    request: &PatchRequest,
    dialect: &Dialect,
) -> Result<Object, PatchError> {
    let mut patch = Patch {
        resource_type,
        dialect,
        resource: current.clone(),
        named: HashSet::new(),
        visits: 0,
    };
    for (index, operation) in request.operations.iter().enumerate() {
        patch.apply(operation).map_err(|kind| PatchError { operation: Some(index), kind })?;
    }
    Ok(patch.resource)
}

/// A resource between two operations.
struct Patch<'a> {
    resource_type: &'a ResourceType,
    dialect: &'a Dialect,
    resource: Object,
    /// The attributes that one operation names as keys of its value.
    named: HashSet<String>,
    visits: usize,
}

impl<'a> Patch<'a> {
    fn apply(&mut self, operation: &Operation) -> Outcome {
        self.named.clear();
        let value = operation.value.as_ref();
        let Some(path) = &operation.path else {
            return self.apply_without_path(operation.op, value);
        };
        match path::parse(self.resource_type, path).map_err(PatchErrorKind::Path)? {
            Path::Extension(schema) if schema.id == self.resource_type.schema.id => {
                self.apply_members(operation.op, value)
            }
            Path::Extension(schema) => self.apply_extension(schema, operation.op, value),
            Path::Value(path) => self.apply_value(&path, operation.op, value),
        }
    }

    fn apply_without_path(&mut self, op: Op, value: Option<&Value>) -> Outcome {
        if op != Op::Remove && !self.dialect.pathless_patch {
            return Err(PatchErrorKind::PathRequired { dialect: self.dialect.name });
        }
        self.apply_members(op, value)
    }

    /// RFC 7644 §3.5.2.1: "If omitted, the target location is assumed to be the resource itself.
    /// The "value" parameter contains a set of attributes to be added". Keys may be any path, as
    /// Entra ID sends them. What a client cannot set is passed over as it is on PUT.
    fn apply_members(&mut self, op: Op, value: Option<&Value>) -> Outcome {
        if op == Op::Remove {
            // RFC 7644 §3.5.2.2: "If "path" is unspecified, the operation fails with HTTP status
            // code 400 and a "scimType" error code of "noTarget"."
            return Err(PatchErrorKind::RemoveWithoutPath);
        }
        let value = value.unwrap_or(&Value::Null);
        let found = value::json_type(value);
        let members = value.as_object().ok_or(PatchErrorKind::PathlessValue { found })?;
        for (key, value) in members {
            match self.path_of(key)? {
                Some(Path::Extension(schema)) if schema.id == self.resource_type.schema.id => {
                    self.apply_base(op, value)?;
                }
                Some(Path::Extension(schema)) => self.apply_extension(schema, op, Some(value))?,
                Some(Path::Value(path)) => self.apply_named(&path, op, value)?,
                None => {}
            }
        }
        Ok(())
    }

    /// The base schema's URN as a key: its attributes under it, and no URN again.
    fn apply_base(&mut self, op: Op, value: &Value) -> Outcome {
        for (key, value) in value.as_object().into_iter().flatten() {
            if let Some(Path::Value(path)) = self.path_of(key)? {
                self.apply_named(&path, op, value)?;
            }
        }
        Ok(())
    }

    /// An extension is treated as a complex attribute: its members one by one.
    fn apply_extension(&mut self, schema: &Schema, op: Op, value: Option<&Value>) -> Outcome {
        let value = value.unwrap_or(&Value::Null);
        if op == Op::Remove || (op == Op::Replace && value.is_null()) {
            let extension = self.resource_type.extension(&schema.id);
            if extension.is_some_and(|extension| extension.required) {
                return Err(PatchErrorKind::Required { path: schema.id.clone() });
            }
            self.resource.shift_remove(&schema.id);
            return Ok(());
        }
        if value::is_unassigned(value) {
            return Ok(());
        }
        let Some(members) = value.as_object() else {
            let (path, found) = (schema.id.clone(), value::json_type(value));
            return Err(PatchErrorKind::ExtensionValue { path, found });
        };
        for (key, value) in members {
            if let Some(Path::Value(path)) = self.path_of(&format!("{}:{key}", schema.id))? {
                self.apply_named(&path, op, value)?;
            }
        }
        Ok(())
    }

    /// The path that a key of a value is. A name or a URN that no schema has is passed over, as it
    /// is on PUT; a key that selects values, or names a part, is meant as a path and must be one.
    fn path_of(&self, key: &str) -> Result<Option<Path<'a>>, PatchErrorKind> {
        match path::parse(self.resource_type, key) {
            Ok(path) => Ok(Some(path)),
            Err(PathError::UnknownAttribute { .. } | PathError::UnknownSchema { .. })
                if !key.contains('[') =>
            {
                Ok(None)
            }
            Err(error) => Err(PatchErrorKind::Path(error)),
        }
    }

    /// One of the attributes that a value names by its keys. The members of a JSON object have no
    /// order: where two name one attribute, in two spellings or with its URN and without, neither
    /// can win.
    fn apply_named(&mut self, path: &ValuePath<'a>, op: Op, value: &Value) -> Outcome {
        if is_read_only(&path.target) {
            return Ok(());
        }
        let name = path.target.path();
        if path.filter.is_none() && !self.named.insert(name.clone()) {
            return Err(PatchErrorKind::Value(Invalid::twice(name)));
        }
        self.apply_value(path, op, Some(value))
    }

    fn apply_value(&mut self, path: &ValuePath<'a>, op: Op, value: Option<&Value>) -> Outcome {
        let target = &path.target;
        if is_read_only(target) {
            return Err(PatchErrorKind::ReadOnly { path: target.path() });
        }
        // To add nothing changes nothing.
        if op == Op::Add && value.is_none_or(value::is_unassigned) {
            return Ok(());
        }
        self.count_visits(path)?;
        let container = match target.extension {
            None => &mut self.resource,
            Some(urn) => {
                let extension =
                    self.resource.entry(urn).or_insert_with(|| Value::Object(Object::new()));
                match extension.as_object_mut() {
                    Some(extension) => extension,
                    None => return Ok(()),
                }
            }
        };
        let edit = Edit { path, op, dialect: self.dialect };
        let had_value = container.contains_key(&target.attribute.name);
        // RFC 7643 §2.5: to set null is to remove. `remove` may name values (Entra ID does so
        // for members), and then removes those alone.
        match (op, value) {
            (Op::Remove, value) => edit.remove(container, value)?,
            (_, None | Some(Value::Null)) => edit.clear(container)?,
            (_, Some(value)) => edit.set(container, value)?,
        }
        let has_value = container.contains_key(&target.attribute.name);
        // RFC 7644 §3.5.2.2: "If an attribute is removed or becomes unassigned and is defined as a
        // required attribute … a "scimType" error code of "mutability"".
        if had_value && !has_value && target.attribute.required {
            return Err(PatchErrorKind::Required { path: target.path() });
        }
        if let Some(urn) = target.extension
            && self.resource.get(urn).is_some_and(value::is_unassigned)
        {
            self.resource.shift_remove(urn);
        }
        Ok(())
    }

    fn count_visits(&mut self, path: &ValuePath<'_>) -> Outcome {
        let container = path.target.container(&self.resource);
        let value = container.and_then(|it| it.get(&path.target.attribute.name));
        let values = value.and_then(Value::as_array).map_or(1, Vec::len);
        let terms = path.filter.as_ref().map_or(1, BoundFilter::terms);
        self.visits = self.visits.saturating_add(values.saturating_mul(terms));
        if self.visits > MAX_VISITS { Err(PatchErrorKind::TooMuchWork) } else { Ok(()) }
    }
}

pub(super) fn is_read_only(target: &AttributeRef<'_>) -> bool {
    target.attribute.mutability == Mutability::ReadOnly
        || target.leaf().mutability == Mutability::ReadOnly
}

#[cfg(test)]
mod tests;
