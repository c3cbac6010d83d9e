//! Realms: sets of tenants, each reached through the entry points that are bound to the set.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::page::{InOrder, Part};
use super::tenants::{NameTaken, id_in_path};
use super::{StoreError, TenantId, breaks, config_epoch};

/// A realm as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Realm {
    /// Identifies it.
    pub id: Uuid,
    /// The operator's name for it, unique.
    pub name: String,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// When it was last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub modified: OffsetDateTime,
}

/// Tenants or issuers belong to the realm, or entry points lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse;

/// Adds a realm.
///
/// # Errors
/// The database fails; in the inner result, the name is taken.
pub async fn insert(
    conn: &mut PgConnection,
    realm: &Realm,
) -> Result<Result<(), NameTaken>, StoreError> {
    let inserted =
        sqlx::query("INSERT INTO realms (id, name, created, modified) VALUES ($1, $2, $3, $4)")
            .bind(realm.id)
            .bind(&realm.name)
            .bind(realm.created)
            .bind(realm.modified)
            .execute(conn)
            .await;
    match inserted {
        Ok(_) => Ok(Ok(())),
        Err(error) if breaks(&error, "realms_name_key") => Ok(Err(NameTaken)),
        Err(error) => Err(error.into()),
    }
}

/// The realm with that name or id.
///
/// # Errors
/// The database fails.
pub async fn get(conn: &mut PgConnection, name_or_id: &str) -> Result<Option<Realm>, StoreError> {
    if name_or_id.contains('\0') {
        return Ok(None);
    }
    let realm =
        sqlx::query_as("SELECT id, name, created, modified FROM realms WHERE name = $1 OR id = $2")
            .bind(name_or_id)
            .bind(id_in_path(name_or_id))
            .fetch_optional(conn)
            .await?;
    Ok(realm)
}

/// Realms, by name.
///
/// # Errors
/// The database fails.
pub async fn page(
    conn: &mut PgConnection,
    part: &Part<String>,
) -> Result<InOrder<Realm>, StoreError> {
    let realms = sqlx::query_as(
        "SELECT id, name, created, modified FROM realms WHERE name > $1 ORDER BY name LIMIT $2",
    )
    .bind(part.after.as_deref().unwrap_or_default())
    .bind(part.rows())
    .fetch_all(conn)
    .await?;
    Ok(part.of(realms))
}

/// Keeps a realm from being deleted until this transaction ends; false where it is gone.
///
/// # Errors
/// The database fails.
pub async fn hold(conn: &mut PgConnection, realm: Uuid) -> Result<bool, StoreError> {
    let held = sqlx::query("SELECT FROM realms WHERE id = $1 FOR KEY SHARE")
        .bind(realm)
        .fetch_optional(conn)
        .await?;
    Ok(held.is_some())
}

/// Removes a realm that nothing belongs to, within a transaction.
///
/// # Errors
/// The database fails; in the inner result, something belongs to it.
pub async fn delete(conn: &mut PgConnection, realm: Uuid) -> Result<Result<(), InUse>, StoreError> {
    // Those who put something into it hold it.
    sqlx::query("SELECT FROM realms WHERE id = $1 FOR UPDATE")
        .bind(realm)
        .execute(&mut *conn)
        .await?;
    let deleted = sqlx::query(
        "DELETE FROM realms WHERE id = $1 \
         AND NOT EXISTS (SELECT FROM tenants WHERE realm_id = $1) \
         AND NOT EXISTS (SELECT FROM entry_points WHERE realm_id = $1) \
         AND NOT EXISTS (SELECT FROM operator_issuers WHERE realm_id = $1)",
    )
    .bind(realm)
    .execute(&mut *conn)
    .await?;
    if deleted.rows_affected() == 0 {
        return Ok(Err(InUse));
    }
    sqlx::query("DELETE FROM realm_resolvers WHERE realm_id = $1")
        .bind(realm)
        .execute(conn)
        .await?;
    Ok(Ok(()))
}

/// Puts a tenant into a realm, or into that of all that belong to no other; within a transaction.
///
/// # Errors
/// The database fails.
pub async fn set(
    conn: &mut PgConnection,
    tenant: TenantId,
    realm: Option<Uuid>,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE tenants SET realm_id = $2 WHERE id = $1")
        .bind(tenant.0)
        .bind(realm)
        .execute(&mut *conn)
        .await?;
    config_epoch::advance(conn).await
}
