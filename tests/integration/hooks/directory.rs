//! Plugins look up other resources of their tenant, and of no other.

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, user};

use super::{script, with_script};

/// What the directory tells a plugin.
async fn answer(acme: &Tenant, name: &str, look: Value) -> String {
    script(acme, json!({ "before-write": { "look": look } })).await;
    let created = acme.scim.post("/Users", user(name)).await.expect(201).body;
    created["title"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_plugin_gets_finds_and_counts_and_sees_no_secrets() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    let mut ada = user("ada");
    ada["password"] = json!("correct horse battery");
    ada["nickName"] = json!("countess");
    let id = acme.create("/Users", ada).await;
    let found = answer(&acme, "a", json!({ "get": ["User", id] })).await;
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!((&found["userName"], &found["id"]), (&json!("ada"), &json!(id)));
    assert_eq!(found.get("password"), None);
    let filter = "nickName eq \"countess\"";
    let found = answer(&acme, "b", json!({ "find": ["User", filter] })).await;
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["userName"], "ada");
    assert_eq!(answer(&acme, "c", json!({ "count": ["User", null] })).await, "3");
    assert_eq!(answer(&acme, "d", json!({ "count": ["User", filter] })).await, "1");
}

#[tokio::test]
async fn ids_and_names_of_another_tenant_find_nothing() {
    let server = Server::shared();
    let other = server.tenant("other").await;
    let theirs = other.create("/Users", user("victim")).await;
    let acme = with_script(&server, json!({})).await;
    assert_eq!(answer(&acme, "a", json!({ "get": ["User", theirs] })).await, "null");
    assert_eq!(
        answer(&acme, "b", json!({ "find": ["User", format!("id eq \"{theirs}\"")] })).await,
        "[]"
    );
    assert_eq!(
        answer(&acme, "c", json!({ "count": ["User", "userName eq \"victim\""] })).await,
        "0"
    );
}

#[tokio::test]
async fn what_cannot_be_looked_up_is_told_to_the_plugin_and_ends_no_request() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    for (name, look, told) in [
        ("a", json!({ "get": ["Nothing", "1"] }), "no resource type"),
        ("b", json!({ "find": ["User", "userName eq"] }), "column"),
        ("c", json!({ "find": ["User", "password pr"] }), "password"),
        ("d", json!({ "count": ["User", "nothing eq 1"] }), "nothing"),
    ] {
        let said = answer(&acme, name, look.clone()).await;
        assert!(said.contains(told), "{look}: {said}");
    }
}

#[tokio::test]
async fn one_look_up_more_than_a_call_may_have_ends_it() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    assert_eq!(answer(&acme, "a", json!({ "times": 64 })).await, "null");
    script(&acme, json!({ "before-write": { "look": { "times": 65 } } })).await;
    acme.scim.post("/Users", user("b")).await.expect(502);
    server.log.wait_for("the call that looked up too often", |line| {
        line["outcome"] == "look-ups-exceeded" && line["tenant"] == json!(acme.id)
    });
}

#[tokio::test]
async fn a_hook_that_may_not_look_up_fails_although_another_one_of_the_plugin_may() {
    let server = Server::shared();
    let look = json!({ "count": ["User", null] });
    let acme = with_script(&server, json!({ "after-read": { "look": look } })).await;
    let created = acme.scim.post("/Users", user("ada")).await.expect(201).body;
    assert_eq!(created["userName"], "ada");
    let line = server.log.wait_for("the look-up that is not offered", |line| {
        line["outcome"] == "not-offered" && line["tenant"] == json!(acme.id)
    });
    assert_eq!(line["hook"], "after-read");
}
