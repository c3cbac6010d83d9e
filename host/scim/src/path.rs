//! Attribute paths (RFC 7644 §3.10): `userName`, `name.familyName`, `urn:…:User:manager.value`,
//! and with a filter, `emails[type eq "work"].value` (§3.5.2).
//!
//! A URN and the attribute's name are separated by a colon, and URNs have colons themselves. So
//! a path is read against a resource type, whose schemas say where the URN ends.

use serde_json::Value;

use crate::Object;
use crate::filter::{self, BoundFilter, FilterError, Scope};
use crate::quote::shortened;
use crate::schema::{Attribute, Kind, ResourceType, Returned, Schema};

/// What a path without a filter names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target<'a> {
    /// All the attributes of an extension.
    Extension(&'a Schema),
    /// An attribute, or a sub-attribute.
    Attribute(AttributeRef<'a>),
}

/// An attribute or sub-attribute, and where in a resource it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttributeRef<'a> {
    /// The URN of the extension that holds it; `None` for the base schema and common attributes.
    pub extension: Option<&'a str>,
    /// The attribute.
    pub attribute: &'a Attribute,
    /// The sub-attribute, where one is named.
    pub sub: Option<&'a Attribute>,
}

/// A path that may have a filter: what PATCH operations and plugins name.
#[derive(Debug, Clone)]
pub struct ValuePath<'a> {
    /// As it was written.
    pub text: String,
    /// The attribute, and the sub-attribute after the filter.
    pub target: AttributeRef<'a>,
    /// Which values of the multi-valued attribute are meant.
    pub filter: Option<BoundFilter<'a>>,
}

/// A path with all its forms.
#[derive(Debug, Clone)]
pub enum Path<'a> {
    /// All the attributes of an extension.
    Extension(&'a Schema),
    /// An attribute, sub-attribute, or selection of values.
    Value(ValuePath<'a>),
}

/// Why a path names nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PathError {
    /// No such attribute.
    #[error("path \"{}\": resource type {resource_type} has no attribute \"{}\"", shortened(.path), shortened(.attribute))]
    UnknownAttribute {
        /// The whole path.
        path: String,
        /// The resource type.
        resource_type: String,
        /// The part that is not known.
        attribute: String,
    },
    /// No such sub-attribute.
    #[error("path \"{}\": attribute \"{attribute}\" has no sub-attribute \"{}\"", shortened(.path), shortened(.sub))]
    UnknownSubAttribute {
        /// The whole path.
        path: String,
        /// The attribute.
        attribute: String,
        /// The part that is not known.
        sub: String,
    },
    /// The URN is of no schema of the resource type.
    #[error("path \"{}\": no schema of resource type {resource_type} has this URN", shortened(.path))]
    UnknownSchema {
        /// The whole path.
        path: String,
        /// The resource type.
        resource_type: String,
    },
    /// Not of the form that RFC 7644, figure 7 gives.
    #[error("path \"{}\": expected attribute, attribute.sub or attribute[filter].sub", shortened(.path))]
    Malformed {
        /// The whole path.
        path: String,
    },
    /// A filter selects among values, and there is only one.
    #[error(
        "path \"{}\": attribute \"{attribute}\" is not multi-valued, so it takes no filter", shortened(.path)
    )]
    FilterOnSingle {
        /// The whole path.
        path: String,
        /// The attribute.
        attribute: String,
    },
    /// The filter in the path is wrong.
    #[error("path \"{}\", column {}: {}", shortened(.path), .error.column, .error.kind)]
    Filter {
        /// The whole path.
        path: String,
        /// What is wrong; its column counts from the start of the path.
        error: FilterError,
    },
}

/// `ALPHA *(ALPHA / DIGIT / "-" / "_")` (RFC 7643 §2.1).
#[must_use]
pub fn is_attribute_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// Reads a path without a filter.
///
/// # Errors
/// The path names nothing of this resource type.
pub fn resolve<'a>(resource_type: &'a ResourceType, path: &str) -> Result<Target<'a>, PathError> {
    if !path.contains(':') {
        return attribute_in(None, resource_type, path, path).map(Target::Attribute);
    }
    // The longest URN wins: one may be the beginning of another.
    let mut best: Option<(&'a Schema, &str)> = None;
    for schema in resource_type.schemas() {
        let Some(rest) = strip_prefix_ignoring_case(path, &schema.id) else { continue };
        let longer = best.is_none_or(|(known, _)| known.id.len() < schema.id.len());
        if longer && (rest.is_empty() || rest.starts_with(':')) {
            best = Some((schema, rest));
        }
    }
    let Some((schema, rest)) = best else {
        return Err(PathError::UnknownSchema {
            path: path.to_owned(),
            resource_type: resource_type.name.clone(),
        });
    };
    match rest.strip_prefix(':') {
        Some(name) => attribute_in(Some(schema), resource_type, name, path).map(Target::Attribute),
        None => Ok(Target::Extension(schema)),
    }
}

/// Reads a path of any form.
///
/// # Errors
/// The path names nothing of this resource type, or its filter is wrong.
pub fn parse<'a>(resource_type: &'a ResourceType, path: &str) -> Result<Path<'a>, PathError> {
    let path = path.trim();
    let Some((head, tail)) = path.split_once('[') else {
        return Ok(match resolve(resource_type, path)? {
            Target::Extension(schema) => Path::Extension(schema),
            Target::Attribute(target) => {
                Path::Value(ValuePath { text: path.to_owned(), target, filter: None })
            }
        });
    };
    let malformed = || PathError::Malformed { path: path.to_owned() };
    let Target::Attribute(mut target) = resolve(resource_type, head)? else {
        return Err(malformed());
    };
    if target.sub.is_some() {
        return Err(malformed());
    }
    let (inner, after) = tail.rsplit_once(']').ok_or_else(malformed)?;
    if !target.attribute.multi_valued {
        return Err(PathError::FilterOnSingle {
            path: path.to_owned(),
            attribute: target.attribute.name.clone(),
        });
    }
    let filter = filter::parse(inner)
        .and_then(|filter| filter.bind_to(Scope::Element(target.attribute)))
        .map_err(|error| {
            let column = head.chars().count() + "[".len() + error.column;
            PathError::Filter { path: path.to_owned(), error: FilterError { column, ..error } }
        })?;
    if !after.is_empty() {
        let name = after.strip_prefix('.').ok_or_else(malformed)?;
        target.sub = Some(sub_attribute(target.attribute, name, path)?);
    }
    Ok(Path::Value(ValuePath { text: path.to_owned(), target, filter: Some(filter) }))
}

/// The value at a path in a resource, as a plugin reads it: the values found, as an array, where
/// the attribute is multi-valued; `None` where it is unassigned. Secrets are never found.
///
/// # Errors
/// The path names nothing of this resource type, or its filter is wrong.
pub fn read(
    resource_type: &ResourceType,
    resource: &Object,
    path: &str,
) -> Result<Option<Value>, PathError> {
    let path = match parse(resource_type, path)? {
        Path::Extension(schema) if schema.id == resource_type.schema.id => {
            return Ok(Some(Value::Object(resource.clone())));
        }
        Path::Extension(schema) => return Ok(resource.get(&schema.id).cloned()),
        Path::Value(path) => path,
    };
    let target = path.target;
    if target.leaf().returned == Returned::Never {
        return Ok(None);
    }
    let Some(value) = target.container(resource).and_then(|it| it.get(&target.attribute.name))
    else {
        return Ok(None);
    };
    if !target.attribute.multi_valued {
        return Ok(match target.sub {
            Some(sub) => value.get(&sub.name).cloned(),
            None => Some(value.clone()),
        });
    }
    let values: Vec<Value> = value
        .as_array()
        .into_iter()
        .flatten()
        .filter(|element| path.filter.as_ref().is_none_or(|filter| filter.matches_value(element)))
        .filter_map(|element| match target.sub {
            Some(sub) => element.get(&sub.name).cloned(),
            None => Some(element.clone()),
        })
        .collect();
    Ok(if values.is_empty() { None } else { Some(Value::Array(values)) })
}

impl<'a> AttributeRef<'a> {
    /// The attribute whose values are meant: the sub-attribute, where one is named.
    #[must_use]
    pub fn leaf(&self) -> &'a Attribute {
        self.sub.unwrap_or(self.attribute)
    }

    /// Whether this attribute of the base schema is named, whole or in part.
    #[must_use]
    pub fn is_of(&self, attribute: &Attribute) -> bool {
        self.extension.is_none() && self.attribute.name == attribute.name
    }

    /// The path as the schemas spell it.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = match self.extension {
            Some(urn) => format!("{urn}:{}", self.attribute.name),
            None => self.attribute.name.clone(),
        };
        if let Some(sub) = self.sub {
            path.push('.');
            path.push_str(&sub.name);
        }
        path
    }

    /// The object of the resource that holds the attribute: itself, or the extension's.
    #[must_use]
    pub fn container<'v>(&self, resource: &'v Object) -> Option<&'v Object> {
        match self.extension {
            Some(urn) => resource.get(urn)?.as_object(),
            None => Some(resource),
        }
    }

    /// The values in a resource: each of a multi-valued attribute, each of its elements'
    /// sub-attribute where one is named; none where it is unassigned.
    pub fn values<'v>(&self, resource: &'v Object) -> impl Iterator<Item = &'v Value> {
        let sub = self.sub.map(|sub| sub.name.clone());
        self.container(resource)
            .and_then(|container| container.get(&self.attribute.name))
            .map_or(&[] as &[Value], |value| match value {
                Value::Array(values) => values,
                single => std::slice::from_ref(single),
            })
            .iter()
            .filter_map(move |value| match &sub {
                Some(sub) => value.get(sub),
                None => Some(value),
            })
    }

    /// For a complex attribute that is compared as a whole: its `value` sub-attribute
    /// (RFC 7644 §3.4.2.2 compares `emails` like this).
    #[must_use]
    pub fn comparable(self) -> Option<Self> {
        if self.leaf().kind != Kind::Complex {
            return Some(self);
        }
        self.attribute.sub("value").map(|value| Self { sub: Some(value), ..self })
    }
}

fn attribute_in<'a>(
    schema: Option<&'a Schema>,
    resource_type: &'a ResourceType,
    name: &str,
    path: &str,
) -> Result<AttributeRef<'a>, PathError> {
    let (name, sub) = match name.split_once('.') {
        Some((name, sub)) => (name, Some(sub)),
        None => (name, None),
    };
    let extension = schema.filter(|schema| schema.id != resource_type.schema.id);
    let attribute = match extension {
        Some(extension) => Attribute::named(&extension.attributes, name),
        None => resource_type.attribute(name),
    };
    let attribute = attribute.ok_or_else(|| {
        if is_attribute_name(name) {
            PathError::UnknownAttribute {
                path: path.to_owned(),
                resource_type: resource_type.name.clone(),
                attribute: name.to_owned(),
            }
        } else {
            PathError::Malformed { path: path.to_owned() }
        }
    })?;
    let sub = sub.map(|sub| sub_attribute(attribute, sub, path)).transpose()?;
    Ok(AttributeRef { extension: extension.map(|it| it.id.as_str()), attribute, sub })
}

fn sub_attribute<'a>(
    attribute: &'a Attribute,
    name: &str,
    path: &str,
) -> Result<&'a Attribute, PathError> {
    attribute.sub(name).ok_or_else(|| PathError::UnknownSubAttribute {
        path: path.to_owned(),
        attribute: attribute.name.clone(),
        sub: name.to_owned(),
    })
}

fn strip_prefix_ignoring_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let head = text.get(..prefix.len())?;
    if head.eq_ignore_ascii_case(prefix) { text.get(prefix.len()..) } else { None }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::Registry;

    fn user() -> Arc<ResourceType> {
        Arc::clone(Registry::core().resource_type("User").unwrap())
    }

    fn attribute_path(path: &str) -> String {
        match resolve(&user(), path) {
            Ok(Target::Attribute(target)) => target.path(),
            Ok(Target::Extension(schema)) => format!("whole {}", schema.id),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn names_and_urns_are_read_without_regard_to_case() {
        const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let cases = [
            ("USERNAME", "userName".to_owned()),
            ("name.FamilyName", "name.familyName".to_owned()),
            ("meta.lastModified", "meta.lastModified".to_owned()),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName", "userName".to_owned()),
            (
                "urn:IETF:params:scim:schemas:core:2.0:User:name.givenName",
                "name.givenName".to_owned(),
            ),
            (&format!("{ENTERPRISE}:manager.value"), format!("{ENTERPRISE}:manager.value")),
            (&ENTERPRISE.to_uppercase(), format!("whole {ENTERPRISE}")),
        ];
        for (path, expected) in cases {
            assert_eq!(attribute_path(path), expected, "{path}");
        }
    }

    #[test]
    fn a_path_that_names_nothing_says_which_part() {
        assert_eq!(
            attribute_path("name.nick"),
            "path \"name.nick\": attribute \"name\" has no sub-attribute \"nick\""
        );
        assert_eq!(
            attribute_path("colour"),
            "path \"colour\": resource type User has no attribute \"colour\""
        );
        assert_eq!(
            attribute_path("urn:example:2.0:User:a"),
            "path \"urn:example:2.0:User:a\": no schema of resource type User has this URN"
        );
        assert!(attribute_path("").contains("expected attribute"));
    }

    #[test]
    fn a_filter_selects_values() {
        let resource = json!({
            "userName": "bjensen",
            "name": { "familyName": "Jensen" },
            "password": "secret",
            "emails": [
                { "type": "work", "value": "b@example.com" },
                { "type": "home", "value": "b@example.org" }
            ]
        });
        let resource = resource.as_object().unwrap();
        let cases = [
            ("userName", Some(json!("bjensen"))),
            ("name.familyName", Some(json!("Jensen"))),
            ("emails[type eq \"work\"].value", Some(json!(["b@example.com"]))),
            ("emails.value", Some(json!(["b@example.com", "b@example.org"]))),
            ("emails[type eq \"fax\"]", None),
            ("nickName", None),
            ("password", None),
        ];
        for (path, expected) in cases {
            assert_eq!(read(&user(), resource, path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn an_error_in_a_filter_points_at_its_column_of_the_path() {
        let cases = [
            ("emails[type eq work].value", "column 16: expected a value"),
            ("emails[]", "column 8: expected an attribute"),
            ("emails[nope eq 1]", "column 8: path \"nope\": attribute \"emails\" has no"),
            ("emails[type eq \"é\" and primary gt true]", "column 24: operator \"gt\""),
        ];
        for (path, expected) in cases {
            let error = parse(&user(), path).unwrap_err().to_string();
            assert!(error.starts_with(&format!("path \"{path}\", {expected}")), "{error}");
        }
    }

    #[test]
    fn a_malformed_value_path_is_an_error() {
        for path in [
            "emails[type eq \"work\"",
            "emails[type eq \"work\"]value",
            "userName[a eq 1]",
            "emails[]",
            "name.givenName[value eq 1]",
        ] {
            assert!(parse(&user(), path).is_err(), "{path}");
        }
    }
}
