//! Resources of a parent that a child cannot have: it has their id, or a value that only one may have.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::{StoreError, TenantId};

/// A resource that could not be copied.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Conflict {
    /// The resource of the parent.
    pub resource_id: Uuid,
    /// The name of its type.
    #[sqlx(rename = "type")]
    pub resource_type: String,
    /// The path of the attribute whose value another resource has; or `id`.
    pub attr: String,
    /// Since when.
    pub since: OffsetDateTime,
}

/// Keeps that resources could not be copied.
///
/// # Errors
/// The database fails.
pub async fn put(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
    conflicts: &[Conflict],
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO share_conflicts (tenant_id, parent_id, resource_id, type, attr, since, tried) \
         SELECT $1, $2, new.id, new.type, new.attr, $6, $6 \
         FROM unnest($3::uuid[], $4::text[], $5::text[]) AS new (id, type, attr) \
         ON CONFLICT (tenant_id, parent_id, resource_id) DO UPDATE SET \
             type = excluded.type, attr = excluded.attr, tried = excluded.tried",
    )
    .bind(tenant.0)
    .bind(parent.0)
    .bind(conflicts.iter().map(|it| it.resource_id).collect::<Vec<_>>())
    .bind(conflicts.iter().map(|it| it.resource_type.as_str()).collect::<Vec<_>>())
    .bind(conflicts.iter().map(|it| it.attr.as_str()).collect::<Vec<_>>())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets conflicts of resources that are copied now, or gone.
///
/// # Errors
/// The database fails.
pub async fn delete(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
    ids: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM share_conflicts AS held USING ( \
             SELECT $1::uuid AS tenant_id, $2::uuid AS parent_id, id \
             FROM unnest($3::uuid[]) AS old (id) OFFSET 0) AS old \
         WHERE held.tenant_id = old.tenant_id AND held.parent_id = old.parent_id \
           AND held.resource_id = old.id",
    )
    .bind(tenant.0)
    .bind(parent.0)
    .bind(ids)
    .execute(conn)
    .await?;
    Ok(())
}

/// Those that were not tried since an instant, the longest ago first.
///
/// # Errors
/// The database fails.
pub async fn not_tried_since(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
    since: OffsetDateTime,
    limit: i64,
) -> Result<Vec<Uuid>, StoreError> {
    let ids = sqlx::query_scalar(
        "SELECT resource_id FROM share_conflicts \
         WHERE tenant_id = $1 AND parent_id = $2 AND tried < $3 ORDER BY tried LIMIT $4",
    )
    .bind(tenant.0)
    .bind(parent.0)
    .bind(since)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(ids)
}

/// The first ones, and how many there are.
///
/// # Errors
/// The database fails.
pub async fn list(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
    limit: i64,
) -> Result<(Vec<Conflict>, i64), StoreError> {
    let first = sqlx::query_as(
        "SELECT resource_id, type, attr, since FROM share_conflicts \
         WHERE tenant_id = $1 AND parent_id = $2 ORDER BY resource_id LIMIT $3",
    )
    .bind(tenant.0)
    .bind(parent.0)
    .bind(limit)
    .fetch_all(&mut *conn)
    .await?;
    let total = sqlx::query_scalar(
        "SELECT count(*) FROM share_conflicts WHERE tenant_id = $1 AND parent_id = $2",
    )
    .bind(tenant.0)
    .bind(parent.0)
    .fetch_one(conn)
    .await?;
    Ok((first, total))
}
