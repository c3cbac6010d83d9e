//! Tenants by where their data is.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::{StoreError, TenantId};

/// The tenants whose data is in tables of their own, a schema's or a database's, in order; those that are being
/// removed too.
///
/// # Errors
/// The database fails.
pub async fn with_own_tables(conn: &mut PgConnection) -> Result<Vec<TenantId>, StoreError> {
    let ids: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM tenants WHERE placement <> 'shared' ORDER BY id")
            .fetch_all(conn)
            .await?;
    Ok(ids.into_iter().map(TenantId).collect())
}

/// The tenants with a schema of their own, in order; those that are being removed too.
///
/// # Errors
/// The database fails.
pub async fn with_schema(conn: &mut PgConnection) -> Result<Vec<TenantId>, StoreError> {
    let ids: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM tenants WHERE placement = 'schema' ORDER BY id")
            .fetch_all(conn)
            .await?;
    Ok(ids.into_iter().map(TenantId).collect())
}
