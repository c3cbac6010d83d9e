//! What add, replace and remove do to the values of one attribute.

use std::collections::HashMap;

use serde_json::Value;

use super::PatchErrorKind;
use super::request::Op;
use crate::filter::{BoundFilter, CompareOp, Literal};
use crate::path::ValuePath;
use crate::schema::{Attribute, Kind, validate};
use crate::{Object, value};

type Outcome = Result<(), PatchErrorKind>;

/// One operation on one attribute, whose container is given to the methods.
pub(super) struct Edit<'p, 'a> {
    pub(super) path: &'p ValuePath<'a>,
    pub(super) op: Op,
}

impl<'a> Edit<'_, 'a> {
    /// Adds or replaces.
    pub(super) fn set(&self, container: &mut Object, value: &Value) -> Outcome {
        let attribute = self.attribute();
        match (&self.path.filter, self.path.target.sub) {
            (Some(filter), _) => self.set_selected(container, filter, value),
            (None, Some(sub)) if attribute.multi_valued => self.set_in_each(container, sub, value),
            (None, Some(sub)) => {
                let complex = container
                    .entry(attribute.name.as_str())
                    .or_insert_with(|| Value::Object(Object::new()));
                self.set_sub(complex, sub, value)?;
                remove_if_unassigned(container, attribute);
                Ok(())
            }
            (None, None) if attribute.multi_valued => self.set_values(container, value),
            (None, None) if attribute.kind == Kind::Complex => self.merge(container, value),
            (None, None) => {
                put(container, attribute, self.read(attribute, value)?);
                Ok(())
            }
        }
    }

    /// Removes: all values, those the filter selects, or those that are named.
    pub(super) fn remove(&self, container: &mut Object, named: Option<&Value>) -> Outcome {
        let attribute = self.attribute();
        let Some(existing) = container.get_mut(&attribute.name) else { return Ok(()) };
        if let Some(sub) = self.path.target.sub {
            for element in elements_mut(existing) {
                if self.selects(element)
                    && let Some(element) = element.as_object_mut()
                    && element.shift_remove(&sub.name).is_some()
                    && sub.required
                {
                    return Err(PatchErrorKind::Required { path: self.path.target.path() });
                }
            }
        } else if let Value::Array(elements) = existing {
            match (&self.path.filter, named) {
                (Some(filter), _) => elements.retain(|element| !filter.matches_value(element)),
                (None, Some(named)) if !value::is_unassigned(named) => {
                    let named = self.read_elements(named)?;
                    let index = Index::of(attribute, &named);
                    elements.retain(|element| index.find(attribute, element, &named).is_none());
                }
                (None, _) => elements.clear(),
            }
        } else {
            *existing = Value::Null;
        }
        if let Value::Array(elements) = existing {
            elements.retain(|element| !value::is_unassigned(element));
        }
        remove_if_unassigned(container, attribute);
        Ok(())
    }

    fn attribute(&self) -> &'a Attribute {
        self.path.target.attribute
    }

    fn selects(&self, element: &Value) -> bool {
        self.path.filter.as_ref().is_none_or(|filter| filter.matches_value(element))
    }

    fn read(&self, attribute: &Attribute, value: &Value) -> Result<Option<Value>, PatchErrorKind> {
        validate::attribute_value(attribute, value, &self.path.target.path())
            .map_err(PatchErrorKind::Value)
    }

    /// One value stands for an array of one.
    fn read_elements(&self, value: &Value) -> Result<Vec<Value>, PatchErrorKind> {
        let given = match value {
            Value::Array(elements) => elements.as_slice(),
            single => std::slice::from_ref(single),
        };
        let path = self.path.target.path();
        let mut read = Vec::with_capacity(given.len());
        for (index, element) in given.iter().enumerate() {
            let at = format!("{path}[{index}]");
            let element = validate::element_value(self.attribute(), element, &at)
                .map_err(PatchErrorKind::Value)?;
            read.extend(element);
        }
        Ok(read)
    }

    /// RFC 7644 §3.5.2.1 and §3.5.2.3: add appends what is not there yet, replace puts the given
    /// values in the place of all.
    fn set_values(&self, container: &mut Object, value: &Value) -> Outcome {
        let attribute = self.attribute();
        let given = self.read_elements(value)?;
        let mut elements = match container.get_mut(&attribute.name) {
            Some(Value::Array(elements)) if self.op == Op::Add => std::mem::take(elements),
            _ => Vec::new(),
        };
        let mut index = Index::of(attribute, &elements);
        let mut changed = Vec::with_capacity(given.len());
        for element in given {
            match index.find(attribute, &element, &elements) {
                Some(place) => {
                    if let Some(known) = elements.get_mut(place) {
                        complete(known, element);
                    }
                    changed.push(place);
                }
                None => {
                    index.add(attribute, &element, elements.len());
                    changed.push(elements.len());
                    elements.push(element);
                }
            }
        }
        keep_one_primary(&mut elements, &changed);
        put(container, attribute, Some(Value::Array(elements)));
        Ok(())
    }

    /// RFC 7644 §3.5.2.3: "If the target location specifies a complex attribute, a set of
    /// sub-attributes SHALL be replaced by the values in the "value" parameter"; the others stay.
    fn merge(&self, container: &mut Object, value: &Value) -> Outcome {
        let attribute = self.attribute();
        let Some(given) = value.as_object() else {
            // Not an object: reading it says what is wrong.
            return self.read(attribute, value).map(|_| ());
        };
        let complex = container
            .entry(attribute.name.as_str())
            .or_insert_with(|| Value::Object(Object::new()));
        for (name, value) in given {
            if let Some(sub) = attribute.sub(name) {
                self.set_sub(complex, sub, value)?;
            }
        }
        remove_if_unassigned(container, attribute);
        Ok(())
    }

    fn set_sub(&self, complex: &mut Value, sub: &Attribute, value: &Value) -> Outcome {
        let path = format!("{}.{}", self.path.target.attribute.name, sub.name);
        let read = validate::attribute_value(sub, value, &path).map_err(PatchErrorKind::Value)?;
        if let Some(complex) = complex.as_object_mut() {
            put(complex, sub, read);
        }
        Ok(())
    }

    /// `emails.type` without a filter: the sub-attribute of every value.
    fn set_in_each(&self, container: &mut Object, sub: &Attribute, value: &Value) -> Outcome {
        let existing = container
            .entry(self.attribute().name.as_str())
            .or_insert_with(|| Value::Array(vec![Value::Object(Object::new())]));
        for element in elements_mut(existing) {
            self.set_sub(element, sub, value)?;
        }
        Ok(())
    }

    fn set_selected(
        &self,
        container: &mut Object,
        filter: &BoundFilter<'_>,
        value: &Value,
    ) -> Outcome {
        let existing = container
            .entry(self.attribute().name.as_str())
            .or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(elements) = existing else { return Ok(()) };
        let mut selected: Vec<usize> = elements
            .iter()
            .enumerate()
            .filter(|(_, element)| filter.matches_value(element))
            .map(|(index, _)| index)
            .collect();
        if selected.is_empty() {
            elements.push(self.described_by(filter)?);
            selected.push(elements.len() - 1);
        }
        for index in &selected {
            if let Some(element) = elements.get_mut(*index) {
                self.set_element(element, value)?;
            }
        }
        keep_one_primary(elements, &selected);
        Ok(())
    }

    fn set_element(&self, element: &mut Value, value: &Value) -> Outcome {
        if let Some(sub) = self.path.target.sub {
            return self.set_sub(element, sub, value);
        }
        // One value may stand in an array, as it does where there is no filter.
        let value = match value {
            Value::Array(values) => match values.as_slice() {
                [single] => single,
                several => {
                    let (path, found) = (self.path.target.path(), several.len());
                    return Err(PatchErrorKind::SeveralValues { path, found });
                }
            },
            single => single,
        };
        match (self.op, value.as_object()) {
            (Op::Add, Some(given)) => {
                for (name, value) in given {
                    if let Some(sub) = self.attribute().sub(name) {
                        self.set_sub(element, sub, value)?;
                    }
                }
            }
            // RFC 7644 §3.5.2.3: "all matching record values SHALL be replaced".
            _ => {
                let mut read = self.read_elements(value)?;
                if let Some(value) = read.pop() {
                    *element = value;
                }
            }
        }
        Ok(())
    }

    /// A value that satisfies the filter, for `add` to a value that is not there yet:
    /// `emails[type eq "work"]` describes `{"type": "work"}`.
    fn described_by(&self, filter: &BoundFilter<'_>) -> Result<Value, PatchErrorKind> {
        let mut members = Object::new();
        let complex = self.attribute().kind == Kind::Complex;
        if self.op == Op::Add
            && complex
            && describe(filter, &mut members)
            && filter.matches(&members)
        {
            return Ok(Value::Object(members));
        }
        // RFC 7644 §3.5.2.3: "If the target location is a multi-valued attribute for which a value
        // selection filter ("valuePath") has been supplied and no record match was made, the
        // service provider SHALL indicate failure by returning HTTP status code 400 and a
        // "scimType" error code of "noTarget"."
        Err(PatchErrorKind::NoMatch { path: self.path.target.path() })
    }
}

/// Fills in what a filter of equalities says; false where it says anything else.
fn describe(filter: &BoundFilter<'_>, members: &mut Object) -> bool {
    match filter {
        BoundFilter::And(terms) => terms.iter().all(|term| describe(term, members)),
        BoundFilter::Compare(comparison) if comparison.op == CompareOp::Eq => {
            // As it was written: a comparison folds case, a value keeps it.
            let value = match &comparison.literal {
                Literal::Bool(value) => Value::Bool(*value),
                Literal::Number(value) => Value::Number(value.clone()),
                Literal::String(value) => Value::String(value.clone()),
                Literal::Null => return false,
            };
            members.insert(comparison.target.attribute.name.clone(), value);
            true
        }
        _ => false,
    }
}

/// RFC 7644 §3.5.2: "For multi-valued attributes, a PATCH operation that sets a value's "primary"
/// sub-attribute to "true" SHALL cause the server to automatically set "primary" to "false" for
/// any other values in the array."
fn keep_one_primary(elements: &mut [Value], changed: &[usize]) {
    let is_primary = |element: &Value| element.get("primary") == Some(&Value::Bool(true));
    let keep = changed.iter().rev().find(|index| elements.get(**index).is_some_and(is_primary));
    let Some(keep) = keep else { return };
    for (index, element) in elements.iter_mut().enumerate() {
        if index != *keep
            && is_primary(element)
            && !changed.contains(&index)
            && let Some(element) = element.as_object_mut()
        {
            element.insert("primary".to_owned(), Value::Bool(false));
        }
    }
}

/// Finds values of a multi-valued attribute by their identity, without comparing each with each.
///
/// Two are the same one when their `value`s are, and their `type`s do not contradict each other;
/// without a `value`, when they are equal.
struct Index {
    places: HashMap<String, Vec<usize>>,
}

impl Index {
    fn of(attribute: &Attribute, elements: &[Value]) -> Self {
        let mut index = Self { places: HashMap::with_capacity(elements.len()) };
        for (place, element) in elements.iter().enumerate() {
            index.add(attribute, element, place);
        }
        index
    }

    fn add(&mut self, attribute: &Attribute, element: &Value, place: usize) {
        self.places.entry(identity(attribute, element)).or_default().push(place);
    }

    /// The place of the same value among `elements`, of which this is the index.
    fn find(&self, attribute: &Attribute, element: &Value, elements: &[Value]) -> Option<usize> {
        let places = self.places.get(&identity(attribute, element))?;
        places.iter().copied().find(|place| {
            elements.get(*place).is_some_and(|other| types_agree(attribute, element, other))
        })
    }
}

fn identity(attribute: &Attribute, element: &Value) -> String {
    match (attribute.sub("value"), element.get("value")) {
        (Some(sub), Some(Value::String(text))) => value::normalized(sub, text).into_owned(),
        (Some(_), Some(other)) => other.to_string(),
        (None, _) if element.is_string() => {
            value::normalized(attribute, element.as_str().unwrap_or_default()).into_owned()
        }
        _ => value::canonical(element),
    }
}

fn types_agree(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    let Some(sub) = attribute.sub("type") else { return true };
    match (a.get("type").and_then(Value::as_str), b.get("type").and_then(Value::as_str)) {
        (Some(a), Some(b)) => value::normalized(sub, a) == value::normalized(sub, b),
        _ => true,
    }
}

/// Gives a value what else is known of it.
fn complete(known: &mut Value, given: Value) {
    if let (Value::Object(known), Value::Object(given)) = (known, given) {
        known.extend(given);
    }
}

fn elements_mut(value: &mut Value) -> &mut [Value] {
    match value {
        Value::Array(elements) => elements,
        single => std::slice::from_mut(single),
    }
}

fn put(container: &mut Object, attribute: &Attribute, value: Option<Value>) {
    match value.filter(|value| !value::is_unassigned(value)) {
        Some(value) => {
            container.insert(attribute.name.clone(), value);
        }
        None => {
            container.shift_remove(&attribute.name);
        }
    }
}

fn remove_if_unassigned(container: &mut Object, attribute: &Attribute) {
    if container.get(&attribute.name).is_some_and(value::is_unassigned) {
        container.shift_remove(&attribute.name);
    }
}
