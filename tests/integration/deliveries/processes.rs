//! Several servers tell, on one database.

use std::collections::HashSet;

use sqlx::Connection;
use tenon_tests::{Options, Postgres, Server, artifacts, until, user};

use super::{config, database, titled, told};

#[tokio::test]
async fn two_servers_tell_the_events_of_a_resource_in_order_whoever_writes() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    here.activate("audit-tap", artifacts::audit_tap(), config()).await;
    let there = here.moved(&one, &two);
    let ids = [here.create("/Users", user("ada")).await, here.create("/Users", user("bo")).await];
    // The other server has learnt of the plugin when an event of its own is told.
    let probe = there.create("/Users", user("probe")).await;
    let mut title = 0;
    until("an event of the other server", async || {
        title += 1;
        let patch = titled(&title.to_string());
        there.scim.patch(&format!("/Users/{probe}"), patch).await.expect(200);
        let told = [told(&one.log, &here), told(&two.log, &here)].concat();
        told.iter().any(|it| it["id"] == probe.as_str()).then_some(())
    })
    .await;
    for round in 0..20 {
        for id in &ids {
            let tenant = if round % 2 == 0 { &here } else { &there };
            let path = format!("/Users/{id}");
            tenant.scim.patch(&path, titled(&format!("{round}"))).await.expect(200);
        }
    }
    for id in &ids {
        let mut events = until("all versions", async || {
            let mut events = told(&one.log, &here);
            events.extend(told(&two.log, &here));
            events.retain(|it| it["id"] == id.as_str());
            let versions: HashSet<u64> =
                events.iter().map(|it| it["version"].as_u64().unwrap()).collect();
            (versions.len() == 21).then_some(events)
        })
        .await;
        events.sort_by_key(|it| it["timestamp"].as_str().unwrap().to_owned());
        let versions: Vec<u64> = events.iter().map(|it| it["version"].as_u64().unwrap()).collect();
        assert!(versions.is_sorted(), "{versions:?}");
    }
    drop((one, two));
}

#[tokio::test]
async fn what_a_server_was_killed_over_the_other_tells() {
    let postgres = Postgres::start(&[]);
    let mut one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    here.activate("audit-tap", artifacts::audit_tap(), config()).await;
    let mut ids = HashSet::new();
    for number in 0..100 {
        ids.insert(here.create("/Users", user(&format!("u{number}"))).await);
    }
    let mut conn = database(&postgres.url()).await;
    // As if the first had leased some and told nobody: it is killed with whatever it has leased.
    one.kill();
    sqlx::query(
        "UPDATE deliveries SET due = now() + interval '1 second', attempts = 1 \
         WHERE tenant_id = $1::text::uuid",
    )
    .bind(&here.id)
    .execute(&mut conn)
    .await
    .unwrap();
    until("all users", async || {
        let both = told(&one.log, &here).into_iter().chain(told(&two.log, &here));
        let known: HashSet<String> = both.map(|it| it["id"].as_str().unwrap().to_owned()).collect();
        ids.is_subset(&known).then_some(())
    })
    .await;
    drop((one, two));
}

#[tokio::test]
async fn an_event_that_is_committed_after_later_ones_is_told() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("audit-tap", artifacts::audit_tap(), config()).await;
    let slow = acme.create("/Users", user("slow")).await;
    let mut conn = database(&server.database_url()).await;
    let mut holding = conn.begin().await.unwrap();
    sqlx::query(
        "SELECT FROM resources WHERE tenant_id = $1::text::uuid AND id = $2::text::uuid FOR UPDATE",
    )
    .bind(&acme.id)
    .bind(&slow)
    .execute(&mut *holding)
    .await
    .unwrap();
    let scim = acme.scim.clone();
    let path = format!("/Users/{slow}");
    let patch = tokio::spawn(async move { scim.patch(&path, titled("late")).await });
    let mut looking = database(&server.database_url()).await;
    until("the write that waits", async || {
        let waits: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
             AND query LIKE '%UPDATE resources%'",
        )
        .fetch_one(&mut looking)
        .await
        .unwrap();
        (waits > 0).then_some(())
    })
    .await;
    // Its event has an id by now. Later ones are told first.
    let quick = acme.create("/Users", user("quick")).await;
    super::told_of(&server.log, &acme, &quick, 1).await;
    holding.rollback().await.unwrap();
    patch.await.unwrap().expect(200);
    let told = super::told_of(&server.log, &acme, &slow, 2).await;
    assert_eq!(told[1]["attributes"]["title"], "late");
    assert!(told[1]["event"].as_str() < told_id(&server, &acme, &quick).as_deref());
}

/// The id of the event of a resource that has one.
fn told_id(server: &Server, tenant: &tenon_tests::Tenant, id: &str) -> Option<String> {
    let events = told(&server.log, tenant);
    let event = events.iter().find(|it| it["id"] == id)?;
    event["event"].as_str().map(str::to_owned)
}
