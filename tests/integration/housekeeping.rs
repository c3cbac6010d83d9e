//! What is old goes, and nothing else.

use sqlx::PgConnection;
use tenon_tests::{Options, Server, Tenant, new_data_dir, user};

/// A row of the outbox and an idempotency key, of so many days ago.
const OLD: &str = "
    WITH event AS (
        INSERT INTO outbox (tenant_id, id, type, resource_id, version, operation, request_id, created)
        SELECT $1::text::uuid,
               (lpad(to_hex((extract(epoch FROM now() - d * interval '1 day') * 1000)::bigint), 12, '0')
                || '7' || lpad(to_hex(d), 3, '0') || '8' || lpad(to_hex(n), 15, '0'))::uuid,
               'User', $1::text::uuid, 1, 'create', 'r', now() - d * interval '1 day'
        FROM unnest($2::int[]) AS d CROSS JOIN generate_series(1, 1500) AS n)
    INSERT INTO idempotency_keys (tenant_id, key, fingerprint, created)
    SELECT $1::text::uuid, 'k' || d, '', now() - d * interval '1 day' FROM unnest($2::int[]) AS d";

async fn ages(conn: &mut PgConnection, tenant: &Tenant, table: &str) -> Vec<i32> {
    let text = format!(
        "SELECT DISTINCT extract(day FROM now() - created)::int AS age FROM {table} \
         WHERE tenant_id = $1::text::uuid ORDER BY age"
    );
    sqlx::query_scalar(sqlx::AssertSqlSafe(text)).bind(&tenant.id).fetch_all(conn).await.unwrap()
}

#[tokio::test]
async fn events_and_idempotency_keys_go_after_their_time() {
    let dir = new_data_dir();
    let over = |retention: &str| {
        let retention = ("TENON_OUTBOX_RETENTION".to_owned(), retention.to_owned());
        let data_dir = Some(dir.path().to_owned());
        Server::start(Options { data_dir, environment: vec![retention], ..Options::default() })
    };
    let mut first = over("30d");
    let acme = first.tenant("acme").await;
    acme.create("/Users", user("a")).await;
    let mut conn = first.database().await;
    sqlx::query(OLD).bind(&acme.id).bind([2, 5, 9]).execute(&mut conn).await.unwrap();
    first.stop();

    let second = over("4d");
    let line = second.log.wait_for("the line of the housekeeping", |line| {
        line["message"] == "what was old has been removed"
    });
    assert_eq!(
        (line["events"].as_u64(), line["idempotency_keys"].as_u64()),
        (Some(3_000), Some(3))
    );
    let mut conn = second.database().await;
    let left = ages(&mut conn, &acme, "outbox").await;
    assert!(!left.contains(&5) && left.contains(&2), "{left:?}");
    assert!(ages(&mut conn, &acme, "idempotency_keys").await.is_empty());
}
