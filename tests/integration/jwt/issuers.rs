//! Issuers, as administrators manage them.

use serde_json::json;
use tenon_tests::{Options, Server, Tenant, until_status};

use super::{ISSUER, Idp, claims, issuer, with};

async fn administrator(tenant: &Tenant, permissions: &[&str]) -> Tenant {
    let body = json!({ "name": "it", "permissions": permissions });
    let created = tenant.admin.post("/tokens", body).await.expect(201).body;
    let admin = tenant.admin.with_token(created["token"].as_str().unwrap());
    Tenant { admin, ..tenant.clone() }
}

#[tokio::test]
async fn an_issuer_is_made_shown_changed_and_deleted() {
    let server = Server::shared();
    let (acme, idp) = (server.tenant("acme").await, Idp::new("a"));
    let created = issuer(&acme, json!({ "jwks": idp.jwks() })).await.expect(201).body;
    assert_eq!(created["issuer"], ISSUER);
    assert_eq!(created["clockSkewSeconds"], 60);
    assert_eq!(created["permissions"], json!(["scim:*"]));
    let listed = acme.admin.get("/issuers").await.expect(200).body;
    assert_eq!(listed["items"], json!([created]));

    let client = with(&idp.jwt("scim:list scim:create"), &acme);
    client.get("/Users").await.expect(200);
    let path = format!("/issuers/{}", created["id"].as_str().unwrap());
    let body = json!({
        "issuer": ISSUER,
        "audiences": ["tenon"],
        "jwks": idp.jwks(),
        "permissions": ["scim:create"],
    });
    acme.admin.put(&path, body.clone()).await.expect(200);
    client.get("/Users").await.expect(403);
    acme.admin.delete(&path).await.expect(204);
    client.get("/Users").await.expect(401);
    acme.admin.delete(&path).await.expect(404);
    acme.admin.put(&path, body).await.expect(404);
    acme.admin.put("/issuers/none", json!({})).await.expect(400);
}

#[tokio::test]
async fn a_wrong_issuer_is_refused_with_the_member_named() {
    let server = Server::shared();
    let (acme, idp) = (server.tenant("acme").await, Idp::new("a"));
    let mut private = idp.jwk();
    private["d"] = json!("secret");
    for (members, named) in [
        (json!({}), "jwks"),
        (json!({ "jwks": idp.jwks(), "jwksUrl": "https://idp.example/keys" }), "not both"),
        (json!({ "jwks": { "keys": [private] } }), "private"),
        (json!({ "jwks": idp.jwks(), "audiences": [] }), "audiences"),
        (json!({ "jwks": idp.jwks(), "algorithms": ["HS256"] }), "HS256"),
        (json!({ "jwks": idp.jwks(), "permissions": ["scim:all"] }), "scim:all"),
        (json!({ "jwks": idp.jwks(), "permissions": ["scim:read:Robot"] }), "Robot"),
        (json!({ "jwks": idp.jwks(), "permission": "scim:read" }), "permission"),
        (json!({ "jwksUrl": "http://idp.example/keys" }), "jwksUrl"),
        (json!({ "jwksUrl": "https://169.254.169.254/latest" }), "outbound_allow"),
        (json!({ "jwksUrl": "https://[::ffff:10.0.0.1]/keys" }), "outbound_allow"),
    ] {
        let refused = issuer(&acme, members.clone()).await.expect(400);
        assert!(refused.detail().contains(named), "{members}: {}", refused.detail());
    }
}

#[tokio::test]
async fn nobody_gives_by_an_issuer_what_they_do_not_have() {
    let server = Server::shared();
    let (acme, idp) = (server.tenant("acme").await, Idp::new("a"));
    let few = administrator(&acme, &["tokens:write", "scim:read"]).await;
    let jwks = idp.jwks();
    issuer(&few, json!({ "jwks": jwks })).await.expect(403);
    let more = json!({ "jwks": jwks, "permissions": ["scim:read", "tokens:write", "audit:read"] });
    issuer(&few, more).await.expect(403);
    let own = json!({ "jwks": jwks, "permissions": ["scim:read"] });
    issuer(&few, own.clone()).await.expect(201);
    with(&idp.jwt("scim:read tenant-admin"), &acme).get("/Users").await.expect(403);

    // Nor is the key changed of an issuer that gives more.
    let all = issuer(&acme, json!({ "jwks": Idp::new("b").jwks() })).await.expect(201).body;
    let path = format!("/issuers/{}", all["id"].as_str().unwrap());
    let mut body = own;
    body["issuer"] = json!(ISSUER);
    body["audiences"] = json!(["tenon"]);
    few.admin.put(&path, body).await.expect(403);
}

#[tokio::test]
async fn an_administrator_may_be_one_by_a_jwt() {
    let server = Server::shared();
    let (acme, globex, idp) =
        (server.tenant("acme").await, server.tenant("globex").await, Idp::new("a"));
    let members = json!({ "jwks": idp.jwks(), "permissions": ["tokens:*"] });
    issuer(&acme, members).await.expect(201);
    let jwt = idp.jwt("tokens:write scim:*");
    let admin = acme.admin.with_token(&jwt);
    admin.get("/tokens").await.expect(200);
    admin.get("/plugins").await.expect(403);
    admin.post("/tokens", json!({ "name": "a" })).await.expect(403);
    globex.admin.with_token(&jwt).get("/tokens").await.expect(401);
    server.admin().with_token(&jwt).get("/tenants").await.expect(401);
    server.admin().with_token(&jwt).get("/openapi.json").await.expect(401);
}

#[tokio::test]
async fn an_issuer_that_is_deleted_ends_on_both_servers() {
    let first = Server::start(Options::default());
    let second = Server::start(Options::on(&first.database_url()));
    let (acme, idp) = (first.tenant("acme").await, Idp::new("a"));
    let created = issuer(&acme, json!({ "jwks": idp.jwks() })).await.expect(201).body;
    let here = with(&idp.jwt("scim:list"), &acme);
    let there = with(&here.token, &acme.moved(&first, &second));
    for client in [&here, &there, &here, &there] {
        client.get("/Users").await.expect(200);
    }
    let path = format!("/issuers/{}", created["id"].as_str().unwrap());
    acme.admin.delete(&path).await.expect(204);
    here.get("/Users").await.expect(401);
    until_status(&there, "/Users", 401).await;
}

#[tokio::test]
async fn a_retried_request_is_known_with_a_new_jwt_of_the_same_client() {
    let server = Server::shared();
    let (acme, idp) = (server.tenant("acme").await, Idp::new("a"));
    issuer(&acme, json!({ "jwks": idp.jwks() })).await.expect(201);
    let post = async |subject: &str, jti: &str| {
        let mut claims = claims("scim:*");
        claims["sub"] = json!(subject);
        claims["jti"] = json!(jti);
        let client = with(&idp.sign(&idp.header(), &claims), &acme);
        let key = [(reqwest::header::HeaderName::from_static("idempotency-key"), "a")];
        client.send(reqwest::Method::POST, "/Users", &tenon_tests::user("bjensen"), &key).await
    };
    let first = post("hr", "1").await.expect(201);
    let again = post("hr", "2").await.expect(201);
    assert_eq!(first.body["id"], again.body["id"]);
    post("another", "3").await.expect(422);
}
