//! What Entra ID sends, under its dialect and under the RFC's.

use serde_json::{Value, json};
use tenon_tests::{Server, artifacts, patch, user};

use super::{ENTERPRISE, USER, a_group, a_user, member_ids, tenant, told};

/// Sends one operation on a user of an `entra` tenant and of an `rfc` tenant: what the user of
/// the first is then, and the `scimType` with which the second refuses.
async fn entra_and_rfc(current: Value, operation: Value) -> (Value, String) {
    let server = Server::shared();
    let mut body = user("bjensen");
    body.as_object_mut().unwrap().extend(current.as_object().unwrap().clone());
    let operations = patch(json!([operation]));
    let entra = tenant(&server, "entra").await;
    let path = format!("/Users/{}", entra.create("/Users", body.clone()).await);
    let patched = entra.scim.patch(&path, operations.clone()).await.expect(200).body;
    assert_eq!(entra.scim.get(&path).await.expect(200).body, patched);
    let rfc = tenant(&server, "rfc").await;
    let path = format!("/Users/{}", rfc.create("/Users", body).await);
    let refused = rfc.scim.patch(&path, operations).await.expect(400).body;
    (patched, refused["scimType"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn entra_disables_a_user_with_a_string_and_the_log_says_so() {
    let server = Server::shared();
    let entra = tenant(&server, "entra").await;
    let path = a_user(&entra, "bjensen").await;
    for (value, active) in [("False", false), ("True", true), ("false", false)] {
        let operation = json!([{ "op": "Replace", "path": "active", "value": value }]);
        let patched = entra.scim.patch(&path, patch(operation)).await.expect(200);
        assert_eq!(patched.body["active"], active);
    }
    let line = told(&server, &entra, "entra", "active: string boolean read as false");
    assert_eq!(line["level"], "INFO");
    let found = entra.scim.query("/Users", &[("filter", "active eq \"False\"")]).await.expect(200);
    assert_eq!(found.body["totalResults"], 1, "an inactive user is still returned");

    let rfc = tenant(&server, "rfc").await;
    let path = a_user(&rfc, "bjensen").await;
    let operation = json!([{ "op": "Replace", "path": "active", "value": "False" }]);
    let refused = rfc.scim.patch(&path, patch(operation)).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidValue");
    assert!(refused.detail().contains("\"active\" must be a boolean, not a string"));
    let refused = rfc.scim.query("/Users", &[("filter", "active eq \"False\"")]).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidFilter");
}

#[tokio::test]
async fn entra_sets_a_typed_value_that_is_not_there_yet() {
    let path = "emails[type eq \"work\"].value";
    let operation = json!({ "op": "Replace", "path": path, "value": "x@example.com" });
    let (patched, refused) = entra_and_rfc(json!({}), operation).await;
    assert_eq!(patched["emails"], json!([{ "type": "work", "value": "x@example.com" }]));
    assert_eq!(refused, "noTarget");

    let server = Server::shared();
    let rfc = tenant(&server, "rfc").await;
    let user = a_user(&rfc, "bjensen").await;
    let operation = json!([{ "op": "Add", "path": path, "value": "x@example.com" }]);
    let added = rfc.scim.patch(&user, patch(operation)).await.expect(200).body;
    assert_eq!(added["emails"], json!([{ "type": "work", "value": "x@example.com" }]));
}

#[tokio::test]
async fn entra_selects_the_primary_role_with_a_string() {
    let path = "roles[primary eq \"True\"].value";
    let operation = json!({ "op": "Add", "path": path, "value": "Admin" });
    let (patched, refused) = entra_and_rfc(json!({}), operation).await;
    assert_eq!(patched["roles"], json!([{ "primary": true, "value": "Admin" }]));
    assert_eq!(refused, "invalidFilter");
}

#[tokio::test]
async fn entra_names_a_manager_in_three_ways_and_clears_it() {
    let path = format!("{ENTERPRISE}:manager");
    let add = |value: Value| json!({ "op": "Add", "path": path, "value": value });
    let (patched, refused) = entra_and_rfc(json!({}), add(json!("271"))).await;
    assert_eq!(patched[ENTERPRISE]["manager"]["value"], "271");
    assert_eq!(refused, "invalidValue");
    let array = json!([{ "$ref": "https://scim.example/Users/271", "value": "271" }]);
    let (patched, refused) = entra_and_rfc(json!({}), add(array.clone())).await;
    assert_eq!(patched[ENTERPRISE]["manager"]["value"], "271");
    assert_eq!(refused, "invalidValue");
    let by_name = json!({ "op": "Add", "path": "manager", "value": array });
    let (patched, refused) = entra_and_rfc(json!({}), by_name).await;
    assert_eq!(patched[ENTERPRISE]["manager"]["value"], "271");
    assert_eq!(refused, "invalidPath");
    let current = json!({ ENTERPRISE: { "manager": { "value": "271" } } });
    let (patched, refused) = entra_and_rfc(current, add(json!(""))).await;
    assert_eq!(patched.get(ENTERPRISE), None);
    assert_eq!(patched["schemas"], json!([USER]), "the extension has no data any more");
    assert_eq!(refused, "invalidValue");
}

#[tokio::test]
async fn entra_matches_a_user_by_its_manager_or_a_typed_email() {
    let server = Server::shared();
    let entra = tenant(&server, "entra").await;
    let mut body = user("bjensen");
    body[ENTERPRISE] = json!({ "manager": "271" });
    body["emails"] = json!([{ "type": "work", "value": "b@example.com" }]);
    let id = entra.create("/Users", body).await;
    for filter in [
        format!("id eq \"{id}\" and manager eq \"271\""),
        "emails[type eq \"work\"].value eq \"b@example.com\"".to_owned(),
        "userName eq \"BJENSEN\"".to_owned(),
    ] {
        let found = entra.scim.query("/Users", &[("filter", &filter)]).await.expect(200).body;
        assert_eq!(found["totalResults"], 1, "{filter}");
    }
    told(&server, &entra, "entra", ":manager: named without its URN");
}

#[tokio::test]
async fn entra_sends_a_role_as_json_in_a_string() {
    let server = Server::shared();
    let role = json!([{
        "primary": "False", "type": "WindowsAzureActiveDirectoryRole",
        "value": "{\"id\":\"18d14569\",\"value\":\"Admin\",\"displayName\":\"Administrator\"}"
    }]);
    let operation = patch(json!([{ "op": "Add", "path": "roles", "value": role }]));
    let entra = tenant(&server, "entra").await;
    let path = a_user(&entra, "bjensen").await;
    let patched = entra.scim.patch(&path, operation).await.expect(200).body;
    let expected = json!([{
        "primary": false, "type": "WindowsAzureActiveDirectoryRole", "value": "Admin"
    }]);
    assert_eq!(patched["roles"], expected);
    told(&server, &entra, "entra", "roles[0]: JSON in \"value\" read as its sub-attributes");

    let rfc = tenant(&server, "rfc").await;
    let mut body = user("bjensen");
    body["roles"] = json!([{ "value": role[0]["value"] }]);
    let created = rfc.scim.post("/Users", body).await.expect(201).body;
    assert_eq!(created["roles"][0]["value"], role[0]["value"], "as it was sent");
}

#[tokio::test]
async fn entra_removes_the_members_that_it_names_and_no_others() {
    let server = Server::shared();
    let entra = tenant(&server, "entra").await;
    let a = entra.create("/Users", user("a")).await;
    let b = entra.create("/Users", user("b")).await;
    let group = a_group(&entra, &[&a, &b]).await;
    let operation = json!([
        { "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": a }] }
    ]);
    entra.scim.patch(&group, patch(operation)).await.expect(204);
    assert_eq!(member_ids(&entra, &group).await, [b]);
}

#[tokio::test]
async fn at_the_root_entra_names_an_attribute_as_each_type_has_it() {
    let server = Server::shared();
    let entra = tenant(&server, "entra").await;
    entra.activate("teams", &artifacts::component("teams"), json!({})).await;
    let mut babs = user("bjensen");
    babs[ENTERPRISE] = json!({ "division": "North" });
    let babs = entra.create("/Users", babs).await;
    let badge = json!({ "schemas": ["urn:example:2.0:Badge"], "division": "North" });
    let badge = entra.create("/Badges", badge).await;
    let filter = [("filter", "division eq \"North\"")];
    let found = entra.scim.query("/", &filter).await.expect(200).body;
    let found: Vec<_> = found["Resources"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(found, [&json!(babs), &json!(badge)]);
}

#[tokio::test]
async fn to_test_its_connection_entra_gets_an_empty_list() {
    let server = Server::shared();
    let entra = tenant(&server, "entra").await;
    let parameters = [
        ("filter", "userName eq \"b3b61a22-7ba1-4f8b-9d2e-9e2a3b4a0d1c\""),
        ("aadOptscim062020", ""),
    ];
    let list = entra.scim.query("/Users", &parameters).await.expect(200).body;
    assert_eq!(list["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
    assert_eq!((&list["totalResults"], &list["Resources"]), (&json!(0), &json!([])));
    let schemas = entra.scim.get("/Schemas?aadOptscim062020=1").await.expect(200).body;
    assert!(schemas["totalResults"].as_u64().is_some_and(|total| total > 0));
    assert!(!schemas.to_string().contains(":null"));
}
