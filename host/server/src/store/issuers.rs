//! Who signs JWTs for a tenant. What is said of them is JSON, whose members `tenant/jwt/issuer` knows.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::page::{InOrder, Part};
use super::{StoreError, TenantId, config_epoch};

/// An issuer as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StoredIssuer {
    /// Identifies it.
    pub id: Uuid,
    /// `iss`.
    pub issuer: String,
    /// A JSON object.
    pub config: String,
    /// Whether its JWTs find their tenant where nothing else names one. Of an issuer of
    /// several tenants that is not said.
    #[sqlx(default)]
    pub anywhere: bool,
    /// When it was made.
    pub created: OffsetDateTime,
    /// When it was last changed.
    pub modified: OffsetDateTime,
}

/// Adds an issuer.
///
/// # Errors
/// The database fails.
pub async fn insert(
    conn: &mut PgConnection,
    tenant: TenantId,
    issuer: &StoredIssuer,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO issuers (tenant_id, id, issuer, config, created, modified, anywhere) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tenant.0)
    .bind(issuer.id)
    .bind(&issuer.issuer)
    .bind(&issuer.config)
    .bind(issuer.created)
    .bind(issuer.modified)
    .bind(issuer.anywhere)
    .execute(conn)
    .await?;
    Ok(())
}

/// Issuers of a tenant, the oldest first.
///
/// # Errors
/// The database fails.
pub async fn page(
    conn: &mut PgConnection,
    tenant: TenantId,
    part: &Part<Uuid>,
) -> Result<InOrder<StoredIssuer>, StoreError> {
    let issuers = sqlx::query_as(
        "SELECT id, issuer, config, anywhere, created, modified FROM issuers \
         WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3",
    )
    .bind(tenant.0)
    .bind(part.after.unwrap_or_default())
    .bind(part.rows())
    .fetch_all(conn)
    .await?;
    Ok(part.of(issuers))
}

/// A tenant's issuers, the oldest first; those with this `iss` where one is named.
///
/// # Errors
/// The database fails.
pub async fn list(
    conn: &mut PgConnection,
    tenant: TenantId,
    issuer: Option<&str>,
) -> Result<Vec<StoredIssuer>, StoreError> {
    let issuers = sqlx::query_as(
        "SELECT id, issuer, config, anywhere, created, modified FROM issuers \
         WHERE tenant_id = $1 AND ($2 IS NULL OR issuer = $2) ORDER BY id",
    )
    .bind(tenant.0)
    .bind(issuer)
    .fetch_all(conn)
    .await?;
    Ok(issuers)
}

/// The issuers with this `iss`, each with its tenant, whose JWTs find their tenant.
///
/// # Errors
/// The database fails.
pub async fn anywhere(
    conn: &mut PgConnection,
    iss: &str,
) -> Result<Vec<(TenantId, StoredIssuer)>, StoreError> {
    let issuers: Vec<OfTenant> = sqlx::query_as(
        "SELECT tenant_id, id, issuer, config, anywhere, created, modified FROM issuers \
         WHERE issuer = $1 AND anywhere",
    )
    .bind(iss)
    .fetch_all(conn)
    .await?;
    Ok(issuers.into_iter().map(|it| (TenantId(it.tenant_id), it.issuer)).collect())
}

#[derive(sqlx::FromRow)]
struct OfTenant {
    tenant_id: Uuid,
    #[sqlx(flatten)]
    issuer: StoredIssuer,
}

/// An issuer of the tenant, which nobody else changes until the transaction ends.
///
/// # Errors
/// The database fails.
pub async fn lock(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: Uuid,
) -> Result<Option<StoredIssuer>, StoreError> {
    let issuer = sqlx::query_as(
        "SELECT id, issuer, config, anywhere, created, modified FROM issuers \
         WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant.0)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(issuer)
}

/// Changes an issuer, for the servers that know it as well.
///
/// # Errors
/// The database fails.
pub async fn update(
    conn: &mut PgConnection,
    tenant: TenantId,
    issuer: &StoredIssuer,
) -> Result<(), StoreError> {
    sqlx::query(
        "WITH updated AS (UPDATE issuers SET issuer = $3, config = $4, modified = $5, \
                                              anywhere = $6 \
                          WHERE tenant_id = $1 AND id = $2 RETURNING id) \
         UPDATE config_epoch SET n = n + 1 WHERE EXISTS (SELECT FROM updated)",
    )
    .bind(tenant.0)
    .bind(issuer.id)
    .bind(&issuer.issuer)
    .bind(&issuer.config)
    .bind(issuer.modified)
    .bind(issuer.anywhere)
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes an issuer, and with it what it has signed; false where there is none of that id.
///
/// # Errors
/// The database fails.
pub async fn delete(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: Uuid,
) -> Result<bool, StoreError> {
    config_epoch::delete(conn, tenant, id, config_epoch::deleting!("issuers")).await
}
