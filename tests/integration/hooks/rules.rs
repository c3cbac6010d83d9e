//! A plugin writes nothing that a client could not.

use serde_json::json;
use tenon_tests::{Server, patch, user};

use super::{replace, script, with_script};

#[tokio::test]
async fn edits_of_what_a_client_cannot_write_are_the_plugins_failure_and_write_nothing() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    let id = acme.create("/Users", user("ada")).await;
    let path = format!("/Users/{id}");
    let evil = [
        json!([replace("id", "00000000-0000-7000-8000-000000000000")]),
        json!([replace("meta.version", "W/\"9\"")]),
        json!([replace("meta.created", "2001-01-01T00:00:00Z")]),
        json!([replace("schemas", "urn:other")]),
        json!([{ "op": "add", "path": "groups", "value": [{ "value": id }] }]),
        json!([replace("password", "of the plugin")]),
        json!([replace("displayName", "fine"), replace("no such attribute", "x")]),
        json!([replace("urn:other:2.0:User:badge", "x")]),
        json!([replace("active", "no boolean")]),
        json!([{ "op": "remove", "path": "userName" }]),
        json!([{ "op": "replace", "value": { "id": "x", "title": "x" } }]),
        json!([{ "op": "explode", "path": "title", "value": "x" }]),
        json!([{ "op": "replace", "path": "emails[type eq", "value": "x" }]),
    ];
    for edits in evil {
        script(&acme, json!({ "before-write": { "edits": edits } })).await;
        acme.scim.post("/Users", user("bob")).await.expect(502);
        acme.scim.put(&path, user("ada2")).await.expect(502);
        acme.scim.patch(&path, patch(json!([replace("nickName", "A")]))).await.expect(502);
    }
    let line = server.log.wait_for("why the edits are refused", |line| {
        line["kind"] == "invalid-output" && line["plugin"] == "scripted"
    });
    assert!(line["error"].as_str().unwrap().contains("edits cannot be carried out"), "{line}");
    script(&acme, json!({})).await;
    let list = acme.scim.get("/Users").await.expect(200).body;
    assert_eq!(list["totalResults"], 1);
    assert_eq!(list["Resources"][0]["meta"]["version"], "W/\"1\"");
    assert_eq!(list["Resources"][0]["userName"], "ada");
}

#[tokio::test]
async fn unique_values_are_unique_for_plugins_too() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    acme.create("/Users", user("ada")).await;
    let edits = json!([replace("userName", "ada")]);
    script(&acme, json!({ "before-write": { "edits": edits } })).await;
    let refused = acme.scim.post("/Users", user("bob")).await.expect(409);
    assert_eq!(refused.body["scimType"], "uniqueness");
}

#[tokio::test]
async fn what_a_plugin_is_shown_has_no_secrets() {
    let server = Server::shared();
    let acme = with_script(&server, json!({ "before-write": {} })).await;
    let mut ada = user("ada-of-the-log");
    ada["password"] = json!("correct horse battery");
    acme.create("/Users", ada).await;
    let line = server.log.wait_for("what the plugin saw", |line| {
        line["message"].as_str().is_some_and(|it| it.contains("ada-of-the-log"))
    });
    assert!(!line.to_string().contains("correct horse"), "{line}");
    assert!(line["message"].as_str().unwrap().starts_with("token:"), "{line}");
}

#[tokio::test]
async fn a_tenant_chooses_what_becomes_of_requests_when_a_plugin_fails() {
    let server = Server::shared();
    let broken = json!({ "before-write": { "trap": true }, "after-read": { "trap": true } });
    let acme = with_script(&server, broken).await;
    acme.scim.post("/Users", user("ada")).await.expect(502);
    let settings = json!({ "onFailure": { "before-write": "skip" } });
    acme.admin.put("/plugins/scripted/settings", settings).await.expect(200);
    let created = acme.scim.post("/Users", user("ada")).await.expect(201).body;
    let path = format!("/Users/{}", created["id"].as_str().unwrap());
    assert_eq!(acme.scim.get(&path).await.expect(200).body["userName"], "ada");

    let settings = json!({ "onFailure": { "before-write": "skip", "after-read": "closed" } });
    acme.admin.put("/plugins/scripted/settings", settings).await.expect(200);
    acme.scim.get(&path).await.expect(502);
    acme.scim.get("/Users").await.expect(502);
    // A write is done, whatever can be shown of it: its answer has no attributes.
    let created = acme.scim.post("/Users", user("bob")).await.expect(201).body;
    assert_eq!((created.get("userName"), created["id"].is_string()), (None, true), "{created}");
}
