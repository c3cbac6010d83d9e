//! Versions of plugins on disk and in memory: shared by tenants, and loaded when they are called.

use serde_json::json;
use sqlx::{Connection, PgConnection};
use tenon_tests::{Options, Postgres, Server, Tenant, artifacts, user};

/// A number that the server tells in its metrics.
async fn gauge(server: &Server, name: &str) -> u64 {
    let metrics = server.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.expect("the gauge").parse().expect("a number")
}

async fn loaded(server: &Server) -> u64 {
    gauge(server, "tenon_plugin_versions_loaded").await
}

/// Versions of as many active plugins of a tenant, each of bytes of its own: the component that is
/// there, with a custom section of a number (`a`, and three bytes) behind it.
const MANY_VERSIONS: &str = r"
    WITH made AS (
        SELECT n, bytes || '\x00050161'::bytea || substring(int4send(n) from 2) AS bytes
        FROM components, generate_series(1, 2000) AS n
    ), components AS (
        INSERT INTO components (digest, bytes, created) SELECT sha256(bytes), bytes, now() FROM made
    ), plugins AS (
        INSERT INTO plugins (tenant_id, name, active_digest, created, modified)
        SELECT $1::uuid, 'p' || n, sha256(bytes), now(), now() FROM made
    )
    INSERT INTO plugin_versions (tenant_id, name, digest, capabilities, described, created)
    SELECT $1::uuid, 'p' || n, sha256(bytes), '{validation}', '[]', now() FROM made";

#[tokio::test]
async fn of_thousands_of_versions_those_are_loaded_that_are_called() {
    let postgres = Postgres::start(&[]);
    let first = Server::start(Options::on(&postgres.url()));
    let acme = first.tenant("acme").await;
    acme.activate("judge", &artifacts::hostile("harmless"), json!({})).await;
    let many = first.tenant("many").await;
    let mut database = PgConnection::connect(&postgres.url()).await.unwrap();
    // Constraints between the tables are checked at the end of the statement.
    let made = sqlx::query(MANY_VERSIONS).bind(&many.id).execute(&mut database).await.unwrap();
    assert_eq!(made.rows_affected(), 2_000);
    drop(first);

    // Another machine, say: it has compiled nothing yet.
    let second = Server::start(Options::on(&postgres.url()));
    assert_eq!(loaded(&second).await, 0);
    let acme = Tenant::at_server(&acme, &second);
    acme.create("/Users", user("ada")).await;
    assert_eq!(loaded(&second).await, 1);
    acme.create("/Users", user("bob")).await;
    assert_eq!(loaded(&second).await, 1);
}

#[tokio::test]
async fn versions_that_do_not_fit_the_budget_leave_and_are_loaded_again_when_called() {
    let postgres = Postgres::start(&[]);
    let options = Options::on(&postgres.url()).with("TENON_PLUGIN_MEMORY_BUDGET", "1");
    let server = Server::start(options);
    let acme = server.tenant("acme").await;
    acme.activate("one", &artifacts::hostile("harmless"), json!({})).await;
    acme.activate("two", &artifacts::hostile("remembers"), json!({})).await;
    for name in ["ada", "bob"] {
        acme.create("/Users", user(name)).await;
        // Each write calls both, and there is room for one.
        assert_eq!(loaded(&server).await, 1);
    }
}

#[tokio::test]
async fn what_two_tenants_upload_is_one_version() {
    let postgres = Postgres::start(&[]);
    let server = Server::start(Options::on(&postgres.url()));
    let (one, two) = (server.tenant("one").await, server.tenant("two").await);
    let component = artifacts::hostile("harmless");
    let digest = one.activate("judge", &component, json!({})).await;
    assert_eq!(two.activate("another", &component, json!({})).await, digest);
    one.create("/Users", user("ada")).await;
    two.create("/Users", user("ada")).await;
    assert_eq!(loaded(&server).await, 1);
    let mut database = PgConnection::connect(&postgres.url()).await.unwrap();
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM components")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(stored, 1);
    // It stays for the one that has it still.
    two.admin.delete("/plugins/another").await.expect(204);
    one.create("/Users", user("bob")).await;
}
