//! Several servers record for one tenant.

use serde_json::json;
use tenon_tests::{Options, Postgres, Server, Tenant, artifacts, until, user};

use super::{files, record, recording};

#[tokio::test]
async fn two_servers_record_and_never_more_than_was_asked_for() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let mut two = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    let there = here.moved(&one, &two);
    here.activate("scripted", artifacts::scripted(), json!({})).await;
    record(&here, "scripted", json!({ "hook": "validation", "calls": 10 })).await;
    // The one that was not asked knows.
    until("a call at the other server", async || {
        there.create("/Users", user(&format!("there-{}", uuid::Uuid::new_v4()))).await;
        let shown = recording(&here, "scripted", "validation").await;
        (shown["recorded"].as_i64() > Some(0)).then_some(())
    })
    .await;
    for number in 0..20 {
        let post = |tenant: &Tenant, place: &str| {
            let (scim, name) = (tenant.scim.clone(), format!("{place}-{number}"));
            async move { scim.post("/Users", user(&name)).await }
        };
        tokio::join!(post(&here, "here"), post(&there, "there"));
    }
    assert_eq!(files(&here, "scripted", "validation").await.len(), 10);
    // What it has taken and not written it writes before it ends: nothing comes behind.
    two.stop();
    let shown = recording(&here, "scripted", "validation").await;
    assert_eq!((&shown["recorded"], &shown["left"]), (&json!(10), &json!(0)));
    assert_eq!(shown["calls"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn what_was_recorded_is_written_before_a_server_ends() {
    let postgres = Postgres::start(&[]);
    let mut one = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    here.activate("scripted", artifacts::scripted(), json!({})).await;
    record(&here, "scripted", json!({ "hook": "validation", "calls": 3 })).await;
    for number in 0..3 {
        here.create("/Users", user(&format!("u{number}"))).await;
    }
    one.stop();
    let two = Server::start(Options::on(&postgres.url()));
    let there = here.moved(&one, &two);
    let shown = recording(&there, "scripted", "validation").await;
    assert_eq!((&shown["state"], &shown["recorded"]), (&json!("done"), &json!(3)));
}
