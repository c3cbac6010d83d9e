//! The seals of the audit log: each stands for the records since the one before it.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantId};

/// A seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seal {
    /// 1, 2, 3 …
    pub n: i64,
    /// The last of its records.
    pub up_to: Uuid,
    /// How many there are.
    pub records: i64,
    /// SHA-256, in hexadecimal digits.
    pub hash: String,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub sealed: OffsetDateTime,
}

/// Adds a seal; false where another server was faster.
///
/// # Errors
/// The database fails.
pub async fn insert(
    conn: &mut PgConnection,
    tenant: TenantId,
    seal: &Seal,
) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO audit_seals (tenant_id, n, up_to, records, hash, sealed) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(tenant.0)
    .bind(seal.n)
    .bind(seal.up_to)
    .bind(seal.records)
    .bind(&seal.hash)
    .bind(seal.sealed)
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() > 0)
}

/// The last seal.
///
/// # Errors
/// The database fails.
pub async fn last(conn: &mut PgConnection, tenant: TenantId) -> Result<Option<Seal>, StoreError> {
    let last = sqlx::query_as(
        "SELECT n, up_to, records, hash, sealed FROM audit_seals WHERE tenant_id = $1 \
         ORDER BY n DESC LIMIT 1",
    )
    .bind(tenant.0)
    .fetch_optional(conn)
    .await?;
    Ok(last)
}

/// The seal with that number.
///
/// # Errors
/// The database fails.
pub async fn get(
    conn: &mut PgConnection,
    tenant: TenantId,
    n: i64,
) -> Result<Option<Seal>, StoreError> {
    let seal = sqlx::query_as(
        "SELECT n, up_to, records, hash, sealed FROM audit_seals WHERE tenant_id = $1 AND n = $2",
    )
    .bind(tenant.0)
    .bind(n)
    .fetch_optional(conn)
    .await?;
    Ok(seal)
}

/// The last seal whose records were removed.
///
/// # Errors
/// The database fails.
pub async fn last_removed(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<Option<Seal>, StoreError> {
    let seal = sqlx::query_as(
        "SELECT n, up_to, records, hash, sealed FROM audit_seals \
         WHERE tenant_id = $1 AND removed IS NOT NULL ORDER BY n DESC LIMIT 1",
    )
    .bind(tenant.0)
    .fetch_optional(conn)
    .await?;
    Ok(seal)
}

/// Seals in their order, after one, `limit` of them at the most.
///
/// # Errors
/// The database fails.
pub async fn after(
    conn: &mut PgConnection,
    tenant: TenantId,
    n: i64,
    limit: i64,
) -> Result<Vec<Seal>, StoreError> {
    let seals = sqlx::query_as(
        "SELECT n, up_to, records, hash, sealed FROM audit_seals \
         WHERE tenant_id = $1 AND n > $2 ORDER BY n LIMIT $3",
    )
    .bind(tenant.0)
    .bind(n)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(seals)
}

/// Says of the first seal that has its records, where it was made before an instant, that they are
/// removed, and tells up to which; `None` where there is none. Who asks removes them in this transaction.
///
/// # Errors
/// The database fails.
pub async fn give_up(
    conn: &mut PgConnection,
    tenant: TenantId,
    before: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<Option<Uuid>, StoreError> {
    let removed = last_removed(conn, tenant).await?.map_or(0, |seal| seal.n);
    let up_to = sqlx::query_scalar(
        "UPDATE audit_seals SET removed = $3 \
         WHERE tenant_id = $1 AND n = $4 AND sealed < $2 AND removed IS NULL RETURNING up_to",
    )
    .bind(tenant.0)
    .bind(before)
    .bind(now)
    .bind(removed + 1)
    .fetch_optional(conn)
    .await?;
    Ok(up_to)
}

/// Tenants that have records before an id which no seal stands for, after a tenant, in order; of those
/// whose records are in the table that tenants share.
///
/// # Errors
/// The database fails.
pub async fn due(
    conn: &mut PgConnection,
    after: TenantId,
    before: Uuid,
    limit: i64,
) -> Result<Vec<TenantId>, StoreError> {
    let due: Vec<Uuid> = sqlx::query_scalar(
        "SELECT t.id FROM tenants t \
         WHERE t.id > $1 AND t.removal_step IS NULL AND t.placement = 'shared' AND EXISTS ( \
             SELECT FROM audit a WHERE a.tenant_id = t.id AND a.id < $2 AND a.id > COALESCE( \
                 (SELECT up_to FROM audit_seals s WHERE s.tenant_id = t.id ORDER BY n DESC LIMIT 1), \
                 '00000000-0000-0000-0000-000000000000')) \
         ORDER BY t.id LIMIT $3",
    )
    .bind(after.0)
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(due.into_iter().map(TenantId).collect())
}
