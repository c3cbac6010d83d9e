//! What has happened, for those who are told of it later. Every write adds its event in its own
//! statement (`writes`, `members`).

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{StoreError, TenantId};

/// When the oldest event of a tenant was made that is kept.
///
/// # Errors
/// The database fails.
pub async fn oldest(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let oldest = sqlx::query_scalar(
        "SELECT created FROM outbox WHERE tenant_id = $1 ORDER BY tenant_id, id LIMIT 1",
    )
    .bind(tenant.0)
    .fetch_optional(conn)
    .await?;
    Ok(oldest)
}
