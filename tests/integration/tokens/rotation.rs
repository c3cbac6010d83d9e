//! Secrets that are replaced while they are in use.

use serde_json::{Value, json};
use tenon_tests::{Client, Options, Postgres, Server, Tenant, until_status};

use super::{listed, token};
use crate::oauth;

/// Replaces the secret; the new one, and what is told with it.
async fn rotate(tenant: &Tenant, path: &str, body: Value) -> Value {
    tenant.admin.post(&format!("{path}/rotate"), body).await.expect(200).body
}

#[tokio::test]
async fn both_secrets_hold_while_rotating_and_no_third() {
    let postgres = Postgres::start(&[]);
    let first = Server::start(Options::on(&postgres.url()));
    let second = Server::start(Options::on(&postgres.url()));
    let acme = first.tenant("acme").await;
    let there = acme.moved(&first, &second);
    let made = token(&acme.admin, json!({})).await;
    let at_both = |secret: &str| [acme.scim.with_token(secret), there.scim.with_token(secret)];
    let all_pass = async |clients: &[Client; 2]| {
        for client in clients {
            client.get("/Users").await.expect(200);
        }
    };
    let one = at_both(&made.secret);
    all_pass(&one).await;

    let rotated = rotate(&acme, &made.path, json!({})).await;
    assert_eq!(rotated["id"], json!(made.id));
    let two = at_both(rotated["token"].as_str().unwrap());
    until_status(&two[1], "/Users", 200).await;
    all_pass(&one).await;
    all_pass(&two).await;
    let told = listed(&acme, &made.id).await["previousSecretUntil"].clone();
    assert!(told.is_string(), "{told}");
    assert_eq!(told, rotated["previousSecretUntil"]);

    let rotated = rotate(&acme, &made.path, json!({ "overlapSeconds": 3600 })).await;
    let three = at_both(rotated["token"].as_str().unwrap());
    until_status(&three[1], "/Users", 200).await;
    all_pass(&two).await;
    all_pass(&three).await;
    for client in &one {
        client.get("/Users").await.expect(401);
    }

    let rotated = rotate(&acme, &made.path, json!({ "overlapSeconds": 0 })).await;
    let four = at_both(rotated["token"].as_str().unwrap());
    until_status(&four[1], "/Users", 200).await;
    all_pass(&four).await;
    for client in two.iter().chain(&three) {
        client.get("/Users").await.expect(401);
    }
}

#[tokio::test]
async fn a_clients_secret_is_replaced_while_it_is_in_use() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let hr = oauth::client(&acme, json!({})).await;
    let before = oauth::token(&acme, &hr, None).await;
    let rotated = rotate(&acme, &hr.path, json!({ "overlapSeconds": 3600 })).await;
    assert_eq!(rotated["clientId"], json!(hr.id));
    let next = oauth::OAuthClient {
        secret: rotated["clientSecret"].as_str().unwrap().to_owned(),
        ..hr.clone()
    };
    for client in [&hr, &next] {
        oauth::token(&acme, client, None).await.get("/Users").await.expect(200);
    }
    rotate(&acme, &hr.path, json!({ "overlapSeconds": 0 })).await;
    for client in [&hr, &next] {
        let basic = Some((client.id.as_str(), client.secret.as_str()));
        oauth::ask(&acme, &[oauth::GRANT], basic).await.expect(401);
    }
    // It was given to the client, which there is still.
    before.get("/Users").await.expect(200);
}

#[tokio::test]
async fn what_cannot_be_rotated_is_refused_with_the_reason() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let made = token(&acme.admin, json!({})).await;
    for overlap in [json!(-1), json!(2_592_001), json!("60"), json!(1.5)] {
        let body = json!({ "overlapSeconds": overlap });
        let refused = acme.admin.post(&format!("{}/rotate", made.path), body).await.expect(400);
        assert!(refused.detail().contains("overlapSeconds"), "{}", refused.detail());
    }
    let nobody = "00000000-0000-7000-8000-000000000000";
    for path in [format!("/tokens/{nobody}"), format!("/clients/{nobody}"), "/tokens/x".to_owned()]
    {
        acme.admin.post(&format!("{path}/rotate"), json!({})).await.expect(404);
    }
}
