//! Attributes that a client may not read.

use super::names::Names;
use crate::path::AttributeRef;
use crate::schema::ResourceType;

/// The attributes of a type that a client may not read: they are in no answer to it, and no answer may
/// depend on their values.
#[derive(Debug, Clone, Default)]
pub struct Hidden(Names);

impl Hidden {
    /// The attributes of these names, as `attributes` takes them: whole ones, parts, extensions. A name
    /// that the type does not have is passed over.
    #[must_use]
    pub fn of(resource_type: &ResourceType, names: &[String]) -> Self {
        Self(Names::read(resource_type, names))
    }

    /// Whether nothing is hidden.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of the attribute is hidden: itself, or what it is part of.
    #[must_use]
    pub fn has(&self, target: AttributeRef<'_>) -> bool {
        let AttributeRef { extension, attribute, sub } = target;
        !self.is_empty()
            && (extension.is_some() && self.0.has(extension, None, None)
                || self.0.has(extension, Some(attribute), None)
                || sub.is_some() && self.0.has(extension, Some(attribute), sub))
    }

    /// Whether the attribute is hidden, or a part of it: whether its value may not be asked for.
    #[must_use]
    pub fn meets(&self, target: AttributeRef<'_>) -> bool {
        self.has(target)
            || target.sub.is_none()
                && target
                    .attribute
                    .sub_attributes
                    .iter()
                    .any(|sub| self.has(AttributeRef { sub: Some(sub), ..target }))
    }
}
