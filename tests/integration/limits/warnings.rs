//! Who comes to 80 % of a quota is told of it, once.

use serde_json::{Value, json};
use sqlx::PgPool;
use tenon_tests::{Options, Postgres, Server, Tenant, user};
use tokio::task::JoinSet;

/// The types and numbers of the warnings among a tenant's events, the oldest first.
async fn warnings(database: &PgPool, tenant: &Tenant) -> Vec<(String, i64)> {
    let events = "SELECT type, version FROM outbox \
                  WHERE tenant_id = $1::text::uuid AND operation = 'quota-warning' ORDER BY id";
    sqlx::query_as(events).bind(&tenant.id).fetch_all(database).await.unwrap()
}

/// How many warnings a server has counted.
async fn counted(server: &Server) -> u64 {
    let metrics = server.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix("tenon_quota_warnings_total "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_warning_at_80_percent_comes_once() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    let there = here.moved(&one, &two);
    let database = PgPool::connect(&postgres.url()).await.unwrap();
    here.admin.patch("", json!({ "limits": { "maxUsers": 9 } })).await.expect(200);
    // 80 % of 9 are reached with the eighth, at whichever server.
    let mut writers = JoinSet::new();
    for number in 0..9 {
        let tenant = if number % 2 == 0 { here.clone() } else { there.clone() };
        writers.spawn(async move { tenant.create("/Users", user(&format!("u{number}"))).await });
    }
    let ids = writers.join_all().await;
    let user_at = |n| ("User".to_owned(), n);
    assert_eq!(warnings(&database, &here).await, [user_at(8)]);
    assert_eq!(counted(&one).await + counted(&two).await, 1);
    let log = if counted(&one).await == 1 { &one.log } else { &two.log };
    let line = log.wait_for("the warning", |line| line["message"] == "80 % of a quota are used");
    assert_eq!((&line["level"], &line["tenant"]), (&json!("WARN"), &json!(here.id)));
    assert_eq!((&line["resource_type"], &line["n"]), (&json!("User"), &json!(8)));

    // It comes again where it is reached again; a refused one changes nothing.
    here.scim.post("/Users", user("too-many")).await.expect(403);
    for id in &ids[..2] {
        there.scim.delete(&format!("/Users/{id}")).await.expect(204);
    }
    here.create("/Users", user("eighth")).await;
    assert_eq!(warnings(&database, &here).await, [user_at(8), user_at(8)]);

    // A limit that makes it so warns, one that leaves it so does not.
    let set = async |limits: Value| {
        there.admin.patch("", json!({ "limits": limits })).await.expect(200);
        warnings(&database, &here).await.len()
    };
    assert_eq!(set(json!({ "maxUsers": 8 })).await, 2);
    assert_eq!(set(json!({ "maxUsers": 100 })).await, 2);
    assert_eq!(set(json!({ "maxUsers": 10, "maxGroups": 0 })).await, 3);
    assert_eq!(set(json!({ "maxUsers": null })).await, 3);
}
