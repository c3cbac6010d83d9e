//! A version in shadow at each hook that decides or changes something.

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, artifacts, until, user};

use super::uploaded;

/// A tenant with this version active and the other one in its shadow.
async fn shadowed(server: &Server, active: &[u8], shadow: &[u8], config: Value) -> Tenant {
    let acme = server.tenant("acme").await;
    acme.activate("plugin", active, config).await;
    let shadow = uploaded(&acme, "plugin", shadow).await;
    acme.admin.post("/plugins/plugin/shadow", json!({ "digest": shadow })).await.expect(200);
    acme
}

/// What the shadow came to, once it was asked at a hook by what is done again and again.
async fn asked_at(acme: &Tenant, hook: &str, again: impl AsyncFn()) -> Value {
    until("a difference", async || {
        again().await;
        let shown = acme.admin.get("/plugins/plugin/shadow").await.expect(200).body;
        let mut differences = shown["differences"].as_array().unwrap().iter();
        differences.find(|it| it["hook"] == hook).cloned()
    })
    .await
}

#[tokio::test]
async fn what_a_query_is_narrowed_by_is_compared() {
    let server = Server::shared();
    let rules = json!({ "rules": [{ "filter": "active eq true" }] });
    let (row_level, scripted) = (artifacts::row_level(), artifacts::scripted());
    let acme = shadowed(&server, row_level, scripted, rules).await;
    acme.create("/Users", user("a")).await;
    let difference = asked_at(&acme, "before-query", async || {
        let list = acme.scim.get("/Users").await.expect(200).body;
        assert_eq!(list["totalResults"], 0, "the active version decides");
    })
    .await;
    let narrowed = json!({ "outcome": "narrowed", "filter": "active eq true" });
    assert_eq!(difference["active"], narrowed);
    assert_eq!(difference["shadow"], json!({ "outcome": "passed" }));
}

#[tokio::test]
async fn edits_of_what_is_shown_are_compared_and_their_values_not_told() {
    const VAULT: &str = "urn:example:params:scim:schemas:extension:vault:2.0:User";
    let server = Server::shared();
    let key = json!({ "key": format!("{}=", "A".repeat(43)) });
    let (vault, scripted) = (artifacts::attribute_vault(), artifacts::scripted());
    let acme = shadowed(&server, vault, scripted, key).await;
    let mut person = user("a");
    person["schemas"].as_array_mut().unwrap().push(json!(VAULT));
    person[VAULT] = json!({ "nationalId": "12345678" });
    let path = format!("/Users/{}", acme.create("/Users", person).await);
    let difference = asked_at(&acme, "after-read", async || {
        let shown = acme.scim.get(&path).await.expect(200).body;
        assert!(shown[VAULT]["nationalId"].as_str().unwrap().ends_with("5678"), "{shown}");
    })
    .await;
    assert_eq!(difference["shadow"], json!({ "outcome": "passed" }));
    let told = &difference["active"]["resources"][0][0];
    assert_eq!(told["path"], format!("{VAULT}:nationalId"), "{difference}");
    assert!(told["valueDigest"].as_str().unwrap().starts_with("sha256:"), "{told}");
    assert!(!difference.to_string().contains("5678"), "{difference}");
}

#[tokio::test]
async fn a_version_is_asked_of_deletions_and_deletes_and_keeps_nothing() {
    let server = Server::shared();
    let kept = json!({ "before-delete": { "reject": "kept" } });
    let scripted = artifacts::scripted();
    let acme = shadowed(&server, scripted, &artifacts::tagged(scripted, "same"), kept).await;
    let path = format!("/Users/{}", acme.create("/Users", user("a")).await);
    let calls = async || {
        let shown = acme.admin.get("/plugins/plugin/shadow").await.expect(200).body;
        assert_eq!((&shown["different"], &shown["failed"]), (&json!(0), &json!(0)), "{shown}");
        shown["calls"].as_i64().unwrap() + shown["dropped"].as_i64().unwrap()
    };
    // before-write, validation and after-read of the user that was created.
    let before = until("the calls of the creation", async || {
        let calls = calls().await;
        (calls >= 3).then_some(calls)
    })
    .await;
    let refused = acme.scim.delete(&path).await.expect(400);
    assert!(refused.detail().contains("kept"), "{}", refused.detail());
    // before-query and before-delete.
    until("the calls of the deletion", async || (calls().await >= before + 2).then_some(())).await;
}
