//! The handle of the database, and the three ways to work with it: read, write in a transaction,
//! write with a single statement. Whether a pooler is in between is known here and nowhere else.

mod administration;
mod held;
mod own;
mod placed;

use std::io;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgPool, Postgres, SqlSafeStr, SqlStr, Transaction};

use self::held::Held;
use self::own::OwnDatabases;
use super::StoreError;
use super::row_security::RowSecurity;
use crate::keyring::Keyring;

pub use self::administration::Administration;
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
    own: OwnDatabases,
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Read,
    /// To read with statements that see the same.
    Snapshot,
    Write,
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
        Self::pooled(options, pooler, |pool| {
            pool.max_connections(connections).acquire_timeout(ACQUIRE_LIMIT)
        })
    }

    fn pooled(
        options: PgConnectOptions,
        pooler: Pooler,
        bounds: impl FnOnce(PgPoolOptions) -> PgPoolOptions,
    ) -> Self {
        let pool = bounds(PgPoolOptions::new())
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
        Self { pool, pooler, row_security: RowSecurity::Off, own: OwnDatabases::default() }
    }

    /// With the second lock, or without.
    #[must_use]
    pub fn with(self, row_security: RowSecurity) -> Self {
        Self { row_security, ..self }
    }

    /// With the keys under which the URLs of tenants' own databases are stored.
    #[must_use]
    pub fn with_keyring(self, keyring: Keyring) -> Self {
        Self { own: OwnDatabases::new(keyring), ..self }
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

    /// A transaction to write in; dropping it undoes it.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn begin(&self) -> Result<WriteTransaction, StoreError> {
        let transaction = self.start(self.beginning(Kind::Write).into_sql_str()).await?;
        Ok(WriteTransaction { transaction, is_apart: false })
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

    /// Closes the connections, when they are given back.
    pub async fn close(&self) {
        self.pool.close().await;
        self.own.close().await;
    }

    const fn beginning(&self, kind: Kind) -> &'static str {
        match (kind, self.pooler) {
            (Kind::Read, Pooler::None) => READ,
            (Kind::Read, Pooler::Transaction) => POOLED_READ,
            (Kind::Snapshot, Pooler::None) => SNAPSHOT,
            (Kind::Snapshot, Pooler::Transaction) => POOLED_SNAPSHOT,
            (Kind::Write, Pooler::None) => "BEGIN",
            (Kind::Write, Pooler::Transaction) => POOLED_WRITE,
        }
    }

    /// Begins a transaction. A connection that turns out to be dead is no reason to fail: nothing
    /// has been done on it yet.
    async fn start(&self, begin: SqlStr) -> Result<Transaction<'static, Postgres>, StoreError> {
        let mut dead = 0;
        loop {
            let connection = self.pool.acquire().await?;
            // In a task of its own: who is told to stop while a transaction begins would give back a
            // connection on which it has begun, and of which the driver knows no transaction. What the next
            // one writes on it would never be committed.
            let begin = Transaction::begin(connection, Some(begin.clone()));
            let begun = tokio::spawn(begin).await;
            match begun.unwrap_or_else(|error| Err(sqlx::Error::Io(io::Error::other(error)))) {
                Err(error) if super::is_lost(&error) && dead < self.connections() => dead += 1,
                begun => return Ok(begun?),
            }
        }
    }
}

#[cfg(test)]
mod tests;
