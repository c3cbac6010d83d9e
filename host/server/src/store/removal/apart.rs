//! What a tenant has in databases of its own.

use sqlx::PgConnection;

use super::{IN_ORDER, delete_data};
use crate::store::{Database, StoreError, TenantId, own_databases};

/// Deletes up to `limit` rows of each table of what a tenant has in databases of its own, or had on its way
/// there, and tells whether nothing is left in any.
///
/// # Errors
/// One of them fails, or is away; it is tried again.
pub async fn empty_own_databases(
    database: &Database,
    tenant: TenantId,
    limit: i64,
) -> Result<bool, StoreError> {
    let own = own_databases::list(&mut *database.read().await?, tenant).await?;
    for id in own {
        let mut there = database.own_of(tenant, id).await?.begin().await?;
        let is_empty = delete_apart(&mut there, tenant, limit).await?;
        there.commit().await?;
        if !is_empty {
            return Ok(false);
        }
        let mut conn = database.autocommit().await?;
        let forgotten = own_databases::forget(&mut conn, tenant, id).await;
        conn.finish(forgotten).await?;
    }
    Ok(true)
}

/// Deletes what a tenant has in a database of its own, up to `limit` rows of each table, there; tells whether
/// nothing is left, and its row is gone.
///
/// # Errors
/// The database fails.
pub(in crate::store) async fn delete_apart(
    conn: &mut PgConnection,
    tenant: TenantId,
    limit: i64,
) -> Result<bool, StoreError> {
    if !delete_data(conn, tenant, limit).await? {
        return Ok(false);
    }
    // Who writes meanwhile holds the row; nobody does when it is gone.
    own_databases::hold(conn, tenant).await?;
    for statement in IN_ORDER {
        sqlx::query(statement).bind(tenant.0).execute(&mut *conn).await?;
    }
    Ok(true)
}
