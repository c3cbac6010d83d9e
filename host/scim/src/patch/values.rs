//! What add, replace and remove do to the values of one attribute.

use serde_json::Value;

use super::PatchErrorKind;
use super::request::Op;
use crate::dialect::{ComplexReplace, Dialect, UnmatchedReplace};
use crate::elements::{Elements, is_primary, keep_one_primary};
use crate::filter::{BoundFilter, CompareOp, Literal};
use crate::membership::{completed, lead_to_the_same};
use crate::path::{AttributeRef, ValuePath};
use crate::schema::{Attribute, Kind, Mutability, validate};
use crate::{Object, value};

type Outcome = Result<(), PatchErrorKind>;

/// One operation on one attribute, whose container is given to the methods.
pub(super) struct Edit<'p, 'a> {
    pub(super) path: &'p ValuePath<'a>,
    pub(super) op: Op,
    pub(super) dialect: &'p Dialect,
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

    /// Replaces by no value (RFC 7643 §2.5): removes, but a filter has to select something.
    pub(super) fn clear(&self, container: &mut Object) -> Outcome {
        let existing = container.get(&self.attribute().name);
        let elements = existing.and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
        let is_missing = self.path.filter.is_some() && !elements.iter().any(|it| self.selects(it));
        if is_missing && self.dialect.unmatched_replace == UnmatchedReplace::Fails {
            return Err(self.no_match());
        }
        self.remove(container, None)
    }

    /// Removes: all values, those the filter selects, or those that are named.
    pub(super) fn remove(&self, container: &mut Object, named: Option<&Value>) -> Outcome {
        let attribute = self.attribute();
        // Read whatever there is to remove: what is wrong with it does not depend on that.
        let named = match (&self.path.filter, self.path.target.sub, named) {
            (None, None, Some(named)) if attribute.multi_valued && !named.is_null() => {
                Some(Elements::of(attribute, self.read_elements(named)?))
            }
            _ => None,
        };
        let Some(existing) = container.get_mut(&attribute.name) else { return Ok(()) };
        if let Some(sub) = self.path.target.sub {
            for element in elements_mut(existing).iter_mut().filter(|it| self.selects(it)) {
                self.set_sub(element, sub, &Value::Null)?;
            }
        } else if let Value::Array(elements) = existing {
            match (&self.path.filter, &named) {
                (Some(filter), _) => elements.retain(|element| !filter.matches_value(element)),
                // An empty array names none: to take it for all would empty a group.
                (None, Some(named)) => elements.retain(|element| named.find(element).is_none()),
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
        let existing = match container.get_mut(&attribute.name) {
            Some(Value::Array(elements)) if self.op == Op::Add => std::mem::take(elements),
            _ => Vec::new(),
        };
        let mut elements = Elements::of(attribute, existing);
        let mut primaries = Vec::new();
        for element in given {
            if let Some(known) = elements.get(&element) {
                for sub in &attribute.sub_attributes {
                    let new = element.get(&sub.name).or(known.get(&sub.name));
                    self.check_immutable(known, sub, new)?;
                }
            }
            // A value that is sent again without "primary" does not claim to be the primary one.
            let sets_primary = is_primary(&element);
            let place = elements.put(element);
            if sets_primary {
                primaries.push(place);
            }
        }
        let mut elements = elements.into_values();
        keep_one_primary(&mut elements, &primaries);
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
        let removes_others = self.dialect.complex_replace == ComplexReplace::RemovesOthers;
        if self.op == Op::Replace && removes_others {
            let goes = |sub: &&Attribute| sub.mutability == Mutability::ReadWrite;
            for sub in attribute.sub_attributes.iter().filter(goes) {
                if !given.keys().any(|name| name.eq_ignore_ascii_case(&sub.name)) {
                    self.set_sub(complex, sub, &Value::Null)?;
                }
            }
        }
        self.set_members(complex, given)?;
        remove_if_unassigned(container, attribute);
        Ok(())
    }

    /// Sets the parts that are given. What a client cannot set is passed over as it is on PUT.
    fn set_members(&self, complex: &mut Value, given: &Object) -> Outcome {
        for (name, value) in completed(self.attribute(), given).iter() {
            if let Some(sub) = self.attribute().sub(name).filter(|sub| is_writable(sub)) {
                self.set_sub(complex, sub, value)?;
            }
        }
        Ok(())
    }

    fn set_sub(&self, complex: &mut Value, sub: &Attribute, value: &Value) -> Outcome {
        let path = self.sub_path(sub);
        let read = validate::attribute_value(sub, value, &path).map_err(PatchErrorKind::Value)?;
        self.check_immutable(complex, sub, read.as_ref())?;
        let Some(complex) = complex.as_object_mut() else { return Ok(()) };
        if read.is_none() && sub.required && complex.contains_key(&sub.name) {
            return Err(PatchErrorKind::Required { path });
        }
        put(complex, sub, read);
        Ok(())
    }

    /// RFC 7643 §7: an immutable attribute "SHALL NOT be updated" once it has a value. Values
    /// of a multi-valued attribute come and go, so they are looked at one by one; attributes with
    /// one value are compared when all operations have been carried out.
    fn check_immutable(&self, element: &Value, sub: &Attribute, new: Option<&Value>) -> Outcome {
        let is_kept = sub.mutability != Mutability::Immutable
            || !self.attribute().multi_valued
            || element.get(&sub.name).is_none_or(|old| new.is_some_and(|new| same(sub, old, new)));
        if is_kept { Ok(()) } else { Err(PatchErrorKind::Immutable { path: self.sub_path(sub) }) }
    }

    fn sub_path(&self, sub: &Attribute) -> String {
        AttributeRef { sub: Some(sub), ..self.path.target }.path()
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
        let is_new = selected.is_empty();
        if is_new {
            elements.push(self.described_by(filter)?);
            selected.push(elements.len() - 1);
        }
        for index in &selected {
            if let Some(element) = elements.get_mut(*index) {
                self.set_element(element, value, is_new)?;
            }
        }
        keep_one_primary(elements, &selected);
        Ok(())
    }

    fn set_element(&self, element: &mut Value, value: &Value, is_new: bool) -> Outcome {
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
        match value.as_object() {
            Some(given) if is_new || self.op == Op::Add => self.set_members(element, given)?,
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

    /// A value that satisfies the filter, for an operation that may create it: `emails[type eq "work"]` describes `{"type": "work"}`.
    fn described_by(&self, filter: &BoundFilter<'_>) -> Result<Value, PatchErrorKind> {
        let mut members = Object::new();
        let creates =
            self.op == Op::Add || self.dialect.unmatched_replace == UnmatchedReplace::Creates;
        if creates
            && self.attribute().kind == Kind::Complex
            && describe(filter, &mut members)
            && filter.matches(&members)
        {
            return Ok(Value::Object(members));
        }
        Err(self.no_match())
    }

    /// RFC 7644 §3.5.2.3: "If the target location is a multi-valued attribute for which a value
    /// selection filter ("valuePath") has been supplied and no record match was made, the service
    /// provider SHALL indicate failure by returning HTTP status code 400 and a "scimType" error
    /// code of "noTarget"."
    fn no_match(&self) -> PatchErrorKind {
        PatchErrorKind::NoMatch { path: self.path.text.clone() }
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

fn is_writable(sub: &Attribute) -> bool {
    sub.mutability != Mutability::ReadOnly
}

/// Whether two values of an attribute are one to everybody who compares them.
fn same(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) if attribute.refers_to_resources() => lead_to_the_same(a, b),
        (Some(a), Some(b)) => value::normalized(attribute, a) == value::normalized(attribute, b),
        _ => a == b,
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
