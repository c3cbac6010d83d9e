//! Clients of a tenant that are given access tokens. Secrets are here as hashes only.

use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::credentials::{StoredSecrets, Usage};
use super::page::{InOrder, Part};
use super::tokens::StoredGrants;
use super::{StoreError, TenantId, config_epoch};

/// A client as it is shown: without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct OAuthClient {
    /// Identifies it.
    pub id: Uuid,
    /// A name for people.
    pub name: String,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// The most that its tokens are allowed.
    #[serde(flatten)]
    #[sqlx(try_from = "String")]
    pub grants: StoredGrants,
    /// What is known of its use.
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub usage: Usage,
}

/// What it takes to decide about a request of a client.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ClientCredential {
    /// The tenant's name.
    pub tenant_name: String,
    /// The set of tenants to which it belongs.
    pub realm_id: Option<Uuid>,
    /// The tenant's configuration epoch.
    pub config_epoch: i64,
    /// Whether the operator has suspended the tenant.
    pub is_suspended: bool,
    /// What is accepted as its secret.
    #[sqlx(flatten)]
    pub secrets: StoredSecrets,
    /// The most that its tokens are allowed.
    #[sqlx(try_from = "String")]
    pub grants: StoredGrants,
}

/// The columns of an [`OAuthClient`].
macro_rules! columns {
    () => {
        "id, name, created, grants, last_used, last_address, previous_until"
    };
}

/// Adds a client.
///
/// # Errors
/// The database fails.
pub async fn insert(
    conn: &mut PgConnection,
    tenant: TenantId,
    client: &OAuthClient,
    secret_hash: &[u8],
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO clients (tenant_id, id, name, secret_hash, grants, created) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(tenant.0)
    .bind(client.id)
    .bind(&client.name)
    .bind(secret_hash)
    .bind(json!(client.grants).to_string())
    .bind(client.created)
    .execute(conn)
    .await?;
    Ok(())
}

/// A tenant's clients, the oldest first.
///
/// # Errors
/// The database fails.
pub async fn page(
    conn: &mut PgConnection,
    tenant: TenantId,
    part: &Part<Uuid>,
) -> Result<InOrder<OAuthClient>, StoreError> {
    let clients = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM clients WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3"
    ))
    .bind(tenant.0)
    .bind(part.after.unwrap_or_default())
    .bind(part.rows())
    .fetch_all(conn)
    .await?;
    Ok(part.of(clients))
}

/// A client that is about to be changed: others who change it wait until this transaction ends.
///
/// # Errors
/// The database fails.
pub async fn lock(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: Uuid,
) -> Result<Option<OAuthClient>, StoreError> {
    let client = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM clients WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"
    ))
    .bind(tenant.0)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(client)
}

/// Whether the tenant has a client.
///
/// # Errors
/// The database fails.
pub async fn exist(conn: &mut PgConnection, tenant: TenantId) -> Result<bool, StoreError> {
    let exist = sqlx::query_scalar("SELECT EXISTS (SELECT FROM clients WHERE tenant_id = $1)")
        .bind(tenant.0)
        .fetch_one(conn)
        .await?;
    Ok(exist)
}

/// Removes a client, and with it its tokens; false where there is none of that id.
///
/// # Errors
/// The database fails.
pub async fn delete(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: Uuid,
) -> Result<bool, StoreError> {
    config_epoch::delete(conn, tenant, id, config_epoch::deleting!("clients")).await
}

/// The client of that id, with its tenant.
///
/// # Errors
/// The database fails.
pub async fn credential(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: Uuid,
) -> Result<Option<ClientCredential>, StoreError> {
    let credential = sqlx::query_as(
        "SELECT t.name AS tenant_name, t.realm_id, t.config_epoch, c.secret_hash, c.previous_hash, \
                c.previous_until, c.grants, t.suspended IS NOT NULL AS is_suspended \
         FROM clients c JOIN tenants t ON t.id = c.tenant_id \
         WHERE c.tenant_id = $1 AND c.id = $2 AND t.removal_step IS NULL",
    )
    .bind(tenant.0)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(credential)
}
