//! Tenants as requests without a row of their own know them.

use sqlx::PgConnection;
use uuid::Uuid;

use super::super::StoreError;
use super::id_in_path;

/// What a credential that is not the tenant's own row has to know of it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Identity {
    /// Identifies it.
    pub id: Uuid,
    /// A name for URLs.
    pub name: String,
    /// The set of tenants to which it belongs.
    pub realm_id: Option<Uuid>,
    /// The epoch of its configuration.
    pub config_epoch: i64,
}

/// The tenant with that name or id, as requests to it know it.
///
/// # Errors
/// The database fails.
pub async fn identity(
    conn: &mut PgConnection,
    name_or_id: &str,
) -> Result<Option<Identity>, StoreError> {
    if name_or_id.contains('\0') {
        return Ok(None);
    }
    let identity = sqlx::query_as(
        "SELECT id, name, realm_id, config_epoch FROM tenants \
         WHERE (name = $1 OR id = $2) AND removal_step IS NULL",
    )
    .bind(name_or_id)
    .bind(id_in_path(name_or_id))
    .fetch_optional(conn)
    .await?;
    Ok(identity)
}

/// The tenant with that name or id, if anybody is told what its service offers.
///
/// # Errors
/// The database fails.
pub async fn with_public_discovery(
    conn: &mut PgConnection,
    name_or_id: &str,
) -> Result<Option<Identity>, StoreError> {
    if name_or_id.contains('\0') {
        return Ok(None);
    }
    let identity = sqlx::query_as(
        "SELECT id, name, realm_id, config_epoch FROM tenants \
         WHERE (name = $1 OR id = $2) AND removal_step IS NULL AND public_discovery",
    )
    .bind(name_or_id)
    .bind(id_in_path(name_or_id))
    .fetch_optional(conn)
    .await?;
    Ok(identity)
}
