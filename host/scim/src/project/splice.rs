//! Projection over the text of a resource: what is returned whole goes into the answer as it is
//! written, and only what is returned in part is read.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Projection, Wanted};
use crate::path::AttributeRef;
use crate::schema::{Attribute, Extension, ResourceType, Returned};

/// A projection, worked out for all attributes of a type, so that many resources can be shown.
#[derive(Debug, Clone)]
pub struct Splice<'t> {
    resource_type: &'t ResourceType,
    projection: Projection,
    /// By the name of the attribute or extension, sorted. One that is not there is worked out when a
    /// resource has it.
    places: Vec<(&'t str, Part)>,
    /// Whether nothing is left out.
    whole: bool,
}

/// How much of an attribute or extension is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Nothing,
    /// The text as it is.
    Whole,
    /// Some parts of it.
    Some,
}

impl<'t> Splice<'t> {
    /// Works a projection out for resources of a type.
    #[must_use]
    pub fn new(resource_type: &'t ResourceType, projection: Projection) -> Self {
        if projection.is_default() && resource_type.is_shown_whole() {
            return Self { resource_type, projection, places: Vec::new(), whole: true };
        }
        Self::worked_out(resource_type, projection)
    }

    fn worked_out(resource_type: &'t ResourceType, projection: Projection) -> Self {
        let attributes = resource_type.attributes().filter(|it| it.sub.is_none());
        let mut places: Vec<(&str, Part)> = attributes
            .filter(|it| it.extension.is_none())
            .map(|AttributeRef { attribute, .. }| {
                (attribute.name.as_str(), projection.part(None, attribute))
            })
            .collect();
        places.extend(resource_type.extensions.iter().map(|extension| {
            (extension.schema.id.as_str(), projection.part_of_extension(extension))
        }));
        places.sort_unstable_by_key(|(name, _)| *name);
        let is_secret = |name: &str| {
            resource_type.attribute(name).is_some_and(|it| it.returned == Returned::Never)
        };
        let whole = places.iter().all(|(name, part)| *part == Part::Whole || is_secret(name));
        Self { resource_type, projection, places, whole }
    }

    /// Whether nothing is left out of a body without secrets.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// The projection.
    #[must_use]
    pub const fn projection(&self) -> &Projection {
        &self.projection
    }

    /// What is returned of a JSON object without secrets, whose members are attributes and
    /// extensions under the names that the schemas give them: members as text, with no brace around
    /// them.
    ///
    /// # Errors
    /// The text is no JSON object.
    pub fn members<'o>(&self, object: &'o str) -> serde_json::Result<Cow<'o, str>> {
        if self.whole {
            let inner = object.trim().strip_prefix('{').and_then(|it| it.strip_suffix('}'));
            if let Some(inner) = inner {
                return Ok(Cow::Borrowed(inner));
            }
        }
        let Members(members) = serde_json::from_str(object)?;
        let mut text = String::with_capacity(object.len());
        for (name, raw) in members {
            match self.part(&name.0) {
                Part::Nothing => {}
                Part::Whole => push_member(&mut text, &name.0, raw.get()),
                Part::Some => {
                    let mut value = serde_json::from_str(raw.get())?;
                    if self.projection.keep_member(self.resource_type, &name.0, &mut value) {
                        push_member(&mut text, &name.0, &value.to_string());
                    }
                }
            }
        }
        Ok(Cow::Owned(text))
    }

    fn part(&self, name: &str) -> Part {
        let place = self.places.binary_search_by_key(&name, |(name, _)| name);
        let known = place.ok().and_then(|place| self.places.get(place));
        // Under another spelling, it is looked up as any attribute is.
        known.map_or(Part::Some, |(_, part)| *part)
    }
}

/// Whether a projection that asks for nothing leaves nothing out.
pub(crate) fn shows_whole(resource_type: &ResourceType) -> bool {
    Splice::worked_out(resource_type, Projection::default()).whole
}

impl Projection {
    fn part(&self, extension: Option<&str>, attribute: &Attribute) -> Part {
        let wanted = self.wanted(extension, attribute);
        if wanted == Wanted::Nothing {
            return Part::Nothing;
        }
        let mut subs = attribute.sub_attributes.iter();
        let whole = subs.all(|sub| self.wants_part(extension, attribute, sub, wanted));
        if whole { Part::Whole } else { Part::Some }
    }

    fn part_of_extension(&self, extension: &Extension) -> Part {
        let urn = Some(extension.schema.id.as_str());
        let mut parts = extension.schema.attributes.iter().map(|it| self.part(urn, it));
        let Some(first) = parts.next() else { return Part::Nothing };
        if parts.all(|part| part == first) { first } else { Part::Some }
    }

    /// Whether a member of a resource stays; what is not wanted of it goes.
    pub(super) fn keep_member(
        &self,
        resource_type: &ResourceType,
        name: &str,
        value: &mut Value,
    ) -> bool {
        let Some(extension) = resource_type.extension(name) else {
            return resource_type.attribute(name).is_some_and(|it| self.keep(None, it, value));
        };
        let Some(members) = value.as_object_mut() else { return false };
        let urn = Some(extension.schema.id.as_str());
        let attributes = &extension.schema.attributes;
        members.retain(|name, value| {
            Attribute::named(attributes, name).is_some_and(|it| self.keep(urn, it, value))
        });
        !members.is_empty()
    }
}

fn push_member(text: &mut String, name: &str, value: &str) {
    if !text.is_empty() {
        text.push(',');
    }
    text.push_str(&Value::from(name).to_string());
    text.push(':');
    text.push_str(value);
}

/// The members of a JSON object, in its order, each value as text.
struct Members<'o>(Vec<(Name<'o>, &'o RawValue)>);

/// Borrowed where nothing in it is escaped.
#[derive(Deserialize)]
struct Name<'o>(#[serde(borrow)] Cow<'o, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registry;

    #[test]
    fn what_is_returned_whole_is_not_even_read() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let body = r#"{"id":"1", "userName" : "b\u0061b", "x": 1e1 }"#;
        let all = Splice::new(user, Projection::default());
        let inner = body.trim_matches(['{', '}']);
        assert!(matches!(all.members(body).unwrap(), Cow::Borrowed(text) if text == inner));

        let only = |name: &str| {
            let only = Projection::only(user, &[name.to_owned()]);
            Splice::new(user, only).members(body).unwrap().into_owned()
        };
        assert_eq!(only("userName"), r#""id":"1","userName":"b\u0061b""#);
        assert_eq!(only("title"), r#""id":"1""#);
    }
}
