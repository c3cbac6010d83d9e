//! Versions are swapped under traffic, on every server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tenon_tests::{Options, Postgres, Server, Tenant, artifacts, until, until_status, user};
use tokio::task::JoinSet;

use super::{COST_CENTER, uploaded};

fn with_code(name: &str, code: &str) -> Value {
    let mut person = user(name);
    person[COST_CENTER] = json!({ "costCenter": code });
    person
}

/// Creates users until it is told to stop; how many. Each has to be created.
async fn traffic(tenant: Tenant, who: usize, is_over: Arc<AtomicBool>) -> usize {
    let mut created = 0;
    while !is_over.load(Ordering::Relaxed) {
        let person = with_code(&format!("u-{who}-{created}"), "CC-1234");
        let answer = tenant.scim.post("/Users", person).await;
        assert_eq!(answer.status, 201, "{:#}", answer.body);
        created += 1;
    }
    created
}

#[tokio::test]
async fn versions_are_swapped_while_two_servers_answer_and_no_request_fails() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    let there = here.moved(&one, &two);
    let first = here.activate("cost-center", artifacts::cost_center(), json!({})).await;
    let tagged = artifacts::tagged(artifacts::cost_center(), "second");
    let second = uploaded(&here, "cost-center", &tagged).await;
    until("the other server knows", async || {
        there.scim.get(&format!("/Schemas/{COST_CENTER}")).await.status.eq(&200).then_some(())
    })
    .await;

    let is_over = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for who in 0..4 {
        let tenant = if who % 2 == 0 { &here } else { &there };
        clients.spawn(traffic(tenant.clone(), who, Arc::clone(&is_over)));
    }
    for round in 0..10 {
        let (admin, digest) =
            if round % 2 == 0 { (&here.admin, &second) } else { (&there.admin, &first) };
        admin.post("/plugins/cost-center/activate", json!({ "digest": digest })).await.expect(200);
        // Both servers call the version that was activated, before the next one is.
        for server in [&one, &two] {
            until("a call of the version", async || {
                let last = server
                    .log
                    .last(|line| line["hook"] == "validate" && line["tenant"] == json!(here.id));
                last.is_some_and(|line| line["digest"] == json!(digest)).then_some(())
            })
            .await;
        }
    }
    is_over.store(true, Ordering::Relaxed);
    let created: Vec<usize> = clients.join_all().await;
    assert!(created.iter().all(|count| *count > 0), "{created:?}");
}

#[tokio::test]
async fn a_server_that_missed_the_notification_knows_all_the_same() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    let there = here.moved(&one, &two);
    here.activate("cost-center", artifacts::cost_center(), json!({})).await;
    there.scim.get("/Users").await.expect(200);
    // Nobody listens for the next seconds.
    let mut conn = PgConnection::connect(&postgres.url()).await.unwrap();
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    let listeners = sqlx::query(ended).execute(&mut conn).await.unwrap().rows_affected();
    assert_eq!(listeners, 2);
    here.admin.post("/plugins/cost-center/deactivate", json!({})).await.expect(200);
    until_status(&there.scim, &format!("/Schemas/{COST_CENTER}"), 404).await;
    there.scim.post("/Users", with_code("a", "no rule now")).await.expect(201);
}
