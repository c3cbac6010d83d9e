//! Databases that tenants have of their own: their URLs, in the database of the servers, and what such a
//! database has to have. That is all our tables, of which those with the data of tenants are used, and the row
//! of its tenant, which says whether the data is there: `here`, or `elsewhere` before it came and after it
//! went. Who writes where the tenant may be moving holds that row, as at home the row of the tenant there.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;
use uuid::Uuid;

use super::{StoreError, TenantId, migrations, tenants};
use crate::keyring::{Context, Keyring, KeyringError};

/// How long is waited for a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// What URLs are sealed for.
pub(super) const URL: Purpose = Purpose("database-url");

/// What secrets of tenants are for.
pub(super) struct Purpose(&'static str);

impl Purpose {
    pub(super) const fn of(&self, tenant: TenantId) -> Context {
        Context { purpose: self.0, owner: tenant.0 }
    }
}

/// The URL of a database that can be used.
#[derive(Clone)]
pub struct DatabaseUrl {
    text: String,
    options: Box<PgConnectOptions>,
}

impl DatabaseUrl {
    /// What a URL says.
    ///
    /// # Errors
    /// It is none; what is to be added to what would be right. The text is not repeated: it may have a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { text: text.to_owned(), options: Box::new(options(text)?) })
    }

    /// Without the password and the parameters.
    #[must_use]
    pub fn shown(&self) -> String {
        let (user, host) = (self.options.get_username(), self.options.get_host());
        let database = self.options.get_database().unwrap_or(user);
        format!("postgres://{user}@{host}:{}/{database}", self.options.get_port())
    }

    /// A connection to it.
    ///
    /// # Errors
    /// There is none to be had.
    pub async fn connect(&self) -> Result<PgConnection, StoreError> {
        connect(&self.options).await
    }
}

/// Without the password.
impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DatabaseUrl").field(&self.shown()).finish()
    }
}

/// Why a database is not for a tenant. For the operator.
#[derive(Debug, thiserror::Error)]
pub enum NotUsable {
    /// It is that of servers.
    #[error("the database is one that Tenon itself runs on; name one that is the tenant's alone")]
    OfServers,
    /// Another tenant is there.
    #[error("the database has another tenant, {0}; name one that is the tenant's alone")]
    OfAnother(Uuid),
    /// There is no key for its URL.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// It cannot be reached, or its user may not make tables.
    #[error("the database cannot be used: {0}")]
    Failed(StoreError),
    /// That of the servers fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) fn options(url: &str) -> Result<PgConnectOptions, String> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(String::new());
    }
    let options = PgConnectOptions::from_str(url).map_err(|error| format!(": {error}"))?;
    Ok(options.application_name("tenon"))
}

/// An error of such a database, which is no fault of the server's: it passes, or the operator sees to it.
pub(super) fn away(error: StoreError) -> StoreError {
    match error {
        StoreError::Failed(error) => StoreError::Unavailable(error),
        error => error,
    }
}

/// Between two databases; this passes in a moment.
pub(super) fn is_moving() -> StoreError {
    away(sqlx::Error::Protocol("the tenant is moving".to_owned()).into())
}

pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let attempt = timeout(CONNECT_LIMIT, PgConnection::connect_with(options)).await;
    let connected = attempt.unwrap_or_else(|elapsed| Err(sqlx::Error::Io(elapsed.into())));
    connected.map_err(|error| away(error.into()))
}

/// Brings such a database to the schema of this server.
pub(super) async fn migrate(conn: &mut PgConnection) -> Result<(), StoreError> {
    let migrated = migrations::migrate(conn).await;
    migrated.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            away(error.into())
        }
        // As of a newer server.
        other => away(sqlx::Error::Protocol(other.to_string()).into()),
    })
}

/// Adds a database of a tenant.
///
/// # Errors
/// There is no key to seal the URL with; the database of the servers fails.
pub async fn insert(
    conn: &mut PgConnection,
    tenant: TenantId,
    keyring: &Keyring,
    id: Uuid,
    url: &DatabaseUrl,
) -> Result<(), NotUsable> {
    let sealed = keyring.seal(URL.of(tenant), url.text.as_bytes())?;
    sqlx::query("INSERT INTO tenant_databases (tenant_id, id, url, shown) VALUES ($1, $2, $3, $4)")
        .bind(tenant.0)
        .bind(id)
        .bind(sealed)
        .bind(url.shown())
        .execute(conn)
        .await
        .map_err(StoreError::from)?;
    Ok(())
}

/// The URL of a database, sealed.
pub(super) async fn url(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: Uuid,
) -> Result<String, StoreError> {
    let url =
        sqlx::query_scalar("SELECT url FROM tenant_databases WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0)
            .bind(id)
            .fetch_optional(conn)
            .await?;
    url.ok_or(StoreError::Unavailable(sqlx::Error::RowNotFound))
}

/// The databases that a tenant has or had something in.
///
/// # Errors
/// The database fails.
pub async fn list(conn: &mut PgConnection, tenant: TenantId) -> Result<Vec<Uuid>, StoreError> {
    let ids =
        sqlx::query_scalar("SELECT id FROM tenant_databases WHERE tenant_id = $1 ORDER BY id");
    Ok(ids.bind(tenant.0).fetch_all(conn).await?)
}

/// Makes another URL that of the database which has the data of a tenant, and forgets the one before.
///
/// # Errors
/// The database fails.
pub async fn replace(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: Uuid,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE tenants SET database_id = $2, modified = now() WHERE id = $1")
        .bind(tenant.0)
        .bind(id)
        .execute(&mut *conn)
        .await?;
    sqlx::query("DELETE FROM tenant_databases WHERE tenant_id = $1 AND id <> $2")
        .bind(tenant.0)
        .bind(id)
        .execute(&mut *conn)
        .await?;
    tenants::advance_epoch(conn, tenant).await
}

/// Forgets a database of a tenant, of which nothing is left there.
///
/// # Errors
/// The database fails.
pub async fn forget(conn: &mut PgConnection, tenant: TenantId, id: Uuid) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM tenant_databases WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.0)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Sees to it that a database, in itself, is one for this tenant, with our tables.
///
/// # Errors
/// It is not for this tenant alone, or fails.
pub async fn prepare(conn: &mut PgConnection, tenant: TenantId) -> Result<(), NotUsable> {
    let failed = NotUsable::Failed;
    let has_tables: bool = sqlx::query_scalar("SELECT to_regclass('server_keys') IS NOT NULL")
        .fetch_one(&mut *conn)
        .await
        .map_err(|error| failed(error.into()))?;
    if has_tables && is_of_servers(conn).await.map_err(failed)? {
        return Err(NotUsable::OfServers);
    }
    migrate(conn).await.map_err(failed)?;
    match other_than(conn, tenant).await.map_err(failed)? {
        Some(other) => Err(NotUsable::OfAnother(other)),
        None => Ok(()),
    }
}

/// Servers that run on a database have keys in it.
async fn is_of_servers(conn: &mut PgConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM server_keys)").fetch_one(conn).await?)
}

async fn other_than(conn: &mut PgConnection, tenant: TenantId) -> Result<Option<Uuid>, StoreError> {
    let other = sqlx::query_scalar("SELECT id FROM tenants WHERE id <> $1 LIMIT 1");
    Ok(other.bind(tenant.0).fetch_optional(conn).await?)
}

/// Takes a database for a tenant, in itself: nobody else's data comes there. That of the tenant is elsewhere as
/// yet.
///
/// # Errors
/// The database fails.
pub async fn take(conn: &mut PgConnection, tenant: TenantId) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO tenants (id, name, created, modified, placement) \
         VALUES ($1, $1::text, now(), now(), 'elsewhere') ON CONFLICT (id) DO NOTHING",
    )
    .bind(tenant.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Says in a database whether it has the data of the tenant. It waits for those who write there.
///
/// # Errors
/// The database fails.
pub async fn mark(
    conn: &mut PgConnection,
    tenant: TenantId,
    is_here: bool,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE tenants SET placement = $2 WHERE id = $1")
        .bind(tenant.0)
        .bind(if is_here { "here" } else { "elsewhere" })
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether a database has the data of the tenant; as long as the transaction goes on it stays so.
pub(super) async fn is_here(conn: &mut PgConnection, tenant: TenantId) -> Result<bool, StoreError> {
    let placement: Option<String> =
        sqlx::query_scalar("SELECT placement FROM tenants WHERE id = $1 FOR KEY SHARE")
            .bind(tenant.0)
            .fetch_optional(conn)
            .await?;
    Ok(placement.as_deref() == Some("here"))
}

/// Whether a database, of which nothing is known, has the data of the tenant.
///
/// # Errors
/// The database fails.
pub async fn has_data(conn: &mut PgConnection, tenant: TenantId) -> Result<bool, StoreError> {
    let has_tables: bool = sqlx::query_scalar("SELECT to_regclass('tenants') IS NOT NULL")
        .fetch_one(&mut *conn)
        .await?;
    Ok(has_tables && is_here(conn, tenant).await?)
}

/// Waits for those who write in such a database, and has others wait.
pub(super) async fn hold(conn: &mut PgConnection, tenant: TenantId) -> Result<(), StoreError> {
    sqlx::query("SELECT FROM tenants WHERE id = $1 FOR UPDATE")
        .bind(tenant.0)
        .execute(conn)
        .await?;
    Ok(())
}
