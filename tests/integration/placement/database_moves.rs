//! Tenants that move to a database of their own and back while they are in use, at two servers.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tenon_tests::{Options, Postgres, Server, Tenant, user};

use super::database::at;
use super::moves::{begin_to, heard, later, moved_to, no_write_is_lost, users};
use super::{rows, two_servers, work};

fn home(kind: &str) -> Value {
    json!({ "kind": kind })
}

/// How many users the tenant has that moves while others write.
fn many() -> usize {
    let given = std::env::var("TEST_MOVED_USERS").ok();
    given.map_or(2_000, |text| text.parse().expect("a number"))
}

#[tokio::test]
async fn no_write_is_lost_in_a_move_between_databases() {
    let (postgres, first, second) =
        (Postgres::start(&[]), Postgres::start(&[]), Postgres::start(&[]));
    let places = [at(&first), home("schema"), at(&second), at(&first), home("shared"), at(&second)];
    no_write_is_lost(&postgres, many(), places).await;
    let mut conn = PgConnection::connect(&first.url()).await.unwrap();
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM resources) + (SELECT count(*) FROM audit) \
              + (SELECT count(*) FROM tenants)",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert_eq!(left, 0, "the tenant has left something where it was");
}

#[tokio::test]
async fn what_a_tenant_has_is_the_same_after_a_move_between_databases() {
    let (postgres, other) = (Postgres::start(&[]), Postgres::start(&[]));
    let (one, two, mut conn) = two_servers(&postgres).await;
    let acme = one.tenant_in("shared", "acme").await;
    let there = acme.moved(&one, &two);
    work(&acme, &there).await;
    let before = (users(&acme).await, acme.scim.get("/Groups").await.expect(200).body);
    for place in [at(&other), home("shared")] {
        moved_to(&mut conn, &acme, &there, place).await;
        let after = (users(&acme).await, acme.scim.get("/Groups").await.expect(200).body);
        assert_eq!(after.0, before.0);
        assert_eq!(after.1["Resources"][0]["members"], before.1["Resources"][0]["members"]);
        let verified = there.admin.post("/audit/verify", json!({})).await.expect(200).body;
        assert_eq!(verified["intact"], true, "{verified:#}");
        let audit = there.admin.get("/audit?limit=1000").await.expect(200).body.to_string();
        assert!(audit.contains("tenant.create") && audit.contains("tenant.move"), "{audit}");
    }
}

#[tokio::test]
async fn a_move_between_databases_goes_on_when_its_server_is_killed() {
    let (postgres, other) = (Postgres::start(&[]), Postgres::start(&[]));
    let mut conn = PgConnection::connect(&postgres.url()).await.unwrap();
    let mut server = Server::start(Options::on(&postgres.url()));
    let acme = server.tenant_in("shared", "acme").await;
    let mut names = Vec::new();
    for place in [at(&other), home("shared")] {
        begin_to(&acme.at_server(&server), place).await;
        // At each of its steps.
        for step in ["copying", "switching", "cleaning"] {
            server.kill();
            server = Server::start(Options::on(&postgres.url()));
            let here = acme.at_server(&server);
            let name = format!("{step}-{}", names.len());
            here.create("/Users", user(&name)).await;
            names.push(name);
            while here.admin.get("/move").await.expect(200).body["step"] == "copying" {}
            if step == "switching" {
                while later(&mut conn, &here, "switching").await["step"] == "switching" {}
            }
        }
        let here = acme.at_server(&server);
        while later(&mut conn, &here, "cleaning").await["state"] != "settled" {}
        names.sort_unstable();
        let found: Vec<String> = users(&here).await.into_keys().collect();
        assert_eq!(found, names);
    }
    let mut own = PgConnection::connect(&other.url()).await.unwrap();
    for (table, count) in rows(&mut own, "public", &acme.id).await {
        assert_eq!(count, 0, "{table}");
    }
}

/// What the tenant's own database says, as a server leaves it that ends in between.
async fn mark(own: &Postgres, acme: &Tenant, placement: &str) {
    let mut conn = PgConnection::connect(&own.url()).await.unwrap();
    let marked = sqlx::query("UPDATE tenants SET placement = $2 WHERE id = $1::text::uuid")
        .bind(&acme.id)
        .bind(placement)
        .execute(&mut conn)
        .await
        .unwrap();
    assert_eq!(marked.rows_affected(), 1);
}

#[tokio::test]
async fn a_switch_that_was_interrupted_between_its_databases_loses_nothing() {
    let (postgres, other) = (Postgres::start(&[]), Postgres::start(&[]));
    let (one, two, mut conn) = two_servers(&postgres).await;
    let acme = one.tenant_in("shared", "acme").await;
    let there = acme.moved(&one, &two);
    acme.create("/Users", user("ada")).await;
    // The new database says that the data is there, and that of the servers does not.
    begin_to(&acme, at(&other)).await;
    heard(&mut conn, &there).await;
    while acme.admin.get("/move").await.expect(200).body["step"] == "copying" {}
    mark(&other, &acme, "here").await;
    there.create("/Users", user("bert")).await;
    while later(&mut conn, &there, "switching").await["step"] == "switching" {}
    while later(&mut conn, &there, "cleaning").await["state"] != "settled" {}
    assert_eq!(users(&there).await.len(), 2);
    // The old database says that the data is not there any more, and that of the servers that it is.
    begin_to(&acme, home("shared")).await;
    heard(&mut conn, &there).await;
    while acme.admin.get("/move").await.expect(200).body["step"] == "copying" {}
    mark(&other, &acme, "elsewhere").await;
    for tenant in [&acme, &there] {
        assert_eq!(tenant.scim.post("/Users", user("cleo")).await.status, 503);
        assert_eq!(tenant.scim.get("/Users").await.expect(200).body["totalResults"], 2);
    }
    while later(&mut conn, &there, "switching").await["step"] == "switching" {}
    there.create("/Users", user("cleo")).await;
    while later(&mut conn, &there, "cleaning").await["state"] != "settled" {}
    let names: Vec<String> = users(&acme).await.into_keys().collect();
    assert_eq!(names, ["ada", "bert", "cleo"]);
}

#[tokio::test]
async fn a_move_waits_for_a_database_that_is_away() {
    let (postgres, mut other) = (Postgres::start(&[]), Postgres::start(&[]));
    let (one, two, mut conn) = two_servers(&postgres).await;
    let acme = one.tenant_in("shared", "acme").await;
    let there = acme.moved(&one, &two);
    acme.create("/Users", user("ada")).await;
    begin_to(&acme, at(&other)).await;
    heard(&mut conn, &there).await;
    other.stop();
    there.create("/Users", user("bert")).await;
    other.start_again();
    while acme.admin.get("/move").await.expect(200).body["step"] == "copying" {}
    while later(&mut conn, &there, "switching").await["step"] == "switching" {}
    while later(&mut conn, &there, "cleaning").await["state"] != "settled" {}
    assert_eq!(users(&there).await.len(), 2);
    let deleted = one.admin().delete(&format!("/tenants/{}", acme.id)).await.status;
    assert!(deleted == 204 || deleted == 202, "{deleted}");
}
