//! Certificates of TLS clients, which a trusted proxy tells of.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Options, Postgres, Server, Tenant};

use super::listed;

/// A certificate with these bytes, in PEM. What is in it is for the proxy to judge.
fn pem(bytes: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode(bytes);
    format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n")
}

/// As RFC 9440 has it.
fn told(bytes: &[u8]) -> String {
    format!(":{}:", BASE64_STANDARD.encode(bytes))
}

async fn certificate(tenant: &Tenant, bytes: &[u8], mut members: Value) -> Value {
    members["name"] = json!("the IdP's");
    members["certificate"] = json!(pem(bytes));
    tenant.admin.post("/tokens", members).await.expect(201).body
}

/// Asks with certificates in the header, and with the client's token if it has one.
async fn with(client: &Client, certificates: &[&str]) -> Answer {
    let mut request = client.request(Method::GET, "/Users");
    for certificate in certificates {
        request = request.header("client-cert", *certificate);
    }
    Answer::of(request).await
}

fn behind_a_proxy(options: Options) -> Options {
    options
        .with("TENON_TRUSTED_PROXIES", "127.0.0.0/8")
        .with("TENON_CERTIFICATE_HEADER", "Client-Cert")
}

#[tokio::test]
async fn a_certificate_that_a_trusted_proxy_tells_of_is_a_credential() {
    let server = Server::start(behind_a_proxy(Options::default()));
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let made = certificate(&acme, b"of acme", json!({ "role": "reader" })).await;
    assert_eq!(made.get("token"), None);
    let digest = made["certificateSha256"].as_str().unwrap().to_owned();
    assert_eq!(listed(&acme, made["id"].as_str().unwrap()).await, made);

    let client = acme.scim.with_token("");
    let escaped = pem(b"of acme").replace('\n', "%0A").replace(' ', "%20");
    for form in [told(b"of acme"), escaped, digest.to_uppercase()] {
        with(&client, &[&form]).await.expect(200);
    }
    let right = told(b"of acme");
    // It may read, and not create.
    let header = [("client-cert".parse().unwrap(), right.as_str())];
    let user = tenon_tests::user("bjensen");
    client.send(Method::POST, "/Users", &user, &header).await.expect(403);
    let elsewhere = client.at(globex.scim.base.clone());
    let plain = client.at(format!("{}/scim/v2", server.url));
    let like = with(&client, &[]).await.expect(401).body;
    for refused in [
        with(&client, &[&told(b"of nobody")]).await,
        with(&client, &["of acme"]).await,
        // Which of them the proxy has set, nobody knows.
        with(&client, &[&right, &right]).await,
        with(&elsewhere, &[&right]).await,
        // It names no tenant by itself.
        with(&plain, &[&right]).await,
        // A token in the same request is what counts.
        with(&client.with_token("tenon_wrong"), &[&right]).await,
    ] {
        assert_eq!(refused.expect(401).body, like);
    }
    with(&acme.scim, &[&told(b"of nobody")]).await.expect(200);
    // A certificate may be one of several tenants', and is each one's own.
    certificate(&globex, b"of acme", json!({ "permissions": ["scim:create"] })).await;
    for _ in 0..2 {
        with(&elsewhere, &[&right]).await.expect(403);
        with(&client, &[&right]).await.expect(200);
    }
}

#[tokio::test]
async fn who_is_no_proxy_tells_of_no_certificate() {
    let options = Options::default().with("TENON_TRUSTED_PROXIES", "192.0.2.1");
    let server = Server::start(options.with("TENON_CERTIFICATE_HEADER", "client-cert"));
    let acme = server.tenant("acme").await;
    certificate(&acme, b"of acme", json!({})).await;
    with(&acme.scim.with_token(""), &[&told(b"of acme")]).await.expect(401);
    with(&acme.scim, &[&told(b"of acme")]).await.expect(200);
}

#[tokio::test]
async fn a_certificate_that_is_deleted_ends_on_both_servers() {
    let postgres = Postgres::start(&[]);
    let first = Server::start(behind_a_proxy(Options::on(&postgres.url())));
    let second = Server::start(behind_a_proxy(Options::on(&postgres.url())));
    let acme = first.tenant("acme").await;
    let made = certificate(&acme, b"of acme", json!({})).await;
    let path = format!("/tokens/{}", made["id"].as_str().unwrap());
    let (here, right) = (acme.scim.with_token(""), told(b"of acme"));
    let there = acme.moved(&first, &second).scim.with_token("");
    for client in [&here, &there] {
        with(client, &[&right]).await.expect(200);
    }
    let again = json!({ "name": "again", "certificate": pem(b"of acme") });
    acme.admin.post("/tokens", again.clone()).await.expect(409);
    acme.admin.post(&format!("{path}/rotate"), json!({})).await.expect(400);
    acme.admin.patch(&path, json!({ "role": "reader" })).await.expect(200);
    acme.admin.delete(&path).await.expect(204);
    with(&here, &[&right]).await.expect(401);
    while with(&there, &[&right]).await.status != 401 {}
    acme.admin.post("/tokens", again).await.expect(201);
    with(&here, &[&right]).await.expect(200);
    for wrong in ["", "text", &pem(b"a").repeat(2)] {
        let body = json!({ "name": "a", "certificate": wrong });
        let refused = acme.admin.post("/tokens", body).await.expect(400);
        assert!(refused.detail().contains("certificate"), "{}", refused.detail());
    }
}
