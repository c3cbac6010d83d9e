use std::collections::BTreeSet;

use super::*;
use crate::tenant::jwt::issuer::IssuerConfig;
use crate::tenant::limits::{ConfiguredCallLimits, ConfiguredLimits, ConfiguredPluginLimits};

fn document() -> Value {
    described("/tenants/{tenant}/scim/v2").unwrap()
}

fn operations(document: &Value) -> Vec<&Value> {
    let paths = document["paths"].as_object().unwrap().values();
    paths.flat_map(|methods| methods.as_object().unwrap().values()).collect()
}

/// Each `$ref` within a value.
fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|it| references(it, found));
        }
        Value::Array(values) => values.iter().for_each(|it| references(it, found)),
        _ => {}
    }
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let api: Api = serde_json::from_str(API).unwrap();
    let described: BTreeSet<&str> = api.operations.keys().map(String::as_str).collect();
    let routes: Vec<Route> = routes::scim().into_iter().chain(routes::admin()).collect();
    let known: BTreeSet<&str> = routes.iter().map(|it| it.operation).collect();
    assert_eq!(known.len(), routes.len(), "an operation has a name of its own");
    assert_eq!(described, known);
}

#[test]
fn every_reference_leads_somewhere_and_everything_is_referred_to() {
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    for reference in &found {
        let there = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(there.is_some(), "{reference}");
    }
    for kind in ["schemas", "parameters"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(found.contains(&&*reference), "nothing refers to {reference}");
        }
    }
}

#[test]
fn every_operation_tells_its_success_and_its_errors() {
    let document = document();
    for operation in operations(&document) {
        let responses = operation["responses"].as_object().unwrap();
        let has_answer = responses.keys().any(|it| it.starts_with('2') || it == "501");
        assert!(has_answer, "{operation:#}");
        for status in ["401", "403", "429", "default"] {
            assert!(responses.contains_key(status), "{status}: {operation:#}");
        }
        for response in responses.values() {
            assert!(!response["description"].as_str().unwrap().is_empty(), "{operation:#}");
        }
        let has_body = operation.get("requestBody").is_some();
        assert_eq!(responses.contains_key("415"), has_body, "{operation:#}");
    }
}

/// The members that a type knows, as it tells where it is shown another.
fn members_of<T: for<'de> Deserialize<'de>>() -> BTreeSet<String> {
    let error = serde_json::from_value::<T>(json!({ "?": null })).err().unwrap().to_string();
    let (_, expected) = error.split_once("expected one of ").unwrap();
    expected.split(", ").map(|it| it.trim_matches('`').to_owned()).collect()
}

#[test]
fn what_is_read_into_types_is_described_as_these_are() {
    let document = document();
    let described = |pointer: &str| -> BTreeSet<String> {
        let schema = document.pointer(&format!("/components/schemas/{pointer}")).unwrap();
        assert_eq!(schema["additionalProperties"], json!(false));
        schema["properties"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(described("Limits"), members_of::<ConfiguredLimits>());
    assert_eq!(described("CallLimits"), members_of::<ConfiguredCallLimits>());
    assert_eq!(described("Limits/properties/plugins"), members_of::<ConfiguredPluginLimits>());
    let mut issuer = members_of::<IssuerConfig>();
    assert_eq!(described("NewIssuer"), issuer);
    // It belongs to a realm, and not to a tenant.
    issuer.remove("anywhere");
    issuer.insert("realm".to_owned());
    assert_eq!(described("NewOperatorIssuer"), issuer);
}
