//! Tenants whose credentials are refused for a while.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{StoreError, TenantId, config_epoch};

/// Suspends a tenant, or lets its credentials in again; false where that is so already.
///
/// # Errors
/// The database fails.
pub async fn set(
    conn: &mut PgConnection,
    tenant: TenantId,
    suspended: bool,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let changed = sqlx::query(
        "UPDATE tenants SET suspended = CASE WHEN $2 THEN $3 END, modified = $3, \
                            config_epoch = config_epoch + 1 \
         WHERE id = $1 AND (suspended IS NOT NULL) <> $2",
    )
    .bind(tenant.0)
    .bind(suspended)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    if changed.rows_affected() == 0 {
        return Ok(false);
    }
    config_epoch::advance(conn).await?;
    Ok(true)
}
