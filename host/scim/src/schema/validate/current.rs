//! What of the stored resource goes into the next version: what a PATCH left alone, and what a
//! client that replaces could not send.

use serde_json::Value;

use crate::schema::{Attribute, Mutability, ResourceType, Returned};
use crate::{Object, value};

/// Keeps what the client cannot change or does not know, where it did not send it. Of an
/// extension or a complex attribute that it left out altogether, all is kept with it.
pub(super) fn keep_unsendable(
    resource_type: &ResourceType,
    current: &Object,
    attributes: &mut Object,
) {
    keep_in(&resource_type.schema.attributes, current, attributes);
    for extension in &resource_type.extensions {
        let (urn, definitions) = (&extension.schema.id, &extension.schema.attributes);
        let Some(Value::Object(old)) = current.get(urn) else { continue };
        match attributes.get_mut(urn) {
            Some(Value::Object(members)) => keep_in(definitions, old, members),
            Some(_) => {}
            None if has_unsendable(definitions, old) => {
                attributes.insert(urn.clone(), Value::Object(old.clone()));
            }
            None => {}
        }
    }
}

fn keep_in(definitions: &[Attribute], old: &Object, new: &mut Object) {
    for definition in definitions {
        let Some(value) = old.get(&definition.name) else { continue };
        let parts = value.as_object().filter(|it| has_unsendable(&definition.sub_attributes, it));
        match (new.get_mut(&definition.name), parts) {
            (Some(Value::Object(members)), Some(old)) => {
                keep_in(&definition.sub_attributes, old, members);
            }
            (None, parts) if parts.is_some() || is_unsendable(definition) => {
                new.insert(definition.name.clone(), value.clone());
            }
            _ => {}
        }
    }
}

fn has_unsendable(definitions: &[Attribute], members: &Object) -> bool {
    definitions.iter().any(|it| is_unsendable(it) && members.contains_key(&it.name))
}

fn is_unsendable(definition: &Attribute) -> bool {
    definition.mutability != Mutability::ReadWrite || definition.returned == Returned::Never
}

/// What of `candidate` differs from `current`; of an extension, the members that do.
pub(super) fn changes(
    resource_type: &ResourceType,
    current: &Object,
    candidate: &Object,
) -> Object {
    let differs = |(name, value): &(&String, &Value)| current.get(*name) != Some(*value);
    let changed = candidate.iter().filter(differs).map(|(name, value)| {
        let members = resource_type.extension(name).and_then(|_| value.as_object());
        let Some(members) = members else { return (name.clone(), value.clone()) };
        let old = current.get(name).and_then(Value::as_object);
        let differs =
            |(name, value): &(&String, &Value)| old.and_then(|old| old.get(*name)) != Some(*value);
        let members =
            members.iter().filter(differs).map(|(name, value)| (name.clone(), value.clone()));
        (name.clone(), Value::Object(members.collect()))
    });
    changed.collect()
}

/// `candidate`, in its order, with what has changed as it was read.
pub(super) fn with_changes(
    resource_type: &ResourceType,
    current: &Object,
    candidate: &Object,
    read: &Object,
) -> Object {
    let pick = |old: Option<&Object>, read: Option<&Object>, name: &str, value: &Value| {
        if old.and_then(|old| old.get(name)) == Some(value) {
            return Some(value.clone());
        }
        read.and_then(|read| read.get(name)).cloned()
    };
    let mut attributes = Object::with_capacity(candidate.len());
    for (name, value) in candidate.iter().filter(|(name, _)| *name != "schemas") {
        let members = resource_type.extension(name).and_then(|_| value.as_object());
        let value = match members {
            None => pick(Some(current), Some(read), name, value),
            Some(members) => {
                let old = current.get(name).and_then(Value::as_object);
                let read = read.get(name).and_then(Value::as_object);
                let members: Object = members
                    .iter()
                    .filter_map(|(name, value)| Some((name.clone(), pick(old, read, name, value)?)))
                    .collect();
                Some(Value::Object(members)).filter(|members| !value::is_unassigned(members))
            }
        };
        if let Some(value) = value {
            attributes.insert(name.clone(), value);
        }
    }
    attributes
}
