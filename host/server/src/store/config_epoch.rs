//! Counts the changes to anything that servers remember: the configuration of tenants, credentials.
//!
//! A change advances it in its transaction, last of all where it can: the row is one for all tenants.
//! What is new (a tenant, a token) advances nothing, since nobody remembers anything of it.

use sqlx::PgConnection;

use super::StoreError;
use super::lanes::{Lanes, Read};

/// Says that something has changed.
///
/// # Errors
/// The database fails.
pub async fn advance(conn: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE config_epoch SET n = n + 1").execute(conn).await?;
    Ok(())
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
