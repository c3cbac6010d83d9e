//! What a refusal tells: nothing.

use serde_json::json;
use sqlx::{Connection, PgConnection};
use tenon_tests::{Options, Server};

use super::token;

#[tokio::test]
async fn every_credential_that_is_refused_looks_like_none() {
    let server = Server::start(Options::default());
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let expired = token(&acme.admin, json!({ "expiresAt": "2099-01-01T00:00:00Z" })).await;
    let revoked = token(&acme.admin, json!({})).await;
    acme.admin.delete(&revoked.path).await.expect(204);
    let mut database = PgConnection::connect(&server.database_url()).await.unwrap();
    sqlx::query("UPDATE tokens SET expires = now() WHERE id = $1::uuid")
        .bind(&expired.id)
        .execute(&mut database)
        .await
        .unwrap();
    let with_another_secret = |text: &str| {
        let other = if text.ends_with('A') { "B" } else { "A" };
        format!("{}{other}{}", &text[..text.len() - 9], &text[text.len() - 8..])
    };
    // The ids are at the beginning, after the prefix.
    let of_nobody = acme.scim.token.replacen("tenon_", "tenon_AAAA", 1);
    let of_nobody = of_nobody[..acme.scim.token.len()].to_owned();
    let wrong_secret = with_another_secret(&acme.scim.token);
    let mut seen = Vec::new();
    for shown in [
        "",
        "text",
        "tenon_",
        "tenon_at_AAAA",
        "a.b.c",
        "eyJhbGciOiJub25lIn0.e30.",
        &of_nobody,
        &wrong_secret,
        &expired.secret,
        &revoked.secret,
        &globex.scim.token,
        &server.admin().token,
    ] {
        // What is remembered of it after the first time changes nothing.
        for _ in 0..3 {
            let mut answer = acme.scim.with_token(shown).get("/Users").await.expect(401);
            for of_the_request in ["date", "x-request-id"] {
                answer.headers.remove(of_the_request);
            }
            seen.push((answer.body, answer.headers));
        }
    }
    assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:#?}");
    // The right secret counts, whatever came before.
    acme.scim.get("/Users").await.expect(200);
    acme.scim.with_token(&wrong_secret).get("/Users").await.expect(401);
    acme.scim.get("/Users").await.expect(200);
}

#[tokio::test]
async fn a_wrong_secret_does_not_keep_the_right_one_out() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let made = token(&acme.admin, json!({})).await;
    let wrong = acme.scim.with_token(&format!("{}AAAA", &made.secret[..made.secret.len() - 4]));
    for _ in 0..2 {
        wrong.get("/Users").await.expect(401);
    }
    acme.scim.with_token(&made.secret).get("/Users").await.expect(200);
    wrong.get("/Users").await.expect(401);
}
