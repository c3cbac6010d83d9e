//! Registries are put together, and what does not fit is refused.

use serde_json::{Value, json};

use super::*;
use crate::schema::describe::AttributeRule;

fn with(documents: &[Value]) -> Result<Registry, SchemaError> {
    Registry::core().with(&Description::parse(documents)?)
}

fn badge_schema() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": "urn:example:2.0:Badge", "name": "Badge",
        "attributes": [{ "name": "number", "type": "string", "uniqueness": "server" }]
    })
}

fn resource_type(members: Value) -> Value {
    let mut document = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"] });
    document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    document
}

#[test]
fn a_plugin_adds_a_resource_type_with_its_endpoint() {
    let registry = with(&[
        resource_type(
            json!({ "name": "Badge", "endpoint": "/Badges", "schema": "urn:example:2.0:Badge" }),
        ),
        badge_schema(),
    ])
    .unwrap();
    let badge = registry.at_endpoint("/Badges").unwrap();
    assert_eq!(badge.attribute("NUMBER").unwrap().name, "number");
    assert!(badge.attribute("externalId").is_some());
}

#[test]
fn a_document_of_an_existing_name_extends_that_type() {
    let registry = with(&[
        badge_schema(),
        resource_type(
            json!({ "name": "User", "schemaExtensions": [{ "schema": "urn:example:2.0:Badge" }] }),
        ),
    ])
    .unwrap();
    let user = registry.resource_type("User").unwrap();
    assert_eq!(user.extensions.len(), 2);
    assert!(!user.extension("URN:example:2.0:badge").unwrap().required);
    assert!(Registry::core().schema("urn:example:2.0:Badge").is_none());
}

#[test]
fn the_core_cannot_be_redefined() {
    let mut schema = badge_schema();
    schema["id"] = json!(core::USER);
    assert_eq!(
        with(&[schema]).unwrap_err(),
        SchemaError::DuplicateSchema { id: core::USER.into() }
    );
    let error = with(&[
        badge_schema(),
        resource_type(json!({ "name": "User", "schema": "urn:example:2.0:Badge" })),
    ]);
    assert!(matches!(error, Err(SchemaError::Redefined { member: "schema", .. })));
}

#[test]
fn an_endpoint_of_the_protocol_cannot_be_taken() {
    for endpoint in ["/Schemas", "/me", "/OAuth2", "/Users", "Badges", "/a/b", "/", ""] {
        let error = with(&[
            badge_schema(),
            resource_type(
                json!({ "name": "Badge", "endpoint": endpoint, "schema": "urn:example:2.0:Badge" }),
            ),
        ]);
        assert!(matches!(error, Err(SchemaError::Endpoint { .. })), "{endpoint:?}: {error:?}");
    }
}

#[test]
fn an_attribute_that_breaks_a_rule_is_named() {
    let cases = [
        (json!({ "name": "1st" }), AttributeRule::Name),
        (json!({ "name": "Meta" }), AttributeRule::Reserved),
        (json!({ "name": "a", "type": "complex" }), AttributeRule::NoSubAttributes),
        (
            json!({ "name": "a", "subAttributes": [{ "name": "b" }] }),
            AttributeRule::SubAttributesOfSimple,
        ),
        (
            json!({ "name": "a", "multiValued": true, "uniqueness": "server" }),
            AttributeRule::Unique,
        ),
        (
            json!({ "name": "a", "type": "complex", "subAttributes": [{ "name": "b", "type": "complex" }] }),
            AttributeRule::Nested,
        ),
    ];
    for (attribute, expected) in cases {
        let mut schema = badge_schema();
        schema["attributes"] = json!([attribute]);
        match with(&[schema]) {
            Err(SchemaError::Attribute { rule, .. }) => assert_eq!(rule, expected),
            other => panic!("{attribute}: {other:?}"),
        }
    }
}

#[test]
fn what_nobody_may_read_has_to_be_a_string_that_can_be_hashed() {
    let cases = [
        (json!({ "name": "a", "mutability": "writeOnly" }), AttributeRule::WriteOnlyReturned),
        (
            json!({ "name": "a", "mutability": "writeOnly", "returned": "never", "type": "integer" }),
            AttributeRule::WriteOnlyKind,
        ),
        (
            json!({ "name": "a", "type": "complex", "subAttributes": [
                { "name": "b", "mutability": "writeOnly", "returned": "never" }
            ] }),
            AttributeRule::WriteOnlyKind,
        ),
    ];
    for (attribute, expected) in cases {
        let mut schema = badge_schema();
        schema["attributes"] = json!([attribute]);
        match with(&[schema]) {
            Err(SchemaError::Attribute { rule, .. }) => assert_eq!(rule, expected),
            other => panic!("{attribute}: {other:?}"),
        }
    }
}

#[test]
fn a_schema_cannot_hide_another_behind_its_urn() {
    let mut longer = badge_schema();
    longer["id"] = json!("urn:example:2.0:Badge:number");
    let error = with(&[badge_schema(), longer]);
    assert!(matches!(error, Err(SchemaError::AmbiguousSchema { .. })), "{error:?}");
}

#[test]
fn what_is_added_to_the_indexes_of_a_type_is_declared_from_then_on() {
    let mut registry = Registry::core();
    let core = registry.clone();
    assert!(registry.index("User", "TITLE", Indexed::Substrings));
    assert!(registry.index("User", "addresses.locality", Indexed::Values));
    assert!(registry.index(
        "User",
        &format!("{}:department", core::ENTERPRISE_USER),
        Indexed::Values
    ));
    for (name, path) in [("User", "externalId"), ("User", "nothing"), ("Nobody", "title")] {
        assert!(!registry.index(name, path, Indexed::Values), "{name} {path}");
    }
    // The schema asks for more than this.
    assert!(registry.index("User", "name.familyName", Indexed::Values));

    let user = |registry: &Registry| Arc::clone(registry.resource_type("User").unwrap());
    let paths = |it: &ResourceType| -> Vec<String> {
        crate::index::declared(it).map(|target| target.path()).collect()
    };
    let (before, after) = (user(&core), user(&registry));
    assert_eq!(before.shape(), after.shape(), "bodies are as they were");
    let added: Vec<_> =
        paths(&after).into_iter().filter(|path| !paths(&before).contains(path)).collect();
    let department = format!("{}:department", core::ENTERPRISE_USER);
    assert_eq!(added, ["title", "addresses.locality", department.as_str()]);
}

#[test]
fn the_name_of_a_type_fits_into_a_url() {
    for name in ["", "a/b", "1st"] {
        let document =
            resource_type(json!({ "name": name, "endpoint": "/A", "schema": "urn:x:y" }));
        assert_eq!(with(&[document]).unwrap_err(), SchemaError::TypeName { name: name.into() });
    }
}

#[test]
fn a_misspelt_characteristic_is_an_error() {
    let mut schema = badge_schema();
    schema["attributes"] = json!([{ "name": "a", "multivalued": true }]);
    let error = with(&[schema]).unwrap_err();
    assert!(error.to_string().contains("multivalued"), "{error}");
}
