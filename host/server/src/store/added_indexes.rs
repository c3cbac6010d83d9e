//! Attributes that a tenant's administrator wants indexed, beside those that schemas declare.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{StoreError, TenantId};

/// A wish. What it names need not be there at present: it may be of a plugin that is not active.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AddedIndex {
    /// The name of the type.
    #[sqlx(rename = "type")]
    pub resource_type: String,
    /// The path of the attribute.
    pub attr: String,
    /// Whether parts of values are searched for.
    pub substrings: bool,
}

/// A tenant's wishes, by type and attribute.
///
/// # Errors
/// The database fails.
pub async fn list(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<Vec<AddedIndex>, StoreError> {
    let added = sqlx::query_as(
        "SELECT type, attr, substrings FROM added_indexes WHERE tenant_id = $1 ORDER BY type, attr",
    )
    .bind(tenant.0)
    .fetch_all(conn)
    .await?;
    Ok(added)
}

/// Keeps a wish, in the place of one for the same attribute.
///
/// # Errors
/// The database fails.
pub async fn put(
    conn: &mut PgConnection,
    tenant: TenantId,
    added: &AddedIndex,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO added_indexes (tenant_id, type, attr, substrings, created) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (tenant_id, type, attr) DO UPDATE SET substrings = EXCLUDED.substrings",
    )
    .bind(tenant.0)
    .bind(&added.resource_type)
    .bind(&added.attr)
    .bind(added.substrings)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives up a wish; false where there is none.
///
/// # Errors
/// The database fails.
pub async fn delete(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
    attr: &str,
) -> Result<bool, StoreError> {
    let deleted =
        sqlx::query("DELETE FROM added_indexes WHERE tenant_id = $1 AND type = $2 AND attr = $3")
            .bind(tenant.0)
            .bind(resource_type)
            .bind(attr)
            .execute(conn)
            .await?;
    Ok(deleted.rows_affected() > 0)
}
