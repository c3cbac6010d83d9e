//! A version is run beside the active one, and nothing comes of it but that it is told.

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::{Value, json};
use tenon_tests::{Options, Postgres, Server, Tenant, artifacts, until, user};

use super::{COST_CENTER, uploaded};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the version in shadow came to, once it was called so often, on whatever server.
async fn after(tenant: &Tenant, calls: i64) -> Value {
    until("the calls", async || {
        let shown = tenant.admin.get("/plugins/cost-center/shadow").await.expect(200).body;
        (shown["calls"].as_i64().unwrap() + shown["dropped"].as_i64().unwrap() >= calls)
            .then_some(shown)
    })
    .await
}

#[tokio::test]
async fn a_version_in_shadow_says_what_it_would_do_on_every_server_and_does_nothing() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    let there = here.moved(&one, &two);
    let active = here.activate("cost-center", artifacts::cost_center(), json!({})).await;
    here.admin.get("/plugins/cost-center/shadow").await.expect(404);
    // It crashes with every call.
    let crashing = uploaded(&here, "cost-center", &artifacts::hostile("trap")).await;
    let shadow = json!({ "digest": crashing });
    here.admin.post("/plugins/cost-center/shadow", shadow).await.expect(200);
    until("the other server knows", async || {
        let person = user(&format!("probe-{}", uuid::Uuid::new_v4()));
        there.scim.post("/Users", person).await.expect(201);
        let shown = here.admin.get("/plugins/cost-center/shadow").await.expect(200).body;
        (shown["calls"].as_i64() > Some(0)).then_some(())
    })
    .await;

    let mut bad = user("bad");
    bad[COST_CENTER] = json!({ "costCenter": "bad" });
    // It is not run where too many are: it is asked until it was.
    let of_bad = until("the difference", async || {
        let headers = [(REQUEST_ID, "req-bad")];
        let refused = here.scim.send(Method::POST, "/Users", &bad, &headers).await.expect(400);
        assert!(refused.detail().contains("does not match"), "{}", refused.detail());
        let shown = here.admin.get("/plugins/cost-center/shadow").await.expect(200).body;
        let mut differences = shown["differences"].as_array().unwrap().iter();
        differences.find(|it| it["requestId"] == "req-bad").cloned()
    })
    .await;
    for number in 0..10 {
        // As often as it would have opened a breaker.
        here.create("/Users", user(&format!("u{number}"))).await;
    }
    let shown = after(&here, 12).await;
    assert_eq!((&shown["digest"], &shown["isRunning"]), (&json!(crashing), &json!(true)));
    assert_eq!(shown["calls"], shown["failed"]);
    assert_eq!(shown["calls"], shown["different"]);
    assert!(shown["fuel"]["max"].as_i64() >= shown["fuel"]["mean"].as_i64(), "{shown:#}");
    assert_eq!((&of_bad["hook"], &of_bad["operation"]), (&json!("validation"), &json!("create")));
    assert_eq!(of_bad["active"]["outcome"], "refused");
    assert_eq!(of_bad["active"]["issues"][0]["path"], format!("{COST_CENTER}:costCenter"));
    assert_eq!(of_bad["shadow"], json!({ "outcome": "failed", "kind": "trap" }));
    let plugin = here.admin.get("/plugins/cost-center").await.expect(200).body;
    assert_eq!((&plugin["activeDigest"], &plugin["breakers"]), (&json!(active), &json!([])));

    here.admin.delete("/plugins/cost-center/shadow").await.expect(200);
    let shown = here.admin.get("/plugins/cost-center/shadow").await.expect(200).body;
    assert_eq!(shown["isRunning"], false);
    assert!(shown["calls"].as_i64() >= Some(11), "what it came to is told all the same");
}

#[tokio::test]
async fn a_version_that_says_the_same_makes_no_difference_and_a_new_shadow_begins_anew() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let component = artifacts::cost_center();
    acme.activate("cost-center", component, json!({})).await;
    let same = uploaded(&acme, "cost-center", &artifacts::tagged(component, "same")).await;
    let shadow = "/plugins/cost-center/shadow";
    acme.admin.post(shadow, json!({ "digest": same })).await.expect(200);
    let mut bad = user("bad");
    bad[COST_CENTER] = json!({ "costCenter": "bad" });
    acme.scim.post("/Users", bad).await.expect(400);
    acme.create("/Users", user("good")).await;
    let shown = after(&acme, 2).await;
    assert_eq!((&shown["different"], &shown["failed"]), (&json!(0), &json!(0)));
    assert_eq!(shown["differences"], json!([]));
    assert!(shown["fuel"]["mean"].as_i64() > Some(0));

    let other = uploaded(&acme, "cost-center", &artifacts::tagged(component, "other")).await;
    acme.admin.post(shadow, json!({ "digest": other })).await.expect(200);
    let shown = acme.admin.get(shadow).await.expect(200).body;
    assert_eq!((&shown["digest"], &shown["calls"]), (&json!(other), &json!(0)));
}
