//! PATCH operations, as JSON.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use tenon_scim::Object;
use tenon_scim::schema::{Attribute, Kind};

use super::types::{Place, Type, is_writable, places, writable_places};
use super::{filters, values};

/// Any operation: most of them sensible, some with a value that does not fit, some on what the
/// server alone writes.
pub(crate) fn any(of: &Type) -> BoxedStrategy<Value> {
    let places = prop_oneof![15 => select(writable_places(of)), 1 => select(places(of))];
    let targeted = places.prop_flat_map(|place| {
        target(&place).prop_flat_map(|target| {
            let value = prop_oneof![
                12 => target.value(),
                1 => Just(Value::Null),
                1 => Just(json!([])),
                1 => values::json(),
            ];
            (op(), Just(target.path), proptest::option::weighted(0.8, value))
        })
    });
    let targeted = targeted.prop_map(|(op, path, value)| match value {
        Some(value) => json!({ "op": op, "path": path, "value": value }),
        None => json!({ "op": op, "path": path }),
    });
    let member = select(writable_places(of)).prop_flat_map(|place| {
        target(&place).prop_flat_map(|target| (Just(target.path.clone()), target.value()))
    });
    let pathless = (op(), vec(member, 1..4)).prop_map(
        |(op, members)| json!({ "op": op, "value": members.into_iter().collect::<Object>() }),
    );
    let urns: Vec<_> = of.schemas().map(|schema| schema.id.clone()).collect();
    let whole = (op(), select(urns), values::stored(of)).prop_map(|(op, urn, resource)| {
        let value = resource.get(&urn).cloned().unwrap_or(Value::Object(resource));
        json!({ "op": op, "path": urn, "value": value })
    });
    prop_oneof![8 => targeted, 2 => pathless, 1 => whole].boxed()
}

/// An operation that sets what a path without a filter names.
pub(crate) fn set(op: &'static str, place: &Place) -> BoxedStrategy<Value> {
    unfiltered(place)
        .prop_flat_map(move |target| {
            target
                .value()
                .prop_map(move |value| json!({ "op": op, "path": target.path, "value": value }))
        })
        .boxed()
}

/// An operation on one attribute and no other.
pub(crate) fn on(place: &Place) -> BoxedStrategy<Value> {
    target(place)
        .prop_flat_map(|target| {
            (op(), target.value()).prop_map(
                move |(op, value)| json!({ "op": op, "path": target.path, "value": value }),
            )
        })
        .boxed()
}

/// What a path names.
#[derive(Debug, Clone)]
struct Target {
    path: String,
    attribute: Attribute,
    /// Whether the path selects values one by one.
    selects: bool,
}

impl Target {
    fn value(&self) -> BoxedStrategy<Value> {
        if self.selects { values::single(&self.attribute) } else { values::value(&self.attribute) }
    }
}

fn target(place: &Place) -> BoxedStrategy<Target> {
    let attribute = &place.attribute;
    if attribute.kind != Kind::Complex || !attribute.multi_valued {
        return unfiltered(place);
    }
    let (path, whole, subs) = (place.path(), attribute.clone(), attribute.sub_attributes.clone());
    let filter = prop_oneof![filters::equality(attribute), filters::on_element(attribute)];
    let selection = (filter, proptest::option::of(select(subs))).prop_map(move |(filter, sub)| {
        let path = format!("{path}[{filter}]");
        match sub {
            None => Target { path, attribute: whole.clone(), selects: true },
            Some(sub) => {
                Target { path: format!("{path}.{}", sub.name), attribute: sub, selects: true }
            }
        }
    });
    prop_oneof![unfiltered(place), selection].boxed()
}

fn unfiltered(place: &Place) -> BoxedStrategy<Target> {
    let (path, attribute) = (place.path(), &place.attribute);
    let mut targets =
        vec![Target { path: path.clone(), attribute: attribute.clone(), selects: false }];
    for sub in attribute.sub_attributes.iter().filter(|sub| is_writable(sub)) {
        let path = format!("{path}.{}", sub.name);
        targets.push(Target { path, attribute: sub.clone(), selects: false });
    }
    select(targets).boxed()
}

fn op() -> impl Strategy<Value = &'static str> {
    select(["add", "Replace", "remove"].as_slice())
}
