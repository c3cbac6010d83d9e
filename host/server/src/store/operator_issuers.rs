//! Who signs JWTs for several tenants: the operator's issuers, few rows.

use sqlx::PgConnection;
use uuid::Uuid;

use super::issuers::StoredIssuer;
use super::page::{InOrder, Part};
use super::{StoreError, config_epoch};

/// An issuer of the operator as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OperatorIssuer {
    /// Whose tenants its JWTs may name; `None`: those of every realm.
    pub realm_id: Option<Uuid>,
    /// The name of the realm.
    pub realm: Option<String>,
    /// What is said of it.
    #[sqlx(flatten)]
    pub stored: StoredIssuer,
}

/// Those of the rows that meet the condition, as an [`OperatorIssuer`] each.
macro_rules! selected {
    ($condition:literal) => {
        concat!(
            "SELECT i.id, i.realm_id, r.name AS realm, i.issuer, i.config, i.created, i.modified \
             FROM operator_issuers i LEFT JOIN realms r ON r.id = i.realm_id ",
            $condition
        )
    };
}

/// Adds an issuer, within a transaction that holds its realm.
///
/// # Errors
/// The database fails.
pub async fn insert(conn: &mut PgConnection, issuer: &OperatorIssuer) -> Result<(), StoreError> {
    let OperatorIssuer { realm_id, stored, .. } = issuer;
    sqlx::query(
        "INSERT INTO operator_issuers (id, realm_id, issuer, config, created, modified) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(stored.id)
    .bind(realm_id)
    .bind(&stored.issuer)
    .bind(&stored.config)
    .bind(stored.created)
    .bind(stored.modified)
    .execute(&mut *conn)
    .await?;
    config_epoch::advance(conn).await
}

/// How many there are.
///
/// # Errors
/// The database fails.
pub async fn count(conn: &mut PgConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM operator_issuers").fetch_one(conn).await?)
}

/// Issuers of the operator, the oldest first.
///
/// # Errors
/// The database fails.
pub async fn page(
    conn: &mut PgConnection,
    part: &Part<Uuid>,
) -> Result<InOrder<OperatorIssuer>, StoreError> {
    let issuers = sqlx::query_as(selected!("WHERE i.id > $1 ORDER BY i.id LIMIT $2"))
        .bind(part.after.unwrap_or_default())
        .bind(part.rows())
        .fetch_all(conn)
        .await?;
    Ok(part.of(issuers))
}

/// Those with this `iss`.
///
/// # Errors
/// The database fails.
pub async fn signing_as(
    conn: &mut PgConnection,
    iss: &str,
) -> Result<Vec<OperatorIssuer>, StoreError> {
    let issuers =
        sqlx::query_as(selected!("WHERE i.issuer = $1")).bind(iss).fetch_all(conn).await?;
    Ok(issuers)
}

/// An issuer.
///
/// # Errors
/// The database fails.
pub async fn get(conn: &mut PgConnection, id: Uuid) -> Result<Option<OperatorIssuer>, StoreError> {
    let issuer = sqlx::query_as(selected!("WHERE i.id = $1")).bind(id).fetch_optional(conn).await?;
    Ok(issuer)
}

/// An issuer, which nobody else changes until the transaction ends.
///
/// # Errors
/// The database fails.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<OperatorIssuer>, StoreError> {
    let issuer = sqlx::query_as(selected!("WHERE i.id = $1 FOR UPDATE OF i"))
        .bind(id)
        .fetch_optional(conn)
        .await?;
    Ok(issuer)
}

/// Changes an issuer, within a transaction that holds its realm.
///
/// # Errors
/// The database fails.
pub async fn update(conn: &mut PgConnection, issuer: &OperatorIssuer) -> Result<(), StoreError> {
    let OperatorIssuer { realm_id, stored, .. } = issuer;
    sqlx::query(
        "UPDATE operator_issuers SET realm_id = $2, issuer = $3, config = $4, modified = $5 \
         WHERE id = $1",
    )
    .bind(stored.id)
    .bind(realm_id)
    .bind(&stored.issuer)
    .bind(&stored.config)
    .bind(stored.modified)
    .execute(&mut *conn)
    .await?;
    config_epoch::advance(conn).await
}

/// Removes an issuer; false where there is none of that id.
///
/// # Errors
/// The database fails.
pub async fn delete(conn: &mut PgConnection, id: Uuid) -> Result<bool, StoreError> {
    let deleted = sqlx::query("DELETE FROM operator_issuers WHERE id = $1")
        .bind(id)
        .execute(&mut *conn)
        .await?;
    config_epoch::advance(conn).await?;
    Ok(deleted.rows_affected() > 0)
}
