//! What a write leaves behind, looked at in the database itself.

mod idempotency;
mod keys;
mod limits;
mod record;
mod stored;
pub(crate) mod tenants;

use sqlx::PgConnection;
use tenon_tests::Tenant;
use uuid::Uuid;

/// A connection to the database of a server.
fn id(tenant: &Tenant) -> Uuid {
    tenant.id.parse().unwrap()
}

/// How many rows of a tenant a table has.
async fn count(conn: &mut PgConnection, table: &'static str, tenant: Uuid) -> i64 {
    let count = format!("SELECT count(*) FROM {table} WHERE tenant_id = $1");
    sqlx::query_scalar(sqlx::AssertSqlSafe(count)).bind(tenant).fetch_one(conn).await.unwrap()
}
