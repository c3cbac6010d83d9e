//! Which members of a group the operations of a PATCH look at.
//!
//! A group may have a million, and most requests name the few that they add or remove. What becomes
//! of those depends on no other member: [`apply`](super::apply) on a group that is known with the
//! named ones alone does to them what it would do among all.

use std::collections::HashMap;

use serde_json::Value;

use super::apply::is_read_only;
use super::request::{Op, PatchRequest};
use crate::Object;
use crate::filter::{BoundFilter, CompareOp, Literal};
use crate::membership::{self, id_in};
use crate::path::{self, Path, ValuePath};
use crate::schema::validate;
use crate::schema::{Attribute, ResourceType};

/// The members that the operations of a PATCH look at.
#[derive(Debug, Clone, PartialEq)]
pub enum Reach {
    /// Those that they name, and no others.
    Named(NamedMembers),
    /// Any of them: a filter looks at more than who a member is, or a part of each member is named.
    All,
}

/// The members that a request names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NamedMembers {
    /// By id, where the request names it first. An id is what the client sent, and may be of
    /// nobody.
    pub places: HashMap<String, Place>,
    /// Whether the members that are not named are removed.
    pub removes_others: bool,
    /// Whether the operations are about members and nothing else.
    pub nothing_else: bool,
}

/// Where a request names a member; in the order of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The place of the operation in `Operations`, from 0.
    pub operation: usize,
    /// The place in its value, from 0; `None` where its path names the member.
    pub index: Option<usize>,
}

impl Place {
    /// The path of the member's id in the operation: `members[2].value`.
    #[must_use]
    pub fn path(self, members: &Attribute) -> String {
        match self.index {
            Some(index) => membership::path(members, index),
            None => format!("{}.value", members.name),
        }
    }
}

/// The members that a replacement lists. Those that it does not are removed.
#[must_use]
pub fn listed(members: &Attribute, replacement: &Object) -> NamedMembers {
    let mut named = NamedMembers { removes_others: true, ..NamedMembers::default() };
    let given = replacement.iter().find(|(name, _)| name.eq_ignore_ascii_case(&members.name));
    let values = given.and_then(|(_, value)| value.as_array());
    for (index, value) in values.into_iter().flatten().enumerate() {
        if let Some(id) = id_of(members, value) {
            named.places.entry(id).or_insert(Place { operation: 0, index: Some(index) });
        }
    }
    named
}

/// The members that a PATCH looks at; `members` is the attribute of the type that has them. What
/// the request has wrong is passed over: [`apply`](super::apply) says it.
#[must_use]
pub fn reach(resource_type: &ResourceType, members: &Attribute, request: &PatchRequest) -> Reach {
    let named = NamedMembers { nothing_else: true, ..NamedMembers::default() };
    let mut reader = Reader { resource_type, members, operation: 0, named, reaches_all: false };
    for (index, operation) in request.operations.iter().enumerate() {
        reader.operation = index;
        let value = operation.value.as_ref();
        match &operation.path {
            None => reader.keyed_by_paths(operation.op, value),
            Some(path) => match path::parse(resource_type, path) {
                Ok(Path::Extension(schema)) if schema.id == resource_type.schema.id => {
                    reader.keyed_by_paths(operation.op, value);
                }
                Ok(Path::Value(path)) => reader.value_at(&path, operation.op, value),
                Ok(Path::Extension(_)) | Err(_) => reader.named.nothing_else = false,
            },
        }
    }
    // A membership that has to be there is one that all of them are asked for.
    if reader.reaches_all || members.required { Reach::All } else { Reach::Named(reader.named) }
}

struct Reader<'r> {
    resource_type: &'r ResourceType,
    members: &'r Attribute,
    operation: usize,
    named: NamedMembers,
    reaches_all: bool,
}

impl Reader<'_> {
    /// The value of an operation on the resource itself: its keys are paths.
    fn keyed_by_paths(&mut self, op: Op, value: Option<&Value>) {
        let Some(Value::Object(values)) = value else {
            self.named.nothing_else = false;
            return;
        };
        for (key, value) in values {
            match path::parse(self.resource_type, key) {
                Ok(Path::Extension(schema)) if schema.id == self.resource_type.schema.id => {
                    self.keyed_by_paths(op, Some(value));
                }
                Ok(Path::Value(path)) => self.value_at(&path, op, Some(value)),
                Ok(Path::Extension(_)) | Err(_) => self.named.nothing_else = false,
            }
        }
    }

    fn value_at(&mut self, path: &ValuePath<'_>, op: Op, value: Option<&Value>) {
        let target = &path.target;
        if target.extension.is_some() || target.attribute.name != self.members.name {
            self.named.nothing_else = false;
            return;
        }
        // What the server alone writes is looked at by nobody.
        if is_read_only(target) {
            return;
        }
        match (&path.filter, target.sub) {
            (None, Some(_)) => self.reaches_all = true,
            (None, None) => self.named.removes_others |= removes_all(op, value),
            (Some(filter), _) => match selected(filter) {
                Some(ids) => ids.into_iter().for_each(|id| self.name(id, None)),
                None => self.reaches_all = true,
            },
        }
        match (target.sub, value) {
            (None, Some(Value::Array(values))) => {
                for (index, value) in values.iter().enumerate() {
                    self.element(value, index);
                }
            }
            (None, Some(value)) => self.element(value, 0),
            (Some(_), Some(Value::String(text))) => self.name(id_in(text).to_owned(), None),
            (_, _) => {}
        }
    }

    fn element(&mut self, value: &Value, index: usize) {
        if let Some(id) = id_of(self.members, value) {
            self.name(id, Some(index));
        }
    }

    fn name(&mut self, id: String, index: Option<usize>) {
        let place = Place { operation: self.operation, index };
        self.named.places.entry(id).or_insert(place);
    }
}

/// The id of a member as a client sent it, if there is one.
fn id_of(members: &Attribute, value: &Value) -> Option<String> {
    let read = validate::element_value(members, value, &members.name).ok()??;
    read.get("value").and_then(Value::as_str).map(str::to_owned)
}

/// Whether an operation on all members leaves none but those in its value.
fn removes_all(op: Op, value: Option<&Value>) -> bool {
    match op {
        Op::Add => false,
        Op::Replace => true,
        // An empty array names none, and none is removed.
        Op::Remove => value.is_none_or(Value::is_null),
    }
}

/// The ids of which a member has one if a filter selects it; `None` where it may have any.
fn selected(filter: &BoundFilter<'_>) -> Option<Vec<String>> {
    match filter {
        // One term would do; but where none is selected, a member that all describe may be added.
        BoundFilter::And(terms) => {
            terms.iter().filter_map(selected).reduce(|all, more| [all, more].concat())
        }
        BoundFilter::Or(terms) => {
            let ids: Option<Vec<_>> = terms.iter().map(selected).collect();
            ids.map(|ids| ids.concat())
        }
        BoundFilter::Compare(comparison) if comparison.op == CompareOp::Eq => {
            let Literal::String(text) = &comparison.literal else { return None };
            let part = comparison.target.attribute;
            match part.name.as_str() {
                "value" => Some(vec![text.clone()]),
                _ if part.refers_to_resources() => Some(vec![id_in(text).to_owned()]),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Registry;
    use crate::membership::members_of;
    use crate::patch::PATCH_SCHEMA;

    fn reach_of(operations: Value) -> Reach {
        let registry = Registry::core();
        let group = registry.resource_type("Group").unwrap();
        let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": operations });
        let request = PatchRequest::parse(body.as_object().unwrap()).unwrap();
        reach(group, members_of(group).unwrap(), &request)
    }

    fn named(operation: Value) -> (Vec<(String, String)>, bool, bool) {
        let Reach::Named(named) = reach_of(json!([operation])) else {
            panic!("it reaches all");
        };
        let registry = Registry::core();
        let members = members_of(registry.resource_type("Group").unwrap()).unwrap();
        let places = named.places.into_iter().map(|(id, place)| (id, place.path(members)));
        let mut places: Vec<_> = places.collect();
        places.sort();
        (places, named.removes_others, named.nothing_else)
    }

    fn at(places: &[(&str, &str)]) -> Vec<(String, String)> {
        places.iter().map(|(id, path)| ((*id).to_owned(), (*path).to_owned())).collect()
    }

    #[test]
    fn members_are_named_by_values_and_by_filters_on_who_they_are() {
        let (a, b, both) = ("members[0].value", "members[1].value", "members.value");
        for (operation, places, removes_others) in [
            (
                json!({ "op": "add", "path": "members", "value": [{ "value": "a" }, { "$ref": "/Users/b" }] }),
                at(&[("a", a), ("b", b)]),
                false,
            ),
            (
                json!({ "op": "add", "value": { "MEMBERS": { "Value": "a" } } }),
                at(&[("a", a)]),
                false,
            ),
            (
                json!({ "op": "remove", "path": "members", "value": [{ "value": "a" }] }),
                at(&[("a", a)]),
                false,
            ),
            (json!({ "op": "remove", "path": "members", "value": [] }), at(&[]), false),
            (json!({ "op": "remove", "path": "members" }), at(&[]), true),
            (
                json!({ "op": "replace", "path": "members", "value": [{ "value": "a" }] }),
                at(&[("a", a)]),
                true,
            ),
            (json!({ "op": "replace", "value": { "members": null } }), at(&[]), true),
            (
                json!({ "op": "remove", "path": "members[value eq \"a\" or $ref eq \"x/b\"]" }),
                at(&[("a", both), ("b", both)]),
                false,
            ),
            (
                json!({ "op": "remove", "path": "members[type eq \"User\" and value eq \"a\"]" }),
                at(&[("a", both)]),
                false,
            ),
            (
                json!({ "op": "add", "path": "members[value eq \"a\"]", "value": { "$ref": "/Users/b", "value": "b" } }),
                at(&[("a", both), ("b", a)]),
                false,
            ),
        ] {
            assert_eq!(named(operation.clone()), (places, removes_others, true), "{operation}");
        }
    }

    #[test]
    fn what_selects_by_more_than_who_a_member_is_reaches_all() {
        for path in [
            "members[display eq \"a\"]",
            "members[value eq \"a\" or type eq \"User\"]",
            "members[value ne \"a\"]",
            "members[not (value eq \"a\")]",
            "members[value sw \"a\"]",
            "members.value",
        ] {
            let operation = json!([{ "op": "remove", "path": path }]);
            assert_eq!(reach_of(operation), Reach::All, "{path}");
        }
    }

    #[test]
    fn other_attributes_and_what_is_wrong_are_something_else() {
        for operation in [
            json!({ "op": "replace", "path": "displayName", "value": "x" }),
            json!({ "op": "add", "value": { "members": [{ "value": "a" }], "displayName": "x" } }),
            json!({ "op": "add", "path": "nonsense", "value": "x" }),
            json!({ "op": "add", "value": "x" }),
        ] {
            assert!(!named(operation.clone()).2, "{operation}");
        }
    }
}
