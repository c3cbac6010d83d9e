//! Tenants are deleted at once for those who ask, and with all that they have in a while.

use reqwest::Method;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tenon_tests::{Options, Postgres, Server, Tenant, until, user};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::writes::tenants::rows;

/// So many users, with what a server would have written with them.
const USERS: &str = "
    WITH new AS (
        SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id, n
        FROM generate_series(1, $2) AS n
    ), resource AS (
        INSERT INTO resources (tenant_id, id, type, version, created, modified, body)
        SELECT $1, id, 'User', 1, now(), now(), '{\"userName\":\"u' || n || '\"}' FROM new
    ), name AS (
        INSERT INTO unique_values (tenant_id, type, attr, val, id)
        SELECT $1, 'User', 'userName', 'u' || n, id FROM new
    ), entry AS (
        INSERT INTO attr_index (tenant_id, type, attr, val, id, elem, substrings)
        SELECT $1, 'User', attr, attr || n, id, 0, false
        FROM new CROSS JOIN unnest(ARRAY['title', 'displayName']) AS attr
    ), member AS (
        INSERT INTO group_members (tenant_id, group_id, member_id) SELECT $1, $1, id FROM new
    ), event AS (
        INSERT INTO outbox (tenant_id, id, type, resource_id, version, operation, request_id, created)
        SELECT $1, id, 'User', id, 1, 'create', 'r', now() FROM new
    )
    INSERT INTO audit (tenant_id, id, at, actor, action, type, resource_id, version_after, request_id)
    SELECT $1, id, now(), 'operator', 'create', 'User', id, 1, 'r' FROM new";

struct Two {
    one: Server,
    two: Server,
    conn: PgConnection,
    postgres: Postgres,
}

async fn two_servers() -> Two {
    let postgres = Postgres::start(&[]);
    let start = || Server::start(Options::on(&postgres.url()));
    let (one, two) = (start(), start());
    let conn = PgConnection::connect(&postgres.url()).await.unwrap();
    Two { one, two, conn, postgres }
}

fn id(tenant: &Tenant) -> Uuid {
    tenant.id.parse().unwrap()
}

async fn fill(conn: &mut PgConnection, tenant: &Tenant, users: i32) {
    sqlx::query(USERS).bind(id(tenant)).bind(users).execute(conn).await.unwrap();
}

/// A transaction that keeps the removal at the step of the audit, until it ends.
async fn hold_the_audit(conn: &mut PgConnection, tenant: &Tenant) {
    sqlx::query("BEGIN").execute(&mut *conn).await.unwrap();
    sqlx::query("SELECT FROM audit WHERE tenant_id = $1 FOR UPDATE")
        .bind(id(tenant))
        .execute(conn)
        .await
        .unwrap();
}

/// Waits until a server says of the tenant that nothing is left.
async fn until_gone(server: &Server, tenant: &Tenant) {
    let path = format!("/tenants/{}", tenant.id);
    let begun = std::time::Instant::now();
    while server.admin().get(&path).await.status != 404 {
        assert!(begun.elapsed().as_secs() < 60, "it is never removed");
        tokio::task::yield_now().await;
    }
}

async fn assert_nothing_left(conn: &mut PgConnection, tenant: &Tenant) {
    for (table, count) in rows(conn, id(tenant)).await {
        assert_eq!(count, 0, "{table}");
    }
}

#[tokio::test]
async fn a_deletion_whose_server_is_killed_is_finished_by_the_other() {
    let postgres = Postgres::start(&[]);
    let mut one = Server::start(Options::on(&postgres.url()));
    let mut conn = PgConnection::connect(&postgres.url()).await.unwrap();
    let acme = one.tenant("acme").await;
    fill(&mut conn, &acme, 12_000).await;
    let mut holder = PgConnection::connect(&postgres.url()).await.unwrap();
    hold_the_audit(&mut holder, &acme).await;

    let path = format!("/tenants/{}", acme.id);
    let (admin, asked) = (one.admin(), path.clone());
    let deletion =
        tokio::spawn(async move { admin.attempt(Method::DELETE, &asked, &json!({})).await });
    let progress = until("the removal is at the audit", async || {
        let seen = one.admin().get(&path).await.expect(200).body;
        (seen["removalStep"] == "audit").then_some(seen)
    })
    .await;
    assert_eq!(progress["state"], "deleting", "{progress:#}");
    assert!(progress["removedRows"].as_i64().unwrap() >= 72_000, "{progress:#}");
    one.kill();
    // Answered by then or not: it was at work, and alone.
    deletion.await.unwrap();
    let left = rows(&mut conn, id(&acme)).await;
    assert!(left.iter().any(|(table, count)| table == "audit" && *count > 12_000), "{left:?}");

    let two = Server::start(Options::on(&postgres.url()));
    sqlx::query("ROLLBACK").execute(&mut holder).await.unwrap();
    until_gone(&two, &acme).await;
    assert_nothing_left(&mut conn, &acme).await;
}

#[tokio::test]
async fn what_takes_long_is_answered_202_and_the_name_and_the_credentials_are_free_at_once() {
    let Two { one, two, mut conn, postgres } = two_servers().await;
    let acme = one.tenant("acme").await;
    let there = acme.moved(&one, &two);
    there.scim.get("/Users").await.expect(200);
    fill(&mut conn, &acme, 10).await;
    let mut holder = PgConnection::connect(&postgres.url()).await.unwrap();
    hold_the_audit(&mut holder, &acme).await;

    let answer = acme.admin.delete("").await.expect(202);
    assert_eq!(answer.body["state"], "deleting");
    assert!(answer.header("location").ends_with(&format!("/admin/v1/tenants/{}", acme.id)));
    acme.scim.get("/Users").await.expect(401);
    let begun = std::time::Instant::now();
    while there.scim.get("/Users").await.status != 401 {
        assert!(begun.elapsed().as_secs() < 30, "the other server never knew");
    }
    let again = json!({ "name": acme.name });
    let again = one.admin().post("/tenants", again).await.expect(201).body;
    assert_ne!(again["id"], *acme.id);
    let by_id = one.admin().below(&format!("/tenants/{}", acme.id));
    by_id.patch("", json!({ "dialect": "okta" })).await.expect(404);
    by_id.post("/tokens", json!({ "name": "late" })).await.expect(404);
    let all = one.admin().get("/tenants").await.expect(200).body;
    let listed = all["items"].as_array().unwrap().iter().find(|it| it["id"] == *acme.id);
    assert_eq!(listed.unwrap()["state"], "deleting");
    by_id.delete("").await.expect(202);

    sqlx::query("ROLLBACK").execute(&mut holder).await.unwrap();
    until_gone(&one, &acme).await;
    assert_nothing_left(&mut conn, &acme).await;
    by_id.delete("").await.expect(404);
    let path = format!("/tenants/{}", acme.name);
    let kept = one.admin().get(&path).await.expect(200).body;
    assert_eq!(kept["id"], again["id"]);
}

#[tokio::test]
async fn a_tenant_of_50000_is_deleted_while_others_write() {
    let Two { one, two, mut conn, postgres: _postgres } = two_servers().await;
    let (big, acme) = (one.tenant("big").await, one.tenant("acme").await);
    fill(&mut conn, &big, 50_000).await;
    let mut writers = JoinSet::new();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    for (number, server) in [&one, &two, &one, &two].into_iter().enumerate() {
        let (acme, stopped) = (acme.moved(&one, server), stopped.clone());
        writers.spawn(async move {
            let mut written = 0_i64;
            while !*stopped.borrow() {
                let answer = acme.scim.post("/Users", user(&format!("u{number}-{written}"))).await;
                answer.expect(201);
                written += 1;
            }
            written
        });
    }
    let answer = big.admin.delete("").await;
    assert!([202, 204].contains(&answer.status), "{}: {:#}", answer.status, answer.body);
    until_gone(&two, &big).await;
    stop.send(true).unwrap();
    let written: i64 = writers.join_all().await.into_iter().sum();
    assert_nothing_left(&mut conn, &big).await;
    let users = acme.scim.query("/Users", &[("count", "0")]).await.expect(200).body;
    assert_eq!(users["totalResults"], written);
}
