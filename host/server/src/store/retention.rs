//! Removes what has been kept for long enough, in batches. Rows that another server is removing are
//! left to it.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::page::first_id_at;
use super::{StoreError, TenantId};

/// All tenants, in order.
///
/// # Errors
/// The database fails.
pub async fn tenants(conn: &mut PgConnection) -> Result<Vec<TenantId>, StoreError> {
    let ids: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM tenants ORDER BY id").fetch_all(conn).await?;
    Ok(ids.into_iter().map(TenantId).collect())
}

/// What grows with time in the tables of a tenant's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grows {
    /// Events.
    Events,
    /// Calls of plugins that were recorded.
    RecordedCalls,
    /// The log of requests.
    Requests,
}

/// Removes a tenant's rows from before an instant, `limit` of them at the most, and tells how many.
///
/// # Errors
/// The database fails.
pub async fn delete_before(
    conn: &mut PgConnection,
    tenant: TenantId,
    what: Grows,
    before: OffsetDateTime,
    limit: i64,
) -> Result<u64, StoreError> {
    let statement = match what {
        Grows::Events => {
            "DELETE FROM outbox WHERE tenant_id = $1 AND id IN \
             (SELECT id FROM outbox WHERE tenant_id = $1 AND id < $2 \
              ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)"
        }
        Grows::RecordedCalls => {
            "DELETE FROM recorded_calls WHERE tenant_id = $1 AND (plugin, id) IN \
             (SELECT plugin, id FROM recorded_calls WHERE tenant_id = $1 AND id < $2 \
              ORDER BY plugin, id LIMIT $3 FOR UPDATE SKIP LOCKED)"
        }
        Grows::Requests => {
            "DELETE FROM requests WHERE tenant_id = $1 AND id IN \
             (SELECT id FROM requests WHERE tenant_id = $1 AND id < $2 \
              ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)"
        }
    };
    let deleted = sqlx::query(statement)
        .bind(tenant.0)
        .bind(first_id_at(before))
        .bind(limit)
        .execute(conn)
        .await?;
    Ok(deleted.rows_affected())
}

/// The plugins of a tenant by name.
///
/// # Errors
/// The database fails.
pub async fn plugins(conn: &mut PgConnection, tenant: TenantId) -> Result<Vec<String>, StoreError> {
    let names = sqlx::query_scalar("SELECT name FROM plugins WHERE tenant_id = $1")
        .bind(tenant.0)
        .fetch_all(conn)
        .await?;
    Ok(names)
}

/// Removes deliveries of events from before an instant, `limit` of them at the most, and tells how many.
/// Those that are parked for one of these plugins stay.
///
/// # Errors
/// The database fails.
pub async fn delete_deliveries(
    conn: &mut PgConnection,
    tenant: TenantId,
    parking: &[String],
    before: OffsetDateTime,
    limit: i64,
) -> Result<u64, StoreError> {
    let deleted = sqlx::query(
        "DELETE FROM deliveries WHERE tenant_id = $1 AND (plugin, event) IN \
         (SELECT plugin, event FROM deliveries WHERE tenant_id = $1 AND event < $2 \
            AND (due IS NOT NULL OR NOT plugin = ANY($3)) \
          ORDER BY plugin, event LIMIT $4 FOR UPDATE SKIP LOCKED)",
    )
    .bind(tenant.0)
    .bind(first_id_at(before))
    .bind(parking)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}

/// Removes idempotency keys from before an instant, `limit` of them at the most, and tells how many.
///
/// # Errors
/// The database fails.
pub async fn delete_idempotency_keys(
    conn: &mut PgConnection,
    before: OffsetDateTime,
    limit: i64,
) -> Result<u64, StoreError> {
    let deleted = sqlx::query(
        "DELETE FROM idempotency_keys WHERE (tenant_id, key) IN \
         (SELECT tenant_id, key FROM idempotency_keys WHERE created < $1 \
          ORDER BY created LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind(before)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}
