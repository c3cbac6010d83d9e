//! Resolvers: a plugin says which tenant of its realm a request is for, and for no other.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::hmac;
use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Options, Postgres, Server, Tenant, artifacts, until, user};

/// What the gateway signs with.
const KEY: &str = "hunter2 of the gateway";

fn claims(tenant: &str, permissions: &[&str]) -> Value {
    json!({ "tenant": tenant, "sub": "hr", "exp": 4_000_000_000_u64, "permissions": permissions })
}

fn signed(key: &str, claims: &Value) -> String {
    let claims = BASE64.encode(claims.to_string());
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    format!("gw_{claims}.{}", BASE64.encode(hmac::sign(&key, claims.as_bytes())))
}

fn token(tenant: &str, permissions: &[&str]) -> String {
    signed(KEY, &claims(tenant, permissions))
}

/// A realm of that name, reached below a path of its own.
async fn realm(server: &Server, name: &str) -> Client {
    let admin = server.admin();
    admin.post("/realms", json!({ "name": name })).await.expect(201);
    let realm = admin.below(&format!("/realms/{name}"));
    let path = json!({ "kind": "path", "value": format!("/{name}") });
    realm.post("/entry-points", path).await.expect(201);
    realm
}

async fn put_into(tenant: &Tenant, realm: &str) {
    let resolution = json!({ "resolution": { "realm": realm } });
    tenant.admin.patch("", resolution).await.expect(200);
}

/// Has the realm ask the plugin of a tenant.
async fn attach(realm: &Client, tenant: &Tenant, plugin: &str, permissions: &[&str]) {
    let resolver = json!({ "tenant": tenant.name, "plugin": plugin, "permissions": permissions });
    realm.put("/resolver", resolver).await.expect(200);
}

/// A client of the gateway.
fn client(server: &Server, tenant: &Tenant, realm: &str, token: &str) -> Client {
    tenant.scim.at(format!("{}/{realm}/scim/v2", server.url)).with_token(token)
}

async fn with_gateway(server: &Server, name: &str) -> (Client, Tenant) {
    let operations = server.tenant("operations").await;
    let config = json!({ "key": { "$secret": KEY } });
    operations.activate("realm-resolver", artifacts::realm_resolver(), config).await;
    let realm = realm(server, name).await;
    attach(&realm, &operations, "realm-resolver", &["scim:read", "scim:list", "scim:create"]).await;
    (realm, operations)
}

#[tokio::test]
async fn a_claim_opens_a_tenant_of_the_realm_with_what_the_realm_grants() {
    let server = Server::start(Options::default());
    let (_, _) = with_gateway(&server, "old").await;
    let acme = server.tenant("acme").await;
    put_into(&acme, "old").await;
    let all = ["scim:read", "scim:list", "scim:create", "scim:delete", "tokens:write"];
    let of_acme = client(&server, &acme, "old", &token(&acme.name, &all));
    let created = of_acme.post("/Users", user("ada")).await.expect(201);
    let location = created.header("location");
    assert!(location.starts_with(&format!("{}/old/scim/v2/Users/", server.url)), "{location}");
    let path = format!("/Users/{}", created.body["id"].as_str().unwrap());
    of_acme.get(&path).await.expect(200);
    // What is claimed and not granted is not there, nor what is granted and not claimed.
    of_acme.delete(&path).await.expect(403);
    let reading = client(&server, &acme, "old", &token(&acme.name, &["scim:read"]));
    reading.get(&path).await.expect(200);
    reading.post("/Users", user("bo")).await.expect(403);
    let records = acme.admin.get("/audit").await.expect(200).body;
    let actor = records["items"][0]["actor"].as_str().unwrap();
    assert!(actor.starts_with("resolver:") && actor.ends_with(":hr"), "{actor}");
    let shown = server.admin().get("/realms/old/resolver").await.expect(200).body;
    assert_eq!(shown["headers"], json!(["authorization"]));
    // The headers are the client's credentials.
    assert!(!server.log.text().contains("gw_") && !server.log.text().contains("hunter2"));
}

#[tokio::test]
async fn nobody_gets_anywhere_by_a_claim_beyond_the_realm() {
    let server = Server::start(Options::default());
    let (realm, operations) = with_gateway(&server, "old").await;
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    put_into(&acme, "old").await;
    self::realm(&server, "other").await;
    let good = token(&acme.name, &["scim:list"]);
    client(&server, &acme, "old", &good).get("/Users").await.expect(200);
    let through = |realm: &str, token: &str| client(&server, &acme, realm, token);
    let mut refused: Vec<Answer> = Vec::new();
    for token in [
        // Tenants of no realm, the one whose plugin it is among them, and one that there is not.
        token(&globex.name, &["scim:list"]),
        token(&globex.id, &["scim:list"]),
        token(&operations.name, &["scim:list"]),
        token("nobody", &["scim:list"]),
        token("", &["scim:list"]),
        // A permission that there is not.
        token(&acme.name, &["scim:everything"]),
        // Forged, expired, cut off.
        signed("another key", &claims(&acme.name, &["scim:list"])),
        signed(KEY, &json!({ "tenant": acme.name, "sub": "hr", "exp": 1, "permissions": [] })),
        good[..good.len() - 2].to_owned(),
        "gw_".to_owned(),
        "tenon_AAAA".to_owned(),
    ] {
        refused.push(through("old", &token).get("/Users").await.expect(401));
    }
    // Through no realm, through another one, and where the request itself names a tenant.
    let url = &server.url;
    for base in [
        format!("{url}/scim/v2"),
        format!("{url}/other/scim/v2"),
        format!("{url}/tenants/{}/scim/v2", acme.name),
        format!("{url}/old/tenants/{}/scim/v2", acme.name),
    ] {
        refused.push(acme.scim.at(base).with_token(&good).get("/Users").await.expect(401));
    }
    let bodies: Vec<&Value> = refused.iter().map(|it| &it.body).collect();
    assert!(bodies.windows(2).all(|two| two[0] == two[1]), "{bodies:#?}");
    // Nor in the administration.
    let admin = acme.admin.with_token(&good);
    admin.get("/tokens").await.expect(401);

    // Who leaves the realm is not reached through it any more, at once; nor is anybody without a resolver.
    acme.admin.patch("", json!({ "resolution": { "realm": null } })).await.expect(200);
    through("old", &good).get("/Users").await.expect(401);
    put_into(&acme, "old").await;
    through("old", &good).get("/Users").await.expect(200);
    realm.delete("/resolver").await.expect(204);
    through("old", &good).get("/Users").await.expect(401);
    realm.delete("/resolver").await.expect(404);
}

#[tokio::test]
async fn a_resolver_that_fails_lets_nobody_in_and_holds_up_nobody_else() {
    let server = Server::start(Options::default());
    let (realm, operations) = with_gateway(&server, "old").await;
    let acme = server.tenant("acme").await;
    put_into(&acme, "old").await;
    let good = token(&acme.name, &["scim:list"]);
    let gateway = client(&server, &acme, "old", &good);
    gateway.get("/Users").await.expect(200);
    // A configuration that it cannot use is its failure.
    let config = "/plugins/realm-resolver/config";
    operations.admin.put(config, json!({ "key": 1 })).await.expect(200);
    let failed = gateway.get("/Users").await.expect(503);
    assert_eq!(failed.header("retry-after"), "1");
    assert!(!failed.detail().contains("key"), "inner detail is for the log");
    operations.admin.put(config, json!({ "key": KEY })).await.expect(200);
    for script in [json!({ "trap": true }), json!({ "spin": true }), json!({ "fail": "no" })] {
        // Each a plugin of its own: one that has failed too often is not called for a while.
        let name = format!("scripted-{}", script.as_object().unwrap().keys().next().unwrap());
        let config = json!({ "resolver": script });
        operations.activate(&name, artifacts::scripted(), config).await;
        attach(&realm, &operations, &name, &["scim:list"]).await;
        gateway.get("/Users").await.expect(503);
    }
    // Credentials of ours need no resolver.
    let own = acme.scim.at(format!("{}/old/scim/v2", server.url));
    own.get("/Users").await.expect(200);
    attach(&realm, &operations, "realm-resolver", &["scim:list"]).await;
    gateway.get("/Users").await.expect(200);
    operations.admin.post("/plugins/realm-resolver/deactivate", json!({})).await.expect(200);
    gateway.get("/Users").await.expect(401);
}

#[tokio::test]
async fn what_is_attached_has_to_resolve() {
    let server = Server::start(Options::default());
    let (realm, operations) = with_gateway(&server, "old").await;
    operations.upload("audit-tap", artifacts::audit_tap()).await.expect(201);
    let name = &operations.name;
    for wrong in [
        json!({ "tenant": name, "plugin": "audit-tap", "permissions": [] }),
        json!({ "tenant": name, "plugin": "nothing", "permissions": [] }),
        json!({ "tenant": "nobody", "plugin": "realm-resolver", "permissions": [] }),
        json!({ "tenant": name, "plugin": "realm-resolver" }),
        json!({ "tenant": name, "plugin": "realm-resolver", "permissions": ["all"] }),
        json!({ "tenant": name, "plugin": "realm-resolver", "permissions": [], "headers": ["a b"] }),
    ] {
        realm.put("/resolver", wrong).await.expect(400);
    }
    server.admin().get("/realms/nothing/resolver").await.expect(404);
}

#[tokio::test]
async fn guesses_are_slowed_down_and_another_server_hears_of_the_resolver() {
    let postgres = Postgres::start(&[]);
    let options = || Options::on(&postgres.url()).with("TENON_FAILED_ATTEMPTS", "5");
    let (one, two) = (Server::start(options()), Server::start(options()));
    let acme = one.tenant("acme").await;
    with_gateway(&one, "old").await;
    put_into(&acme, "old").await;
    let good = token(&acme.name, &["scim:list"]);
    let there = client(&two, &acme, "old", &good);
    until("the other server knows", async || {
        (there.get("/Users").await.status == 200).then_some(())
    })
    .await;
    client(&one, &acme, "old", &good).get("/Users").await.expect(200);
    let forged = |number: u32| client(&one, &acme, "old", &format!("gw_{number}.a"));
    let mut statuses = Vec::new();
    for number in 0..20 {
        statuses.push(forged(number).get("/Users").await.status);
    }
    assert!(statuses.contains(&401) && statuses.ends_with(&[429]), "{statuses:?}");
    // Who was valid from there goes on.
    client(&one, &acme, "old", &good).get("/Users").await.expect(200);
    drop((one, two));
}
