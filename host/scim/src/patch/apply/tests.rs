use serde_json::json;

use super::*;
use crate::Registry;
use crate::schema::core::{ENTERPRISE_USER, GROUP, USER};

/// Applies `Operations` to a resource without its `schemas`.
fn patched(type_name: &str, current: Value, operations: Value) -> Result<Value, PatchError> {
    let registry = Registry::core();
    let resource_type = registry.resource_type(type_name).unwrap();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations
    });
    let request = PatchRequest::parse(body.as_object().unwrap())?;
    apply(resource_type, current.as_object().unwrap(), &request, &Dialect::RFC).map(Value::Object)
}

fn user(current: Value, operations: Value) -> Value {
    patched("User", current, operations).unwrap()
}

fn group(current: Value, operations: Value) -> Value {
    patched("Group", current, operations).unwrap()
}

fn refused(type_name: &str, current: Value, operations: Value) -> (&'static str, String) {
    let error = patched(type_name, current, operations).unwrap_err();
    (error.scim_type().as_str(), error.to_string())
}

fn two_emails() -> Value {
    json!({ "userName": "b", "emails": [
        { "type": "work", "value": "b@example.com", "primary": true },
        { "type": "home", "value": "b@example.org" }
    ] })
}

#[test]
fn add_appends_a_member_that_is_not_there_yet() {
    // RFC 7644 §3.5.2.1, first example.
    let operations =
        json!([{ "op": "add", "path": "members", "value": [{ "value": "2819c223" }] }]);
    let with_babs = group(json!({ "displayName": "Tour Guides" }), operations.clone());
    assert_eq!(with_babs["members"], json!([{ "value": "2819c223" }]));
    assert_eq!(group(with_babs.clone(), operations), with_babs);
}

#[test]
fn add_without_a_path_merges_attributes() {
    // RFC 7644 §3.5.2.1, second example.
    let result = user(
        json!({ "userName": "b" }),
        json!([{ "op": "add", "value": {
            "emails": [{ "value": "babs@jensen.org", "type": "home" }], "nickname": "Babs"
        } }]),
    );
    assert_eq!(
        result,
        json!({
            "userName": "b",
            "emails": [{ "value": "babs@jensen.org", "type": "home" }],
            "nickName": "Babs"
        })
    );
}

#[test]
fn keys_without_a_path_may_be_dotted_and_have_a_urn() {
    // As Entra ID sends them.
    let result = user(
        json!({ "userName": "b", "name": { "familyName": "J" } }),
        json!([{ "op": "replace", "value": {
            "displayName": "B",
            "name.givenName": "K",
            format!("{ENTERPRISE_USER}:employeeNumber"): "A",
            ENTERPRISE_USER: { "department": "Sales" },
            "id": "passed over",
            "favouriteColour": "passed over"
        } }]),
    );
    assert_eq!(
        result,
        json!({
            "userName": "b",
            "name": { "familyName": "J", "givenName": "K" },
            "displayName": "B",
            ENTERPRISE_USER: { "employeeNumber": "A", "department": "Sales" }
        })
    );
}

#[test]
fn replace_of_a_multi_valued_attribute_replaces_all_its_values() {
    // RFC 7644 §3.5.2.3, first example.
    let result = group(
        json!({ "displayName": "g", "members": [{ "value": "a" }, { "value": "b" }] }),
        json!([{ "op": "replace", "path": "members", "value": [{ "value": "c" }] }]),
    );
    assert_eq!(result["members"], json!([{ "value": "c" }]));
    let empty = group(result, json!([{ "op": "replace", "path": "members", "value": [] }]));
    assert_eq!(empty, json!({ "displayName": "g" }));
}

#[test]
fn replace_of_a_selected_value_replaces_that_value() {
    // RFC 7644 §3.5.2.3, second and third example.
    let whole = user(
        two_emails(),
        json!([{ "op": "replace", "path": "emails[type eq \"work\"]", "value": { "type": "work", "value": "new" } }]),
    );
    assert_eq!(whole["emails"][0], json!({ "type": "work", "value": "new" }));
    let part = user(
        two_emails(),
        json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "new" }]),
    );
    assert_eq!(part["emails"][0], json!({ "type": "work", "value": "new", "primary": true }));
    assert_eq!(part["emails"][1], two_emails()["emails"][1]);
}

#[test]
fn replace_of_a_complex_attribute_keeps_the_other_parts() {
    let result = user(
        json!({ "userName": "b", "name": { "familyName": "J", "givenName": "B" } }),
        json!([{ "op": "replace", "path": "name", "value": { "givenName": "K", "middleName": null } }]),
    );
    assert_eq!(result["name"], json!({ "familyName": "J", "givenName": "K" }));
}

#[test]
fn replace_of_a_missing_attribute_adds_it() {
    let result = user(
        json!({ "userName": "b" }),
        json!([{ "op": "Replace", "path": "title", "value": "Dr" }]),
    );
    assert_eq!(result["title"], "Dr");
}

#[test]
fn add_to_a_selection_that_matches_nothing_creates_the_value() {
    let result = user(
        json!({ "userName": "b" }),
        json!([{ "op": "Add", "path": "emails[type eq \"work\"].value", "value": "x" }]),
    );
    assert_eq!(result["emails"], json!([{ "type": "work", "value": "x" }]));
}

#[test]
fn replace_of_a_selection_that_matches_nothing_is_no_target() {
    let (scim_type, detail) = refused(
        "User",
        json!({ "userName": "b" }),
        json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "x" }]),
    );
    assert_eq!(scim_type, "noTarget");
    assert!(
        detail
            .starts_with("Operations[0]: path \"emails[type eq \"work\"].value\" matches no value"),
        "{detail}"
    );
}

#[test]
fn remove_takes_the_selected_values_alone() {
    // RFC 7644 §3.5.2.2, examples.
    let result =
        user(two_emails(), json!([{ "op": "remove", "path": "emails[type eq \"work\"]" }]));
    assert_eq!(result["emails"], json!([{ "type": "home", "value": "b@example.org" }]));
    let none = user(result, json!([{ "op": "remove", "path": "emails[type eq \"home\"]" }]));
    assert_eq!(none, json!({ "userName": "b" }));
}

#[test]
fn remove_with_a_value_takes_the_named_members_alone() {
    // As Entra ID sends it; several servers emptied the group.
    let result = group(
        json!({ "displayName": "g", "members": [{ "value": "a" }, { "value": "b" }] }),
        json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": "a" }] }]),
    );
    assert_eq!(result["members"], json!([{ "value": "b" }]));
    let none = json!([{ "op": "Remove", "path": "members", "value": [] }]);
    assert_eq!(group(result.clone(), none), result, "an empty array names none");
    let all = json!([{ "op": "Remove", "path": "members", "value": null }]);
    assert_eq!(group(result, all), json!({ "displayName": "g" }));
}

#[test]
fn remove_of_what_is_absent_succeeds() {
    for path in
        ["title", "emails[type eq \"fax\"]", "emails[type eq \"fax\"].value", "name.givenName"]
    {
        assert_eq!(user(two_emails(), json!([{ "op": "remove", "path": path }])), two_emails());
    }
}

#[test]
fn remove_without_a_path_is_no_target() {
    let (scim_type, _) = refused("User", two_emails(), json!([{ "op": "remove" }]));
    assert_eq!(scim_type, "noTarget");
}

#[test]
fn a_required_attribute_cannot_be_removed() {
    for operation in [
        json!({ "op": "remove", "path": "userName" }),
        json!({ "op": "replace", "path": "userName", "value": null }),
    ] {
        let (scim_type, detail) = refused("User", two_emails(), json!([operation]));
        assert_eq!(scim_type, "mutability", "{detail}");
    }
}

#[test]
fn a_read_only_attribute_cannot_be_written() {
    for path in ["id", "meta.created", "groups", "groups[value eq \"a\"]", "schemas"] {
        let operations = json!([{ "op": "replace", "path": path, "value": "x" }]);
        assert_eq!(refused("User", two_emails(), operations).0, "mutability", "{path}");
    }
}

#[test]
fn a_new_primary_value_takes_it_from_the_others() {
    let added = user(
        two_emails(),
        json!([{ "op": "add", "path": "emails", "value": [{ "value": "c", "primary": true }] }]),
    );
    assert_eq!(added["emails"][0]["primary"], false);
    assert_eq!(added["emails"][2]["primary"], true);
    let set = user(
        two_emails(),
        json!([{ "op": "replace", "path": "emails[type eq \"home\"].primary", "value": true }]),
    );
    assert_eq!(set["emails"][0]["primary"], false);
    assert_eq!(set["emails"][1]["primary"], true);
}

#[test]
fn a_new_primary_value_takes_it_from_one_that_is_sent_again_too() {
    let added = user(
        two_emails(),
        json!([{ "op": "add", "path": "emails", "value": [
            { "value": "c", "primary": true }, { "value": "b@example.com", "type": "work" }
        ] }]),
    );
    assert_eq!(added["emails"][0]["primary"], false);
    assert_eq!(added["emails"][2], json!({ "value": "c", "primary": true }));
}

#[test]
fn a_urn_path_reaches_the_extension() {
    let path = format!("{ENTERPRISE_USER}:manager.value");
    let set =
        user(json!({ "userName": "b" }), json!([{ "op": "add", "path": path, "value": "26" }]));
    assert_eq!(set[ENTERPRISE_USER], json!({ "manager": { "value": "26" } }));
    let removed =
        user(set, json!([{ "op": "remove", "path": format!("{ENTERPRISE_USER}:manager") }]));
    assert_eq!(removed, json!({ "userName": "b" }));
    let core =
        user(removed, json!([{ "op": "add", "path": format!("{USER}:title"), "value": "Dr" }]));
    assert_eq!(core["title"], "Dr");
}

#[test]
fn operations_work_on_the_result_of_those_before_and_fail_as_one() {
    let result = user(
        json!({ "userName": "b" }),
        json!([
            { "op": "add", "path": "title", "value": "Dr" },
            { "op": "remove", "path": "title" },
            { "op": "add", "path": "nickName", "value": "B" }
        ]),
    );
    assert_eq!(result, json!({ "userName": "b", "nickName": "B" }));
    let error = patched(
        "User",
        json!({ "userName": "b" }),
        json!([{ "op": "add", "path": "title", "value": "Dr" }, { "op": "add", "path": "titel", "value": "x" }]),
    )
    .unwrap_err();
    assert_eq!((error.operation, error.scim_type().as_str()), (Some(1), "invalidPath"));
}

#[test]
fn a_value_of_the_wrong_type_is_named() {
    let (scim_type, detail) = refused(
        "User",
        two_emails(),
        json!([{ "op": "replace", "path": "active", "value": "no" }]),
    );
    assert_eq!(scim_type, "invalidValue");
    assert_eq!(detail, "Operations[0]: attribute \"active\" must be a boolean, not a string");
}

#[test]
fn what_is_not_a_patch_request_says_so() {
    let cases = [
        json!({ "Operations": [{ "op": "add", "path": "title", "value": "x" }] }),
        json!({ "schemas": [GROUP], "Operations": [] }),
        json!({ "schemas": [super::super::PATCH_SCHEMA] }),
        json!({ "schemas": [super::super::PATCH_SCHEMA], "Operations": [] }),
        json!({ "schemas": [super::super::PATCH_SCHEMA], "Operations": [{ "op": "move" }] }),
        json!({ "schemas": [super::super::PATCH_SCHEMA], "Operations": [{ "op": "add", "path": 1 }] }),
        json!({ "schemas": [super::super::PATCH_SCHEMA], "Operations": [{ "op": "add", "path": "title" }] }),
    ];
    for body in cases {
        let error = PatchRequest::parse(body.as_object().unwrap()).unwrap_err();
        assert_eq!(error.scim_type().as_str(), "invalidSyntax", "{body}: {error}");
    }
}

#[test]
fn to_add_nothing_changes_nothing() {
    let current = json!({
        "userName": "b", "emails": [{ "value": "a" }], ENTERPRISE_USER: { "department": "x" }
    });
    for operation in [
        json!({ "op": "add", "path": "emails", "value": null }),
        json!({ "op": "add", "path": "emails", "value": [] }),
        json!({ "op": "add", "value": { "emails": null, ENTERPRISE_USER: {} } }),
        json!({ "op": "add", "path": ENTERPRISE_USER, "value": {} }),
        json!({ "op": "replace", "path": ENTERPRISE_USER, "value": {} }),
        json!({ "op": "replace", "path": "name", "value": {} }),
    ] {
        assert_eq!(user(current.clone(), json!([operation])), current, "{operation}");
    }
}

#[test]
fn keys_without_a_path_may_be_any_path() {
    let result = user(
        two_emails(),
        json!([{ "op": "replace", "value": {
            "emails[type eq \"work\"].value": "new",
            USER: { "nickName": "B" }
        } }]),
    );
    assert_eq!(result["emails"][0]["value"], "new");
    assert_eq!(result["nickName"], "B");
}

#[test]
fn a_key_that_is_no_path_is_refused_as_a_path_is() {
    let cases = [
        ("emails[type eq work].value", "invalidFilter"),
        ("emails[type eq \"work\"", "invalidPath"),
        ("emails[type eq \"work\"].nope", "invalidPath"),
        ("nope[type eq \"work\"].value", "invalidPath"),
        ("userName[value eq \"b\"]", "invalidPath"),
        ("name.nope", "invalidPath"),
        ("meta.nope", "invalidPath"),
        ("not a name", "invalidPath"),
    ];
    for (key, expected) in cases {
        for value in [json!({ key: "x" }), json!({ USER: { key: "x" } })] {
            let operations = json!([{ "op": "replace", "value": value }]);
            let (scim_type, detail) = refused("User", two_emails(), operations);
            assert_eq!(scim_type, expected, "{key}: {detail}");
            let path = json!([{ "op": "replace", "path": key, "value": "x" }]);
            assert_eq!((scim_type, detail), refused("User", two_emails(), path), "{key}");
        }
    }
    let below = json!([{ "op": "add", "value": { ENTERPRISE_USER: { "manager.nope": "x" } } }]);
    let (scim_type, detail) = refused("User", two_emails(), below);
    assert_eq!(scim_type, "invalidPath");
    assert!(detail.contains("has no sub-attribute \"nope\""), "{detail}");
}

#[test]
fn a_name_or_urn_that_no_schema_has_is_passed_over() {
    let unknown = json!({
        "nope": 1,
        "nope.part": 1,
        "urn:example:2.0:Nope": { "a": 1 },
        "urn:example:2.0:Nope:a": 1,
        USER: { "nope": 1 },
        ENTERPRISE_USER: { "nope": 1 },
        format!("{ENTERPRISE_USER}:nope"): 1
    });
    let operations = json!([{ "op": "add", "value": unknown }]);
    assert_eq!(user(two_emails(), operations), two_emails());
}

#[test]
fn a_member_that_is_there_is_not_added_again_however_it_is_written() {
    let current = json!({ "displayName": "g", "members": [{ "value": "m", "type": "User" }] });
    for member in [json!({ "value": "m" }), json!({ "type": "user", "value": "m" })] {
        let add = json!([{ "op": "add", "path": "members", "value": [member] }]);
        let members = group(current.clone(), add)["members"].clone();
        assert_eq!(members.as_array().unwrap().len(), 1, "{members}");
    }
    let other = json!([{ "op": "add", "path": "emails", "value": { "type": "home", "value": "B@example.com" } }]);
    assert_eq!(user(two_emails(), other)["emails"].as_array().unwrap().len(), 3);
}

#[test]
fn a_value_that_a_filter_describes_keeps_its_case_and_satisfies_the_filter() {
    let add = |path: &str| json!([{ "op": "add", "path": path, "value": "1" }]);
    let result = user(json!({ "userName": "b" }), add("emails[type eq \"FAX\"].value"));
    assert_eq!(result["emails"], json!([{ "type": "FAX", "value": "1" }]));
    let contradiction = add("emails[type eq \"a\" and type eq \"b\"].value");
    assert_eq!(refused("User", json!({ "userName": "b" }), contradiction).0, "noTarget");
}

#[test]
fn one_value_in_an_array_is_one_value_and_several_are_refused() {
    let add =
        |value: Value| json!([{ "op": "add", "path": "emails[type eq \"home\"]", "value": value }]);
    let result = user(two_emails(), add(json!([{ "display": "q" }])));
    assert_eq!(result["emails"][1]["value"], "b@example.org");
    assert_eq!(result["emails"][1]["display"], "q");
    let several = add(json!([{ "display": "q" }, { "display": "r" }]));
    assert_eq!(refused("User", two_emails(), several).0, "invalidValue");
}

#[test]
fn a_request_can_look_at_so_many_values_and_no_more() {
    let members: Vec<Value> = (0..2_000).map(|n| json!({ "value": format!("m{n}") })).collect();
    let current = json!({ "displayName": "g", "members": members });
    let remove =
        |n: usize| json!({ "op": "remove", "path": format!("members[value eq \"x{n}\"]") });
    let few: Vec<Value> = (0..400).map(remove).collect();
    assert_eq!(group(current.clone(), json!(few)), current);
    let many: Vec<Value> = (0..600).map(remove).collect();
    let (scim_type, detail) = refused("Group", current.clone(), json!(many));
    assert_eq!(scim_type, "tooMany", "{detail}");

    let remove = |n: usize| {
        let path = format!("members[value eq \"x{n}\" or value eq \"y\" or value eq \"z\"]");
        json!({ "op": "remove", "path": path })
    };
    let with_three_terms: Vec<Value> = (0..200).map(remove).collect();
    let (scim_type, detail) = refused("Group", current, json!(with_three_terms));
    assert_eq!(scim_type, "tooMany", "{detail}");
}

#[test]
fn two_keys_for_one_attribute_are_refused() {
    let department = format!("{ENTERPRISE_USER}:department");
    let base = format!("{USER}:displayName");
    let cases = [
        (json!({ "userName": "a", "USERNAME": "b" }), "userName"),
        (json!({ "displayName": "a", (base): "b" }), "displayName"),
        (json!({ "displayName": "a", USER: { "displayName": "b" } }), "displayName"),
        (
            json!({ (&*department): "a", ENTERPRISE_USER: { "department": "b" } }),
            department.as_str(),
        ),
    ];
    for (value, path) in cases {
        let (scim_type, detail) =
            refused("User", json!({}), json!([{ "op": "replace", "value": value }]));
        assert_eq!(scim_type, "invalidSyntax");
        let expected = format!("Operations[0]: attribute \"{path}\" is given twice");
        assert!(detail.starts_with(&expected), "{detail}");
    }
    // Filters name two values of one attribute, and operations have an order.
    let value =
        json!({ "emails[type eq \"work\"].value": "a", "emails[type eq \"home\"].value": "b" });
    let twice = json!([{ "op": "add", "value": value }, { "op": "add", "value": value }]);
    let both = json!([{ "type": "work", "value": "a" }, { "type": "home", "value": "b" }]);
    assert_eq!(user(json!({}), twice)["emails"], both);
}
