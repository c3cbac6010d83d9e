//! Who has done what, and whether that is still as it was written.

mod chain;
mod commands;
mod records;

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_tests::{Client, Tenant};
use uuid::Uuid;

fn id(tenant: &Tenant) -> Uuid {
    tenant.id.parse().unwrap()
}

/// Has the records of the last minutes think that they are ten minutes older: old enough for a seal.
async fn settle(conn: &mut PgConnection, tenant: Uuid) {
    sqlx::query(
        "UPDATE audit SET id = (
             lpad(to_hex(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint - 600000),
                  12, '0') || substr(replace(id::text, '-', ''), 13))::uuid
         WHERE tenant_id = $1 AND at > now() - interval '10 minutes' AND id > COALESCE(
             (SELECT up_to FROM audit_seals WHERE tenant_id = $1 ORDER BY n DESC LIMIT 1), $2)",
    )
    .bind(tenant)
    .bind(Uuid::nil())
    .execute(conn)
    .await
    .unwrap();
}

async fn verify(admin: &Client) -> Value {
    admin.post("/audit/verify", json!({})).await.expect(200).body
}

/// The numbers of the seals that do not fit.
fn problems(found: &Value) -> Vec<i64> {
    let problems = found["problems"].as_array().unwrap();
    assert_eq!(found["intact"], problems.is_empty(), "{found:#}");
    problems.iter().map(|it| it["seal"].as_i64().unwrap()).collect()
}

/// All records of a tenant, the newest first, read in pages of that many.
async fn all(admin: &Client, limit: &str, filters: &[(&str, &str)]) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = filters.to_vec();
        query.push(("limit", limit));
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = admin.query("/audit", &query).await.expect(200).body;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit.parse().unwrap(), "{page:#}");
        all.extend(items.iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return all,
        }
    }
}
