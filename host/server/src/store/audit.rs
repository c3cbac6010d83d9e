//! Who has done what. Writes of resources add their row in their own statement; here is what the
//! operator does.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantId};

/// What cannot be told of the tenant itself: it has just been deleted, with all of its rows.
pub const NO_TENANT: TenantId = TenantId(Uuid::nil());

/// Who acts, and in which request.
#[derive(Debug, Clone, Copy)]
pub struct By<'r> {
    /// `token:<id>` or `operator`.
    pub actor: &'r str,
    /// Identifies the request in the log.
    pub request_id: &'r str,
}

/// What is done to a tenant's configuration.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// `token.create`
    pub action: &'a str,
    /// What it is about: the id of the tenant or a token, the name of a plugin.
    pub subject: &'a str,
    /// When.
    pub at: OffsetDateTime,
}

/// Adds a row.
///
/// # Errors
/// The database fails.
pub async fn insert(
    conn: &mut PgConnection,
    tenant: TenantId,
    by: By<'_>,
    act: Act<'_>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO audit (tenant_id, id, at, actor, action, subject, request_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tenant.0)
    .bind(Uuid::now_v7())
    .bind(act.at)
    .bind(by.actor)
    .bind(act.action)
    .bind(act.subject)
    .bind(by.request_id)
    .execute(conn)
    .await?;
    Ok(())
}
