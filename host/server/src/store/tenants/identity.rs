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
    /// What the operator's other systems call it.
    pub external_key: Option<String>,
    /// The set of tenants to which it belongs.
    pub realm_id: Option<Uuid>,
    /// The epoch of its configuration.
    pub config_epoch: i64,
}

/// Those of the tenants that meet the condition, as an [`Identity`] each.
macro_rules! selected {
    ($condition:literal) => {
        concat!("SELECT id, name, external_key, realm_id, config_epoch FROM tenants ", $condition)
    };
}

impl Identity {
    /// Whether it is the tenant's name, id or external key.
    #[must_use]
    pub fn is_called(&self, text: &str) -> bool {
        text == self.name
            || self.external_key.as_deref() == Some(text)
            || text == self.id.to_string()
    }
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
    let identity =
        sqlx::query_as(selected!("WHERE (name = $1 OR id = $2) AND removal_step IS NULL"))
            .bind(name_or_id)
            .bind(id_in_path(name_or_id))
            .fetch_optional(conn)
            .await?;
    Ok(identity)
}

/// The tenants with one of these names, ids or external keys.
///
/// # Errors
/// The database fails.
pub async fn identities(
    conn: &mut PgConnection,
    names: &[&str],
) -> Result<Vec<Identity>, StoreError> {
    let names: Vec<&str> = names.iter().copied().filter(|it| !it.contains('\0')).collect();
    let ids: Vec<Uuid> = names.iter().filter_map(|it| id_in_path(it)).collect();
    let identities = sqlx::query_as(selected!(
        "WHERE (name = ANY($1) OR external_key = ANY($1) OR id = ANY($2)) \
           AND removal_step IS NULL"
    ))
    .bind(&names)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(identities)
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
    let identity = sqlx::query_as(selected!(
        "WHERE (name = $1 OR id = $2) AND removal_step IS NULL AND public_discovery"
    ))
    .bind(name_or_id)
    .bind(id_in_path(name_or_id))
    .fetch_optional(conn)
    .await?;
    Ok(identity)
}
