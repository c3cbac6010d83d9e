//! A version is run over the stored resources, before it is activated.

use serde_json::{Value, json};
use tenon_tests::{Options, Postgres, Server, Tenant, artifacts, until, user};

use super::uploaded;

const IMPACT: &str = "/plugins/members/impact";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

async fn latest(tenant: &Tenant) -> Value {
    tenant.admin.get(IMPACT).await.expect(200).body["items"][0].clone()
}

async fn ended(tenant: &Tenant) -> Value {
    until("the end of the check", async || {
        let latest = latest(tenant).await;
        (latest["state"] != "running").then_some(latest)
    })
    .await
}

#[tokio::test]
async fn it_tells_which_stored_resources_a_version_would_refuse_and_changes_nothing() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let ada = acme.create("/Users", user("ada")).await;
    for number in 0..60 {
        acme.create("/Users", user(&format!("u{number}"))).await;
    }
    let members = json!([{ "value": ada }]);
    let group = json!({ "schemas": [GROUP], "displayName": "full", "members": members });
    let full = acme.create("/Groups", group).await;
    acme.create("/Groups", json!({ "schemas": [GROUP], "displayName": "empty" })).await;
    // It refuses what has members, and tells what it has read of them.
    let digest = uploaded(&acme, "members", &artifacts::component("tell-members")).await;
    let begun = acme.admin.post(IMPACT, json!({ "digest": digest })).await.expect(202).body;
    assert_eq!((&begun["digest"], &begun["total"]), (&json!(digest), &json!(63)));

    let ended = ended(&acme).await;
    assert_eq!((&ended["state"], &ended["done"]), (&json!("done"), &json!(63)));
    assert_eq!((&ended["passed"], &ended["refused"]), (&json!(62), &json!(1)), "{ended:#}");
    assert_eq!((&ended["amended"], &ended["failed"]), (&json!(0), &json!(0)));
    assert!(ended["fuel"]["max"].as_i64() > Some(0) && ended["micros"]["max"].as_i64() > Some(0));
    let example = &ended["examples"][0];
    assert_eq!((&example["id"], &example["resourceType"]), (&json!(full), &json!("Group")));
    let detail = example["issues"][0]["detail"].as_str().unwrap();
    assert!(detail.contains(&ada), "{detail}");
    let read = acme.scim.get(&format!("/Groups/{full}")).await.expect(200).body;
    assert_eq!(read["meta"]["version"], "W/\"1\"");
    acme.admin.delete(IMPACT).await.expect(404);
}

#[tokio::test]
async fn failures_are_counted_with_examples_and_open_no_breaker() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for number in 0..25 {
        acme.create("/Users", user(&format!("u{number}"))).await;
    }
    let digest = uploaded(&acme, "members", &artifacts::hostile("trap")).await;
    acme.admin.post(IMPACT, json!({ "digest": digest })).await.expect(202);
    let ended = ended(&acme).await;
    assert_eq!((&ended["state"], &ended["failed"]), (&json!("done"), &json!(25)), "{ended:#}");
    assert_eq!(ended["examples"].as_array().unwrap().len(), 20);
    assert_eq!(ended["examples"][0]["outcome"], "failed");
    let plugin = acme.admin.get("/plugins/members").await.expect(200).body;
    assert_eq!(plugin["breakers"], json!([]));
    let unknown = json!({ "digest": format!("sha256:{}", "0".repeat(64)) });
    acme.admin.post(IMPACT, unknown).await.expect(404);
}

#[tokio::test]
async fn another_server_carries_on_with_it_and_it_can_be_cancelled() {
    let postgres = Postgres::start(&[]);
    let mut one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    let there = here.moved(&one, &two);
    for number in 0..300 {
        here.create("/Users", user(&format!("u{number}"))).await;
    }
    let digest = uploaded(&here, "members", &artifacts::component("tell-members")).await;
    here.admin.post(IMPACT, json!({ "digest": digest })).await.expect(202);
    assert!(one.stop().success());
    let done = until("the end of the check", async || {
        let latest = latest(&there).await;
        (latest["state"] != "running").then_some(latest)
    });
    let done = done.await;
    assert_eq!((&done["state"], &done["passed"]), (&json!("done"), &json!(300)), "{done:#}");

    until("a check that is cancelled in time", async || {
        there.admin.post(IMPACT, json!({ "digest": digest })).await.expect(202);
        (there.admin.delete(IMPACT).await.status == 204).then_some(())
    })
    .await;
    let cancelled = latest(&there).await;
    assert_eq!(cancelled["state"], "cancelled");
    assert!(cancelled["finished"].is_string());
    // Nobody goes on with it.
    there.admin.delete(IMPACT).await.expect(404);
}
