//! Counts the changes to anything that servers remember: the configuration of tenants, credentials.
//!
//! A change advances it in its transaction, last of all where it can: the row is one for all tenants.
//! What is new (a tenant, a token) advances nothing, since nobody remembers anything of it.

use sqlx::PgConnection;
use uuid::Uuid;

use super::lanes::{Lanes, Read};
use super::{StoreError, TenantId};

/// Says that something has changed.
///
/// # Errors
/// The database fails.
pub async fn advance(conn: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE config_epoch SET n = n + 1").execute(conn).await?;
    Ok(())
}

/// The statement for [`delete`] from a table of credentials.
macro_rules! deleting {
    ($table:literal) => {
        concat!(
            "WITH deleted AS (DELETE FROM ",
            $table,
            " WHERE tenant_id = $1 AND id = $2 RETURNING id) \
             UPDATE config_epoch SET n = n + 1 WHERE EXISTS (SELECT FROM deleted)"
        )
    };
}

pub(super) use deleting;

/// Deletes a credential of a tenant, and says so; false where there is none of that id.
///
/// # Errors
/// The database fails.
pub(super) async fn delete(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: Uuid,
    deleting: &'static str,
) -> Result<bool, StoreError> {
    let advanced = sqlx::query(deleting).bind(tenant.0).bind(id).execute(conn).await?;
    Ok(advanced.rows_affected() > 0)
}

/// How often something has changed.
///
/// # Errors
/// The database fails.
pub async fn current(lanes: &Lanes) -> Result<i64, StoreError> {
    const CURRENT: Read = Read { sql: "SELECT n FROM config_epoch", arguments: &[] };
    let row = lanes.row(&CURRENT, &[]).await?;
    Ok(row.map_or(Ok(0), |row| row.try_get("n"))?)
}
