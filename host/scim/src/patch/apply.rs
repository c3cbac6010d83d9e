//! Carries out PATCH operations on a resource. Each names a place; [`values`](super::values)
//! does the work there.

use serde_json::Value;

use super::request::{Op, Operation, PatchRequest};
use super::values::Edit;
use super::{PatchError, PatchErrorKind};
use crate::path::{self, AttributeRef, Path, Target, ValuePath};
use crate::schema::{Mutability, ResourceType, Schema};
use crate::{Object, value};

type Outcome = Result<(), PatchErrorKind>;

/// Carries out all operations in order, each on the result of the one before, or none.
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
) -> Result<Object, PatchError> {
    let mut resource = current.clone();
    for (index, operation) in request.operations.iter().enumerate() {
        apply_one(resource_type, &mut resource, operation)
            .map_err(|kind| PatchError { operation: Some(index), kind })?;
    }
    Ok(resource)
}

fn apply_one(
    resource_type: &ResourceType,
    resource: &mut Object,
    operation: &Operation,
) -> Outcome {
    let value = operation.value.as_ref();
    let Some(path) = &operation.path else {
        return match operation.op {
            // RFC 7644 §3.5.2.2: "If "path" is unspecified, the operation fails with HTTP status
            // code 400 and a "scimType" error code of "noTarget"."
            Op::Remove => Err(PatchErrorKind::RemoveWithoutPath),
            op => apply_members(resource_type, resource, op, value),
        };
    };
    match path::parse(resource_type, path).map_err(PatchErrorKind::Path)? {
        Path::Extension(schema) if schema.id == resource_type.schema.id => match operation.op {
            Op::Remove => Err(PatchErrorKind::RemoveWithoutPath),
            op => apply_members(resource_type, resource, op, value),
        },
        Path::Extension(schema) => {
            apply_extension(resource_type, resource, schema, operation.op, value)
        }
        Path::Value(path) => apply_value(resource, &path, operation.op, value),
    }
}

/// RFC 7644 §3.5.2.1: "If omitted, the target location is assumed to be the resource itself. The
/// "value" parameter contains a set of attributes to be added". Keys may be dotted and may have
/// a URN before them, as Entra ID sends them. What a client cannot set, or no schema has, is
/// passed over as it is on PUT.
fn apply_members(
    resource_type: &ResourceType,
    resource: &mut Object,
    op: Op,
    value: Option<&Value>,
) -> Outcome {
    let members = members_of(value)?;
    for (key, value) in members {
        match path::resolve(resource_type, key) {
            Ok(Target::Extension(schema)) if schema.id != resource_type.schema.id => {
                apply_extension(resource_type, resource, schema, op, Some(value))?;
            }
            Ok(Target::Attribute(target)) if !is_read_only(&target) => {
                let path = ValuePath { target, filter: None };
                apply_value(resource, &path, op, Some(value))?;
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

fn apply_extension(
    resource_type: &ResourceType,
    resource: &mut Object,
    schema: &Schema,
    op: Op,
    value: Option<&Value>,
) -> Outcome {
    let removes = op == Op::Remove || value.is_none_or(value::is_unassigned);
    if removes {
        if resource_type.extension(&schema.id).is_some_and(|extension| extension.required) {
            return Err(PatchErrorKind::Required { path: schema.id.clone() });
        }
        resource.shift_remove(&schema.id);
        return Ok(());
    }
    for (key, value) in members_of(value)? {
        match path::resolve(resource_type, &format!("{}:{key}", schema.id)) {
            Ok(Target::Attribute(target)) if !is_read_only(&target) => {
                let path = ValuePath { target, filter: None };
                apply_value(resource, &path, op, Some(value))?;
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

fn apply_value(
    resource: &mut Object,
    path: &ValuePath<'_>,
    op: Op,
    value: Option<&Value>,
) -> Outcome {
    let target = &path.target;
    if is_read_only(target) {
        return Err(PatchErrorKind::ReadOnly { path: target.path() });
    }
    let container = match target.extension {
        None => &mut *resource,
        Some(urn) => {
            let extension = resource.entry(urn).or_insert_with(|| Value::Object(Object::new()));
            match extension.as_object_mut() {
                Some(extension) => extension,
                None => return Ok(()),
            }
        }
    };
    let edit = Edit { path, op };
    let had_value = container.contains_key(&target.attribute.name);
    // RFC 7643 §2.5: to set null is to remove. `remove` may name values (Entra ID does so for
    // members), and then removes those alone.
    match (op, value) {
        (Op::Remove, value) => edit.remove(container, value)?,
        (_, None | Some(Value::Null)) => edit.remove(container, None)?,
        (_, Some(value)) => edit.set(container, value)?,
    }
    let has_value = container.contains_key(&target.attribute.name);
    // RFC 7644 §3.5.2.2: "If an attribute is removed or becomes unassigned and is defined as a
    // required attribute … a "scimType" error code of "mutability"".
    if had_value && !has_value && target.attribute.required {
        return Err(PatchErrorKind::Required { path: target.path() });
    }
    if let Some(urn) = target.extension
        && resource.get(urn).is_some_and(value::is_unassigned)
    {
        resource.shift_remove(urn);
    }
    Ok(())
}

fn members_of(value: Option<&Value>) -> Result<&Object, PatchErrorKind> {
    let value = value.unwrap_or(&Value::Null);
    value.as_object().ok_or(PatchErrorKind::PathlessValue { found: value::json_type(value) })
}

fn is_read_only(target: &AttributeRef<'_>) -> bool {
    target.attribute.mutability == Mutability::ReadOnly
        || target.leaf().mutability == Mutability::ReadOnly
}

#[cfg(test)]
mod tests;
