//! Removes what has been kept for long enough, in batches. Rows that another server is removing are
//! left to it.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::{Builder, Uuid};

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

/// Removes a tenant's events from before an instant, `limit` of them at the most, and tells how many.
///
/// # Errors
/// The database fails.
pub async fn delete_events(
    conn: &mut PgConnection,
    tenant: TenantId,
    before: OffsetDateTime,
    limit: i64,
) -> Result<u64, StoreError> {
    let deleted = sqlx::query(
        "DELETE FROM outbox WHERE tenant_id = $1 AND id IN \
         (SELECT id FROM outbox WHERE tenant_id = $1 AND id < $2 \
          ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)",
    )
    .bind(tenant.0)
    .bind(first_id_at(before))
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}

/// Removes requests from before an instant from a tenant's log, `limit` of them at the most, and tells how
/// many.
///
/// # Errors
/// The database fails.
pub async fn delete_requests(
    conn: &mut PgConnection,
    tenant: TenantId,
    before: OffsetDateTime,
    limit: i64,
) -> Result<u64, StoreError> {
    let deleted = sqlx::query(
        "DELETE FROM requests WHERE tenant_id = $1 AND id IN \
         (SELECT id FROM requests WHERE tenant_id = $1 AND id < $2 \
          ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)",
    )
    .bind(tenant.0)
    .bind(first_id_at(before))
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

/// The smallest version 7 UUID of an instant: the ids of events and records tell when they were made.
#[must_use]
pub fn first_id_at(instant: OffsetDateTime) -> Uuid {
    let milliseconds = instant.unix_timestamp_nanos() / 1_000_000;
    let milliseconds = u64::try_from(milliseconds).unwrap_or(0);
    Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn ids_before_an_instant_are_smaller_than_its_first() {
        let at = |milliseconds| datetime!(2026-01-01 00:00 UTC) + milliseconds;
        let last = |instant: OffsetDateTime| {
            let milliseconds = u64::try_from(instant.unix_timestamp_nanos() / 1_000_000).unwrap();
            Builder::from_unix_timestamp_millis(milliseconds, &[0xff; 10]).into_uuid()
        };
        let (before, now) = (at(time::Duration::ZERO), at(time::Duration::MILLISECOND));
        assert!(last(before) < first_id_at(now) && first_id_at(now) < last(now));
    }
}
