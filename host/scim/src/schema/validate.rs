//! Turns what a client sent into a [`ValidResource`], or says all that is wrong with it.
//!
//! Three things happen at once: names get the schemas' spelling, what a client cannot set is
//! left out, and every value is checked against its attribute. The rules over several values
//! (required, immutable, one primary) come after.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::{Attribute, Kind, Mutability, ResourceType, Returned, Uniqueness};
use crate::error::ScimType;
use crate::{Object, value};

/// Bytes of a value whose attribute is unique: it is a key in an index.
pub const MAX_UNIQUE_BYTES: usize = 1_024;

/// A resource that satisfies its schemas. Nothing else makes one than this module.
///
/// It holds what clients may set, in the schemas' spelling, with `schemas` in step with the
/// data (RFC 7643 §3.3) and without unassigned values; `id` and `meta` are the server's.
#[derive(Debug, Clone)]
pub struct ValidResource {
    resource_type: Arc<ResourceType>,
    attributes: Object,
    ignored: Vec<String>,
}

/// All that is wrong with a resource. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Invalid {
    /// What is wrong, in the order of the input.
    pub issues: Vec<Issue>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Issue {
    /// The path of the attribute, with the index of the value: `emails[0].value`.
    pub path: String,
    /// The rule that it breaks.
    pub rule: Rule,
}

/// A rule that a value breaks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rule {
    /// The JSON type is not that of the attribute.
    #[error("must be {expected}, not {found}")]
    Type {
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// RFC 7643 §2.3.5.
    #[error("must be an xsd:dateTime such as \"2008-01-23T04:56:22Z\"")]
    DateTime,
    /// RFC 7643 §2.3.6.
    #[error("must be base64 with padding (RFC 4648 section 4)")]
    Base64,
    /// RFC 7643 §2.3.4.
    #[error("must be a whole number of at most 64 bits")]
    Integer,
    /// A unique value is part of an index.
    #[error("must have at most {MAX_UNIQUE_BYTES} bytes: its values are unique")]
    TooLong,
    /// U+0000 cannot be stored.
    #[error("must not contain the character U+0000")]
    Nul,
    /// RFC 7643 §2.2, `required`.
    #[error("is required")]
    Required,
    /// RFC 7643 §2.2, `immutable`.
    #[error("is immutable, and has another value already")]
    Immutable,
    /// RFC 7643 §2.4.
    #[error("has more than one value with \"primary\": true")]
    Primaries,
    /// One name in two spellings.
    #[error("is given twice; names are compared without regard to case")]
    Twice,
    /// RFC 7643 §3.
    #[error("must be an array that contains \"{base}\"")]
    Schemas {
        /// The URN of the base schema.
        base: String,
    },
}

/// Checks a resource that a client wants to create.
///
/// # Errors
/// All that is wrong with it.
pub fn create(resource_type: &Arc<ResourceType>, input: &Object) -> Result<ValidResource, Invalid> {
    let mut reader = Reader::default();
    let attributes = reader.resource(resource_type, input);
    reader.check_required(resource_type, &attributes);
    finish(resource_type, attributes, reader)
}

/// Checks a resource that a client wants to put in the place of `current` (RFC 7644 §3.5.1).
/// What the client could not know or change and did not send is kept.
///
/// # Errors
/// All that is wrong with it.
pub fn replace(
    resource_type: &Arc<ResourceType>,
    current: &Object,
    input: &Object,
) -> Result<ValidResource, Invalid> {
    let mut reader = Reader::default();
    let mut attributes = reader.resource(resource_type, input);
    keep_unsendable(resource_type, current, &mut attributes);
    reader.check_required(resource_type, &attributes);
    reader.check_immutable(resource_type, current, &attributes);
    finish(resource_type, attributes, reader)
}

/// Checks what a PATCH has made of `current`. What the PATCH left alone is not judged: a schema
/// that has become stricter must not keep a client from disabling a user.
///
/// # Errors
/// All that is wrong with what has changed.
pub fn patched(
    resource_type: &Arc<ResourceType>,
    current: &Object,
    candidate: &Object,
) -> Result<ValidResource, Invalid> {
    let mut reader = Reader::default();
    let mut changed = changes(resource_type, current, candidate);
    changed.insert("schemas".to_owned(), Value::from(vec![resource_type.schema.id.as_str()]));
    let read = reader.resource(resource_type, &changed);
    let attributes = with_changes(resource_type, current, candidate, &read);

    let mut before = Reader::default();
    before.check_required(resource_type, current);
    reader.check_required(resource_type, &attributes);
    reader.issues.retain(|issue| issue.rule != Rule::Required || !before.issues.contains(issue));
    reader.check_immutable(resource_type, current, &attributes);
    finish(resource_type, attributes, reader)
}

/// Reads one value of an attribute, as a PATCH operation brings it: in the schemas' spelling,
/// or `None` where it amounts to no value.
///
/// # Errors
/// All that is wrong with it; paths begin with `path`.
pub fn attribute_value(
    attribute: &Attribute,
    value: &Value,
    path: &str,
) -> Result<Option<Value>, Invalid> {
    let mut reader = Reader::default();
    let value = reader.attribute(attribute, value, path);
    reader.into_result().map(|()| value)
}

/// Reads one element of a multi-valued attribute.
///
/// # Errors
/// As [`attribute_value`].
pub fn element_value(
    attribute: &Attribute,
    value: &Value,
    path: &str,
) -> Result<Option<Value>, Invalid> {
    let mut reader = Reader::default();
    let value = reader.single(attribute, value, path);
    reader.into_result().map(|()| value)
}

impl ValidResource {
    /// The resource type.
    #[must_use]
    pub fn resource_type(&self) -> &Arc<ResourceType> {
        &self.resource_type
    }

    /// The attributes, `schemas` first.
    #[must_use]
    pub fn attributes(&self) -> &Object {
        &self.attributes
    }

    /// The attributes, `schemas` first.
    #[must_use]
    pub fn into_attributes(self) -> Object {
        self.attributes
    }

    /// Names in the input that no schema has. They were left out (RFC 7644 §3.3).
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }
}

impl Invalid {
    /// The `scimType` of the first issue.
    #[must_use]
    pub fn scim_type(&self) -> ScimType {
        match self.issues.first().map(|issue| &issue.rule) {
            Some(Rule::Immutable) => ScimType::Mutability,
            Some(Rule::Schemas { .. } | Rule::Twice) => ScimType::InvalidSyntax,
            _ => ScimType::InvalidValue,
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        for (index, issue) in self.issues.iter().take(SHOWN).enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "attribute \"{}\" {}", issue.path, issue.rule)?;
        }
        match self.issues.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for Invalid {}

fn finish(
    resource_type: &Arc<ResourceType>,
    attributes: Object,
    mut reader: Reader,
) -> Result<ValidResource, Invalid> {
    let ignored = std::mem::take(&mut reader.ignored);
    reader.into_result()?;
    let attributes = with_schemas(resource_type, attributes);
    Ok(ValidResource { resource_type: Arc::clone(resource_type), attributes, ignored })
}

/// What of `candidate` differs from `current`; of an extension, the members that do.
fn changes(resource_type: &ResourceType, current: &Object, candidate: &Object) -> Object {
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
fn with_changes(
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

/// RFC 7643 §3.3: the URN of every extension with data is in `schemas`, and no other.
pub(crate) fn with_schemas(resource_type: &ResourceType, attributes: Object) -> Object {
    let mut schemas = vec![Value::from(resource_type.schema.id.as_str())];
    schemas.extend(
        resource_type
            .extensions
            .iter()
            .map(|extension| extension.schema.id.as_str())
            .filter(|id| attributes.contains_key(*id))
            .map(Value::from),
    );
    let mut resource = Object::with_capacity(attributes.len() + 1);
    resource.insert("schemas".to_owned(), Value::Array(schemas));
    resource.extend(attributes);
    resource
}

/// The containers of a resource: itself with the base schema's attributes, then each extension.
fn containers<'a>(
    resource_type: &'a ResourceType,
    resource: &'a Object,
) -> impl Iterator<Item = (Option<&'a str>, Option<&'a Object>, &'a [Attribute])> {
    let extensions = resource_type.extensions.iter().map(|extension| {
        let urn = extension.schema.id.as_str();
        let data = resource.get(urn).and_then(Value::as_object);
        (Some(urn), data, extension.schema.attributes.as_slice())
    });
    std::iter::once((None, Some(resource), resource_type.schema.attributes.as_slice()))
        .chain(extensions)
}

/// Keeps what the client cannot change or does not know, where it did not send it. Of an
/// extension or a complex attribute that it left out altogether, all is kept with it.
fn keep_unsendable(resource_type: &ResourceType, current: &Object, attributes: &mut Object) {
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

/// Reads input, and gathers what is wrong with it on the way.
#[derive(Default)]
struct Reader {
    issues: Vec<Issue>,
    ignored: Vec<String>,
}

impl Reader {
    fn into_result(self) -> Result<(), Invalid> {
        if self.issues.is_empty() { Ok(()) } else { Err(Invalid { issues: self.issues }) }
    }

    fn report(&mut self, path: impl Into<String>, rule: Rule) {
        self.issues.push(Issue { path: path.into(), rule });
    }

    fn resource(&mut self, resource_type: &ResourceType, input: &Object) -> Object {
        let mut output = Object::with_capacity(input.len());
        let mut schemas_seen = false;
        for (name, value) in input {
            if name.eq_ignore_ascii_case("schemas") {
                schemas_seen = true;
                self.check_schemas(resource_type, value);
            } else if let Some(extension) = resource_type.extension(name) {
                let urn = extension.schema.id.as_str();
                let data = self.extension(&extension.schema.attributes, value, urn);
                self.put(&mut output, urn, data, urn);
            } else if let Some(attribute) = resource_type.attribute(name) {
                if attribute.mutability == Mutability::ReadOnly {
                    continue;
                }
                let value = self.attribute(attribute, value, &attribute.name);
                self.put(&mut output, &attribute.name, value, &attribute.name);
            } else {
                self.ignored.push(name.clone());
            }
        }
        if !schemas_seen {
            self.report("schemas", Rule::Schemas { base: resource_type.schema.id.clone() });
        }
        output
    }

    fn put(&mut self, output: &mut Object, name: &str, value: Option<Value>, path: &str) {
        if let Some(value) = value
            && output.insert(name.to_owned(), value).is_some()
        {
            self.report(path, Rule::Twice);
        }
    }

    /// RFC 7643 §3: "All representations of SCIM schemas MUST include a non-empty array with
    /// value(s) of the URIs supported by that representation." URNs of extensions that the
    /// tenant does not have are let pass: their data is left out like any unknown attribute.
    fn check_schemas(&mut self, resource_type: &ResourceType, value: &Value) {
        let base = resource_type.schema.id.as_str();
        let named = value.as_array().is_some_and(|schemas| {
            schemas
                .iter()
                .any(|schema| schema.as_str().is_some_and(|it| it.eq_ignore_ascii_case(base)))
        });
        if !named {
            self.report("schemas", Rule::Schemas { base: base.to_owned() });
        }
    }

    fn extension(&mut self, attributes: &[Attribute], value: &Value, urn: &str) -> Option<Value> {
        if value.is_null() {
            return None;
        }
        let Some(members) = value.as_object() else {
            let found = value::json_type(value);
            self.report(urn, Rule::Type { expected: "an object", found });
            return None;
        };
        self.members(attributes, members, &format!("{urn}:"))
    }

    /// The members of a complex value or an extension.
    fn members(
        &mut self,
        attributes: &[Attribute],
        members: &Object,
        prefix: &str,
    ) -> Option<Value> {
        let mut output = Object::with_capacity(members.len());
        for (name, value) in members {
            let Some(attribute) = Attribute::named(attributes, name) else {
                self.ignored.push(format!("{prefix}{name}"));
                continue;
            };
            if attribute.mutability == Mutability::ReadOnly {
                continue;
            }
            let path = format!("{prefix}{}", attribute.name);
            let value = self.attribute(attribute, value, &path);
            self.put(&mut output, &attribute.name, value, &path);
        }
        if output.is_empty() { None } else { Some(Value::Object(output)) }
    }

    fn attribute(&mut self, attribute: &Attribute, value: &Value, path: &str) -> Option<Value> {
        if !attribute.multi_valued {
            return self.single(attribute, value, path);
        }
        match value {
            Value::Null => None,
            Value::Array(elements) => self.elements(attribute, elements, path),
            other => {
                let found = value::json_type(other);
                self.report(path, Rule::Type { expected: "an array", found });
                None
            }
        }
    }

    fn elements(&mut self, attribute: &Attribute, elements: &[Value], path: &str) -> Option<Value> {
        let mut output = Vec::with_capacity(elements.len());
        let mut seen = HashSet::with_capacity(elements.len());
        let mut primaries = 0;
        for (index, element) in elements.iter().enumerate() {
            let Some(value) = self.single(attribute, element, &format!("{path}[{index}]")) else {
                continue;
            };
            // RFC 7643 §2.4: the same value twice says no more than once.
            if !seen.insert(value::canonical(&value)) {
                continue;
            }
            primaries += usize::from(value.get("primary") == Some(&Value::Bool(true)));
            output.push(value);
        }
        if primaries > 1 {
            self.report(path, Rule::Primaries);
        }
        if output.is_empty() { None } else { Some(Value::Array(output)) }
    }

    fn single(&mut self, attribute: &Attribute, value: &Value, path: &str) -> Option<Value> {
        let (expected, rule) = match (attribute.kind, value) {
            (_, Value::Null) => return None,
            (Kind::Complex, Value::Object(members)) => {
                return self.members(&attribute.sub_attributes, members, &format!("{path}."));
            }
            (Kind::Boolean, Value::Bool(_)) | (Kind::Decimal, Value::Number(_)) => {
                return Some(value.clone());
            }
            (Kind::Integer, Value::Number(number)) if number.is_i64() => {
                return Some(value.clone());
            }
            (
                Kind::String | Kind::Reference | Kind::Binary | Kind::DateTime,
                Value::String(text),
            ) => match text_rule(attribute, text) {
                None => return Some(value.clone()),
                Some(rule) => ("", Some(rule)),
            },
            (Kind::Boolean, _) => ("a boolean", None),
            (Kind::Decimal, _) => ("a number", None),
            (Kind::Integer, Value::Number(_)) => ("", Some(Rule::Integer)),
            (Kind::Integer, _) => ("a whole number", None),
            (Kind::Complex, _) => ("an object", None),
            (_, _) => ("a string", None),
        };
        let found = value::json_type(value);
        self.report(path, rule.unwrap_or(Rule::Type { expected, found }));
        None
    }

    fn check_required(&mut self, resource_type: &ResourceType, resource: &Object) {
        for (urn, container, definitions) in containers(resource_type, resource) {
            let Some(container) = container else {
                let extension = urn.and_then(|urn| resource_type.extension(urn));
                if let Some(extension) = extension.filter(|it| it.required) {
                    self.report(extension.schema.id.as_str(), Rule::Required);
                }
                continue;
            };
            let prefix = urn.map_or_else(String::new, |urn| format!("{urn}:"));
            self.check_required_members(definitions, container, &prefix);
        }
    }

    fn check_required_members(
        &mut self,
        definitions: &[Attribute],
        members: &Object,
        prefix: &str,
    ) {
        for definition in definitions {
            let path = format!("{prefix}{}", definition.name);
            let value = members.get(&definition.name);
            if definition.required && definition.mutability != Mutability::ReadOnly {
                // RFC 7643 §4.1.1 asks for a non-empty userName; an empty string is no value
                // for any required attribute.
                let empty = value.and_then(Value::as_str).is_some_and(str::is_empty);
                if value.is_none() || empty {
                    self.report(path.as_str(), Rule::Required);
                }
            }
            if !definition.sub_attributes.iter().any(|sub| sub.required) {
                continue;
            }
            let elements = match value {
                Some(Value::Array(elements)) => elements.as_slice(),
                Some(single) => std::slice::from_ref(single),
                None => &[],
            };
            for (index, element) in elements.iter().enumerate() {
                let Some(element) = element.as_object() else { continue };
                let at = if definition.multi_valued { format!("[{index}]") } else { String::new() };
                let prefix = format!("{path}{at}.");
                self.check_required_members(&definition.sub_attributes, element, &prefix);
            }
        }
    }

    /// RFC 7644 §3.5.1: "If value(s) are already set for the attribute, the input value(s) MUST
    /// match". Sub-attributes of multi-valued attributes are left out: an element with another
    /// value is another element.
    fn check_immutable(&mut self, resource_type: &ResourceType, old: &Object, new: &Object) {
        for (urn, old, definitions) in containers(resource_type, old) {
            let new = match urn {
                None => Some(new),
                Some(urn) => new.get(urn).and_then(Value::as_object),
            };
            let prefix = urn.map_or_else(String::new, |urn| format!("{urn}:"));
            self.check_immutable_members(definitions, old, new, &prefix);
        }
    }

    fn check_immutable_members(
        &mut self,
        definitions: &[Attribute],
        old: Option<&Object>,
        new: Option<&Object>,
        prefix: &str,
    ) {
        for definition in definitions {
            let Some(old) = old.and_then(|it| it.get(&definition.name)) else { continue };
            let new = new.and_then(|it| it.get(&definition.name));
            let path = format!("{prefix}{}", definition.name);
            if definition.mutability == Mutability::Immutable {
                if new != Some(old) {
                    self.report(path, Rule::Immutable);
                }
            } else if !definition.multi_valued && definition.kind == Kind::Complex {
                let (old, new) = (old.as_object(), new.and_then(Value::as_object));
                self.check_immutable_members(
                    &definition.sub_attributes,
                    old,
                    new,
                    &format!("{path}."),
                );
            }
        }
    }
}

fn text_rule(attribute: &Attribute, text: &str) -> Option<Rule> {
    match attribute.kind {
        Kind::DateTime if value::instant(text).is_none() => Some(Rule::DateTime),
        Kind::Binary if !value::is_base64(text) => Some(Rule::Base64),
        _ if text.contains('\0') => Some(Rule::Nul),
        _ if attribute.uniqueness != Uniqueness::None && text.len() > MAX_UNIQUE_BYTES => {
            Some(Rule::TooLong)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
