//! The database goes away and comes back; the server does not.

use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};
use tenon_tests::{Options, Postgres, Server, Tenant, patch, user};

use super::consistency;
use super::load::{Counts, Load};

const CLIENTS: usize = 6;

/// Lets the clients write so many times more.
async fn go_on(load: &mut Load, writes: u64) {
    let before = load.counts().written;
    load.until(|counts: &Counts| counts.written >= before + writes).await;
}

/// Waits until somebody is refused who was not before.
async fn refusal(load: &mut Load) {
    let before = load.counts().refused;
    load.until(|counts: &Counts| counts.refused > before).await;
}

async fn end(load: Load, tenant: &Tenant, postgres: &Postgres) {
    for known in load.end().await {
        known.check(tenant).await;
    }
    consistency::check(&postgres.url()).await;
}

#[tokio::test]
async fn a_database_that_restarts_or_is_killed_under_load_is_an_outage_and_no_more() {
    let mut postgres = Postgres::start(&[]);
    let server = Server::start(Options::on(&postgres.url()));
    let acme = server.tenant("acme").await;
    let mut load = Load::start(&acme, CLIENTS, "load");
    go_on(&mut load, 50).await;

    postgres.stop();
    refusal(&mut load).await;
    let ready = server.anonymous().get("/ready").await.expect(503);
    assert_eq!(ready.header("retry-after"), "1");
    server.anonymous().get("/health").await.expect(200);
    postgres.start_again();
    go_on(&mut load, 50).await;

    postgres.kill();
    postgres.start_again();
    go_on(&mut load, 50).await;

    postgres.kill_backend();
    // More than the answers that were under way.
    go_on(&mut load, 50).await;
    server.anonymous().get("/ready").await.expect(200);
    end(load, &acme, &postgres).await;
}

#[tokio::test]
async fn a_database_without_room_for_connections_is_asked_again_later() {
    let postgres = Postgres::start(&[]);
    let mut other = PgConnection::connect(&postgres.url()).await.unwrap();
    other.execute("CREATE ROLE server LOGIN CREATEROLE").await.unwrap();
    other.execute("CREATE DATABASE scim OWNER server").await.unwrap();
    let url = |role: &str| format!("postgres://{role}@127.0.0.1:{}/scim", postgres.port);
    let server = Server::start(Options::on(&url("server")));
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("ada")).await;

    other.execute("ALTER ROLE server CONNECTION LIMIT 0").await.unwrap();
    let end =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'server'";
    while sqlx::query_scalar::<_, i64>(end).fetch_one(&mut other).await.unwrap() > 0 {}
    let refused = acme.scim.get(&format!("/Users/{id}")).await.expect(503);
    assert_eq!(refused.header("retry-after"), "1");
    let refused = acme.scim.post("/Users", user("bert")).await.expect(503);
    assert_eq!(refused.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));

    other.execute("ALTER ROLE server CONNECTION LIMIT -1").await.unwrap();
    acme.scim.get(&format!("/Users/{id}")).await.expect(200);
    acme.create("/Users", user("bert")).await;
    consistency::check(&url("tenon")).await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_given_up_and_nothing_of_it_stays() {
    let postgres = Postgres::start(&[]);
    let url = format!("{}?options[statement_timeout]=300ms", postgres.url());
    let server = Server::start(Options::on(&url));
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("ada")).await;
    let mut other = PgConnection::connect(&postgres.url()).await.unwrap();
    let mut held = other.begin().await.unwrap();
    held.execute("LOCK TABLE resources IN EXCLUSIVE MODE").await.unwrap();

    let refused = acme.scim.post("/Users", user("bert")).await.expect(503);
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.header("content-type"), "application/scim+json");
    let rename = patch(json!([{ "op": "replace", "path": "nickName", "value": "A" }]));
    acme.scim.patch(&format!("/Users/{id}"), rename.clone()).await.expect(503);
    acme.scim.delete(&format!("/Users/{id}")).await.expect(503);
    // Reads need no more than they have.
    acme.scim.get(&format!("/Users/{id}")).await.expect(200);

    held.rollback().await.unwrap();
    acme.create("/Users", user("bert")).await;
    acme.scim.patch(&format!("/Users/{id}"), rename).await.expect(200);
    consistency::check(&postgres.url()).await;
}

#[tokio::test]
async fn a_server_stops_in_time_while_its_database_is_away() {
    let mut postgres = Postgres::start(&[]);
    let mut server = Server::start(Options::on(&postgres.url()));
    let acme = server.tenant("acme").await;
    let mut load = Load::start(&acme, CLIENTS, "load");
    go_on(&mut load, 10).await;
    postgres.stop();
    refusal(&mut load).await;
    // Requests in flight have their say, and nothing waits for the database for ever.
    assert!(server.stop().success());
    drop(load.end().await);
}

#[tokio::test]
async fn a_database_that_takes_no_writes_for_a_while_is_still_read() {
    let postgres = Postgres::start(&[]);
    let server = Server::start(Options::on(&postgres.url()));
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("ada")).await;
    let mut operator = PgConnection::connect(&postgres.url()).await.unwrap();
    operator.execute("ALTER SYSTEM SET default_transaction_read_only = on").await.unwrap();
    operator.execute("SELECT pg_reload_conf()").await.unwrap();
    let refused = loop {
        let answer = acme.scim.post("/Users", user("x")).await;
        if answer.status != 201 {
            break answer.expect(503);
        }
        let id = answer.body["id"].as_str().unwrap();
        acme.scim.delete(&format!("/Users/{id}")).await;
    };
    assert_eq!(refused.header("retry-after"), "1");
    acme.scim.get(&format!("/Users/{id}")).await.expect(200);
    operator.execute("ALTER SYSTEM RESET default_transaction_read_only").await.unwrap();
    operator.execute("SELECT pg_reload_conf()").await.unwrap();
    while acme.scim.post("/Users", user("y")).await.status != 201 {}
    consistency::check(&postgres.url()).await;
}
