//! Plugins that say which tenant of a realm a request is for: one for each realm, few rows.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, config_epoch};

/// What is attached to a realm.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RealmResolver {
    /// The realm.
    pub realm_id: Uuid,
    /// Whose plugin it is.
    pub tenant_id: Uuid,
    /// The name of the plugin.
    pub plugin: String,
    /// What it may give at the most.
    pub permissions: Vec<String>,
    /// The names of the headers that it sees, in lower case.
    pub headers: Vec<String>,
    /// When it was attached.
    pub created: OffsetDateTime,
}

/// The one of a realm.
///
/// # Errors
/// The database fails.
pub async fn get(
    conn: &mut PgConnection,
    realm: Uuid,
) -> Result<Option<RealmResolver>, StoreError> {
    let resolver = sqlx::query_as(
        "SELECT realm_id, tenant_id, plugin, permissions, headers, created \
         FROM realm_resolvers WHERE realm_id = $1",
    )
    .bind(realm)
    .fetch_optional(conn)
    .await?;
    Ok(resolver)
}

/// Attaches it in the place of another, within a transaction.
///
/// # Errors
/// The database fails, or the plugin has been removed.
pub async fn put(conn: &mut PgConnection, resolver: &RealmResolver) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO realm_resolvers (realm_id, tenant_id, plugin, permissions, headers, created) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (realm_id) DO UPDATE SET \
             tenant_id = excluded.tenant_id, plugin = excluded.plugin, \
             permissions = excluded.permissions, headers = excluded.headers, \
             created = excluded.created",
    )
    .bind(resolver.realm_id)
    .bind(resolver.tenant_id)
    .bind(&resolver.plugin)
    .bind(&resolver.permissions)
    .bind(&resolver.headers)
    .bind(resolver.created)
    .execute(&mut *conn)
    .await?;
    config_epoch::advance(conn).await
}

/// Detaches the one of a realm, within a transaction; false where there is none.
///
/// # Errors
/// The database fails.
pub async fn delete(conn: &mut PgConnection, realm: Uuid) -> Result<bool, StoreError> {
    let deleted = sqlx::query("DELETE FROM realm_resolvers WHERE realm_id = $1")
        .bind(realm)
        .execute(&mut *conn)
        .await?;
    config_epoch::advance(conn).await?;
    Ok(deleted.rows_affected() > 0)
}
