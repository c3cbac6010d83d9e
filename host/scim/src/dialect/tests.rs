use serde_json::{Value, json};

use super::*;
use crate::filter;
use crate::patch::{self, PatchRequest};
use crate::schema::core::{ENTERPRISE_USER, GROUP, USER};
use crate::schema::validate;
use crate::{Object, Registry};

fn object(value: Value) -> Object {
    value.as_object().unwrap().clone()
}

/// A user that is created, less `schemas` and `userName`, and what was read how; or the refusal.
fn created(dialect: Dialect, members: Value) -> Result<(Value, Vec<String>), String> {
    let registry = Registry::core();
    let user = registry.resource_type("User").unwrap();
    let mut input = object(json!({ "schemas": [USER], "userName": "b" }));
    input.extend(object(members));
    let read = dialect.resource(user, &input).map_err(|it| refusal(&it.into()))?;
    let valid = validate::create(user, &read.value).map_err(|it| refusal(&it.into()))?;
    let mut attributes = valid.into_attributes();
    attributes.retain(|name, _| name != "schemas" && name != "userName");
    Ok((Value::Object(attributes), texts(&read.coercions)))
}

/// A user after a PATCH, and what was read how; or the refusal.
fn patched(
    dialect: Dialect,
    current: Value,
    operation: Value,
) -> Result<(Value, Vec<String>), String> {
    let registry = Registry::core();
    let user = registry.resource_type("User").unwrap();
    let body = object(json!({ "schemas": [patch::PATCH_SCHEMA], "Operations": [operation] }));
    let request = PatchRequest::parse(&body).unwrap();
    let read = dialect.patch(user, &request).map_err(|it| refusal(&it.into()))?;
    let patched = patch::apply(user, &object(current), &read.value, &dialect)
        .map_err(|it| refusal(&it.into()))?;
    Ok((Value::Object(patched), texts(&read.coercions)))
}

fn refusal(error: &crate::Error) -> String {
    format!("{}: {error}", error.scim_type().as_str())
}

fn texts(coercions: &[Coercion]) -> Vec<String> {
    coercions.iter().map(ToString::to_string).collect()
}

/// The dialect reads it as `expected` and says so, and the RFC's refuses it.
#[track_caller]
fn assert_created(members: Value, expected: Value, coercions: &[&str], refused: &str) {
    let (user, read) = created(Dialect::ENTRA, members.clone()).unwrap();
    assert_eq!((user, read), (expected, coercions.iter().map(ToString::to_string).collect()));
    let error = created(Dialect::RFC, members).unwrap_err();
    assert!(error.contains(refused), "{error}");
}

#[track_caller]
fn assert_patched(
    (current, operation): (Value, Value),
    expected: Value,
    coercions: &[&str],
    refused: &str,
) {
    let (user, read) = patched(Dialect::ENTRA, current.clone(), operation.clone()).unwrap();
    assert_eq!((user, read), (expected, coercions.iter().map(ToString::to_string).collect()));
    let error = patched(Dialect::RFC, current, operation).unwrap_err();
    assert!(error.contains(refused), "{error}");
}

#[test]
fn dialects_are_found_by_their_names() {
    for dialect in Dialect::ALL {
        assert_eq!(Dialect::named(dialect.name), Some(dialect));
    }
    assert_eq!(Dialect::named("Entra"), None);
    assert_eq!(Dialect::default(), Dialect::RFC);
    assert_eq!(serde_json::to_value(Dialect::OKTA).unwrap(), json!("okta"));
}

#[test]
fn string_booleans_are_booleans() {
    assert_created(
        json!({ "active": "False", "roles": [{ "value": "a", "primary": "TRUE" }] }),
        json!({ "active": false, "roles": [{ "value": "a", "primary": true }] }),
        &["active: string boolean read as false", "roles[0].primary: string boolean read as true"],
        "attribute \"active\" must be a boolean, not a string",
    );
    let no_boolean = created(Dialect::ENTRA, json!({ "active": "no" })).unwrap_err();
    assert!(no_boolean.contains("must be a boolean"), "{no_boolean}");
    let title = created(Dialect::ENTRA, json!({ "title": "True" })).unwrap();
    assert_eq!(title, (json!({ "title": "True" }), vec![]), "a string stays one");
}

#[test]
fn string_booleans_are_booleans_in_operations_and_their_paths() {
    assert_patched(
        (json!({}), json!({ "op": "Replace", "path": "active", "value": "False" })),
        json!({ "active": false }),
        &["active: string boolean read as false"],
        "must be a boolean, not a string",
    );
    assert_patched(
        (json!({}), json!({ "op": "Replace", "value": { "active": "true" } })),
        json!({ "active": true }),
        &["active: string boolean read as true"],
        "must be a boolean, not a string",
    );
    assert_patched(
        (
            json!({ "roles": [{ "value": "a", "primary": true }, { "value": "b" }] }),
            json!({ "op": "Replace", "path": "roles[primary eq \"True\"].value", "value": "c" }),
        ),
        json!({ "roles": [{ "value": "c", "primary": true }, { "value": "b" }] }),
        &["roles.primary: string boolean read as true"],
        "invalidFilter",
    );
    let keyed = json!({ "op": "Add", "value": { "roles[primary eq \"True\"].value": "c" } });
    let (user, _) = patched(Dialect::ENTRA, json!({}), keyed).unwrap();
    assert_eq!(user, json!({ "roles": [{ "primary": true, "value": "c" }] }));
}

#[test]
fn string_booleans_are_booleans_in_filters() {
    let registry = Registry::core();
    let user = registry.resource_type("User").unwrap();
    let resource = object(json!({ "active": false, "emails": [{ "primary": true }] }));
    for text in ["active eq \"False\"", "not (emails[primary eq \"false\"])"] {
        let parsed = filter::parse(text).unwrap();
        let read = Dialect::ENTRA.filter(user, &parsed);
        assert!(read.value.bind(user).unwrap().matches(&resource), "{text}");
        assert_eq!(read.coercions.len(), 1, "{text}");
        assert_eq!(Dialect::RFC.filter(user, &parsed).value.as_ref(), &parsed);
        assert!(parsed.bind(user).is_err(), "{text}");
    }
}

#[test]
fn a_bare_string_is_the_value_of_a_complex_attribute() {
    assert_created(
        json!({ ENTERPRISE_USER: { "manager": "271" } }),
        json!({ ENTERPRISE_USER: { "manager": { "value": "271" } } }),
        &[&format!("{ENTERPRISE_USER}:manager: bare string read as its \"value\"")],
        "must be an object, not a string",
    );
    let path = format!("{ENTERPRISE_USER}:manager");
    assert_patched(
        (json!({}), json!({ "op": "Add", "path": path, "value": "271" })),
        json!({ ENTERPRISE_USER: { "manager": { "value": "271" } } }),
        &[&format!("{ENTERPRISE_USER}:manager: bare string read as its \"value\"")],
        "must be an object, not a string",
    );
    let no_value = created(Dialect::ENTRA, json!({ "name": "Babs" })).unwrap_err();
    assert!(no_value.contains("must be an object"), "name has no sub-attribute \"value\"");
}

#[test]
fn an_array_of_one_is_its_value() {
    let manager = json!([{ "$ref": "https://x.example/Users/271", "value": "271" }]);
    let expected = json!({ ENTERPRISE_USER: { "manager": manager[0] } });
    assert_created(
        json!({ ENTERPRISE_USER: { "manager": manager } }),
        expected.clone(),
        &[&format!("{ENTERPRISE_USER}:manager: array of one read as its one value")],
        "must be an object, not an array",
    );
    let operation = json!({ "op": "Add", "value": { ENTERPRISE_USER: { "manager": manager } } });
    assert_patched(
        (json!({}), operation),
        expected,
        &[&format!("{ENTERPRISE_USER}:manager: array of one read as its one value")],
        "must be an object, not an array",
    );
    let two = created(Dialect::ENTRA, json!({ "title": ["a", "b"] })).unwrap_err();
    assert!(two.contains("must be a string, not an array"), "{two}");
}

#[test]
fn the_empty_string_is_no_value() {
    assert_created(
        json!({ ENTERPRISE_USER: { "manager": "" }, "name": { "givenName": "" }, "title": "" }),
        json!({}),
        &[
            &format!("{ENTERPRISE_USER}:manager: empty string read as no value"),
            "name.givenName: empty string read as no value",
            "title: empty string read as no value",
        ],
        "must be an object, not a string",
    );
    let current = json!({ ENTERPRISE_USER: { "manager": { "value": "271" } } });
    let path = format!("{ENTERPRISE_USER}:manager");
    for op in ["Add", "Replace"] {
        assert_patched(
            (current.clone(), json!({ "op": op, "path": path, "value": "" })),
            json!({}),
            &[&format!("{ENTERPRISE_USER}:manager: empty string read as no value")],
            "must be an object, not a string",
        );
    }
    let required = json!({ "op": "Replace", "path": "userName", "value": "" });
    let error = patched(Dialect::ENTRA, json!({ "userName": "b" }), required).unwrap_err();
    assert!(error.starts_with("mutability"), "{error}");
}

#[test]
fn json_in_a_value_is_the_whole_of_it() {
    let role = "{\"id\":\"18d1\",\"value\":\"Admin\",\"display\":\"Administrator\"}";
    let members = json!({ "roles": [{ "display": "Boss", "primary": "True", "value": role }] });
    let (user, read) = created(Dialect::ENTRA, members.clone()).unwrap();
    let expected = json!([{ "display": "Boss", "primary": true, "value": "Admin" }]);
    assert_eq!(user["roles"], expected);
    assert_eq!(read[0], "roles[0]: JSON in \"value\" read as its sub-attributes");
    let added = json!({ "op": "Add", "path": "roles", "value": members["roles"] });
    let (user, _) = patched(Dialect::ENTRA, json!({}), added).unwrap();
    assert_eq!(user["roles"], expected);

    let as_sent = json!({ "roles": [{ "value": role }] });
    assert_eq!(created(Dialect::RFC, as_sent.clone()), Ok((as_sent, vec![])));
    for other in ["{\"colour\":\"blue\"}", "[\"value\"]", "{", "7"] {
        let as_sent = json!({ "roles": [{ "value": other }] });
        assert_eq!(created(Dialect::ENTRA, as_sent.clone()), Ok((as_sent, vec![])), "{other}");
    }
}

#[test]
fn an_extensions_attribute_may_be_named_without_its_urn() {
    let note = format!("{ENTERPRISE_USER}:manager: named without its URN");
    assert_patched(
        (json!({}), json!({ "op": "Add", "path": "manager", "value": { "value": "271" } })),
        json!({ ENTERPRISE_USER: { "manager": { "value": "271" } } }),
        &[&note],
        "invalidPath",
    );
    let registry = Registry::core();
    let user = registry.resource_type("User").unwrap();
    let parsed = filter::parse("manager eq \"271\"").unwrap();
    let read = Dialect::ENTRA.filter(user, &parsed);
    assert_eq!(texts(&read.coercions), [note]);
    let resource = object(json!({ ENTERPRISE_USER: { "manager": { "value": "271" } } }));
    assert!(read.value.bind(user).unwrap().matches(&resource));
    assert!(parsed.bind(user).is_err());
}

#[test]
fn a_replace_whose_filter_selects_nothing_creates_the_value() {
    let path = "emails[type eq \"work\"].value";
    assert_patched(
        (json!({}), json!({ "op": "Replace", "path": path, "value": "x" })),
        json!({ "emails": [{ "type": "work", "value": "x" }] }),
        &[],
        "noTarget",
    );
    let whole =
        json!({ "op": "Replace", "path": "emails[type eq \"work\"]", "value": { "value": "x" } });
    assert_patched(
        (json!({}), whole),
        json!({ "emails": [{ "type": "work", "value": "x" }] }),
        &[],
        "noTarget",
    );
    // What the filter does not describe cannot be created.
    let not_equal =
        json!({ "op": "Replace", "path": "emails[type ne \"work\"].value", "value": "x" });
    assert!(patched(Dialect::ENTRA, json!({}), not_equal).unwrap_err().starts_with("noTarget"));
    let nothing = json!({ "op": "Replace", "path": path, "value": null });
    assert_patched((json!({}), nothing), json!({}), &[], "noTarget");
}

#[test]
fn an_operation_without_a_path_is_refused_where_the_dialect_has_none() {
    let operation = json!({ "op": "replace", "value": { "active": false } });
    let error = patched(Dialect::INTEROP, json!({}), operation.clone()).unwrap_err();
    assert!(
        error.starts_with("invalidSyntax: Operations[0]: an operation needs a \"path\""),
        "{error}"
    );
    assert!(patched(Dialect::RFC, json!({}), operation).is_ok());
    let remove = patched(Dialect::INTEROP, json!({}), json!({ "op": "remove" })).unwrap_err();
    assert!(remove.starts_with("noTarget"), "{remove}");
}

#[test]
fn a_replaced_complex_attribute_keeps_its_other_parts_or_loses_them() {
    let current = json!({ "name": { "familyName": "J", "givenName": "B" } });
    let operation = json!({ "op": "replace", "path": "name", "value": { "GIVENNAME": "K" } });
    let (interop, _) = patched(Dialect::INTEROP, current.clone(), operation.clone()).unwrap();
    assert_eq!(interop, json!({ "name": { "givenName": "K" } }));
    let (rfc, _) = patched(Dialect::RFC, current.clone(), operation).unwrap();
    assert_eq!(rfc, json!({ "name": { "familyName": "J", "givenName": "K" } }));
    let add = json!({ "op": "add", "path": "name", "value": { "givenName": "K" } });
    assert_eq!(patched(Dialect::INTEROP, current, add).unwrap().0, rfc, "to add is to add");
}

#[test]
fn unknown_attributes_are_refused_where_the_dialect_does_so() {
    let members =
        json!({ "colour": "blue", "name": { "nick": "b" }, "urn:x:y": {}, "meta": { "a": 1 } });
    let error = created(Dialect::INTEROP, members.clone()).unwrap_err();
    assert_eq!(
        error,
        "invalidSyntax: attribute \"colour\" is in no schema of the resource type; \
         attribute \"name.nick\" is in no schema of the resource type; \
         attribute \"urn:x:y\" is in no schema of the resource type"
    );
    assert_eq!(created(Dialect::RFC, members), Ok((json!({}), vec![])));
    for (path, value) in [
        ("name", json!({ "nick": "b" })),
        ("emails", json!([{ "value": "a", "colour": "blue" }])),
        ("emails[value eq \"a\"]", json!({ "colour": "blue" })),
        (ENTERPRISE_USER, json!({ "colour": "blue" })),
    ] {
        let operation = json!({ "op": "add", "path": path, "value": value });
        let current = json!({ "emails": [{ "value": "a" }] });
        let error = patched(Dialect::INTEROP, current.clone(), operation.clone()).unwrap_err();
        assert!(error.starts_with("invalidSyntax: Operations[0]"), "{path}: {error}");
        assert!(patched(Dialect::RFC, current, operation).is_ok(), "{path}");
    }
}

#[test]
fn what_the_rfc_has_passes_every_dialect_as_it_is() {
    let registry = Registry::core();
    let user = registry.resource_type("User").unwrap();
    let input = object(json!({
        "schemas": [USER, GROUP], "userName": "b", "active": false, "roles": [], "title": null,
        "id": "x", "meta": { "resourceType": "User" }, "emails": [{ "value": "a", "primary": true }],
        ENTERPRISE_USER: { "manager": { "value": "26" } }
    }));
    for dialect in Dialect::ALL {
        let read = dialect.resource(user, &input).unwrap();
        assert_eq!((read.value.as_ref(), read.coercions.len()), (&input, 0), "{}", dialect.name);
    }
}

#[test]
fn what_is_told_of_a_coercion_has_nothing_of_the_value() {
    let members = json!({
        ENTERPRISE_USER: { "manager": "secret-271" }, "title": ["secret"],
        "roles": [{ "value": "{\"value\":\"secret\"}" }]
    });
    let (_, read) = created(Dialect::ENTRA, members).unwrap();
    assert_eq!(read.len(), 3);
    assert!(!read.join(";").contains("secret"), "{read:?}");
}

#[test]
fn two_keys_that_are_one_attribute_are_refused() {
    let department = format!("{ENTERPRISE_USER}:department");
    for value in [
        json!({ "department": "one", (&*department): "two" }),
        json!({ "Department": "one", (&*department): "two" }),
        json!({ "department": "one", ENTERPRISE_USER: { "department": "two" } }),
    ] {
        let operation = json!({ "op": "Replace", "value": value });
        let refused = patched(Dialect::ENTRA, json!({}), operation).unwrap_err();
        assert!(refused.starts_with("invalidSyntax"), "{refused}");
        let twice = format!("attribute \"{department}\" is given twice");
        assert!(refused.contains(&twice), "{refused}");
    }
}

#[test]
fn a_simple_value_wrapped_like_a_member_is_unwrapped() {
    assert_created(
        json!({ "nickName": [{ "$ref": null, "value": "Babs" }], "active": [{ "value": "False" }] }),
        json!({ "nickName": "Babs", "active": false }),
        &[
            "nickName: array of one read as its one value",
            "nickName: object read as its \"value\"",
            "active: array of one read as its one value",
            "active: object read as its \"value\"",
            "active: string boolean read as false",
        ],
        "invalidValue",
    );
    let more = json!({ "nickName": [{ "value": "Babs", "type": "work" }] });
    assert!(created(Dialect::ENTRA, more).is_err(), "what is more than a value is not lost");
}

#[test]
fn an_empty_string_is_no_boolean_in_any_dialect() {
    for dialect in Dialect::ALL {
        let operation = json!({ "op": "replace", "path": "active", "value": "" });
        let refused = patched(dialect, json!({ "userName": "b", "active": true }), operation);
        assert!(refused.unwrap_err().starts_with("invalidValue"), "{}", dialect.name);
    }
}
