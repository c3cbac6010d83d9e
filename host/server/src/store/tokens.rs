//! Tokens: of tenants, and the operator's. Secrets are here as hashes only.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::credentials::{StoredSecrets, Usage};
use super::page::{InOrder, Part};
use super::{StoreError, TenantId, breaks, config_epoch};

/// A token as it is shown: without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Token {
    /// Identifies it.
    pub id: Uuid,
    /// A name for people.
    pub name: String,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// When it stops to be accepted; never, where there is none.
    #[serde(rename = "expiresAt", with = "time::serde::rfc3339::option")]
    pub expires: Option<OffsetDateTime>,
    /// The user that it speaks for, if one.
    #[serde(rename = "userId")]
    pub user_id: Option<Uuid>,
    /// What it may do.
    #[serde(flatten)]
    #[sqlx(try_from = "String")]
    pub grants: StoredGrants,
    /// What is known of its use.
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub usage: Usage,
    /// The SHA-256 of the certificate that it is, in hexadecimal digits; none of one with a secret.
    #[serde(rename = "certificateSha256", skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// The certificate is a credential of the tenant already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateTaken;

/// A certificate that is a credential of a tenant.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Certificate {
    /// Identifies it.
    pub id: Uuid,
    /// When it stops to be accepted.
    pub expires: Option<OffsetDateTime>,
    /// The user that it speaks for, if one.
    pub user_id: Option<Uuid>,
    /// What it may do.
    #[sqlx(try_from = "String")]
    pub grants: StoredGrants,
}

/// What a credential may do, by the names of permissions, and what it may not see: a JSON object. What
/// a newer server has added to it is not read as if it were not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredGrants {
    /// Names of permissions.
    pub permissions: Vec<String>,
    /// Paths of attributes that it may not read.
    pub hidden: Vec<String>,
}

impl TryFrom<String> for StoredGrants {
    type Error = serde_json::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        serde_json::from_str(&text)
    }
}

/// What it takes to decide about a request that shows a token.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Credential {
    /// The tenant's name.
    pub tenant_name: String,
    /// The set of tenants to which it belongs.
    pub realm_id: Option<Uuid>,
    /// The tenant's configuration epoch.
    pub config_epoch: i64,
    /// What is accepted as its secret.
    #[sqlx(flatten)]
    pub secrets: StoredSecrets,
    /// When the token stops to be accepted.
    pub expires: Option<OffsetDateTime>,
    /// The user that it speaks for, if one.
    pub user_id: Option<Uuid>,
    /// What it may do.
    #[sqlx(try_from = "String")]
    pub grants: StoredGrants,
}

/// The columns of a [`Token`].
macro_rules! columns {
    () => {
        "id, name, created, expires, user_id, grants, last_used, last_address, previous_until, \
         CASE WHEN kind = 'certificate' THEN encode(secret_hash, 'hex') END AS certificate"
    };
}

/// Adds a token, with the hash of its secret or the digest of the certificate that it is. Who adds one of a
/// user holds the user (`resources::hold`).
///
/// # Errors
/// The database fails; in the inner result, the certificate is taken.
pub async fn insert(
    conn: &mut PgConnection,
    tenant: TenantId,
    token: &Token,
    secret_hash: &[u8],
) -> Result<Result<(), CertificateTaken>, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO tokens (tenant_id, id, name, secret_hash, created, expires, user_id, \
                             grants, kind) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(tenant.0)
    .bind(token.id)
    .bind(&token.name)
    .bind(secret_hash)
    .bind(token.created)
    .bind(token.expires)
    .bind(token.user_id)
    .bind(json!(token.grants).to_string())
    .bind(if token.certificate.is_some() { "certificate" } else { "token" })
    .execute(conn)
    .await;
    match inserted {
        Ok(_) => Ok(Ok(())),
        Err(error) if breaks(&error, "tokens_by_certificate") => Ok(Err(CertificateTaken)),
        Err(error) => Err(error.into()),
    }
}

/// Deletes the tokens that speak for a user.
///
/// # Errors
/// The database fails.
pub async fn delete_of_user(
    conn: &mut PgConnection,
    tenant: TenantId,
    user: Uuid,
) -> Result<(), StoreError> {
    sqlx::query(
        "WITH revoked AS (DELETE FROM tokens WHERE tenant_id = $1 AND user_id = $2 RETURNING id) \
         UPDATE config_epoch SET n = n + 1 WHERE EXISTS (SELECT FROM revoked)",
    )
    .bind(tenant.0)
    .bind(user)
    .execute(conn)
    .await?;
    Ok(())
}

/// A tenant's tokens, the oldest first.
///
/// # Errors
/// The database fails.
pub async fn page(
    conn: &mut PgConnection,
    tenant: TenantId,
    part: &Part<Uuid>,
) -> Result<InOrder<Token>, StoreError> {
    let tokens = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM tokens WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3"
    ))
    .bind(tenant.0)
    .bind(part.after.unwrap_or_default())
    .bind(part.rows())
    .fetch_all(conn)
    .await?;
    Ok(part.of(tokens))
}

/// A token that is about to be changed: others who change it wait until this transaction ends.
///
/// # Errors
/// The database fails.
pub async fn lock(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: Uuid,
) -> Result<Option<Token>, StoreError> {
    let token = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM tokens WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"
    ))
    .bind(tenant.0)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(token)
}

/// Changes the name of a token, what it may do and when it expires.
///
/// # Errors
/// The database fails.
pub async fn update(
    conn: &mut PgConnection,
    tenant: TenantId,
    token: &Token,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE tokens SET name = $3, grants = $4, expires = $5 WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant.0)
    .bind(token.id)
    .bind(&token.name)
    .bind(json!(token.grants).to_string())
    .bind(token.expires)
    .execute(&mut *conn)
    .await?;
    config_epoch::advance(conn).await
}

/// Revokes a token; false where there is none of that id.
///
/// # Errors
/// The database fails.
pub async fn delete(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: Uuid,
) -> Result<bool, StoreError> {
    config_epoch::delete(conn, tenant, id, config_epoch::deleting!("tokens")).await
}

/// The token of that id, with its tenant.
///
/// # Errors
/// The database fails.
pub async fn credential(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: Uuid,
) -> Result<Option<Credential>, StoreError> {
    let credential = sqlx::query_as(
        "SELECT t.name AS tenant_name, t.realm_id, t.config_epoch, k.secret_hash, k.previous_hash, \
                k.previous_until, k.expires, k.user_id, k.grants \
         FROM tokens k JOIN tenants t ON t.id = k.tenant_id \
         WHERE k.tenant_id = $1 AND k.id = $2 AND k.kind = 'token' AND t.removal_step IS NULL",
    )
    .bind(tenant.0)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(credential)
}

/// The certificate with that digest.
///
/// # Errors
/// The database fails.
pub async fn certificate(
    conn: &mut PgConnection,
    tenant: TenantId,
    digest: &[u8],
) -> Result<Option<Certificate>, StoreError> {
    let certificate = sqlx::query_as(
        "SELECT id, expires, user_id, grants FROM tokens \
         WHERE tenant_id = $1 AND secret_hash = $2 AND kind = 'certificate'",
    )
    .bind(tenant.0)
    .bind(digest)
    .fetch_optional(conn)
    .await?;
    Ok(certificate)
}

/// The hash of the operator's token that a server generated.
///
/// # Errors
/// The database fails.
pub async fn admin_hash(conn: &mut PgConnection) -> Result<Option<Vec<u8>>, StoreError> {
    let hash =
        sqlx::query_scalar("SELECT secret_hash FROM admin_token").fetch_optional(conn).await?;
    Ok(hash)
}

/// Keeps the hash of a generated operator's token; false where there is one already.
///
/// # Errors
/// The database fails.
pub async fn insert_admin_hash(
    conn: &mut PgConnection,
    hash: &[u8],
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO admin_token (secret_hash, created) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    )
    .bind(hash)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() > 0)
}
