//! Tenants.

mod identity;
mod members;
mod page;
mod placed;

use serde::Serialize;
use sqlx::PgConnection;
use tenon_scim::Dialect;
use time::OffsetDateTime;
use uuid::Uuid;

use super::place::Placement;
use super::requests::Logged;
use super::{StoreError, TenantId, breaks, config_epoch};

pub use self::identity::{Identity, identities, identity, with_public_discovery};
pub use self::members::{
    ExternalKeyTaken, set_external_key, set_public_discovery, set_request_log,
};
pub use self::page::{Listed, State, Wanted, page};
pub use self::placed::{with_own_tables, with_schema};

/// A tenant as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tenant {
    /// Identifies it.
    pub id: Uuid,
    /// A name for URLs, unique.
    pub name: String,
    /// What the operator's other systems call it, unique.
    #[serde(rename = "externalKey", skip_serializing_if = "Option::is_none")]
    pub external_key: Option<String>,
    /// How its clients speak SCIM.
    pub dialect: Dialect,
    /// What it may cost: a JSON object.
    #[serde(skip)]
    pub limits: String,
    /// Which of its requests are logged.
    #[serde(skip)]
    pub request_log: Logged,
    /// Whether anybody is told what its service offers.
    #[serde(skip)]
    pub public_discovery: bool,
    /// The name of the realm to which it belongs, if to one.
    #[serde(skip)]
    pub realm: Option<String>,
    /// Which tables have its data.
    #[serde(skip)]
    pub placement: Placement,
    /// The URL of its own database, without the password.
    #[serde(skip)]
    pub database: Option<String>,
    /// When it was suspended, if it is.
    #[serde(skip)]
    pub suspended: Option<OffsetDateTime>,
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

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    name: String,
    external_key: Option<String>,
    dialect: String,
    limits: String,
    request_log: String,
    public_discovery: bool,
    realm: Option<String>,
    placement: String,
    database_id: Option<Uuid>,
    database: Option<String>,
    suspended: Option<OffsetDateTime>,
    created: OffsetDateTime,
    modified: OffsetDateTime,
}

impl TryFrom<Row> for Tenant {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            name: row.name,
            external_key: row.external_key,
            dialect: known_dialect(row.dialect)?,
            limits: row.limits,
            request_log: Logged::of_stored(row.request_log)?,
            public_discovery: row.public_discovery,
            realm: row.realm,
            placement: Placement::of_stored(row.placement, row.database_id)?,
            database: row.database,
            suspended: row.suspended,
            created: row.created,
            modified: row.modified,
        })
    }
}

fn known_dialect(name: String) -> Result<Dialect, StoreError> {
    Dialect::named(&name).ok_or(StoreError::Unknown { what: "dialect", found: name })
}

/// The name is that of another tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameTaken;

/// Adds a tenant; its external key is for [`set_external_key`].
///
/// # Errors
/// The database fails; in the inner result, the name is taken.
pub async fn insert(
    conn: &mut PgConnection,
    tenant: &Tenant,
) -> Result<Result<(), NameTaken>, StoreError> {
    let result = sqlx::query(
        "INSERT INTO tenants (id, name, dialect, limits, created, modified, placement, \
                              database_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tenant.id)
    .bind(&tenant.name)
    .bind(tenant.dialect.name)
    .bind(&tenant.limits)
    .bind(tenant.created)
    .bind(tenant.modified)
    .bind(tenant.placement.name())
    .bind(tenant.placement.database())
    .execute(conn)
    .await;
    name_taken(result.map(|_| ()))
}

/// The tenant with that name or id, unless it has been deleted (see `removal`).
///
/// # Errors
/// The database fails.
pub async fn get(conn: &mut PgConnection, name_or_id: &str) -> Result<Option<Tenant>, StoreError> {
    // PostgreSQL's text has no U+0000, so that no tenant's name has it.
    if name_or_id.contains('\0') {
        return Ok(None);
    }
    let row: Option<Row> = sqlx::query_as(
        "SELECT t.id, t.name, t.external_key, t.dialect, t.limits, t.request_log, \
                t.public_discovery, r.name AS realm, t.placement, \
                t.database_id, d.shown AS database, t.suspended, t.created, t.modified \
         FROM tenants t LEFT JOIN realms r ON r.id = t.realm_id \
         LEFT JOIN tenant_databases d ON d.tenant_id = t.id AND d.id = t.database_id \
         WHERE (t.name = $1 OR t.id = $2) AND t.removal_step IS NULL",
    )
    .bind(name_or_id)
    .bind(id_in_path(name_or_id))
    .fetch_optional(conn)
    .await?;
    row.map(Tenant::try_from).transpose()
}

/// How a tenant is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// How its clients speak SCIM.
    pub dialect: Dialect,
    /// What it may cost: a JSON object.
    pub limits: String,
    /// Whether its credentials are refused for a while.
    pub is_suspended: bool,
    /// Which of its requests are logged.
    pub request_log: Logged,
    /// Which tables have its data; `None` while it moves.
    pub placement: Option<Placement>,
}

/// How the tenant is configured.
///
/// # Errors
/// The database fails, the tenant has been removed, or this server does not know the dialect.
pub async fn configuration(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<Configuration, StoreError> {
    type Row = (String, String, String, bool, Option<String>, Option<Uuid>);
    let row: Option<Row> = sqlx::query_as(
        "SELECT dialect, limits, request_log, suspended IS NOT NULL, \
                CASE WHEN NOT EXISTS (SELECT FROM tenant_moves WHERE tenant_id = $1) \
                     THEN placement END, database_id \
         FROM tenants \
         WHERE id = $1 AND removal_step IS NULL",
    )
    .bind(tenant.0)
    .fetch_optional(conn)
    .await?;
    let gone = || StoreError::Gone(sqlx::Error::RowNotFound);
    let (dialect, limits, logged, is_suspended, placement, database) = row.ok_or_else(gone)?;
    let request_log = Logged::of_stored(logged)?;
    let dialect = known_dialect(dialect)?;
    let placement = placement.map(|it| Placement::of_stored(it, database)).transpose()?;
    Ok(Configuration { dialect, limits, request_log, is_suspended, placement })
}

/// The limits of a tenant that are about to be changed: others who change them wait until this
/// transaction ends.
///
/// # Errors
/// The database fails, or the tenant has been removed.
pub async fn limits_to_change(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<String, StoreError> {
    let limits = sqlx::query_scalar(
        "SELECT limits FROM tenants WHERE id = $1 AND removal_step IS NULL FOR NO KEY UPDATE",
    )
    .bind(tenant.0)
    .fetch_optional(conn)
    .await?;
    limits.ok_or(StoreError::Gone(sqlx::Error::RowNotFound))
}

/// The epoch of the tenant's configuration: it advances with every change.
///
/// # Errors
/// The database fails, or the tenant has been removed.
pub async fn epoch(conn: &mut PgConnection, tenant: TenantId) -> Result<i64, StoreError> {
    let epoch = sqlx::query_scalar("SELECT config_epoch FROM tenants WHERE id = $1")
        .bind(tenant.0)
        .fetch_optional(conn)
        .await?;
    epoch.ok_or(StoreError::Gone(sqlx::Error::RowNotFound))
}

/// Gives a tenant another name, dialect or limits.
///
/// # Errors
/// The database fails, or the tenant is being removed; in the inner result, the name is taken.
pub async fn update(
    conn: &mut PgConnection,
    tenant: TenantId,
    name: Option<&str>,
    dialect: Option<Dialect>,
    limits: Option<&str>,
    now: OffsetDateTime,
) -> Result<Result<(), NameTaken>, StoreError> {
    let result = sqlx::query(
        "WITH updated AS ( \
             UPDATE tenants SET name = COALESCE($2, name), dialect = COALESCE($3, dialect), \
                    limits = COALESCE($5, limits), modified = $4, config_epoch = config_epoch + 1 \
             WHERE id = $1 AND removal_step IS NULL RETURNING id) \
         UPDATE config_epoch SET n = n + 1 WHERE EXISTS (SELECT FROM updated)",
    )
    .bind(tenant.0)
    .bind(name)
    .bind(dialect.map(|dialect| dialect.name))
    .bind(now)
    .bind(limits)
    .execute(conn)
    .await;
    match result {
        Ok(done) if done.rows_affected() == 0 => Err(StoreError::Gone(sqlx::Error::RowNotFound)),
        other => name_taken(other.map(|_| ())),
    }
}

/// Says that the tenant's configuration is about to change, and keeps other changes of it waiting
/// until this transaction ends.
///
/// # Errors
/// The database fails.
pub async fn advance_epoch(conn: &mut PgConnection, tenant: TenantId) -> Result<(), StoreError> {
    sqlx::query("UPDATE tenants SET config_epoch = config_epoch + 1 WHERE id = $1")
        .bind(tenant.0)
        .execute(&mut *conn)
        .await?;
    config_epoch::advance(conn).await
}

/// Keeps what stands for the indexes that the core declared when the tenant's were last adjusted.
///
/// # Errors
/// The database fails.
pub async fn set_core_indexes(
    conn: &mut PgConnection,
    tenant: TenantId,
    fingerprint: &str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE tenants SET core_indexes = $2 WHERE id = $1 AND core_indexes <> $2")
        .bind(tenant.0)
        .bind(fingerprint)
        .execute(conn)
        .await?;
    Ok(())
}

/// Some tenants whose indexes were adjusted to another core than this one, if at all.
///
/// # Errors
/// The database fails.
pub async fn with_other_core_indexes(
    conn: &mut PgConnection,
    fingerprint: &str,
    after: Option<TenantId>,
    limit: i64,
) -> Result<Vec<TenantId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT id FROM tenants \
         WHERE core_indexes <> $1 AND id > $2 AND removal_step IS NULL ORDER BY id LIMIT $3",
    )
    .bind(fingerprint)
    .bind(after.map_or(Uuid::nil(), |it| it.0))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(TenantId).collect())
}

/// The id that a path names, in the one form in which ids are given out.
#[must_use]
pub fn id_in_path(name_or_id: &str) -> Option<Uuid> {
    Uuid::parse_str(name_or_id).ok().filter(|id| id.to_string() == name_or_id)
}

fn name_taken(result: Result<(), sqlx::Error>) -> Result<Result<(), NameTaken>, StoreError> {
    match result {
        Ok(()) => Ok(Ok(())),
        Err(error) if breaks(&error, "tenants_name_key") => Ok(Err(NameTaken)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_of_a_newer_server_is_no_other_dialect() {
        assert_eq!(known_dialect("okta".to_owned()).unwrap(), Dialect::OKTA);
        let unknown = known_dialect("ping".to_owned()).unwrap_err();
        assert!(matches!(unknown, StoreError::Unknown { what: "dialect", .. }), "{unknown}");
    }
}
