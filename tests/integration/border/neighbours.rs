//! What one tenant does changes nothing for another that does the same.

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::{Value, json};
use tenon_tests::{Client, artifacts, user};

use super::world::World;
use crate::jwt;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const COST_CENTER: &str = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";

#[tokio::test]
async fn an_idempotency_key_of_another_tenant_is_a_new_one() {
    let world = World::new().await;
    let post = |client: &Client, body: Value| {
        let client = client.clone();
        async move { client.send(Method::POST, "/Users", &body, &[(KEY, "key")]).await }
    };
    let globexs = post(&world.globex.scim, user("same")).await.expect(201);
    let here = world.acme.moved(&world.servers[0], &world.servers[1]);
    for (acme, body) in [(&world.acme, user("same")), (&here, user("other"))] {
        let own = post(&acme.scim, body.clone()).await;
        assert_eq!(own.header("idempotency-replayed"), "");
        assert_ne!(own.body["id"], globexs.body["id"]);
        // The second is Acme's own conflict, and not Globex's.
        assert_eq!(own.status, if body == user("same") { 201 } else { 422 });
    }
}

#[tokio::test]
async fn a_plugin_of_both_has_the_configuration_of_whom_it_is_called_for() {
    let world = World::new().await;
    let component = artifacts::cost_center();
    for (tenant, pattern) in [(&world.globex, "^G-[0-9]$"), (&world.acme, "^A-[0-9]$")] {
        // To the one who uploads it, it is new, whoever else has it.
        tenant.activate("cost-center", component, json!({ "pattern": pattern })).await;
    }
    let with = |name: &str, code: &str| {
        let mut body = user(name);
        body["schemas"].as_array_mut().unwrap().push(json!(COST_CENTER));
        body[COST_CENTER] = json!({ "costCenter": code });
        body
    };
    world.globex.scim.post("/Users", with("a", "G-1")).await.expect(201);
    world.acme.scim.post("/Users", with("a", "A-1")).await.expect(201);
    let refused = world.acme.scim.post("/Users", with("b", "G-1")).await.expect(400);
    assert!(refused.detail().contains("^A-"), "{}", refused.detail());
    assert!(!refused.body.to_string().contains("^G-"), "{:#}", refused.body);
    // The component stays for the other, whoever else gives it up.
    world.acme.admin.post("/plugins/cost-center/deactivate", json!({})).await.expect(200);
    world.acme.admin.delete("/plugins/cost-center").await.expect(204);
    world.globex.scim.post("/Users", with("b", "A-1")).await.expect(400);
    world.globex.scim.post("/Users", with("b", "G-2")).await.expect(201);
}

#[tokio::test]
async fn a_jwt_that_names_another_tenant_opens_neither() {
    let world = World::new().await;
    let members = json!({
        "jwks": world.idp.jwks(), "audiences": ["claimed"], "tenantClaim": "/tenant"
    });
    jwt::issuer(&world.acme, members).await.expect(201);
    let mut claims = jwt::claims("scim:*");
    claims["aud"] = json!(["claimed"]);
    for (claimed, own) in
        [(&world.acme.id, 200), (&world.globex.id, 401), (&world.globex.name, 401)]
    {
        claims["tenant"] = json!(claimed);
        let jwt = world.idp.sign(&world.idp.header(), &claims);
        for server in &world.servers {
            let client = |path: String| server.anonymous().with_token(&jwt).below(&path);
            let own_path = format!("/tenants/{}/scim/v2", world.acme.name);
            let others = format!("/tenants/{}/scim/v2", world.globex.name);
            client(own_path).get("/Users").await.expect(own);
            client(others).get("/Users").await.expect(401);
        }
    }
}

#[tokio::test]
async fn the_deletion_of_a_tenant_takes_nothing_of_another() {
    let mut world = World::new().await;
    let globex = world.globex.id.clone();
    // What both have by the same names.
    world.acme.activate("teams", &artifacts::component("teams"), json!({})).await;
    world.acme.create("/Users", user("person-of-globex")).await;
    let before = world.rows(&globex, &[]).await;
    world.acme.admin.delete("").await.expect(204);
    assert_eq!(world.rows(&globex, &[]).await, before);
    world.globex.scim.get("/Badges").await.expect(200);
    assert!(world.rows(&world.acme.id.clone(), &[]).await.iter().all(|(_, rows)| rows.is_empty()));
}
