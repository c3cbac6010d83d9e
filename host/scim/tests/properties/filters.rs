//! Filters: any that can be written, and those that make sense for a resource type.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use tenon_scim::filter::{CompareOp, Filter, Literal, PathText};
use tenon_scim::schema::{Attribute, Kind, ResourceType, Returned};

use super::types::places;
use super::values;

/// Any filter that the grammar has.
pub(crate) fn written() -> BoxedStrategy<Filter> {
    // "not" begins a negation, so no attribute of that name can be written.
    let path = "[A-Za-z][A-Za-z0-9_.:$-]{0,6}".prop_filter("not", |it| !is_not(it));
    let literal = prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        any::<i64>().prop_map(|it| Literal::Number(it.into())),
        any::<u64>().prop_map(|it| Literal::Number(it.into())),
        proptest::num::f64::NORMAL.prop_filter_map("finite", |it| {
            serde_json::Number::from_f64(it).map(Literal::Number)
        }),
        any::<String>().prop_map(Literal::String),
    ];
    let leaf = prop_oneof![
        path.clone().prop_map(|path| Filter::Present(at(path))),
        (path.clone(), operator(), literal).prop_map(|(path, op, it)| Filter::Compare(
            at(path),
            op,
            it
        )),
    ];
    grown(leaf.boxed(), path.boxed())
}

/// A filter that binds to the type.
pub(crate) fn fitting(resource_type: &ResourceType) -> BoxedStrategy<Filter> {
    let mut leaves = Vec::new();
    for place in places(resource_type) {
        let (attribute, path) = (&place.attribute, place.path());
        if attribute.returned == Returned::Never {
            continue;
        }
        for sub in searchable(&attribute.sub_attributes) {
            leaves.push(comparison(format!("{path}.{}", sub.name), sub));
        }
        if attribute.kind != Kind::Complex {
            leaves.push(comparison(path, attribute));
        } else if attribute.multi_valued {
            let path = path.clone();
            let element = on_element(attribute);
            leaves.push(element.prop_map(move |it| on(&path, it)).boxed());
        }
    }
    grown(proptest::strategy::Union::new(leaves).boxed(), Just(String::new()).boxed())
}

/// A filter on the elements of a complex multi-valued attribute.
pub(crate) fn on_element(attribute: &Attribute) -> BoxedStrategy<Filter> {
    let subs = searchable(&attribute.sub_attributes);
    let leaves: Vec<_> = subs.map(|sub| comparison(sub.name.clone(), sub)).collect();
    grown(proptest::strategy::Union::new(leaves).boxed(), Just(String::new()).boxed())
}

/// `type eq "work"`: a filter that names the value it looks for.
pub(crate) fn equality(attribute: &Attribute) -> BoxedStrategy<Filter> {
    let subs = searchable(&attribute.sub_attributes);
    let leaves: Vec<_> = subs
        .map(|sub| {
            let path = sub.name.clone();
            let compare = move |it| Filter::Compare(at(path.clone()), CompareOp::Eq, literal(&it));
            values::single(sub).prop_map(compare).boxed()
        })
        .collect();
    proptest::strategy::Union::new(leaves).boxed()
}

/// Text that is nearly a filter or a path.
pub(crate) fn soup() -> BoxedStrategy<String> {
    const WORDS: &[&str] = &[
        "userName",
        "emails",
        "members",
        "type",
        "value",
        ".",
        "[",
        "]",
        "(",
        ")",
        " ",
        "eq",
        "co",
        "gt",
        "pr",
        "and",
        "or",
        "not",
        "null",
        "true",
        "1e9",
        "-",
        "\"",
        "\"work\"",
        "\\",
        ":",
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "é",
        "\u{0}",
    ];
    let words = vec(select(WORDS), 0..16).prop_map(|words| words.concat());
    prop_oneof![3 => words, 1 => any::<String>()].boxed()
}

/// `leaf`s joined by `and`, `or`, `not`, and brackets after a `path` that is not empty.
fn grown(leaf: BoxedStrategy<Filter>, path: BoxedStrategy<String>) -> BoxedStrategy<Filter> {
    leaf.prop_recursive(4, 16, 3, move |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Filter::And),
            vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.clone().prop_map(|it| Filter::Not(Box::new(it))),
            (path.clone(), inner).prop_map(|(path, it)| if path.is_empty() {
                it
            } else {
                on(&path, it)
            }),
        ]
    })
    .boxed()
}

fn comparison(path: String, attribute: &Attribute) -> BoxedStrategy<Filter> {
    let kind = attribute.kind;
    let present = Just(Filter::Present(at(path.clone())));
    let absent = Just(Filter::Compare(at(path.clone()), CompareOp::Eq, Literal::Null));
    let compare = (operator(), values::single(attribute)).prop_map(move |(op, value)| {
        let op = if applies(op, kind) { op } else { CompareOp::Ne };
        Filter::Compare(at(path.clone()), op, literal(&value))
    });
    prop_oneof![1 => present, 1 => absent, 6 => compare].boxed()
}

/// RFC 7644 §3.4.2.2, table 3.
fn applies(op: CompareOp, kind: Kind) -> bool {
    match op {
        CompareOp::Eq | CompareOp::Ne => true,
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew => {
            matches!(kind, Kind::String | Kind::Reference)
        }
        _ => !matches!(kind, Kind::Boolean | Kind::Binary),
    }
}

fn operator() -> impl Strategy<Value = CompareOp> + Clone {
    use CompareOp::{Co, Eq, Ew, Ge, Gt, Le, Lt, Ne, Sw};
    select([Eq, Ne, Co, Sw, Ew, Gt, Ge, Lt, Le].as_slice())
}

fn searchable(subs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    subs.iter().filter(|sub| sub.returned != Returned::Never)
}

fn literal(value: &Value) -> Literal {
    match value {
        Value::Bool(value) => Literal::Bool(*value),
        Value::Number(value) => Literal::Number(value.clone()),
        Value::String(value) => Literal::String(value.clone()),
        _ => Literal::Null,
    }
}

fn at(path: String) -> PathText {
    PathText { text: path, column: 1 }
}

fn on(path: &str, filter: Filter) -> Filter {
    Filter::Element(at(path.to_owned()), Box::new(filter))
}

fn is_not(word: &str) -> bool {
    word.eq_ignore_ascii_case("not")
}
