//! The functions under test, in the one place where their arguments are chosen.

use std::sync::Arc;

use serde_json::{Value, json};
use tenon_scim::patch::{self, PATCH_SCHEMA, PatchRequest};
use tenon_scim::project::Hidden;
use tenon_scim::schema::ResourceType;
use tenon_scim::schema::validate;
use tenon_scim::{Dialect, Error, Object};

pub(crate) fn create(resource_type: &Arc<ResourceType>, input: &Object) -> Result<Object, Error> {
    Ok(validate::create(resource_type, input)?.into_attributes())
}

pub(crate) fn replace(
    resource_type: &Arc<ResourceType>,
    current: &Object,
    input: &Object,
) -> Result<Object, Error> {
    Ok(validate::replace(resource_type, current, input, &Hidden::default())?.into_attributes())
}

/// Carries out operations, without the last word of the validator.
pub(crate) fn apply(
    resource_type: &Arc<ResourceType>,
    current: &Object,
    operations: &[Value],
) -> Result<Object, Error> {
    let request = PatchRequest::parse(&body(operations))?;
    Ok(patch::apply(resource_type, current, &request, &Dialect::RFC)?)
}

/// Carries out operations as a server does, up to what it would store.
pub(crate) fn patch(
    resource_type: &Arc<ResourceType>,
    current: &Object,
    operations: &[Value],
) -> Result<Object, Error> {
    patch_body(resource_type, current, &body(operations))
}

/// The same, with the whole body.
pub(crate) fn patch_body(
    resource_type: &Arc<ResourceType>,
    current: &Object,
    body: &Object,
) -> Result<Object, Error> {
    let request = PatchRequest::parse(body)?;
    let candidate = patch::apply(resource_type, current, &request, &Dialect::RFC)?;
    Ok(validate::patched(resource_type, current, &candidate)?.into_attributes())
}

fn body(operations: &[Value]) -> Object {
    let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": operations });
    body.as_object().unwrap().clone()
}
