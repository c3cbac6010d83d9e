//! Databases that tenants have of their own. Each is opened when it is first needed, and brought to the schema
//! of this server then; its connections end when nobody uses them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{Database, Pooler};
use crate::keyring::Keyring;
use crate::store::own_databases::{self, URL};
use crate::store::{StoreError, TenantId};

/// Connections to each of them at the most, of one server.
const CONNECTIONS: u32 = 8;
/// How long a request waits for one: those of the database of the servers are not to be held up with it.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(3);
/// After how long a connection ends that nobody uses.
const IDLE: Duration = Duration::from_secs(60);

/// Those that are open.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnDatabases(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    keyring: Keyring,
    open: Mutex<HashMap<Uuid, Arc<OnceCell<Database>>>>,
}

impl OwnDatabases {
    pub(super) fn new(keyring: Keyring) -> Self {
        Self(Arc::new(Shared { keyring, open: Mutex::default() }))
    }

    /// One of the databases of a tenant.
    ///
    /// # Errors
    /// It cannot be used at present.
    pub(super) async fn get(
        &self,
        home: &Database,
        tenant: TenantId,
        id: Uuid,
    ) -> Result<Database, StoreError> {
        let cell = Arc::clone(self.open().entry(id).or_default());
        let opened = cell.get_or_try_init(|| self.connect(home, tenant, id)).await?;
        Ok(opened.clone())
    }

    async fn connect(
        &self,
        home: &Database,
        tenant: TenantId,
        id: Uuid,
    ) -> Result<Database, StoreError> {
        let sealed = {
            let mut conn = home.read().await?;
            own_databases::url(&mut conn, tenant, id).await?
        };
        let options = self.options(tenant, &sealed)?;
        let mut conn = own_databases::connect(&options).await?;
        own_databases::migrate(&mut conn).await?;
        // What others have opened and nobody uses any more goes meanwhile.
        self.open().retain(|_, cell| cell.get().is_none_or(|it| it.pool.size() > 0));
        Ok(Database::own(options))
    }

    fn options(&self, tenant: TenantId, sealed: &str) -> Result<PgConnectOptions, StoreError> {
        let unusable = |error: String| own_databases::away(sqlx::Error::Protocol(error).into());
        let url = self.0.keyring.open(URL.of(tenant), sealed);
        let url = url.map_err(|error| unusable(error.to_string()))?;
        let url = String::from_utf8(url).map_err(|error| unusable(error.to_string()))?;
        own_databases::options(&url)
            .map_err(|error| unusable(format!("the URL of the tenant's database{error}")))
    }

    /// Closes the connections, when they are given back.
    pub(super) async fn close(&self) {
        let open: Vec<_> = self.open().drain().map(|(_, cell)| cell).collect();
        for database in open.iter().filter_map(|cell| cell.get()) {
            database.pool.close().await;
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<OnceCell<Database>>>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Database {
    /// One of a tenant's own. It has one tenant, and no need of the second lock.
    fn own(options: PgConnectOptions) -> Self {
        Self::pooled(options, Pooler::None, |pool| {
            pool.max_connections(CONNECTIONS).acquire_timeout(ACQUIRE_LIMIT).idle_timeout(IDLE)
        })
    }

    /// The keys under which secrets are stored.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.own.0.keyring
    }

    /// One of the databases of a tenant, whether its data is there or not.
    ///
    /// # Errors
    /// It cannot be used at present.
    pub async fn own_of(&self, tenant: TenantId, id: Uuid) -> Result<Self, StoreError> {
        self.own.get(self, tenant, id).await
    }
}
