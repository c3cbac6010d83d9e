//! What identity providers send in their own way is understood under their dialect, and refused
//! by the RFC's rule under `rfc`.

mod entra;

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
