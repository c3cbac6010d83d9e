//! Tenants.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantId, breaks};

/// A tenant as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Tenant {
    /// Identifies it.
    pub id: Uuid,
    /// A name for URLs, unique.
    pub name: String,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// When it was last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub modified: OffsetDateTime,
}

impl Tenant {
    /// The id, for the functions of the store.
    #[must_use]
    pub const fn tenant_id(&self) -> TenantId {
        TenantId(self.id)
    }
}

/// The name is that of another tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameTaken;

/// Adds a tenant.
///
/// # Errors
/// The database fails; in the inner result, the name is taken.
pub async fn insert(
    conn: &mut PgConnection,
    tenant: &Tenant,
) -> Result<Result<(), NameTaken>, StoreError> {
    let result =
        sqlx::query("INSERT INTO tenants (id, name, created, modified) VALUES ($1, $2, $3, $4)")
            .bind(tenant.id)
            .bind(&tenant.name)
            .bind(tenant.created)
            .bind(tenant.modified)
            .execute(conn)
            .await;
    name_taken(result.map(|_| ()))
}

/// The tenant with that name or id.
///
/// # Errors
/// The database fails.
pub async fn get(conn: &mut PgConnection, name_or_id: &str) -> Result<Option<Tenant>, StoreError> {
    // PostgreSQL's text has no U+0000, so that no tenant's name has it.
    if name_or_id.contains('\0') {
        return Ok(None);
    }
    let tenant = sqlx::query_as(
        "SELECT id, name, created, modified FROM tenants WHERE name = $1 OR id = $2",
    )
    .bind(name_or_id)
    .bind(id_in_path(name_or_id))
    .fetch_optional(conn)
    .await?;
    Ok(tenant)
}

/// All tenants, by name.
///
/// # Errors
/// The database fails.
pub async fn list(conn: &mut PgConnection) -> Result<Vec<Tenant>, StoreError> {
    let tenants = sqlx::query_as("SELECT id, name, created, modified FROM tenants ORDER BY name")
        .fetch_all(conn)
        .await?;
    Ok(tenants)
}

/// Gives a tenant another name.
///
/// # Errors
/// The database fails; in the inner result, the name is taken.
pub async fn rename(
    conn: &mut PgConnection,
    tenant: TenantId,
    name: &str,
    now: OffsetDateTime,
) -> Result<Result<(), NameTaken>, StoreError> {
    let result = sqlx::query(
        "UPDATE tenants SET name = $2, modified = $3, config_epoch = config_epoch + 1 \
         WHERE id = $1",
    )
    .bind(tenant.0)
    .bind(name)
    .bind(now)
    .execute(conn)
    .await;
    name_taken(result.map(|_| ()))
}

/// Removes a tenant and everything that is its own.
///
/// # Errors
/// The database fails.
pub async fn delete(conn: &mut PgConnection, tenant: TenantId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM tenants WHERE id = $1").bind(tenant.0).execute(conn).await?;
    Ok(())
}

/// Says that the tenant's configuration is about to change, and keeps other changes of it waiting
/// until this transaction ends.
///
/// # Errors
/// The database fails.
pub async fn advance_epoch(conn: &mut PgConnection, tenant: TenantId) -> Result<(), StoreError> {
    sqlx::query("UPDATE tenants SET config_epoch = config_epoch + 1 WHERE id = $1")
        .bind(tenant.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// The id that a path names, in the one form in which ids are given out.
pub(super) fn id_in_path(name_or_id: &str) -> Option<Uuid> {
    Uuid::parse_str(name_or_id).ok().filter(|id| id.to_string() == name_or_id)
}

fn name_taken(result: Result<(), sqlx::Error>) -> Result<Result<(), NameTaken>, StoreError> {
    match result {
        Ok(()) => Ok(Ok(())),
        Err(error) if breaks(&error, "tenants_name_key") => Ok(Err(NameTaken)),
        Err(error) => Err(error.into()),
    }
}
