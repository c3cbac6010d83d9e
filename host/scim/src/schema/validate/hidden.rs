//! What a client that replaces a resource could not see, and so could not send back.

use std::collections::HashMap;

use serde_json::Value;

use crate::Object;
use crate::path::AttributeRef;
use crate::project::Hidden;
use crate::schema::{Attribute, Mutability, ResourceType, Returned};
use crate::value::is_unassigned;

/// Keeps what is hidden from the client where it sends no other value. A value of a multi-valued
/// attribute keeps its hidden parts where it comes back as the client has seen it.
pub(super) fn keep_hidden(
    resource_type: &ResourceType,
    hidden: &Hidden,
    current: &Object,
    attributes: &mut Object,
) {
    if hidden.is_empty() {
        return;
    }
    for target in resource_type.attributes().filter(|it| it.sub.is_none()) {
        let of_target = Of { hidden, target };
        let old = target.container(current).and_then(|it| it.get(&target.attribute.name));
        let Some(old) = old.filter(|_| hidden.meets(target)) else { continue };
        let container = match target.extension {
            None => &mut *attributes,
            Some(urn) => {
                let extension = attributes.entry(urn).or_insert_with(|| Object::new().into());
                let Some(extension) = extension.as_object_mut() else { continue };
                extension
            }
        };
        let given = container.shift_remove(&target.attribute.name);
        if let Some(value) = of_target.kept(old, given) {
            container.insert(target.attribute.name.clone(), value);
        }
    }
    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        if attributes.get(urn).and_then(Value::as_object).is_some_and(Object::is_empty) {
            attributes.shift_remove(urn);
        }
    }
}

/// An attribute that is hidden, whole or in part.
struct Of<'a> {
    hidden: &'a Hidden,
    target: AttributeRef<'a>,
}

impl Of<'_> {
    /// The value that is given, with what is kept of the old one.
    fn kept(&self, old: &Value, given: Option<Value>) -> Option<Value> {
        if self.hidden.has(self.target) {
            return Some(given.unwrap_or_else(|| old.clone()));
        }
        match (old, given) {
            (Value::Array(old), given) => {
                let given = match given {
                    Some(Value::Array(given)) => given,
                    Some(_) | None => Vec::new(),
                };
                Some(self.kept_values(old, given)).filter(|it| !it.is_empty()).map(Value::Array)
            }
            (Value::Object(old), None) => {
                Some(self.completed(Object::new(), old)).filter(|it| !is_unassigned(it))
            }
            (Value::Object(old), Some(Value::Object(given))) => Some(self.completed(given, old)),
            (_, given) => given,
        }
    }

    /// Values that look alike to the client come back as one.
    fn kept_values(&self, old: &[Value], given: Vec<Value>) -> Vec<Value> {
        let mut by_sight: HashMap<Object, Vec<&Object>> = HashMap::new();
        for old in old.iter().filter_map(Value::as_object) {
            by_sight.entry(self.seen(old)).or_default().push(old);
        }
        let unseen = by_sight.remove(&Object::new()).unwrap_or_default();
        let mut kept = Vec::with_capacity(given.len());
        for given in given {
            let members = given.as_object().filter(|it| !self.has_hidden_part(it));
            let Some(members) = members else {
                kept.push(given);
                continue;
            };
            match by_sight.remove(&self.seen(members)) {
                Some(alike) => {
                    kept.extend(alike.iter().map(|old| self.completed(members.clone(), old)));
                }
                None => kept.push(given),
            }
        }
        kept.extend(unseen.into_iter().cloned().map(Value::Object));
        kept
    }

    /// A value with the hidden parts of the old one, where it has none of its own.
    fn completed(&self, mut value: Object, old: &Object) -> Value {
        for sub in &self.target.attribute.sub_attributes {
            let Some(part) = old.get(&sub.name).filter(|_| self.hides(sub)) else { continue };
            value.entry(&sub.name).or_insert_with(|| part.clone());
        }
        Value::Object(value)
    }

    /// The parts of a value that the client may read by default, and send.
    fn seen(&self, value: &Object) -> Object {
        let is_seen = |sub: &&Attribute| {
            !self.hides(sub)
                && sub.mutability != Mutability::ReadOnly
                && matches!(sub.returned, Returned::Default | Returned::Always)
        };
        let subs = self.target.attribute.sub_attributes.iter().filter(is_seen);
        subs.filter_map(|sub| Some((sub.name.clone(), value.get(&sub.name)?.clone()))).collect()
    }

    fn has_hidden_part(&self, value: &Object) -> bool {
        let mut subs = self.target.attribute.sub_attributes.iter();
        subs.any(|sub| self.hides(sub) && value.contains_key(&sub.name))
    }

    fn hides(&self, sub: &Attribute) -> bool {
        self.hidden.has(AttributeRef { sub: Some(sub), ..self.target })
    }
}
