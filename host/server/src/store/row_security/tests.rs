//! The second lock, over a real database.

use sqlx::{Executor, PgConnection, PgPool};
use uuid::Uuid;

use super::*;
use crate::store::place::{Place, Placement};
use crate::store::scratch::Scratch;
use crate::store::{Database, Pooler};

const FILL: &str = "
    INSERT INTO tenants (id, name, created, modified)
    SELECT n::text::uuid, n, now(), now()
    FROM (SELECT lpad(n::text, 32, '0') AS n FROM generate_series(1, 2) AS n) AS t;
    INSERT INTO resources (tenant_id, type, id, version, created, modified, body)
    SELECT t.id, 'User', lpad(n::text, 32, '0')::uuid, 1, now(), now(), '{}'
    FROM tenants AS t CROSS JOIN generate_series(1, 3) AS n";

fn tenant(n: u128) -> TenantId {
    TenantId(Uuid::from_u128(u128::from_str_radix(&n.to_string(), 16).unwrap()))
}

fn of(n: u128) -> Place {
    Place { tenant: tenant(n), placement: Some(Placement::Shared) }
}

async fn locked() -> (Scratch, Database) {
    let scratch = Scratch::start().await;
    scratch.pool.execute(FILL).await.unwrap();
    // A second time there is nothing to do.
    for _ in 0..2 {
        enable(&mut scratch.pool.acquire().await.unwrap()).await.unwrap();
    }
    let options = scratch.pool.connect_options().as_ref().clone();
    (scratch, Database::new(options, Pooler::None, 2).with(RowSecurity::On))
}

async fn count(conn: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT count(*) FROM resources").fetch_one(conn).await
}

fn code(error: &sqlx::Error) -> String {
    error.as_database_error().and_then(|it| it.code()).unwrap_or_default().into_owned()
}

#[tokio::test]
async fn a_statement_without_its_tenant_fails_and_one_with_another_sees_nothing() {
    let (scratch, database) = locked().await;
    // The statement forgets to say whose rows; the lock does not.
    assert_eq!(count(&mut database.read_for(of(1)).await.unwrap()).await.unwrap(), 3);
    assert_eq!(count(&mut database.read_for(of(7)).await.unwrap()).await.unwrap(), 0);
    assert_eq!(count(&mut database.read().await.unwrap()).await.unwrap(), 6);

    let mut transaction = database.begin_for(of(1)).await.unwrap();
    for (statement, changed) in [
        ("UPDATE resources SET version = 2 WHERE tenant_id = $1", 0),
        ("DELETE FROM resources WHERE tenant_id = $1", 0),
        ("UPDATE resources SET version = 2 WHERE tenant_id <> $1", 3),
    ] {
        let done = sqlx::query(statement).bind(tenant(2).0).execute(&mut *transaction).await;
        assert_eq!(done.unwrap().rows_affected(), changed, "{statement}");
    }
    let insert = "INSERT INTO counters (tenant_id, type, n) VALUES ($1, 'User', 1)";
    sqlx::query(insert).bind(tenant(1).0).execute(&mut *transaction).await.unwrap();
    let refused = sqlx::query(insert).bind(tenant(2).0).execute(&mut *transaction).await;
    assert_eq!(code(&refused.unwrap_err()), "42501");
    drop(transaction);

    let mut conn = scratch.pool.acquire().await.unwrap();
    conn.execute("SET ROLE tenon_tenant").await.unwrap();
    // Where none was ever named, and where one was.
    assert_eq!(code(&count(&mut conn).await.unwrap_err()), "42704");
    conn.execute("BEGIN; SET LOCAL tenon.tenant = 'x'; COMMIT").await.unwrap();
    assert_eq!(code(&count(&mut conn).await.unwrap_err()), "22P02");
    for closed in ["tenants", "admin_token", "server_keys", "realms"] {
        let all = format!("SELECT * FROM {closed}");
        let refused = conn.execute(AssertSqlSafe(all)).await.map(|_| ());
        assert_eq!(code(&refused.unwrap_err()), "42501", "{closed}");
    }
    drop(conn);
    database.close().await;
    scratch.stop().await;
}

#[tokio::test]
async fn every_table_with_a_tenant_has_the_lock() {
    let (scratch, database) = locked().await;
    let tables: Vec<(String, bool)> = sqlx::query_as(
        "SELECT c.table_name::text, t.relrowsecurity AND EXISTS \
             (SELECT FROM pg_policy AS p WHERE p.polrelid = t.oid AND p.polname = 'own') \
         FROM information_schema.columns AS c \
         JOIN pg_class AS t ON t.oid = format('%I.%I', c.table_schema, c.table_name)::regclass \
         WHERE c.table_schema = 'public' AND c.column_name = 'tenant_id'",
    )
    .fetch_all(&scratch.pool)
    .await
    .unwrap();
    assert!(tables.len() >= 12, "{tables:?}");
    assert!(tables.iter().all(|(_, is_locked)| *is_locked), "{tables:?}");
    // One that a later migration makes, at the next start.
    let later =
        "CREATE TABLE later (tenant_id uuid PRIMARY KEY); INSERT INTO later SELECT id FROM tenants";
    scratch.pool.execute(later).await.unwrap();
    enable(&mut scratch.pool.acquire().await.unwrap()).await.unwrap();
    let mut conn = database.read_for(of(1)).await.unwrap();
    let seen: i64 =
        sqlx::query_scalar("SELECT count(*) FROM later").fetch_one(&mut *conn).await.unwrap();
    assert_eq!(seen, 1);
    drop(conn);
    database.close().await;
    scratch.stop().await;
}

#[tokio::test]
async fn a_lookup_by_its_key_keeps_its_index() {
    let (scratch, database) = locked().await;
    let mut conn = database.read_for(of(1)).await.unwrap();
    conn.execute("SET LOCAL enable_seqscan = off").await.unwrap();
    let plan: Vec<String> = sqlx::query_scalar(
        "EXPLAIN SELECT body FROM resources WHERE tenant_id = $1 AND id = $2 AND type = 'User'",
    )
    .bind(tenant(1).0)
    .bind(tenant(2).0)
    .fetch_all(&mut *conn)
    .await
    .unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("Index Scan") && plan.contains("(id = "), "{plan}");
    assert!(plan.contains("One-Time Filter"), "{plan}");
    drop(conn);
    database.close().await;
    scratch.stop().await;
}

/// A superuser's connection to the cluster, in which the role is not there yet.
async fn superuser(scratch: &Scratch) -> PgConnection {
    let options = scratch.pool.connect_options().as_ref().clone();
    let options = options.username("postgres").database("postgres");
    let mut superuser = PgConnection::connect_with(&options).await.unwrap();
    superuser.execute("DROP ROLE tenon_tenant").await.unwrap();
    superuser
}

/// A pool of a user with a database of its own.
async fn of_a_plain_user(scratch: &Scratch, superuser: &mut PgConnection, may: &str) -> PgPool {
    let make = format!("CREATE ROLE plain LOGIN PASSWORD 'plain' {may}");
    superuser.execute(AssertSqlSafe(make)).await.unwrap();
    superuser.execute("CREATE DATABASE plain OWNER plain").await.unwrap();
    let options = scratch.pool.connect_options().as_ref().clone();
    let options = options.username("plain").password("plain").database("plain");
    let pool = PgPool::connect_with(options).await.unwrap();
    migrations::migrate(&mut pool.acquire().await.unwrap()).await.unwrap();
    pool
}

#[tokio::test]
async fn a_user_who_may_not_make_roles_is_told_what_to_do() {
    let scratch = Scratch::start().await;
    let mut superuser = superuser(&scratch).await;
    let plain = of_a_plain_user(&scratch, &mut superuser, "").await;
    let mut conn = plain.acquire().await.unwrap();
    let refused = enable(&mut conn).await.unwrap_err().to_string();
    assert!(refused.contains("may not make a role"), "{refused}");
    assert!(refused.contains("GRANT tenon_tenant TO"), "{refused}");
    // What it says helps.
    let made = "CREATE ROLE tenon_tenant NOLOGIN; GRANT tenon_tenant TO plain";
    superuser.execute(made).await.unwrap();
    enable(&mut conn).await.unwrap();
    // And a role that the lock does not hold is none.
    superuser.execute("ALTER ROLE tenon_tenant BYPASSRLS").await.unwrap();
    let refused = enable(&mut conn).await.unwrap_err().to_string();
    assert!(refused.contains("is not held by the lock"), "{refused}");
    drop(conn);
    plain.close().await;
    superuser.close().await.unwrap();
    scratch.stop().await;
}

#[tokio::test]
async fn a_user_who_may_make_roles_makes_it() {
    let scratch = Scratch::start().await;
    let mut superuser = superuser(&scratch).await;
    let plain = of_a_plain_user(&scratch, &mut superuser, "CREATEROLE").await;
    enable(&mut plain.acquire().await.unwrap()).await.unwrap();
    plain.close().await;
    superuser.close().await.unwrap();
    scratch.stop().await;
}
