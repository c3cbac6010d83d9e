//! What identity providers send in their own way is understood under their dialect, and refused
//! by the RFC's rule under `rfc`.

use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, patch, user};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const ADSCIM: &str = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";

async fn tenant(server: &Server, dialect: &str) -> Tenant {
    let tenant = server.tenant(dialect).await;
    let updated = tenant.admin.patch("", json!({ "dialect": dialect })).await.expect(200).body;
    assert_eq!(updated["dialect"], dialect);
    tenant
}

/// A user of the tenant; its path.
async fn a_user(tenant: &Tenant, user_name: &str) -> String {
    format!("/Users/{}", tenant.create("/Users", user(user_name)).await)
}

/// A group of the tenant with these members; its path.
async fn a_group(tenant: &Tenant, members: &[&str]) -> String {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    let group = json!({ "schemas": [GROUP], "displayName": "Guides", "members": members });
    format!("/Groups/{}", tenant.create("/Groups", group).await)
}

async fn member_ids(tenant: &Tenant, group: &str) -> Vec<String> {
    let group = tenant.scim.get(group).await.expect(200).body;
    let members = group["members"].as_array().cloned().unwrap_or_default();
    members.iter().map(|it| it["value"].as_str().unwrap().to_owned()).collect()
}

fn told(server: &Server, tenant: &Tenant, dialect: &str, read: &str) -> Value {
    server.log.wait_for(read, |line| {
        line["span"]["tenant"] == json!(tenant.name)
            && line["dialect"] == dialect
            && line["read"].as_str().is_some_and(|it| it.contains(read))
    })
}

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
async fn keys_without_a_path_may_be_dotted_and_have_a_urn_in_every_dialect_with_such_patches() {
    let server = Server::shared();
    for dialect in ["rfc", "entra", "okta"] {
        let tenant = tenant(&server, dialect).await;
        let path = a_user(&tenant, "bjensen").await;
        let operation = json!([{ "op": "replace", "value": {
            "displayName": "B",
            "name.givenName": "K",
            (format!("{ENTERPRISE}:employeeNumber")): "A"
        } }]);
        let patched = tenant.scim.patch(&path, patch(operation)).await.expect(200).body;
        assert_eq!(patched["displayName"], "B");
        assert_eq!(patched["name"], json!({ "givenName": "K" }));
        assert_eq!(patched[ENTERPRISE], json!({ "employeeNumber": "A" }));
        assert_eq!(patched["schemas"], json!([USER, ENTERPRISE]));
    }
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
async fn what_entra_creates_passes_in_every_lenient_dialect() {
    let server = Server::shared();
    for dialect in ["rfc", "entra", "okta"] {
        let tenant = tenant(&server, dialect).await;
        let created = tenant.scim.post("/Users", json!({
            "schemas": [USER, ENTERPRISE],
            "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
            "userName": "Test_User_ab6490ee-1e48-479e-a20b-2d77186b5dd1",
            "active": true,
            "addresses": null,
            "emails": [{ "primary": true, "type": "work", "value": "ab@testuser.com" }],
            "meta": { "resourceType": "User" },
            "name": { "formatted": "given family", "familyName": "family", "givenName": "given" },
            "roles": []
        })).await.expect(201).body;
        assert_eq!((created.get("addresses"), created.get("roles")), (None, None));
        assert_eq!(created["schemas"], json!([USER]));
        let group = tenant
            .scim
            .post(
                "/Groups",
                json!({
                    "schemas": [GROUP, ADSCIM],
                    "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
                    "displayName": "displayName",
                    "meta": { "resourceType": "Group" }
                }),
            )
            .await
            .expect(201)
            .body;
        assert_eq!(group["schemas"], json!([GROUP]));
        let parameters =
            [("excludedAttributes", "members"), ("filter", "displayName eq \"displayName\"")];
        let found = tenant.scim.query("/Groups", &parameters).await.expect(200).body;
        assert_eq!(found["totalResults"], 1);
    }
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
async fn a_patch_of_a_group_has_no_body_where_the_dialect_says_so() {
    let server = Server::shared();
    let rename =
        |name: &str| patch(json!([{ "op": "replace", "path": "displayName", "value": name }]));
    for (dialect, status) in [("rfc", 200), ("entra", 204), ("okta", 204), ("interop", 200)] {
        let tenant = tenant(&server, dialect).await;
        let group = a_group(&tenant, &[]).await;
        let patched = tenant.scim.patch(&group, rename("a")).await.expect(status);
        assert_eq!(patched.body.is_null(), status == 204, "{dialect}");
        assert_eq!(patched.header("etag"), "W/\"2\"", "{dialect}");
        // RFC 7644 §3.5.2: 200 where the request names attributes.
        let named = format!("{group}?attributes=displayName");
        let patched = tenant.scim.patch(&named, rename("b")).await.expect(200);
        assert_eq!(patched.body["displayName"], "b", "{dialect}");
        let user = a_user(&tenant, "bjensen").await;
        tenant.scim.patch(&user, rename("c")).await.expect(200);
        tenant.scim.delete(&user).await.expect(204);
    }
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

#[tokio::test]
async fn what_okta_sends_is_understood() {
    let server = Server::shared();
    let okta = tenant(&server, "okta").await;
    let created = okta
        .scim
        .post(
            "/Users",
            json!({
                "schemas": [USER], "userName": "Test.User@okta.local",
                "name": { "givenName": "Test", "familyName": "User" },
                "emails": [{ "primary": true, "value": "test.user@okta.local", "type": "work" }],
                "displayName": "Test User", "locale": "en-US", "externalId": "00ujl29u0le5T6Aj10h7",
                "groups": [], "password": "1mz050nq", "active": true
            }),
        )
        .await
        .expect(201)
        .body;
    assert_eq!(created["userName"], "Test.User@okta.local", "it keeps its case");
    let id = created["id"].as_str().unwrap();
    let disable = json!([{ "op": "replace", "value": { "active": false } }]);
    let path = format!("/Users/{id}");
    let disabled = okta.scim.patch(&path, patch(disable)).await.expect(200).body;
    assert_eq!(disabled["active"], false);
    let parameters =
        [("filter", "userName eq \"test.user@okta.local\""), ("startIndex", "1"), ("count", "100")];
    let found = okta.scim.query("/Users", &parameters).await.expect(200).body;
    assert_eq!((&found["totalResults"], &found["startIndex"]), (&json!(1), &json!(1)));

    let string = json!([{ "op": "replace", "value": { "active": "false" } }]);
    okta.scim.patch(&path, patch(string)).await.expect(400);
}

#[tokio::test]
async fn okta_renames_a_group_and_pushes_its_members() {
    let server = Server::shared();
    let okta = tenant(&server, "okta").await;
    let a = okta.create("/Users", user("a")).await;
    let b = okta.create("/Users", user("b")).await;
    let group = a_group(&okta, &[&a]).await;
    let id = group.strip_prefix("/Groups/").unwrap();
    let rename = json!([{ "op": "replace", "value": { "id": id, "displayName": "Renamed" } }]);
    okta.scim.patch(&group, patch(rename)).await.expect(204);
    assert_eq!(okta.scim.get(&group).await.expect(200).body["displayName"], "Renamed");

    let swap = json!([
        { "op": "remove", "path": format!("members[value eq \"{a}\"]") },
        { "op": "add", "path": "members", "value": [{ "value": b, "display": "b" }] }
    ]);
    okta.scim.patch(&group, patch(swap)).await.expect(204);
    assert_eq!(member_ids(&okta, &group).await, [b]);
    let push = json!([{ "op": "replace", "path": "members", "value": [] }]);
    okta.scim.patch(&group, patch(push)).await.expect(204);
    assert_eq!(okta.scim.get(&group).await.expect(200).body.get("members"), None);
}

#[tokio::test]
async fn interop_refuses_attributes_that_no_schema_has() {
    let server = Server::shared();
    let interop = tenant(&server, "interop").await;
    let rfc = tenant(&server, "rfc").await;
    let mut unknown = user("bjensen");
    unknown["favouriteColour"] = json!("blue");
    let refused = interop.scim.post("/Users", unknown.clone()).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidSyntax");
    assert!(
        refused.detail().contains("\"favouriteColour\" is in no schema"),
        "{}",
        refused.detail()
    );
    let created = rfc.scim.post("/Users", unknown.clone()).await.expect(201).body;
    assert_eq!(created.get("favouriteColour"), None);

    let path = a_user(&interop, "bjensen").await;
    let refused = interop.scim.put(&path, unknown).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidSyntax");
    let operation = json!([{ "op": "add", "path": "name", "value": { "nick": "b" } }]);
    let refused = interop.scim.patch(&path, patch(operation)).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidSyntax");
    assert!(refused.detail().contains("\"name.nick\""), "{}", refused.detail());
}

#[tokio::test]
async fn interop_has_no_patch_without_a_path_and_replaces_complex_attributes_whole() {
    let server = Server::shared();
    for (dialect, status, name) in [
        ("interop", 400, json!({ "givenName": "K" })),
        ("rfc", 200, json!({ "familyName": "J", "givenName": "K" })),
    ] {
        let tenant = tenant(&server, dialect).await;
        let mut body = user("bjensen");
        body["name"] = json!({ "familyName": "J", "givenName": "B" });
        let path = format!("/Users/{}", tenant.create("/Users", body).await);
        let pathless = json!([{ "op": "replace", "value": { "active": false } }]);
        tenant.scim.patch(&path, patch(pathless)).await.expect(status);
        let replace = json!([{ "op": "replace", "path": "name", "value": { "givenName": "K" } }]);
        let patched = tenant.scim.patch(&path, patch(replace)).await.expect(200).body;
        assert_eq!(patched["name"], name, "{dialect}");
    }
}

#[tokio::test]
async fn another_dialect_takes_effect_on_the_next_request() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut body = user("bjensen");
    body["active"] = json!("True");
    for dialect in ["entra", "rfc", "entra"] {
        acme.admin.patch("", json!({ "dialect": dialect })).await.expect(200);
        let created = acme.scim.post("/Users", body.clone()).await;
        assert_eq!(created.status, if dialect == "rfc" { 400 } else { 201 });
        if dialect != "rfc" {
            let path = format!("/Users/{}", created.body["id"].as_str().unwrap());
            acme.scim.put(&path, body.clone()).await.expect(200);
            acme.scim.delete(&path).await.expect(204);
        }
    }
}

#[tokio::test]
async fn the_operator_chooses_a_dialect_by_its_name() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    assert_eq!(acme.admin.get("").await.expect(200).body["dialect"], "rfc", "the default");
    let name = format!("{}-2", acme.name);
    let body = json!({ "name": name, "dialect": "okta" });
    assert_eq!(server.admin().post("/tenants", body).await.expect(201).body["dialect"], "okta");
    let second = server.admin().below(&format!("/tenants/{name}"));
    assert_eq!(second.get("").await.expect(200).body["dialect"], "okta");

    let all = "\"dialect\" must be one of \"rfc\", \"entra\", \"okta\", \"interop\", not \"ENTRA\"";
    let refused = acme.admin.patch("", json!({ "dialect": "ENTRA" })).await.expect(400);
    assert_eq!(refused.detail(), all);
    let body = json!({ "name": "never-made", "dialect": "ENTRA" });
    assert_eq!(server.admin().post("/tenants", body).await.expect(400).detail(), all);
    let wrong = acme.admin.patch("", json!({ "dialect": 1 })).await.expect(400);
    assert!(wrong.detail().contains("must be a string, not a number"), "{}", wrong.detail());

    // A name that is taken changes nothing; name and dialect may change together.
    let both = json!({ "name": name, "dialect": "interop" });
    acme.admin.patch("", both).await.expect(409);
    assert_eq!(acme.admin.get("").await.expect(200).body["dialect"], "rfc");
    let name = format!("{}-3", acme.name);
    let both = json!({ "name": name, "dialect": "interop" });
    let updated = acme.admin.patch("", both).await.expect(200).body;
    assert_eq!((&updated["name"], &updated["dialect"]), (&json!(name), &json!("interop")));
}

#[tokio::test]
async fn the_log_has_nothing_of_a_coerced_value() {
    let server = Server::shared();
    let entra = tenant(&server, "entra").await;
    let mut body = user("bjensen");
    body["title"] = json!(["a-title-for-nobody-else"]);
    entra.scim.send(Method::POST, "/Users", &body, &[]).await.expect(201);
    told(&server, &entra, "entra", "title: array of one read as its one value");
    assert!(!server.log.text().contains("a-title-for-nobody-else"));
}
