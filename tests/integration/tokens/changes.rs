//! What is changed of tokens, and by whom.

use serde_json::{Value, json};
use tenon_tests::{Client, Options, Postgres, Server, until_status};

use super::{listed, token};
use crate::jwt::Idp;

#[tokio::test]
async fn a_token_is_changed_while_it_is_in_use() {
    let postgres = Postgres::start(&[]);
    let first = Server::start(Options::on(&postgres.url()));
    let second = Server::start(Options::on(&postgres.url()));
    let acme = first.tenant("acme").await;
    let made = token(&acme.admin, json!({ "expiresAt": "2099-01-01T00:00:00Z" })).await;
    let here = acme.scim.with_token(&made.secret);
    let there = acme.moved(&first, &second).scim.with_token(&made.secret);
    for client in [&here, &there] {
        client.get("/Users").await.expect(200);
    }
    let change = json!({ "name": "reports", "permissions": ["scim:read"], "expiresAt": null });
    let changed = acme.admin.patch(&made.path, change).await.expect(200).body;
    assert_eq!(changed, listed(&acme, &made.id).await);
    assert_eq!(changed["name"], "reports");
    assert_eq!(changed["permissions"], json!(["scim:read"]));
    assert_eq!(changed["expiresAt"], Value::Null);
    here.get("/Users").await.expect(403);
    until_status(&there, "/Users", 403).await;
    // What is not named stays.
    let renamed = acme.admin.patch(&made.path, json!({ "name": "again" })).await.expect(200).body;
    assert_eq!(renamed["permissions"], json!(["scim:read"]));
    let role = acme.admin.patch(&made.path, json!({ "role": "reader" })).await.expect(200).body;
    assert_eq!(role["permissions"], json!(["scim:read", "scim:list"]));
    assert_eq!(role["name"], "again");
    for wrong in [
        json!({ "name": "" }),
        json!({ "expiresAt": "2001-01-01T00:00:00Z" }),
        json!({ "expiresAt": 1 }),
        json!({ "permissions": ["scim:none"] }),
        json!({ "permissions": ["scim:read:Nothing"] }),
        json!({ "mayExplain": true }),
        json!({ "userId": null }),
        json!({ "permissions": null }),
        json!({ "role": null }),
        json!({ "permissions": null, "role": "reader" }),
    ] {
        acme.admin.patch(&made.path, wrong).await.expect(400);
    }
    assert_eq!(listed(&acme, &made.id).await["permissions"], json!(["scim:read", "scim:list"]));
    acme.admin.patch("/tokens/x", json!({})).await.expect(404);
}

/// An administrator with these members.
async fn administrator(admin: &Client, members: Value) -> (String, Client) {
    let made = token(admin, members).await;
    (made.path, admin.with_token(&made.secret))
}

#[tokio::test]
async fn nobody_changes_or_takes_what_they_do_not_have() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let (own, weak) =
        administrator(&acme.admin, json!({ "permissions": ["tokens:write", "scim:read"] })).await;
    let strong = token(&acme.admin, json!({ "role": "tenant-admin" })).await;
    let reader = token(&acme.admin, json!({ "permissions": ["scim:read"] })).await;
    let rotate = |path: &str| format!("{path}/rotate");
    weak.post(&rotate(&strong.path), json!({})).await.expect(403);
    weak.patch(&strong.path, json!({ "permissions": ["scim:read"] })).await.expect(403);
    weak.patch(&reader.path, json!({ "permissions": ["scim:*"] })).await.expect(403);
    weak.patch(&reader.path, json!({ "name": "mine" })).await.expect(200);
    weak.post(&rotate(&reader.path), json!({})).await.expect(200);
    let client = json!({ "name": "hr", "role": "tenant-admin" });
    let client = acme.admin.post("/clients", client).await.expect(201).body;
    let client = format!("/clients/{}", client["id"].as_str().unwrap());
    weak.post(&rotate(&client), json!({})).await.expect(403);
    // Nobody changes what they may do themselves.
    let less = weak.patch(&own, json!({ "permissions": ["tokens:write"] })).await.expect(403);
    assert!(less.detail().contains("itself"), "{}", less.detail());
    weak.patch(&own, json!({ "name": "renamed" })).await.expect(200);
}

#[tokio::test]
async fn nothing_that_is_given_outlasts_who_gave_it() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let (own, admin) = administrator(
        &acme.admin,
        json!({ "role": "tenant-admin", "expiresAt": "2090-01-01T00:00:00Z" }),
    )
    .await;
    let lasting = |expires: &str| json!({ "name": "a", "expiresAt": expires });
    let made = admin.post("/tokens", lasting("2089-12-31T00:00:00Z")).await.expect(201).body;
    let made = format!("/tokens/{}", made["id"].as_str().unwrap());
    let keys = Idp::new("a").jwks();
    let issuer = json!({ "issuer": "https://login.example.com", "audiences": ["a"], "jwks": keys });
    for refused in [
        admin.post("/tokens", json!({ "name": "a" })).await,
        admin.post("/tokens", lasting("2090-01-01T00:00:01Z")).await,
        admin.post("/clients", json!({ "name": "a" })).await,
        admin.post("/issuers", issuer).await,
        admin.patch(&made, json!({ "expiresAt": null })).await,
        admin.patch(&own, json!({ "expiresAt": null })).await,
        admin.patch(&own, json!({ "expiresAt": "2091-01-01T00:00:00Z" })).await,
    ] {
        let refused = refused.expect(403);
        assert!(refused.detail().contains("2090-01-01T00:00:00"), "{}", refused.detail());
    }
    admin.patch(&own, json!({ "expiresAt": "2089-12-31T00:00:00Z" })).await.expect(200);
    admin.patch(&made, json!({ "expiresAt": "2089-12-31T00:00:01Z" })).await.expect(403);
}
