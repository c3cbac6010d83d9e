//! Reads input by the schemas, and gathers what is wrong with it on the way.

use serde_json::Value;

use super::{Invalid, Issue, MAX_UNIQUE_BYTES, Rule};
use crate::elements::{Elements, is_primary};
use crate::membership::completed;
use crate::schema::{Attribute, Kind, Mutability, ResourceType, Uniqueness};
use crate::{Object, value};

/// What has been found so far.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) issues: Vec<Issue>,
    pub(super) ignored: Vec<String>,
}

impl Reader {
    pub(super) fn into_result(self) -> Result<(), Invalid> {
        if self.issues.is_empty() { Ok(()) } else { Err(Invalid { issues: self.issues }) }
    }

    fn report(&mut self, path: impl Into<String>, rule: Rule) {
        self.issues.push(Issue { path: path.into(), rule });
    }

    pub(super) fn resource(&mut self, resource_type: &ResourceType, input: &Object) -> Object {
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

    pub(super) fn attribute(
        &mut self,
        attribute: &Attribute,
        value: &Value,
        path: &str,
    ) -> Option<Value> {
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
        let mut output = Elements::of(attribute, Vec::with_capacity(elements.len()));
        for (index, element) in elements.iter().enumerate() {
            if let Some(value) = self.single(attribute, element, &format!("{path}[{index}]")) {
                output.put(value);
            }
        }
        let output = output.into_values();
        let primaries = output.iter().filter(|element| is_primary(element)).count();
        if primaries > 1 {
            self.report(path, Rule::Primaries);
        }
        if output.is_empty() { None } else { Some(Value::Array(output)) }
    }

    pub(super) fn single(
        &mut self,
        attribute: &Attribute,
        value: &Value,
        path: &str,
    ) -> Option<Value> {
        let (expected, rule) = match (attribute.kind, value) {
            (_, Value::Null) => return None,
            (Kind::Complex, Value::Object(members)) => {
                let members = completed(attribute, members);
                let read = self.members(&attribute.sub_attributes, &members, &format!("{path}."));
                if read.is_none() && !members.is_empty() {
                    self.check_named(attribute, path);
                }
                return read;
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

    /// Of a value that is known by its immutable `value` alone, such as a member, nothing is left
    /// without it: to pass it over would look as if it had been taken.
    fn check_named(&mut self, attribute: &Attribute, path: &str) {
        let Some(value) = attribute.sub("value") else { return };
        if attribute.multi_valued && value.mutability == Mutability::Immutable {
            self.report(format!("{path}.{}", value.name), Rule::Required);
        }
    }

    /// Whether there was a value that is none because of an issue it has.
    fn has_refused(&self, path: &str) -> bool {
        let at = |issue: &Issue| issue.path.strip_prefix(path).map(|rest| rest.chars().next());
        self.issues.iter().filter_map(at).any(|next| matches!(next, None | Some('[' | '.')))
    }

    pub(super) fn check_required(&mut self, resource_type: &ResourceType, resource: &Object) {
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
                if (value.is_none() || empty) && !self.has_refused(&path) {
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
    pub(super) fn check_immutable(
        &mut self,
        resource_type: &ResourceType,
        old: &Object,
        new: &Object,
    ) {
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
        Kind::Reference if !value::is_uri_reference(text) => Some(Rule::Reference),
        _ if text.contains('\0') => Some(Rule::Nul),
        _ if text.is_empty() && attribute.is_secret() => Some(Rule::EmptySecret),
        _ if attribute.uniqueness != Uniqueness::None && text.len() > MAX_UNIQUE_BYTES => {
            Some(Rule::TooLong)
        }
        _ => None,
    }
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
