//! The handle of the database, and the three ways to work with it: read, write in a transaction,
//! write with a single statement. Whether a pooler is in between is known here and nowhere else.

mod held;

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgPool, Postgres, SqlSafeStr, SqlStr, Transaction, raw_sql};

use self::held::Held;
use super::place::{self, Place, Writes};
use super::row_security::{self, RowSecurity};
use super::{StoreError, TenantId};

pub use self::held::{Autocommit, ReadConnection, WriteTransaction};

/// How long a request waits for a connection.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(5);
/// A connection that nobody has used for this long is asked whether it still works.
const IDLE_LIMIT: Duration = Duration::from_secs(1);

/// Bounds on each connection's statements, waits for locks, and transactions in which nothing
/// happens: a request is over after 60 s, and its work should not go on without it. And no
/// just-in-time compilation: a filter's statement may look expensive to the planner, has a text of
/// its own each time, and takes longer to compile than to carry out.
///
/// Set by a statement and not in the start message, which some connection poolers refuse. What
/// `database_url` sets itself (`?options[statement_timeout]=60s`) is left as it is.
const BOUNDS: &str = "
    SELECT set_config(
        name,
        CASE name WHEN 'lock_timeout' THEN '5s' WHEN 'jit' THEN 'off' ELSE '30s' END,
        false)
    FROM pg_settings
    WHERE name IN
        ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'jit')
      AND source <> 'client'";

const READ: &str = "BEGIN READ ONLY";
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How a transaction begins where each may be carried out by another connection of a pooler's:
/// nothing holds from one to the next. The driver names the statements that it prepares, and the
/// names of whoever had the connection before are in its way. One round trip.
macro_rules! pooled {
    ($begin:literal) => {
        concat!(
            $begin,
            "; SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '5s'",
            "; SET LOCAL idle_in_transaction_session_timeout = '30s'; SET LOCAL jit = off",
            "; DEALLOCATE ALL"
        )
    };
}

const POOLED_READ: &str = pooled!("BEGIN READ ONLY");
const POOLED_WRITE: &str = pooled!("BEGIN");
const POOLED_SNAPSHOT: &str = pooled!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");

/// What is between the server and its database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing, or what keeps a session on one connection.
    #[default]
    None,
    /// A pooler that gives every transaction a connection of its choice, such as PgBouncer with
    /// `pool_mode = transaction`. There are no prepared statements, no settings of a session and
    /// no LISTEN; every statement is within a transaction.
    Transaction,
}

impl FromStr for Pooler {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "none" => Ok(Self::None),
            "transaction" => Ok(Self::Transaction),
            _ => Err(()),
        }
    }
}

impl Pooler {
    /// The options of a connection through it.
    #[must_use]
    pub fn adapt(self, options: PgConnectOptions) -> PgConnectOptions {
        match self {
            Self::None => options,
            // PgBouncer refuses `extra_float_digits` unless it is told to ignore it.
            Self::Transaction => options.statement_cache_capacity(0).extra_float_digits(None),
        }
    }
}

/// Connections to the database.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
    pooler: Pooler,
    row_security: RowSecurity,
}

/// How many connections there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Those that are in use.
    pub busy: u32,
    /// Those that wait to be.
    pub idle: u32,
}

impl Database {
    /// A handle that connects when it is first used.
    #[must_use]
    pub fn new(options: PgConnectOptions, pooler: Pooler, connections: u32) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_LIMIT)
            // Not each time: it is a round trip. See `IDLE_LIMIT`.
            .test_before_acquire(false)
            .before_acquire(|connection, about| {
                Box::pin(async move {
                    if about.idle_for > IDLE_LIMIT {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if pooler == Pooler::None {
                        sqlx::query(BOUNDS).execute(connection).await?;
                    }
                    Ok(())
                })
            })
            .connect_lazy_with(pooler.adapt(options));
        Self { pool, pooler, row_security: RowSecurity::Off }
    }

    /// With the second lock, or without.
    #[must_use]
    pub fn with(self, row_security: RowSecurity) -> Self {
        Self { row_security, ..self }
    }

    /// Whether requests work under the second lock.
    #[must_use]
    pub const fn row_security(&self) -> RowSecurity {
        self.row_security
    }

    /// What is between the server and its database.
    #[must_use]
    pub const fn pooler(&self) -> Pooler {
        self.pooler
    }

    /// Connections at the most.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.pool.options().get_max_connections()
    }

    /// What its connections are doing.
    #[must_use]
    pub fn in_use(&self) -> Connections {
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        Connections { busy: self.pool.size().saturating_sub(idle), idle }
    }

    /// How connections to it are made.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        self.pool.connect_options().as_ref().clone()
    }

    /// To read with. Statements on it see what is committed when they begin.
    ///
    /// # Errors
    /// The database cannot be reached, or all connections stay in use.
    pub async fn read(&self) -> Result<ReadConnection, StoreError> {
        Ok(ReadConnection(match self.pooler {
            Pooler::None => Held::Connection(self.pool.acquire().await?),
            Pooler::Transaction => Held::Transaction(self.start(POOLED_READ.into_sql_str()).await?),
        }))
    }

    /// To read with what a tenant has, where that is. Under the second lock there is nothing else.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn read_for(&self, place: Place) -> Result<ReadConnection, StoreError> {
        if self.row_security == RowSecurity::Off && place.is_shared() {
            return self.read().await;
        }
        let begun = self.start_for(place, self.begin_to_read(), Writes::No).await?;
        Ok(ReadConnection(Held::Transaction(begun)))
    }

    /// To read with, first as the owner, and from [`Database::lock`] on what a tenant has.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub(super) async fn read_unlocked(&self, place: Place) -> Result<ReadConnection, StoreError> {
        if self.row_security == RowSecurity::Off && place.is_shared() {
            return self.read().await;
        }
        let begun = self.start(self.begin_to_read().into_sql_str()).await?;
        Ok(ReadConnection(Held::Transaction(begun)))
    }

    /// Has the rest of [`Database::read_unlocked`] look where the tenant's data is, under the second lock
    /// where there is one.
    ///
    /// # Errors
    /// The database fails.
    pub(super) async fn lock(
        &self,
        connection: &mut ReadConnection,
        place: Place,
    ) -> Result<(), StoreError> {
        let locked = match self.row_security {
            RowSecurity::Off => None,
            RowSecurity::On => Some(row_security::lock(place.tenant)),
        };
        if let Some(lock) = place.entering(Writes::No, self.row_security).or(locked) {
            raw_sql(AssertSqlSafe(lock)).execute(&mut **connection).await?;
        }
        Ok(())
    }

    /// To read with, for work that is no request of the tenant's: what it has is found where it is.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn read_at(&self, tenant: TenantId) -> Result<ReadConnection, StoreError> {
        let begun = self.start_at(tenant, self.begin_to_read(), Writes::No).await?;
        Ok(ReadConnection(Held::Transaction(begun)))
    }

    /// As [`Database::read_at`]; all statements on it see the database as it is now.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn snapshot_at(&self, tenant: TenantId) -> Result<ReadConnection, StoreError> {
        let begin = match self.pooler {
            Pooler::None => SNAPSHOT,
            Pooler::Transaction => POOLED_SNAPSHOT,
        };
        let begun = self.start_at(tenant, begin, Writes::No).await?;
        Ok(ReadConnection(Held::Transaction(begun)))
    }

    /// A transaction to write in; dropping it undoes it.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn begin(&self) -> Result<WriteTransaction, StoreError> {
        Ok(WriteTransaction(self.start(self.write().into_sql_str()).await?))
    }

    /// A transaction to write in what a tenant has, where that is; dropping it undoes it.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn begin_for(&self, place: Place) -> Result<WriteTransaction, StoreError> {
        Ok(WriteTransaction(self.start_for(place, self.write(), Writes::Yes).await?))
    }

    /// The same for work that is no request of the tenant's: what it has is found where it is.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn begin_at(&self, tenant: TenantId) -> Result<WriteTransaction, StoreError> {
        Ok(WriteTransaction(self.start_at(tenant, self.write(), Writes::Yes).await?))
    }

    /// To write with a single statement, without the round trips of a transaction:
    ///
    /// ```ignore
    /// let mut conn = database.autocommit().await?;
    /// let inserted = tokens::insert(&mut conn, tenant, &token).await;
    /// let inserted = conn.finish(inserted).await?;
    /// ```
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn autocommit(&self) -> Result<Autocommit, StoreError> {
        Ok(Autocommit(match self.pooler {
            Pooler::None => Held::Connection(self.pool.acquire().await?),
            Pooler::Transaction => {
                Held::Transaction(self.start(POOLED_WRITE.into_sql_str()).await?)
            }
        }))
    }

    /// The same in what a tenant has. Under the second lock, and in a schema of its own, it is a
    /// transaction.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn autocommit_for(&self, place: Place) -> Result<Autocommit, StoreError> {
        if self.row_security == RowSecurity::Off && place.is_shared() {
            return self.autocommit().await;
        }
        let begun = self.start_for(place, self.write(), Writes::Yes).await?;
        Ok(Autocommit(Held::Transaction(begun)))
    }

    /// The same for work that is no request of the tenant's; it is a transaction.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn autocommit_at(&self, tenant: TenantId) -> Result<Autocommit, StoreError> {
        let begun = self.start_at(tenant, self.write(), Writes::Yes).await?;
        Ok(Autocommit(Held::Transaction(begun)))
    }

    /// Closes the connections, when they are given back.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// How a transaction begins that writes.
    const fn write(&self) -> &'static str {
        match self.pooler {
            Pooler::None => "BEGIN",
            Pooler::Transaction => POOLED_WRITE,
        }
    }

    /// How a transaction begins that reads.
    const fn begin_to_read(&self) -> &'static str {
        match self.pooler {
            Pooler::None => READ,
            Pooler::Transaction => POOLED_READ,
        }
    }

    async fn start_for(
        &self,
        place: Place,
        begin: &'static str,
        writes: Writes,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        match place.entering(writes, self.row_security) {
            None if self.row_security == RowSecurity::Off => self.start(begin.into_sql_str()).await,
            None => {
                let begin = row_security::begin_as(place.tenant, begin);
                self.start(AssertSqlSafe(begin).into_sql_str()).await
            }
            Some(entering) => self.start_within(begin, entering).await,
        }
    }

    async fn start_at(
        &self,
        tenant: TenantId,
        begin: &'static str,
        writes: Writes,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.start_within(begin, place::entering(tenant, writes)).await
    }

    /// Begins a transaction with a statement that may fail: it may wait for a lock, or name what is not
    /// there. The driver undoes a transaction when it knows that there is one.
    async fn start_within(
        &self,
        begin: &'static str,
        entering: String,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        let mut transaction = self.start(begin.into_sql_str()).await?;
        raw_sql(AssertSqlSafe(entering)).execute(&mut *transaction).await?;
        Ok(transaction)
    }

    /// Begins a transaction. A connection that turns out to be dead is no reason to fail: nothing
    /// has been done on it yet.
    async fn start(&self, begin: SqlStr) -> Result<Transaction<'static, Postgres>, StoreError> {
        let mut dead = 0;
        loop {
            let connection = self.pool.acquire().await?;
            match Transaction::begin(connection, Some(begin.clone())).await {
                Err(error) if super::is_lost(&error) && dead < self.connections() => dead += 1,
                begun => return Ok(begun?),
            }
        }
    }
}
