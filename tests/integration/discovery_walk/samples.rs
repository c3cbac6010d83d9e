//! Values for an attribute, made from what `/Schemas` says of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tenon_tests::{Tenant, user};

/// A number that no other value has.
pub(super) fn fresh() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// One value, unlike any other where the type allows it. Of a complex attribute it has all parts,
/// those that clients cannot set included.
pub(super) async fn one(tenant: &Tenant, attribute: &Value) -> Value {
    if attribute["type"] != "complex" {
        return simple(attribute);
    }
    let subs = attribute["subAttributes"].as_array().unwrap();
    let mut value = json!({});
    for sub in subs {
        value[sub["name"].as_str().unwrap()] = simple(sub);
    }
    // Where a value is the id of a resource, it has to be one.
    let refers = |sub: &Value| {
        let types = sub["referenceTypes"].as_array();
        sub["name"] == "$ref" && types.is_some_and(|types| types.contains(&json!("User")))
    };
    if subs.iter().any(refers) {
        let id = tenant.create("/Users", user(&format!("member-{}", fresh()))).await;
        value["$ref"] = json!(format!("{}/Users/{id}", tenant.scim.base));
        value["value"] = json!(id);
    }
    value
}

/// A value as the attribute takes it: an array where it is multi-valued.
pub(super) async fn whole(tenant: &Tenant, attribute: &Value) -> Value {
    let value = one(tenant, attribute).await;
    if attribute["multiValued"] == true { json!([value]) } else { value }
}

fn simple(attribute: &Value) -> Value {
    let number = fresh();
    // What a client cannot set is unlike what the server sets: a member that is a User.
    let suggested = attribute["canonicalValues"].as_array().and_then(|values| {
        if attribute["mutability"] == "readOnly" { values.last() } else { values.first() }
    });
    match (attribute["type"].as_str().unwrap(), suggested) {
        (_, Some(suggested)) => suggested.clone(),
        ("string", _) => json!(format!("Sample-{number}")),
        ("boolean", _) => json!(false),
        ("integer", _) => json!(number),
        ("decimal", _) => json!(number as f64 + 0.5),
        ("dateTime", _) => json!(format!("{}-01-31T12:00:00.000Z", 2000 + number)),
        ("binary", _) => json!(format!("{number:08}")),
        ("reference", _) => json!(format!("https://example.com/Sample/{number}")),
        (other, _) => panic!("no sample of type {other}"),
    }
}

/// Values that an attribute of this type does not take.
pub(super) fn wrong(attribute: &Value) -> Vec<Value> {
    let mut values = match attribute["type"].as_str().unwrap() {
        "string" | "reference" => vec![json!(5), json!({ "a": 1 })],
        "boolean" => vec![json!("yes"), json!(1)],
        "integer" => vec![json!("1"), json!(1.5)],
        "decimal" => vec![json!("1.5"), json!(true)],
        "dateTime" => vec![json!("yesterday"), json!("2020-01-31"), json!(5)],
        "binary" => vec![json!("***"), json!(5)],
        "complex" => vec![json!(5), json!(true)],
        other => panic!("no wrong sample of type {other}"),
    };
    if attribute["multiValued"] == true {
        values = values.into_iter().map(|value| json!([value])).collect();
    }
    values
}

/// A value as a filter writes it, and the same with the other case where that makes a difference.
pub(super) fn literals(value: &Value) -> (String, Option<String>) {
    let text = value.as_str().unwrap_or_default();
    let other: String = text
        .chars()
        .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    (value.to_string(), (other != text).then(|| json!(other).to_string()))
}
