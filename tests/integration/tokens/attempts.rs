//! Who guesses is slowed down.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use tenon_tests::{Answer, Client, Options, Server, until};

/// What a client at an address is answered.
async fn from(address: &str, client: &Client, path: &str) -> Answer {
    let request = client.request(Method::GET, path).header("x-forwarded-for", address);
    Answer::of(request).await
}

/// Shows what is not valid until it is not looked up any more.
async fn slowed(address: &str, client: &Client, path: &str) -> Answer {
    until(&format!("{address} is slowed down"), async || {
        let answer = from(address, client, path).await;
        assert!(matches!(answer.status, 401 | 429), "{}", answer.status);
        (answer.status == 429).then_some(answer)
    })
    .await
}

fn options() -> Options {
    Options::default()
        .with("TENON_FAILED_ATTEMPTS", "20")
        .with("TENON_TRUSTED_PROXIES", "127.0.0.0/8")
}

#[tokio::test]
async fn failures_of_one_address_are_slowed_and_valid_credentials_pass() {
    let server = Server::start(options());
    let acme = server.tenant("acme").await;
    let (here, elsewhere) = ("192.0.2.1", "192.0.2.2");
    from(here, &acme.scim, "/Users").await.expect(200);
    let wrong = acme.scim.with_token("tenon_wrong");
    let refused = slowed(here, &wrong, "/Users").await;
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
    assert!(refused.detail().contains("not valid"), "{}", refused.detail());
    for _ in 0..3 {
        from(here, &acme.scim, "/Users").await.expect(200);
    }
    // Also when the server has forgotten whose it is.
    acme.admin.patch("", json!({ "dialect": "okta" })).await.expect(200);
    slowed(here, &wrong, "/Users").await;
    from(here, &acme.scim, "/Users").await.expect(200);
    // It was valid from here, and is not any more: so it is none of those that pass.
    let listed = acme.admin.get("/tokens").await.expect(200).body;
    let id = listed["items"][0]["id"].as_str().unwrap();
    acme.admin.delete(&format!("/tokens/{id}")).await.expect(204);
    slowed(here, &acme.scim, "/Users").await;
    from(elsewhere, &wrong, "/Users").await.expect(401);
}

#[tokio::test]
async fn guesses_of_the_operators_token_and_of_clients_are_slowed_too() {
    let server = Server::start(options());
    let acme = server.tenant("acme").await;
    let admin = server.admin();
    from("192.0.2.1", &admin, "/tenants").await.expect(200);
    let refused = slowed("192.0.2.1", &admin.with_token("a-guess-of-the-token"), "/tenants").await;
    assert_eq!(refused.header("content-type"), "application/problem+json");
    from("192.0.2.1", &admin, "/tenants").await.expect(200);
    from("192.0.2.2", &admin, "/tenants").await.expect(200);

    let client = acme.admin.post("/clients", json!({ "name": "hr" })).await.expect(201).body;
    let id = client["clientId"].as_str().unwrap();
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret=guess");
    let guess = || {
        let request = acme.scim.with_token("").request(Method::POST, "/oauth2/token");
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        Answer::of(request.header("x-forwarded-for", "192.0.2.3").body(form.clone()))
    };
    let refused = until("guesses of a client are slowed down", async || {
        let answer = guess().await;
        (answer.status != 401).then_some(answer)
    });
    assert_eq!(refused.await.expect(429).header("retry-after"), "1");
}
