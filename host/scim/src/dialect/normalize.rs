//! Rewrites what a client sent into the RFC's form, as the switches of its dialect say.
//!
//! What cannot be rewritten is left as it is: the strict reader that comes after says what is
//! wrong with it.

use std::borrow::Cow;

use serde_json::Value;

use super::{Coercion, Dialect, Leniency, Reading, UnknownAttributes};
use crate::Object;
use crate::filter::{Filter, Scope};
use crate::patch::{Op, Operation, PatchError, PatchErrorKind, PatchRequest};
use crate::path::{self, Path};
use crate::schema::validate::{Invalid, Issue, Rule};
use crate::schema::{Attribute, Kind, Mutability, ResourceType};

/// What a client sent, in the RFC's form.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalized<'i, T: Clone> {
    /// The input; a changed copy where anything had to be changed.
    pub value: Cow<'i, T>,
    /// What was changed.
    pub coercions: Vec<Coercion>,
}

impl Dialect {
    /// The resource in the body of a POST or PUT.
    ///
    /// # Errors
    /// It has attributes that no schema has, and the dialect refuses them.
    pub fn resource<'i>(
        &self,
        resource_type: &ResourceType,
        input: &'i Object,
    ) -> Result<Normalized<'i, Object>, Invalid> {
        if self.reads_as_sent() {
            return Ok(Normalized { value: Cow::Borrowed(input), coercions: Vec::new() });
        }
        let mut normalizer = Normalizer::new(self, resource_type);
        let mut resource = input.clone();
        normalizer.resource(&mut resource);
        normalizer.refuse()?;
        Ok(Normalized { value: Cow::Owned(resource), coercions: normalizer.coercions })
    }

    /// A PATCH request: the paths of its operations, the filters in them, and the values.
    ///
    /// # Errors
    /// A value has attributes that no schema has, and the dialect refuses them; or two of its
    /// names are one in the RFC's form.
    pub fn patch<'i>(
        &self,
        resource_type: &ResourceType,
        request: &'i PatchRequest,
    ) -> Result<Normalized<'i, PatchRequest>, PatchError> {
        if self.reads_as_sent() {
            return Ok(Normalized { value: Cow::Borrowed(request), coercions: Vec::new() });
        }
        let mut normalizer = Normalizer::new(self, resource_type);
        let mut request = request.clone();
        for (index, operation) in request.operations.iter_mut().enumerate() {
            normalizer.operation(operation);
            normalizer.refuse().map_err(|invalid| PatchError {
                operation: Some(index),
                kind: PatchErrorKind::Value(invalid),
            })?;
        }
        Ok(Normalized { value: Cow::Owned(request), coercions: normalizer.coercions })
    }

    /// The filter of a list.
    #[must_use]
    pub fn filter<'i>(
        &self,
        resource_type: &ResourceType,
        filter: &'i Filter,
    ) -> Normalized<'i, Filter> {
        if self.reads_as_sent() {
            return Normalized { value: Cow::Borrowed(filter), coercions: Vec::new() };
        }
        let mut normalizer = Normalizer::new(self, resource_type);
        let mut filter = filter.clone();
        normalizer.filter(&mut filter, Scope::Resource(resource_type));
        Normalized { value: Cow::Owned(filter), coercions: normalizer.coercions }
    }

    fn reads_as_sent(&self) -> bool {
        self.leniency == Leniency::NONE && self.unknown_attributes == UnknownAttributes::Ignored
    }
}

/// Goes through the input, and keeps what it finds.
pub(super) struct Normalizer<'d> {
    pub(super) dialect: &'d Dialect,
    pub(super) resource_type: &'d ResourceType,
    coercions: Vec<Coercion>,
    issues: Vec<Issue>,
}

impl<'d> Normalizer<'d> {
    fn new(dialect: &'d Dialect, resource_type: &'d ResourceType) -> Self {
        Self { dialect, resource_type, coercions: Vec::new(), issues: Vec::new() }
    }

    pub(super) fn note(&mut self, path: impl Into<String>, reading: Reading) {
        self.coercions.push(Coercion { path: path.into(), reading });
    }

    fn note_unknown(&mut self, path: impl Into<String>) {
        if self.dialect.unknown_attributes == UnknownAttributes::Refused {
            self.issues.push(Issue { path: path.into(), rule: Rule::Unknown });
        }
    }

    fn refuse(&mut self) -> Result<(), Invalid> {
        let issues = std::mem::take(&mut self.issues);
        if issues.is_empty() { Ok(()) } else { Err(Invalid { issues }) }
    }

    fn resource(&mut self, resource: &mut Object) {
        for (name, value) in resource.iter_mut() {
            if let Some(extension) = self.resource_type.extension(name) {
                if let Some(members) = value.as_object_mut() {
                    let prefix = format!("{}:", extension.schema.id);
                    self.members(&extension.schema.attributes, members, &prefix);
                }
            } else if let Some(attribute) = self.resource_type.attribute(name) {
                self.attribute(attribute, value, &attribute.name);
            } else {
                self.note_unknown(name.as_str());
            }
        }
    }

    fn operation(&mut self, operation: &mut Operation) {
        let value = operation.value.as_mut();
        let Some(path) = &mut operation.path else {
            if let Some(Value::Object(members)) = value {
                self.keyed_by_paths(members, "");
            }
            return;
        };
        *path = self.path(path);
        let Some(value) = value else { return };
        let was_empty = value.as_str().is_some_and(str::is_empty);
        if let Ok(target) = path::parse(self.resource_type, path) {
            self.value_at(&target, value, path);
        }
        // To add no value would change nothing (RFC 7644 §3.5.2.1); this is to have none.
        if was_empty && value.is_null() {
            operation.op = Op::Remove;
            operation.value = None;
        }
    }

    /// The value of a PATCH without a path, or of one whose path is an extension: its keys are
    /// paths themselves.
    fn keyed_by_paths(&mut self, members: &mut Object, prefix: &str) {
        for (key, mut value) in std::mem::take(members) {
            let path = self.path(&format!("{prefix}{key}"));
            match path::parse(self.resource_type, &path) {
                Ok(target) => self.value_at(&target, &mut value, &path),
                Err(_) => self.note_unknown(path.as_str()),
            }
            let key = path.strip_prefix(prefix).unwrap_or(&path).to_owned();
            if members.insert(key, value).is_some() {
                self.issues.push(Issue { path, rule: Rule::Twice });
            }
        }
    }

    fn value_at(&mut self, target: &Path<'_>, value: &mut Value, path: &str) {
        match (target, value) {
            (Path::Extension(schema), Value::Object(members)) => {
                let is_base = schema.id == self.resource_type.schema.id;
                let prefix = if is_base { String::new() } else { format!("{}:", schema.id) };
                self.keyed_by_paths(members, &prefix);
            }
            (Path::Extension(_), _) => {}
            (Path::Value(at), value) => match at.target.sub {
                Some(sub) => self.attribute(sub, value, &at.target.path()),
                None => self.attribute(at.target.attribute, value, without_filter(path)),
            },
        }
    }

    fn members(&mut self, attributes: &[Attribute], members: &mut Object, prefix: &str) {
        for (name, value) in members.iter_mut() {
            match Attribute::named(attributes, name) {
                Some(it) => self.attribute(it, value, &format!("{prefix}{}", it.name)),
                None => self.note_unknown(format!("{prefix}{name}")),
            }
        }
    }

    fn attribute(&mut self, attribute: &Attribute, value: &mut Value, path: &str) {
        if attribute.mutability == Mutability::ReadOnly {
            return; // Nobody reads it.
        }
        match value {
            Value::Array(elements) if attribute.multi_valued => {
                for (index, element) in elements.iter_mut().enumerate() {
                    self.element(attribute, element, &format!("{path}[{index}]"));
                }
            }
            element if attribute.multi_valued => self.element(attribute, element, path),
            single => self.single(attribute, single, path),
        }
    }

    /// The value of an attribute that has one.
    fn single(&mut self, attribute: &Attribute, value: &mut Value, path: &str) {
        let leniency = self.dialect.leniency;
        if leniency.arrays_of_one
            && let Value::Array(elements) = value
            && elements.len() == 1
            && let Some(element) = elements.pop()
        {
            *value = element;
            self.note(path, Reading::ArrayOfOne);
        }
        if leniency.wrapped_values
            && attribute.kind != Kind::Complex
            && let Some(wrapped) = wrapped_value(value)
        {
            *value = wrapped;
            self.note(path, Reading::WrappedValue);
        }
        let holds_text = !matches!(attribute.kind, Kind::Boolean | Kind::Integer | Kind::Decimal);
        match value {
            Value::String(text) if leniency.empty_strings && holds_text && text.is_empty() => {
                *value = Value::Null;
                self.note(path, Reading::EmptyString);
            }
            Value::String(_) if leniency.bare_values && attribute.sub("value").is_some() => {
                *value = Value::Object(Object::from_iter([("value".to_owned(), value.take())]));
                self.note(path, Reading::BareValue);
            }
            _ => self.element(attribute, value, path),
        }
    }

    /// One value, alone or among others.
    fn element(&mut self, attribute: &Attribute, value: &mut Value, path: &str) {
        match (attribute.kind, value) {
            (Kind::Boolean, value) => {
                if let Some(boolean) = value.as_str().and_then(|text| self.boolean(text)) {
                    *value = Value::Bool(boolean);
                    self.note(path, Reading::StringBoolean(boolean));
                }
            }
            (Kind::Complex, Value::Object(members)) => {
                if self.dialect.leniency.json_in_values && unpack_value(attribute, members) {
                    self.note(path, Reading::JsonInValue);
                }
                self.members(&attribute.sub_attributes, members, &format!("{path}."));
            }
            _ => {}
        }
    }

    /// The boolean that a string names, where the dialect has such.
    pub(super) fn boolean(&self, text: &str) -> Option<bool> {
        if !self.dialect.leniency.string_booleans {
            return None;
        }
        [("true", true), ("false", false)]
            .into_iter()
            .find_map(|(name, boolean)| text.eq_ignore_ascii_case(name).then_some(boolean))
    }
}

/// Entra ID has sent simple values as it sends members: `{"$ref": null, "value": "Babs"}`.
fn wrapped_value(value: &mut Value) -> Option<Value> {
    let members = value.as_object_mut()?;
    let only = |(name, value): (&String, &Value)| name == "value" || value.is_null();
    if !members.iter().all(only) {
        return None;
    }
    members.get_mut("value").map(Value::take)
}

/// Entra ID sends a role as `{"value": "{\"value\":\"Admin\",\"displayName\":…}"}`. What stands
/// outside of the string counts more than what is in it, `value` excepted.
fn unpack_value(attribute: &Attribute, members: &mut Object) -> bool {
    let is_value = |name: &str| name.eq_ignore_ascii_case("value");
    let text =
        members.iter().find(|(name, _)| is_value(name)).and_then(|(_, value)| value.as_str());
    let Some(Ok(packed)) = text.map(serde_json::from_str::<Object>) else { return false };
    if !packed.keys().any(|name| attribute.sub(name).is_some()) {
        return false;
    }
    members.retain(|name, _| !is_value(name));
    for (name, value) in packed {
        if let Some(sub) = attribute.sub(&name)
            && !members.keys().any(|known| known.eq_ignore_ascii_case(&name))
        {
            members.insert(sub.name.clone(), value);
        }
    }
    true
}

fn without_filter(path: &str) -> &str {
    path.split_once('[').map_or(path, |(head, _)| head)
}
