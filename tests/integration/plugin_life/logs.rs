//! What plugins write, and how their calls fail, as their tenant reads it.

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::{Value, json};
use tenon_tests::{Options, Postgres, Server, Tenant, artifacts, until, user};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

async fn log(tenant: &Tenant, plugin: &str, query: &[(&str, &str)]) -> Value {
    tenant.admin.query(&format!("/plugins/{plugin}/logs"), query).await.expect(200).body
}

/// Waits until the log has a line of this request.
async fn line_of(tenant: &Tenant, plugin: &str, request: &str) -> Value {
    until("the line", async || {
        let log = log(tenant, plugin, &[]).await;
        let mut items = log["items"].as_array().unwrap().iter();
        items.find(|it| it["requestId"] == request).cloned()
    })
    .await
}

#[tokio::test]
async fn a_fault_is_in_the_log_of_the_plugin_with_its_place_on_every_server() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    let digest = here.activate("trap", &artifacts::hostile("trap"), json!({})).await;
    here.scim.send(Method::POST, "/Users", &user("a"), &[(REQUEST_ID, "req-1")]).await;
    let line = line_of(&here.moved(&one, &two), "trap", "req-1").await;
    assert_eq!((&line["hook"], &line["level"]), (&json!("validation"), &json!("error")));
    assert_eq!((&line["fault"], &line["digest"]), (&json!("trap"), &json!(digest)));
    assert!(line["backtrace"].as_str().unwrap().contains("wasm"), "{line:#}");

    let globex = one.tenant("globex").await;
    globex.admin.get("/plugins/trap/logs").await.expect(404);
}

#[tokio::test]
async fn lines_of_a_plugin_are_read_in_pages_and_only_the_newest_are_kept() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("log-flood", &artifacts::hostile("log-flood"), json!({})).await;
    // Each call writes as many lines as it may: more than are kept, together.
    for number in 0..40 {
        let id = format!("req-{number}");
        let headers = [(REQUEST_ID, id.as_str())];
        acme.scim.send(Method::POST, "/Users", &user(&id), &headers).await;
    }
    line_of(&acme, "log-flood", "req-39").await;
    let (mut seen, mut cursor) = (0, String::new());
    loop {
        let page = match cursor.as_str() {
            "" => log(&acme, "log-flood", &[("limit", "300")]).await,
            cursor => log(&acme, "log-flood", &[("limit", "300"), ("cursor", cursor)]).await,
        };
        seen += page["items"].as_array().unwrap().len();
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert!((300..=1_000).contains(&seen), "{seen}");
    acme.admin.query("/plugins/log-flood/logs", &[("cursor", "x")]).await.expect(400);
}
