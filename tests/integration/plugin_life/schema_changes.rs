//! What the activation of a version does to resources that are stored.

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, artifacts, patch, user};

use super::{plugin, uploaded};

const OF_USER: &str = "urn:example:2.0:OfUser";

/// A plugin that extends User by these attributes.
fn extending(attributes: Value) -> Vec<u8> {
    let schema = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": OF_USER, "name": "OfUser", "attributes": attributes,
    });
    let of_user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "name": "User", "endpoint": "/Users",
        "schema": "urn:ietf:params:scim:schemas:core:2.0:User",
        "schemaExtensions": [{ "schema": OF_USER, "required": false }],
    });
    artifacts::describing(&[schema, of_user])
}

fn with(name: &str, data: Value) -> Value {
    let mut person = user(name);
    person[OF_USER] = data;
    person
}

async fn activate(tenant: &Tenant, body: Value) -> tenon_tests::Answer {
    tenant.admin.post("/plugins/ext/activate", body).await
}

#[tokio::test]
async fn a_breaking_change_is_refused_until_it_is_confirmed_by_what_names_it() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let address = json!({ "name": "seat", "type": "complex", "subAttributes": [
        { "name": "room" }, { "name": "desk" },
    ] });
    let first = extending(json!([{ "name": "badge" }, { "name": "floor" }, address]));
    let first = acme.activate("ext", &first, json!({})).await;
    let ada = with("ada", json!({ "badge": "7", "seat": { "room": "a", "desk": "1" } }));
    let ada = acme.create("/Users", ada).await;
    acme.create("/Users", with("bert", json!({ "floor": "2", "badge": "8" }))).await;
    acme.create("/Users", user("cleo")).await;

    let second = extending(json!([
        { "name": "badge", "type": "integer" },
        { "name": "seat", "type": "complex", "subAttributes": [{ "name": "room", "required": true }] },
    ]));
    let second = uploaded(&acme, "ext", &second).await;
    let refused = activate(&acme, json!({ "digest": second })).await.expect(409);
    assert_eq!(refused.body["type"], "urn:tenon:problem:breaking-schema-change");
    let changes = refused.body["changes"].as_array().unwrap();
    let told: Vec<_> = changes
        .iter()
        .map(|it| {
            let attribute = it["attribute"].as_str().unwrap().trim_start_matches(OF_USER);
            (attribute, it["change"].as_str().unwrap(), it["resources"].as_i64().unwrap())
        })
        .collect();
    let expected = [
        (":badge", "type-changed", 2),
        (":floor", "attribute-removed", 1),
        (":seat.room", "required", 2),
        (":seat.desk", "attribute-removed", 1),
    ];
    assert_eq!(told, expected);
    assert!(changes.iter().all(|it| it["lookedAt"] == 3 && it["effect"].is_string()));
    assert!(refused.detail().contains("are kept and not shown"), "{}", refused.detail());
    assert_eq!(plugin(&acme, "ext").await["activeDigest"], first);

    let wrong = json!({ "digest": second, "confirm": "yes" });
    activate(&acme, wrong).await.expect(409);
    let confirm = refused.body["confirm"].as_str().unwrap();
    assert!(refused.detail().contains(confirm), "{}", refused.detail());
    activate(&acme, json!({ "digest": second, "confirm": confirm })).await.expect(200);
    let read = acme.scim.get(&format!("/Users/{ada}")).await.expect(200).body;
    assert_eq!(read[OF_USER]["floor"], Value::Null);
    let audit = acme.admin.get("/audit").await.expect(200).body.to_string();
    assert!(audit.contains(":badge: type-changed") || audit.contains("badge: type-changed"));
}

#[tokio::test]
async fn data_of_an_attribute_that_goes_is_kept_through_changes_and_comes_back_by_a_rollback() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let first = extending(json!([{ "name": "badge" }, { "name": "floor" }]));
    acme.activate("ext", &first, json!({})).await;
    let ada = acme.create("/Users", with("ada", json!({ "badge": "7", "floor": "2" }))).await;
    let path = format!("/Users/{ada}");
    let second = uploaded(&acme, "ext", &extending(json!([{ "name": "badge" }]))).await;
    let refused = activate(&acme, json!({ "digest": second })).await.expect(409).body;
    activate(&acme, json!({ "digest": second, "confirm": refused["confirm"] })).await.expect(200);
    let title = patch(json!([{ "op": "replace", "path": "title", "value": "Dr" }]));
    let patched = acme.scim.patch(&path, title).await.expect(200).body;
    assert_eq!(patched[OF_USER], json!({ "badge": "7" }));
    acme.scim.put(&path, with("ada", json!({ "badge": "9" }))).await.expect(200);

    // To have an attribute again is safe.
    acme.admin.post("/plugins/ext/rollback", json!({})).await.expect(200);
    let read = acme.scim.get(&path).await.expect(200).body;
    assert_eq!(read[OF_USER], json!({ "badge": "9", "floor": "2" }));
}

#[tokio::test]
async fn what_was_stored_under_a_version_that_is_not_active_counts_too() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let first = extending(json!([{ "name": "badge" }]));
    acme.activate("ext", &first, json!({})).await;
    acme.create("/Users", with("ada", json!({ "badge": "7" }))).await;
    acme.admin.post("/plugins/ext/deactivate", json!({})).await.expect(200);
    let other = extending(json!([{ "name": "badge", "type": "integer" }]));
    let other = uploaded(&acme, "ext", &other).await;
    let refused = activate(&acme, json!({ "digest": other })).await.expect(409).body;
    assert_eq!(refused["changes"][0]["change"], "type-changed");
    assert_eq!(refused["changes"][0]["resources"], 1);
}

#[tokio::test]
async fn a_safe_change_needs_no_confirmation() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("ext", &extending(json!([{ "name": "badge", "required": true }])), json!({}))
        .await;
    acme.create("/Users", with("ada", json!({ "badge": "7" }))).await;
    let freer = extending(json!([{ "name": "badge" }, { "name": "floor", "indexed": "values" }]));
    let freer = uploaded(&acme, "ext", &freer).await;
    activate(&acme, json!({ "digest": freer })).await.expect(200);
}
