//! Keys at a URL: fetched when they are needed, and from where they may be fetched.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};
use tenon_tests::{Options, Server};
use tokio::net::TcpListener;

use super::{Idp, issuer, with};

/// A server of keys, which counts who asks.
struct Keys {
    url: String,
    port: u16,
    asked: Arc<AtomicU32>,
    /// What it answers; it is out of order where there is nothing.
    answer: Arc<Mutex<Option<Value>>>,
}

impl Keys {
    async fn serve(jwks: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, answer) = (Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(Some(jwks))));
        let (counted, shown) = (Arc::clone(&asked), Arc::clone(&answer));
        let keys = get(async move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let shown = shown.lock().unwrap().clone();
            shown.map(|it| it.to_string()).ok_or(StatusCode::INTERNAL_SERVER_ERROR)
        });
        let elsewhere = get(async || (StatusCode::FOUND, [("Location", "/keys")]));
        let router = Router::new().route("/keys", keys).route("/elsewhere", elsewhere);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url: format!("http://127.0.0.1:{port}/keys"), port, asked, answer }
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    fn show(&self, answer: Option<Value>) {
        *self.answer.lock().unwrap() = answer;
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_once_and_an_old_set_survives_an_outage() {
    let allow = Options::default().with("TENON_OUTBOUND_ALLOW", "127.0.0.0/8");
    let server = Server::start(allow);
    let (acme, old, new) = (server.tenant("acme").await, Idp::new("old"), Idp::new("new"));
    let keys = Keys::serve(old.jwks()).await;
    let created = issuer(&acme, json!({ "jwksUrl": keys.url })).await.expect(201).body;
    assert_eq!(keys.asked(), 0);
    for scope in ["scim:list", "scim:list scim:read"] {
        with(&old.jwt(scope), &acme).get("/Users").await.expect(200);
    }
    assert_eq!(keys.asked(), 1, "they are kept");

    keys.show(Some(json!({ "keys": [old.jwk(), new.jwk()] })));
    with(&new.jwt("scim:list"), &acme).get("/Users").await.expect(200);
    assert_eq!(keys.asked(), 2, "a key that is not known is asked for");
    for unknown in ["b", "c", "d"] {
        with(&Idp::new(unknown).jwt("scim:list"), &acme).get("/Users").await.expect(401);
    }
    assert_eq!(keys.asked(), 2, "that is done once in a while only");

    keys.show(None);
    let refresh = format!("/issuers/{}/refresh", created["id"].as_str().unwrap());
    let failed = acme.admin.post(&refresh, json!({})).await.expect(502);
    assert!(failed.detail().contains("500"), "{}", failed.detail());
    for idp in [&old, &new] {
        with(&idp.jwt("scim:list scim:create"), &acme).get("/Users").await.expect(200);
    }

    keys.show(Some(new.jwks()));
    acme.admin.post(&refresh, json!({})).await.expect(204);
    with(&old.jwt("scim:list"), &acme).get("/Users").await.expect(401);
    with(&new.jwt("scim:list"), &acme).get("/Users").await.expect(200);
}

#[tokio::test]
async fn keys_that_are_none_open_nothing() {
    let allow = Options::default().with("TENON_OUTBOUND_ALLOW", "127.0.0.0/8");
    let server = Server::start(allow);
    let idp = Idp::new("a");
    let keys = Keys::serve(idp.jwks()).await;
    for (path, answer, what) in [
        ("keys", Some(json!({ "keys": [] })), "JWK set"),
        ("keys", Some(json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })), "private"),
        ("keys", Some(json!({ "padding": "a".repeat(300_000) })), "bytes"),
        ("elsewhere", Some(idp.jwks()), "302"),
    ] {
        let acme = server.tenant("acme").await;
        keys.show(answer);
        let url = keys.url.replace("/keys", &format!("/{path}?{}", acme.name));
        let created = issuer(&acme, json!({ "jwksUrl": url })).await.expect(201).body;
        with(&idp.jwt("scim:list"), &acme).get("/Users").await.expect(401);
        let refresh = format!("/issuers/{}/refresh", created["id"].as_str().unwrap());
        let failed = acme.admin.post(&refresh, json!({})).await.expect(502);
        assert!(failed.detail().contains(what), "{}", failed.detail());
    }
}

#[tokio::test]
async fn keys_are_not_fetched_from_private_addresses() {
    let server = Server::shared();
    let (acme, idp) = (server.tenant("acme").await, Idp::new("a"));
    let keys = Keys::serve(idp.jwks()).await;
    issuer(&acme, json!({ "jwksUrl": keys.url })).await.expect(400);
    let https = keys.url.replace("http:", "https:");
    issuer(&acme, json!({ "jwksUrl": https })).await.expect(400);
    // What a name leads to is known when it is resolved.
    let named = format!("https://localhost:{}/keys", keys.port);
    let created = issuer(&acme, json!({ "jwksUrl": named })).await.expect(201).body;
    with(&idp.jwt("scim:list"), &acme).get("/Users").await.expect(401);
    let refresh = format!("/issuers/{}/refresh", created["id"].as_str().unwrap());
    let failed = acme.admin.post(&refresh, json!({})).await.expect(502);
    assert!(failed.detail().contains("outbound_allow"), "{}", failed.detail());
    assert_eq!(keys.asked(), 0);
}
