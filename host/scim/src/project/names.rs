//! What the names of attributes in a request stand for.

use std::collections::BTreeSet;

use crate::path::{self, Target};
use crate::schema::{Attribute, ResourceType};

/// Attributes by their names, sorted and each once: they are looked up for every attribute of every
/// resource of a page.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Vec<Name>);

/// An attribute, sub-attribute, or whole extension.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    extension: Option<String>,
    attribute: Option<String>,
    sub: Option<String>,
}

impl Names {
    /// A name that no schema has is left out.
    pub(super) fn read(resource_type: &ResourceType, names: &[String]) -> Self {
        let targets =
            names.iter().filter_map(|name| path::resolve(resource_type, name.trim()).ok());
        let distinct: BTreeSet<Name> = targets.map(Name::of).collect();
        Self(distinct.into_iter().collect())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(
        &self,
        extension: Option<&str>,
        attribute: Option<&Attribute>,
        sub: Option<&Attribute>,
    ) -> bool {
        let wanted =
            (extension, attribute.map(|it| it.name.as_str()), sub.map(|it| it.name.as_str()));
        self.0.binary_search_by(|name| name.parts().cmp(&wanted)).is_ok()
    }
}

impl Name {
    fn of(target: Target<'_>) -> Self {
        match target {
            Target::Extension(schema) => {
                Self { extension: Some(schema.id.clone()), attribute: None, sub: None }
            }
            Target::Attribute(target) => Self {
                extension: target.extension.map(str::to_owned),
                attribute: Some(target.attribute.name.clone()),
                sub: target.sub.map(|sub| sub.name.clone()),
            },
        }
    }

    /// The parts, which are in the order of the names.
    fn parts(&self) -> (Option<&str>, Option<&str>, Option<&str>) {
        (self.extension.as_deref(), self.attribute.as_deref(), self.sub.as_deref())
    }
}
