use serde_json::json;

use super::*;
use crate::Registry;
use crate::schema::describe::Description;

const USER: &str = crate::schema::core::USER;
const ENTERPRISE: &str = crate::schema::core::ENTERPRISE_USER;
const BADGE: &str = "urn:example:2.0:Badge";

/// User with an extension that has one attribute of each kind that the core lacks.
fn nothing() -> Hidden {
    Hidden::default()
}

fn user() -> Arc<ResourceType> {
    let description = Description::parse(&[
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": BADGE,
            "attributes": [
                { "name": "number", "mutability": "immutable" },
                { "name": "level", "type": "integer", "required": true },
                { "name": "weight", "type": "decimal" },
                { "name": "since", "type": "dateTime" },
                { "name": "tags", "multiValued": true },
                { "name": "doors", "type": "complex", "multiValued": true, "subAttributes": [
                    { "name": "value", "required": true }, { "name": "note" }
                ] }
            ]
        }),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "name": "User", "schemaExtensions": [{ "schema": BADGE }]
        }),
    ])
    .unwrap();
    Arc::clone(Registry::core().with(&description).unwrap().resource_type("User").unwrap())
}

fn input(members: Value) -> Object {
    let mut resource = json!({ "schemas": [USER], "userName": "bjensen" });
    resource.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    resource.as_object().unwrap().clone()
}

fn created(members: Value) -> Result<Value, String> {
    create(&user(), &input(members))
        .map(|resource| Value::Object(resource.into_attributes()))
        .map_err(|invalid| invalid.to_string())
}

#[test]
fn names_get_the_spelling_of_the_schema() {
    let resource = created(json!({
        "NAME": { "FamilyName": "Jensen" },
        ENTERPRISE.to_uppercase(): { "EMPLOYEENUMBER": "1" }
    }));
    assert_eq!(
        resource,
        Ok(json!({
            "schemas": [USER, ENTERPRISE],
            "userName": "bjensen",
            "name": { "familyName": "Jensen" },
            ENTERPRISE: { "employeeNumber": "1" }
        }))
    );
}

#[test]
fn what_a_client_cannot_set_is_left_out() {
    let resource = created(json!({
        "id": "mine", "meta": { "resourceType": "User" }, "groups": [{ "value": "g" }],
        ENTERPRISE: { "manager": { "value": "26", "displayName": "Bob" } }
    }))
    .unwrap();
    assert_eq!(resource.get("id"), None);
    assert_eq!(resource.get("meta"), None);
    assert_eq!(resource.get("groups"), None);
    assert_eq!(resource[ENTERPRISE]["manager"], json!({ "value": "26" }));
}

#[test]
fn null_and_empty_values_are_unassigned() {
    let resource = created(json!({
        "title": null, "roles": [], "name": {}, "emails": [{ "value": null }],
        ENTERPRISE: { "department": null }
    }));
    assert_eq!(resource, Ok(json!({ "schemas": [USER], "userName": "bjensen" })));
}

#[test]
fn unknown_attributes_are_ignored_and_named() {
    let resource = create(
        &user(),
        &input(json!({ "favouriteColour": "blue", "name": { "nick": "b" }, "urn:x:y": {} })),
    )
    .unwrap();
    assert_eq!(resource.ignored(), ["favouriteColour", "name.nick", "urn:x:y"]);
    assert!(!resource.attributes().contains_key("favouriteColour"));
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_path() {
    let cases = [
        (json!({ "userName": 5 }), "attribute \"userName\" must be a string, not a number"),
        (json!({ "active": "true" }), "attribute \"active\" must be a boolean, not a string"),
        (
            json!({ "emails": { "value": "a" } }),
            "attribute \"emails\" must be an array, not an object",
        ),
        (json!({ "emails": ["a"] }), "attribute \"emails[0]\" must be an object, not a string"),
        (
            json!({ "emails": [{}, { "value": 1 }] }),
            "attribute \"emails[1].value\" must be a string, not a number",
        ),
        (json!({ "name": "x" }), "attribute \"name\" must be an object, not a string"),
        (
            json!({ "x509Certificates": [{ "value": "not base64" }] }),
            "attribute \"x509Certificates[0].value\" must be base64",
        ),
        (json!({ BADGE: { "level": 1.5 } }), "level\" must be a whole number of at most 64 bits"),
        (json!({ BADGE: { "level": 1, "since": "2011" } }), "since\" must be an xsd:dateTime"),
        (json!({ BADGE: { "level": 1, "tags": "a" } }), "tags\" must be an array, not a string"),
        (json!({ BADGE: [] }), "must be an object, not an array"),
        (
            json!({ "title": "a\u{0}b" }),
            "attribute \"title\" must not contain the character U+0000",
        ),
    ];
    for (members, expected) in cases {
        let error = created(members.clone()).unwrap_err();
        assert!(error.contains(expected), "{members}: {error}");
    }
}

#[test]
fn all_issues_are_told_at_once() {
    let error = created(json!({ "active": 1, "title": 2 })).unwrap_err();
    assert_eq!(
        error,
        "attribute \"active\" must be a boolean, not a number; \
         attribute \"title\" must be a string, not a number"
    );
}

#[test]
fn required_attributes_count_where_their_container_is() {
    let missing = create(&user(), json!({ "schemas": [USER] }).as_object().unwrap());
    assert_eq!(missing.unwrap_err().to_string(), "attribute \"userName\" is required");
    assert!(created(json!({ "userName": "" })).unwrap_err().contains("\"userName\" is required"));
    assert!(created(json!({})).is_ok(), "the extension is optional");
    let error = created(json!({ BADGE: { "tags": ["a"], "doors": [{ "note": "x" }] } }));
    assert_eq!(
        error.unwrap_err(),
        format!(
            "attribute \"{BADGE}:level\" is required; attribute \"{BADGE}:doors[0].value\" is required"
        )
    );
}

#[test]
fn schemas_must_name_the_base_schema() {
    for schemas in [json!([]), json!("x"), json!([ENTERPRISE])] {
        let invalid = create(&user(), &input(json!({ "schemas": schemas }))).unwrap_err();
        assert_eq!(invalid.scim_type(), ScimType::InvalidSyntax);
    }
}

#[test]
fn a_name_in_two_spellings_is_refused() {
    assert!(created(json!({ "USERNAME": "other" })).unwrap_err().contains("is given twice"));
}

#[test]
fn one_value_may_be_primary_and_equal_values_are_one() {
    let two = json!({ "emails": [
        { "value": "a", "primary": true }, { "value": "b", "primary": true }
    ] });
    assert!(created(two).unwrap_err().contains("more than one value with \"primary\""));
    let same = created(json!({ "emails": [{ "value": "a" }, { "value": "a" }] })).unwrap();
    assert_eq!(same["emails"], json!([{ "value": "a" }]));
}

#[test]
fn replace_keeps_what_a_client_cannot_send_again() {
    let current =
        created(json!({ "password": "hash", "title": "x", BADGE: { "number": "7", "level": 1 } }));
    let current = current.unwrap().as_object().unwrap().clone();
    let replaced =
        replace(&user(), &current, &input(json!({ BADGE: { "level": 2 } })), &nothing()).unwrap();
    assert_eq!(replaced.attributes()["password"], "hash");
    assert_eq!(replaced.attributes()[BADGE], json!({ "level": 2, "number": "7" }));
    assert!(!replaced.attributes().contains_key("title"));
}

#[test]
fn an_immutable_value_must_match() {
    let current = created(json!({ BADGE: { "number": "7", "level": 1 } })).unwrap();
    let current = current.as_object().unwrap();
    let other = input(json!({ BADGE: { "number": "8", "level": 1 } }));
    let invalid = replace(&user(), current, &other, &nothing()).unwrap_err();
    assert_eq!(invalid.scim_type(), ScimType::Mutability);
    let removed = input(json!({ BADGE: { "level": 1 } }));
    assert!(patched(&user(), current, &removed).is_err());
    let unset = created(json!({ BADGE: { "level": 1 } })).unwrap();
    assert!(patched(&user(), unset.as_object().unwrap(), &other).is_ok(), "it may be set once");
}

#[test]
fn a_put_without_an_extension_keeps_it_where_the_client_could_not_have_sent_it_all() {
    let with_number = created(json!({ BADGE: { "number": "7", "level": 1 } })).unwrap();
    let replaced =
        replace(&user(), with_number.as_object().unwrap(), &input(json!({})), &nothing()).unwrap();
    assert_eq!(replaced.attributes()[BADGE], json!({ "number": "7", "level": 1 }));
    let without = created(json!({ BADGE: { "level": 1 } })).unwrap();
    let replaced =
        replace(&user(), without.as_object().unwrap(), &input(json!({})), &nothing()).unwrap();
    assert!(!replaced.attributes().contains_key(BADGE));
}

#[test]
fn a_patch_is_not_judged_by_what_it_leaves_alone() {
    // As a stricter schema finds it: an integer as text, a required value missing, no userName.
    let stored = json!({ "schemas": [USER, BADGE], "title": 5, BADGE: { "weight": "heavy" } });
    let stored = stored.as_object().unwrap();
    let mut candidate = stored.clone();
    candidate.insert("active".to_owned(), json!(false));
    let patched_user = patched(&user(), stored, &candidate).unwrap();
    assert_eq!(patched_user.attributes()["active"], false);
    assert_eq!(patched_user.attributes()["title"], 5);
    assert_eq!(patched_user.attributes()[BADGE], json!({ "weight": "heavy" }));
    candidate.insert(BADGE.to_owned(), json!({ "weight": "light" }));
    let refused = patched(&user(), stored, &candidate).unwrap_err();
    assert!(refused.to_string().contains("weight\" must be a number"), "{refused}");
}

#[test]
fn a_unique_value_fits_into_an_index() {
    let error = created(json!({ "userName": "x".repeat(MAX_UNIQUE_BYTES + 1) })).unwrap_err();
    assert!(error.contains("must have at most 1024 bytes"), "{error}");
    assert!(created(json!({ "userName": "x".repeat(MAX_UNIQUE_BYTES) })).is_ok());
}

#[test]
fn a_value_that_is_refused_is_not_missing_too() {
    for value in [json!(5), json!("a\0b"), json!("a".repeat(MAX_UNIQUE_BYTES + 1))] {
        let error = created(json!({ "userName": value, BADGE: { "level": 1 } })).unwrap_err();
        assert!(!error.contains("is required"), "{error}");
    }
}

#[test]
fn a_password_is_not_empty() {
    let error = created(json!({ "password": "", BADGE: { "level": 1 } })).unwrap_err();
    assert!(error.contains("\"password\" must not be empty"), "{error}");
}
