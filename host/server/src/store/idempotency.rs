//! Requests that may come again, known by the keys that clients give them, and the answers they had.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{StoreError, TenantId, breaks, writes::Outcome};

/// The constraint that lets a key be there once.
pub(super) const ONCE: &str = "idempotency_keys_pkey";

/// What is known of a key.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Known {
    /// SHA-256 of the request that it came with first.
    pub fingerprint: Vec<u8>,
    /// The status of the answer; `None` while the request is being carried out.
    pub status: Option<i16>,
    /// Headers and body of the answer.
    pub answer: Option<String>,
    /// When it came first.
    pub created: OffsetDateTime,
}

/// A key with the answer to its request, which is there as soon as what the request writes.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'k> {
    /// The key.
    pub key: &'k str,
    /// SHA-256 of the request.
    pub fingerprint: &'k [u8],
    /// The status of the answer.
    pub status: i16,
    /// Headers and body of the answer.
    pub answer: &'k str,
}

/// What is known of a key, if it has been seen before.
///
/// # Errors
/// The database fails.
pub async fn get(
    conn: &mut PgConnection,
    tenant: TenantId,
    key: &str,
) -> Result<Option<Known>, StoreError> {
    let known = sqlx::query_as(
        "SELECT fingerprint, status, answer, created FROM idempotency_keys \
         WHERE tenant_id = $1 AND key = $2",
    )
    .bind(tenant.0)
    .bind(key)
    .fetch_optional(conn)
    .await?;
    Ok(known)
}

/// Keeps a key for a request that is about to be carried out; [`Outcome::KeyTaken`] where another
/// request has it.
///
/// # Errors
/// The database fails.
pub async fn reserve(
    conn: &mut PgConnection,
    tenant: TenantId,
    key: &str,
    fingerprint: &[u8],
    now: OffsetDateTime,
) -> Result<Outcome, StoreError> {
    let reserved = sqlx::query(
        "INSERT INTO idempotency_keys (tenant_id, key, fingerprint, created) VALUES ($1, $2, $3, $4)",
    )
    .bind(tenant.0)
    .bind(key)
    .bind(fingerprint)
    .bind(now)
    .execute(conn)
    .await;
    match reserved {
        Ok(_) => Ok(Outcome::Done),
        Err(error) if breaks(&error, ONCE) => Ok(Outcome::KeyTaken),
        Err(error) => Err(error.into()),
    }
}

/// Keeps the answer to the request of a reserved key.
///
/// # Errors
/// The database fails.
pub async fn complete(
    conn: &mut PgConnection,
    tenant: TenantId,
    answered: Answered<'_>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE idempotency_keys SET status = $4, answer = $5 \
         WHERE tenant_id = $1 AND key = $2 AND fingerprint = $3",
    )
    .bind(tenant.0)
    .bind(answered.key)
    .bind(answered.fingerprint)
    .bind(answered.status)
    .bind(answered.answer)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets a key that came before a time.
///
/// # Errors
/// The database fails.
pub async fn delete_before(
    conn: &mut PgConnection,
    tenant: TenantId,
    key: &str,
    before: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM idempotency_keys WHERE tenant_id = $1 AND key = $2 AND created < $3")
        .bind(tenant.0)
        .bind(key)
        .bind(before)
        .execute(conn)
        .await?;
    Ok(())
}
