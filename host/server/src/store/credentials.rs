//! What tokens and OAuth clients have in common: a secret that is replaced while it is in use, and what
//! is known of their use.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantId};

/// Where a credential is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Among the tokens.
    Token,
    /// Among the OAuth clients.
    Client,
}

/// The hashes of what is accepted as the secret.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StoredSecrets {
    /// SHA-256 of the secret.
    pub secret_hash: Vec<u8>,
    /// SHA-256 of the one before.
    pub previous_hash: Option<Vec<u8>>,
    /// Until when that one is accepted.
    pub previous_until: Option<OffsetDateTime>,
}

/// What is told of a credential's use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Usage {
    /// When it was last used, up to a minute before the last time.
    #[serde(rename = "lastUsedAt", with = "time::serde::rfc3339::option")]
    pub last_used: Option<OffsetDateTime>,
    /// The address of the client that used it then.
    #[serde(rename = "lastUsedFrom")]
    pub last_address: Option<String>,
    /// Until when the secret before this one is accepted.
    #[serde(rename = "previousSecretUntil", with = "time::serde::rfc3339::option")]
    pub previous_until: Option<OffsetDateTime>,
}

/// A use of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Of which.
    pub id: Uuid,
    /// When.
    pub at: OffsetDateTime,
    /// From where, if that is known.
    pub address: Option<String>,
}

macro_rules! rotating {
    ($table:literal) => {
        concat!(
            "WITH rotated AS (UPDATE ",
            $table,
            " SET previous_hash = secret_hash, previous_until = $4, secret_hash = $3 \
               WHERE tenant_id = $1 AND id = $2 RETURNING id) \
             UPDATE config_epoch SET n = n + 1 WHERE EXISTS (SELECT FROM rotated)"
        )
    };
}

/// Gives a credential another secret; the one that it had is accepted until then. What was accepted
/// before that one is so no more.
///
/// # Errors
/// The database fails.
pub async fn rotate(
    conn: &mut PgConnection,
    tenant: TenantId,
    kind: Kind,
    id: Uuid,
    secret_hash: &[u8],
    previous_until: OffsetDateTime,
) -> Result<(), StoreError> {
    let rotating = match kind {
        Kind::Token => rotating!("tokens"),
        Kind::Client => rotating!("clients"),
    };
    sqlx::query(rotating)
        .bind(tenant.0)
        .bind(id)
        .bind(secret_hash)
        .bind(previous_until)
        .execute(conn)
        .await?;
    Ok(())
}

macro_rules! using {
    ($table:literal) => {
        concat!(
            "WITH used AS ( \
                 SELECT k.id, u.at, u.address \
                 FROM unnest($2::uuid[], $3::timestamptz[], $4::text[]) AS u (id, at, address) \
                 JOIN ",
            $table,
            " k ON k.tenant_id = $1 AND k.id = u.id \
                 WHERE k.last_used IS NULL OR k.last_used < u.at \
                 ORDER BY k.id FOR NO KEY UPDATE OF k SKIP LOCKED) \
             UPDATE ",
            $table,
            " k SET last_used = used.at, last_address = used.address \
             FROM used WHERE k.tenant_id = $1 AND k.id = used.id"
        )
    };
}

/// Keeps when credentials of a tenant were last used. One that somebody changes at the moment is left
/// out: its next use is kept.
///
/// # Errors
/// The database fails.
pub async fn used(
    conn: &mut PgConnection,
    tenant: TenantId,
    kind: Kind,
    uses: &[Use],
) -> Result<(), StoreError> {
    let using = match kind {
        Kind::Token => using!("tokens"),
        Kind::Client => using!("clients"),
    };
    sqlx::query(using)
        .bind(tenant.0)
        .bind(uses.iter().map(|it| it.id).collect::<Vec<_>>())
        .bind(uses.iter().map(|it| it.at).collect::<Vec<_>>())
        .bind(uses.iter().map(|it| it.address.as_deref()).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}
