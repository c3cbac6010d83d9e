//! Issuers of the operator, whose JWTs name their tenant, and issuers of tenants that are taken anywhere.

use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Options, Server, Tenant, until_status};

use super::{ISSUER, Idp, claims, issuer};

/// Has the server take JWTs of an issuer that name their tenant in `tid`.
async fn for_several(admin: &Client, idp: &Idp, realm: Value) -> Answer {
    let body = json!({
        "issuer": ISSUER, "audiences": ["tenon"], "jwks": idp.jwks(), "tenantClaim": "/tid",
        "realm": realm,
    });
    admin.post("/issuers", body).await
}

/// A JWT that names tenants.
fn naming(idp: &Idp, tid: &Value) -> String {
    let mut claims = claims("scim:*");
    claims["tid"] = tid.clone();
    idp.sign(&idp.header(), &claims)
}

/// The service without a tenant in its URL.
fn plain(server: &Server, jwt: &str) -> Client {
    server.anonymous().at(format!("{}/scim/v2", server.url)).with_token(jwt)
}

async fn put_into(tenant: &Tenant, realm: &str) {
    let resolution = json!({ "resolution": { "realm": realm } });
    tenant.admin.patch("", resolution).await.expect(200);
}

#[tokio::test]
async fn a_jwt_finds_the_tenant_that_its_claim_names() {
    let first = Server::start(Options::default());
    let second = Server::start(Options::on(&first.database_url()));
    let (acme, globex) = (first.tenant("acme").await, first.tenant("globex").await);
    acme.admin.patch("", json!({ "externalKey": "crm-1" })).await.expect(200);
    let idp = Idp::new("a");
    for_several(&first.admin(), &idp, Value::Null).await.expect(201);
    until_status(&plain(&second, &naming(&idp, &json!(acme.name))), "/Users", 200).await;
    for server in [&first, &second] {
        for named in [&*acme.name, &*acme.id, "crm-1"] {
            let jwt = naming(&idp, &json!(named));
            for _ in 0..2 {
                let users = plain(server, &jwt).get("/Users").await.expect(200).body;
                assert_eq!(users["totalResults"], 0);
            }
            // What names a tenant beside it has to agree.
            let there = acme.moved(&first, server).scim.with_token(&jwt);
            there.get("/Users").await.expect(200);
            let other = globex.moved(&first, server).scim.with_token(&jwt);
            let refused = other.get("/Users").await.expect(401);
            assert_eq!(
                refused.body,
                other.with_token("a.b.c").get("/Users").await.expect(401).body
            );
        }
    }
    let jwt = naming(&idp, &json!(globex.name));
    plain(&first, &jwt).post("/Users", tenon_tests::user("bjensen")).await.expect(201);
    for (tenant, users) in [(&acme, 0), (&globex, 1)] {
        assert_eq!(tenant.scim.get("/Users").await.expect(200).body["totalResults"], users);
    }
}

#[tokio::test]
async fn a_jwt_that_names_no_tenant_or_several_opens_none() {
    let server = Server::start(Options::default());
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let idp = Idp::new("a");
    for_several(&server.admin(), &idp, Value::Null).await.expect(201);
    let like = plain(&server, "wrong").get("/Users").await.expect(401).body;
    for tid in [
        Value::Null,
        json!(""),
        json!("no-such-tenant"),
        json!("a\u{0}b"),
        json!(1),
        json!([acme.name, globex.name]),
    ] {
        let refused = plain(&server, &naming(&idp, &tid)).get("/Users").await.expect(401);
        assert_eq!(refused.body, like, "{tid}");
    }
    // Signed by another, it names nobody.
    let forged = naming(&Idp::new("a"), &json!(acme.name));
    assert_eq!(plain(&server, &forged).get("/Users").await.expect(401).body, like);
    // For several, it is good where one of them is named.
    let both = naming(&idp, &json!([acme.name, globex.name]));
    acme.scim.with_token(&both).get("/Users").await.expect(200);
    // The key of one tenant is the name of another: there is no saying which is meant.
    let of_acme = naming(&idp, &json!(acme.name));
    plain(&server, &of_acme).get("/Users").await.expect(200);
    globex.admin.patch("", json!({ "externalKey": acme.name })).await.expect(200);
    plain(&server, &of_acme).get("/Users").await.expect(401);
    acme.scim.with_token(&of_acme).get("/Users").await.expect(401);
}

#[tokio::test]
async fn the_tenant_claim_counts_within_its_realm_only() {
    let server = Server::start(Options::default());
    let admin = server.admin();
    for realm in ["eu", "us"] {
        admin.post("/realms", json!({ "name": realm })).await.expect(201);
        let at = admin.below(&format!("/realms/{realm}"));
        let path = json!({ "kind": "path", "value": format!("/{realm}") });
        at.post("/entry-points", path).await.expect(201);
    }
    let [of_eu, of_us, of_none] =
        [server.tenant("a").await, server.tenant("b").await, server.tenant("c").await];
    put_into(&of_eu, "eu").await;
    put_into(&of_us, "us").await;
    let (idp, everywhere) = (Idp::new("eu"), Idp::new("all"));
    for_several(&admin, &idp, json!("eu")).await.expect(201);
    for_several(&admin, &everywhere, Value::Null).await.expect(201);
    let mut seen = Vec::new();
    for (tenant, own) in [(&of_eu, "/eu"), (&of_us, "/us"), (&of_none, "")] {
        for prefix in ["/eu", "/us", ""] {
            for issuer in [&idp, &everywhere] {
                let jwt = naming(issuer, &json!(tenant.name));
                let base = format!("{}{prefix}/scim/v2", server.url);
                let client = server.anonymous().at(base).with_token(&jwt);
                let may = prefix == own && (own == "/eu" || issuer.kid == "all");
                let answer = client.get("/Users").await;
                assert_eq!(answer.status, if may { 200 } else { 401 }, "{prefix} {own}");
                seen.extend((!may).then_some(answer.body));
            }
        }
    }
    assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:#?}");
    admin.delete("/realms/eu").await.expect(409);
    // It leaves the realm, and the issuer's word counts for it no more.
    let jwt = naming(&idp, &json!(of_eu.name));
    let named = of_eu.scim.at(format!("{}/eu/scim/v2", server.url)).with_token(&jwt);
    named.get("/Users").await.expect(200);
    put_into(&of_eu, "us").await;
    named.get("/Users").await.expect(401);
    let in_us = named.at(format!("{}/us/scim/v2", server.url));
    in_us.get("/Users").await.expect(401);
}

#[tokio::test]
async fn an_issuer_of_several_tenants_is_changed_and_deleted_on_both_servers() {
    let first = Server::start(Options::default());
    let second = Server::start(Options::on(&first.database_url()));
    let (acme, idp, admin) = (first.tenant("acme").await, Idp::new("a"), first.admin());
    let created = for_several(&admin, &idp, Value::Null).await.expect(201).body;
    assert_eq!(created["realm"], Value::Null);
    assert_eq!(admin.get("/issuers").await.expect(200).body["items"], json!([created]));
    let jwt = naming(&idp, &json!(acme.name));
    let (here, there) = (plain(&first, &jwt), plain(&second, &jwt));
    here.get("/Users").await.expect(200);
    until_status(&there, "/Users", 200).await;
    let path = format!("/issuers/{}", created["id"].as_str().unwrap());
    let mut body = json!({
        "issuer": ISSUER, "audiences": ["tenon"], "jwks": idp.jwks(), "tenantClaim": "/tid",
        "permissions": ["scim:create"],
    });
    admin.put(&path, body.clone()).await.expect(200);
    here.get("/Users").await.expect(403);
    until_status(&there, "/Users", 403).await;
    admin.post(&format!("{path}/refresh"), json!({})).await.expect(204);
    admin.delete(&path).await.expect(204);
    here.get("/Users").await.expect(401);
    until_status(&there, "/Users", 401).await;
    admin.delete(&path).await.expect(404);
    admin.put(&path, body.clone()).await.expect(404);

    for (member, value, named) in [
        ("tenantClaim", Value::Null, "tenantClaim"),
        ("anywhere", json!(true), "anywhere"),
        ("realm", json!("none"), "realm"),
        ("tenantClaim", json!("tid"), "RFC 6901"),
    ] {
        let before = body[member].take();
        body[member] = value;
        let refused = admin.post("/issuers", body.clone()).await.expect(400);
        assert!(refused.detail().contains(named), "{}", refused.detail());
        if before.is_null() {
            body.as_object_mut().unwrap().remove(member);
        } else {
            body[member] = before;
        }
    }
    let logged = admin.get("/audit").await.expect(200).body;
    let acts: Vec<&str> = logged["items"].as_array().unwrap().iter().map(action).collect();
    for act in ["issuer.create", "issuer.update", "issuer.refresh", "issuer.delete"] {
        assert!(acts.contains(&act), "{acts:?}");
    }
}

fn action(record: &Value) -> &str {
    record["action"].as_str().unwrap()
}

#[tokio::test]
async fn an_issuer_of_a_tenant_is_taken_anywhere_if_the_operator_says_so() {
    let server = Server::start(Options::default());
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let (idp, admin) = (Idp::new("a"), server.admin());
    let body = json!({ "name": "it", "role": "tenant-admin" });
    let token = acme.admin.post("/tokens", body).await.expect(201).body;
    let own = acme.admin.with_token(token["token"].as_str().unwrap());
    let mut body = json!({ "issuer": ISSUER, "audiences": ["tenon"], "jwks": idp.jwks() });
    let made = own.post("/issuers", body.clone()).await.expect(201).body;
    let path = format!("/issuers/{}", made["id"].as_str().unwrap());
    // Another tenant takes JWTs of the same: they are not its own for that.
    issuer(&globex, json!({ "jwks": idp.jwks() })).await.expect(201);
    let jwt = plain(&server, &idp.jwt("scim:*"));
    jwt.get("/Users").await.expect(401);
    body["anywhere"] = json!(true);
    own.post("/issuers", body.clone()).await.expect(403);
    own.put(&path, body.clone()).await.expect(403);
    let of_acme = admin.below(&format!("/tenants/{}", acme.name));
    of_acme.put(&path, body.clone()).await.expect(200);
    jwt.post("/Users", tenon_tests::user("bjensen")).await.expect(201);
    assert_eq!(acme.scim.get("/Users").await.expect(200).body["totalResults"], 1);
    // Nobody else changes it, not even back.
    body.as_object_mut().unwrap().remove("anywhere");
    own.put(&path, body.clone()).await.expect(403);
    of_acme.put(&path, body).await.expect(200);
    jwt.get("/Users").await.expect(401);
}

#[tokio::test]
async fn an_administrator_by_a_jwt_of_several_administers_the_tenant_that_it_names() {
    let server = Server::start(Options::default());
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let (idp, admin) = (Idp::new("a"), server.admin());
    let body = json!({
        "issuer": ISSUER, "audiences": ["tenon"], "jwks": idp.jwks(), "tenantClaim": "/tid",
        "permissions": ["tenant-admin"],
    });
    admin.post("/issuers", body).await.expect(201);
    let mut claims = claims("tokens:read");
    claims["tid"] = json!(acme.name);
    let jwt = idp.sign(&idp.header(), &claims);
    acme.admin.with_token(&jwt).get("/tokens").await.expect(200);
    acme.admin.with_token(&jwt).get("/plugins").await.expect(403);
    globex.admin.with_token(&jwt).get("/tokens").await.expect(401);
    admin.with_token(&jwt).get("/issuers").await.expect(401);
}
