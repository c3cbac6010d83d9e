//! PATCH of members: who knows the named ones alone comes to the same as who knows all.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use tenon_scim::membership::{self, members_of};
use tenon_scim::patch::members::{Reach, reach};
use tenon_scim::patch::{self, PATCH_SCHEMA, PatchRequest};
use tenon_scim::schema::{ResourceType, core, validate};
use tenon_scim::{Dialect, Error, Object, Registry};

const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn group_type() -> Arc<ResourceType> {
    Arc::clone(Registry::core().resource_type("Group").unwrap())
}

/// A group as a server knows it.
fn group(members: &BTreeSet<&str>) -> Object {
    let value = |id: &&str| {
        let label = if *id < "d" { "User" } else { "Group" };
        membership::value(id, Some(&format!("https://x.example/{label}s/{id}")), label, Some(id))
    };
    let mut group = json!({ "schemas": [core::GROUP], "displayName": "g" });
    if !members.is_empty() {
        group["members"] = members.iter().map(value).collect();
    }
    group.as_object().unwrap().clone()
}

fn member() -> impl Strategy<Value = Value> {
    let id = || select(IDS.as_slice());
    prop_oneof![
        8 => id().prop_map(|id| json!({ "value": id })),
        2 => id().prop_map(|id| json!({ "$ref": format!("../Users/{id}"), "display": "x" })),
        1 => (id(), id()).prop_map(|(id, other)| json!({ "value": id, "$ref": other })),
        1 => id().prop_map(|id| json!({ "VALUE": id, "type": "User" })),
        1 => Just(json!({ "type": "User" })),
        1 => Just(json!("a")),
        1 => Just(json!({ "value": 1 })),
    ]
}

fn filter() -> impl Strategy<Value = String> {
    let id = || select(IDS.as_slice());
    let eq = id().prop_map(|id| format!("value eq \"{id}\""));
    let uri = id().prop_map(|id| format!("$ref eq \"/Users/{id}\""));
    let kind = select(
        ["type eq \"User\"", "type eq \"Group\"", "display pr", "value ne \"a\""].as_slice(),
    );
    let term = prop_oneof![6 => eq, 2 => uri, 1 => kind.prop_map(str::to_owned)].boxed();
    prop_oneof![
        4 => term.clone(),
        2 => (term.clone(), term.clone()).prop_map(|(a, b)| format!("{a} or {b}")),
        1 => (term.clone(), term.clone()).prop_map(|(a, b)| format!("{a} and {b}")),
        1 => term.prop_map(|it| format!("not ({it})")),
    ]
}

fn operation() -> impl Strategy<Value = Value> {
    let op = || select(["add", "Remove", "replace"].as_slice());
    let values = || {
        prop_oneof![
            8 => vec(member(), 0..4).prop_map(Value::from),
            2 => member(),
            1 => Just(Value::Null),
        ]
    };
    let part = select(["", "", "", ".value", ".$ref", ".display"].as_slice());
    prop_oneof![
        6 => (op(), values()).prop_map(|(op, it)| json!({ "op": op, "path": "members", "value": it })),
        1 => Just(json!({ "op": "remove", "path": "members" })),
        4 => (filter(), select(["remove", "replace"].as_slice()), part.clone())
            .prop_map(|(it, op, part)| json!({ "op": op, "path": format!("members[{it}]{part}") })),
        3 => (op(), filter(), part, values()).prop_map(|(op, filter, part, it)| {
            json!({ "op": op, "path": format!("members[{filter}]{part}"), "value": it })
        }),
        1 => (op(), part_of_each(), select(IDS.as_slice()))
            .prop_map(|(op, path, id)| json!({ "op": op, "path": path, "value": id })),
        3 => (op(), values(), any::<bool>()).prop_map(|(op, it, renames)| {
            let mut value = json!({ "members": it });
            if renames {
                value["displayName"] = json!("h");
            }
            json!({ "op": op, "value": value })
        }),
        1 => select(["h", ""].as_slice())
            .prop_map(|name| json!({ "op": "replace", "path": "displayName", "value": name })),
    ]
}

fn part_of_each() -> impl Strategy<Value = &'static str> {
    select(["members.value", "members.display", "members.$ref"].as_slice())
}

fn patched(
    of: &Arc<ResourceType>,
    current: &Object,
    request: &PatchRequest,
    dialect: &Dialect,
) -> Result<Object, Error> {
    let candidate = patch::apply(of, current, request, dialect)?;
    Ok(validate::patched(of, current, &candidate)?.into_attributes())
}

fn ids(group: &Object) -> BTreeSet<String> {
    let attribute = group_type();
    let attribute = members_of(&attribute).unwrap();
    membership::ids(attribute, group).unwrap_or_default().into_iter().map(str::to_owned).collect()
}

proptest! {
    #[test]
    fn the_named_members_alone_are_patched_as_among_all(
        members in btree_set(select(IDS.as_slice()), 0..6),
        operations in vec(operation(), 1..4),
        dialect in select(Dialect::ALL.as_slice()),
    ) {
        let of = group_type();
        let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": operations });
        let request = PatchRequest::parse(body.as_object().unwrap());
        let Ok(request) = request else { return Ok(()) };
        let Reach::Named(named) = reach(&of, members_of(&of).unwrap(), &request) else { return Ok(()) };
        let (known, others): (BTreeSet<&str>, BTreeSet<&str>) =
            members.iter().partition(|id| named.places.contains_key(**id));

        let among_all = patched(&of, &group(&members), &request, &dialect);
        let alone = patched(&of, &group(&known), &request, &dialect);
        match (among_all, alone) {
            (Ok(mut among_all), Ok(mut alone)) => {
                let mut expected = ids(&alone);
                prop_assert!(expected.iter().all(|id| named.places.contains_key(id)));
                if !named.removes_others {
                    expected.extend(others.iter().map(|id| (*id).to_owned()));
                }
                prop_assert_eq!(ids(&among_all), expected);
                among_all.shift_remove("members");
                alone.shift_remove("members");
                prop_assert_eq!(&among_all, &alone);
                if named.nothing_else {
                    prop_assert_eq!(&alone["displayName"], &json!("g"));
                }
            }
            (among_all, alone) => prop_assert_eq!(among_all, alone),
        }
    }
}
