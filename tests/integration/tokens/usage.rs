//! When and from where credentials were last used.

use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{Answer, Options, Postgres, Server};

use super::{listed, token};
use crate::oauth;

#[tokio::test]
async fn when_and_from_where_a_credential_was_used_is_told() {
    let postgres = Postgres::start(&[]);
    let options = || Options::on(&postgres.url()).with("TENON_TRUSTED_PROXIES", "127.0.0.0/8");
    let (mut first, second) = (Server::start(options()), Server::start(options()));
    let acme = first.tenant("acme").await;
    let there = acme.moved(&first, &second);
    let (used, unused) = (token(&acme.admin, json!({})).await, token(&acme.admin, json!({})).await);
    let client = oauth::client(&acme, json!({})).await;
    let of_client = oauth::token(&acme, &client, None).await;
    let from = async |secret: &str, address: &str| {
        let request = acme.scim.with_token(secret).request(Method::GET, "/Users");
        Answer::of(request.header("x-forwarded-for", address)).await.status
    };
    assert_eq!(from(&used.secret, "192.0.2.7").await, 200);
    assert_eq!(from(&of_client.token, "2001:db8::7").await, 200);
    // Who shows another secret has not used it.
    let wrong = format!("{}AAAA", &used.secret[..used.secret.len() - 4]);
    assert_eq!(from(&wrong, "203.0.113.1").await, 401);
    assert_eq!(listed(&there, &used.id).await["lastUsedAt"], Value::Null);
    // What is not written yet is written before the server ends.
    assert!(first.stop().success());
    let told = listed(&there, &used.id).await;
    assert_eq!(told["lastUsedFrom"], "192.0.2.7");
    assert!(told["lastUsedAt"].is_string(), "{told}");
    assert_eq!(listed(&there, &unused.id).await["lastUsedAt"], Value::Null);
    let clients = there.admin.get("/clients").await.expect(200).body;
    assert!(clients["items"][0]["lastUsedAt"].is_string(), "{clients}");
}
