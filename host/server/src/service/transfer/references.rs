//! References to other resources, with the ids that these have in the tenant.

use serde_json::Value;
use tenon_scim::Object;
use tenon_scim::membership;
use tenon_scim::membership::id_in;
use tenon_scim::schema::{Attribute, ResourceType};

use super::ids;
use crate::service::Request;

/// A resource of the source as the tenant has it: without memberships, which come later, and with
/// references by the tenant's ids.
pub(super) fn rewritten(
    request: &Request,
    resource_type: &ResourceType,
    resource: &Object,
) -> Object {
    let mut resource = resource.clone();
    if let Some(membership) = membership::of(resource_type) {
        let name = &membership.attribute().name;
        resource.retain(|it, _| !it.eq_ignore_ascii_case(name));
    }
    rewrite(request, &resource_type.schema.attributes, &mut resource);
    for extension in &resource_type.extensions {
        let of_extension = resource.iter_mut().find_map(|(name, value)| {
            let is_meant = name.eq_ignore_ascii_case(&extension.schema.id);
            value.as_object_mut().filter(|_| is_meant)
        });
        if let Some(attributes) = of_extension {
            rewrite(request, &extension.schema.attributes, attributes);
        }
    }
    resource
}

fn rewrite(request: &Request, attributes: &[Attribute], values: &mut Object) {
    for (name, value) in values.iter_mut() {
        let Some(types) = Attribute::named(attributes, name).and_then(referenced) else { continue };
        match value {
            Value::Object(reference) => rewrite_one(request, types, reference),
            Value::Array(references) => {
                let references = references.iter_mut().filter_map(Value::as_object_mut);
                references.for_each(|reference| rewrite_one(request, types, reference));
            }
            _ => {}
        }
    }
}

/// The types that a complex attribute refers to: RFC 7643 §2.4, `value` and `$ref`.
fn referenced(attribute: &Attribute) -> Option<&[String]> {
    attribute.sub("value")?;
    attribute.sub("$ref").filter(|it| it.refers_to_resources()).map(|it| &*it.reference_types)
}

/// A URI of the source would lead back to it: it becomes one that is relative to the resource.
fn rewrite_one(request: &Request, types: &[String], reference: &mut Object) {
    let Some(target) = target(request, types, reference) else { return };
    let local = |id: &str| ids::local(request.tenant.id, &target.name, id).to_string();
    for (name, value) in reference.iter_mut() {
        let Some(text) = value.as_str().filter(|it| !it.is_empty()) else { continue };
        if name.eq_ignore_ascii_case("value") {
            *value = Value::from(local(text));
        } else if name.eq_ignore_ascii_case("$ref") {
            *value = Value::from(format!("..{}/{}", target.endpoint, local(id_in(text))));
        }
    }
}

/// The type of what a reference leads to: as its URI or its `type` says, or the first that it may be.
pub(super) fn target<'r>(
    request: &'r Request,
    types: &[String],
    reference: &Object,
) -> Option<&'r ResourceType> {
    told(request, types, reference).or_else(|| {
        let mut known = types.iter().filter_map(|it| request.tenant.registry.resource_type(it));
        known.next().map(|it| &**it)
    })
}

/// The type that a reference tells, by its URI or by its `type`.
pub(super) fn told<'r>(
    request: &'r Request,
    types: &[String],
    reference: &Object,
) -> Option<&'r ResourceType> {
    let known = || {
        let known = types.iter().filter_map(|it| request.tenant.registry.resource_type(it));
        known.map(|it| &**it)
    };
    let text = |wanted: &str| {
        let part = reference.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        part.and_then(|(_, value)| value.as_str())
    };
    let collection = text("$ref").and_then(|uri| uri.rsplit('/').nth(1));
    let at = |it: &&ResourceType| collection == Some(it.endpoint.trim_start_matches('/'));
    let called =
        |it: &&ResourceType| text("type").is_some_and(|name| name.eq_ignore_ascii_case(&it.name));
    known().find(at).or_else(|| known().find(called))
}
