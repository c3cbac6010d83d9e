//! The tenant of credentials that name none, where nothing else in a request does.

use serde_json::json;
use tenon_tests::{Options, Server};

use crate::jwt::{Idp, issuer};

#[tokio::test]
async fn a_jwt_is_the_default_tenants_where_nothing_names_another() {
    let options = Options::default().with("TENON_DEFAULT_TENANT", "main");
    let server = Server::start(options.with("TENON_TENANT_HOST", "{tenant}.scim.example.com"));
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let idp = Idp::new("a");
    issuer(&acme, json!({ "jwks": idp.jwks() })).await.expect(201);
    let plain = acme.scim.at(format!("{}/scim/v2", server.url));
    let jwt = plain.with_token(&idp.jwt("scim:list"));
    // There is no tenant of that name yet.
    jwt.get("/Users").await.expect(401);
    acme.admin.patch("", json!({ "name": "main" })).await.expect(200);
    jwt.get("/Users").await.expect(200);
    // A token names its own.
    plain.with_token(&globex.scim.token).get("/Users").await.expect(200);
    plain.get("/Users").await.expect(200);
    // What is named counts, and nothing else.
    jwt.at(globex.scim.base.clone()).get("/Users").await.expect(401);
    let host = format!("{}.scim.example.com", globex.name);
    let request = jwt.request(reqwest::Method::GET, "/Users").header("host", host);
    tenon_tests::Answer::of(request).await.expect(401);
    // Through a realm, only a tenant of that realm.
    server.admin().post("/realms", json!({ "name": "eu" })).await.expect(201);
    let resolution = json!({ "resolution": { "realm": "eu" } });
    server.admin().patch("/tenants/main", resolution).await.expect(200);
    jwt.get("/Users").await.expect(401);
}

#[tokio::test]
async fn without_a_default_a_jwt_needs_something_that_names_its_tenant() {
    let server = Server::shared();
    let (acme, idp) = (server.tenant("acme").await, Idp::new("a"));
    issuer(&acme, json!({ "jwks": idp.jwks() })).await.expect(201);
    let jwt = acme.scim.with_token(&idp.jwt("scim:list"));
    jwt.get("/Users").await.expect(200);
    jwt.at(format!("{}/scim/v2", server.url)).get("/Users").await.expect(401);
}
