//! Replicas: copies of the database, its primary, that PostgreSQL streams its log to. They take the
//! reads that cost.
//!
//! No replica is trusted to be up to date. Before a read the primary is asked how far its log has
//! been made durable, and a replica whether it has replayed that much. All that was acknowledged to
//! anybody before, by this server or another, is below that position: so who has written reads what
//! it wrote. A replica that is not there in a moment, or cannot be used, is left alone for a while,
//! and the primary serves.
//!
//! The replica is asked over the connection of the read, since a proxy may lead each connection to
//! another one, and each statement takes its snapshot when it begins, which is after that.

mod rest;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::{Instant, sleep, timeout};

use self::rest::Rest;
use super::database::ReadConnection;
use super::lanes::{Lanes, Read};
use super::place::Place;
use super::{Database, StoreError, is_lost};

/// How long a read waits for a connection to a replica.
const CONNECT_LIMIT: Duration = Duration::from_millis(500);
/// How long a read waits until the replica has caught up, with the answers that say so.
const CATCH_UP_LIMIT: Duration = Duration::from_millis(100);
/// The first pause before a replica is asked again whether it has caught up; each is twice as long.
const CATCH_UP_PAUSE: Duration = Duration::from_millis(1);

/// Everything that was acknowledged before is below this position; a standby has no such position.
/// What is acknowledged before it is durable (`synchronous_commit = off`) is in the log all the same.
const POSITION: Read = Read {
    sql: "SELECT p.lsn::text AS lsn, \
                 (SELECT system_identifier FROM pg_control_system()) \
                     || '/' || left(pg_walfile_name(p.lsn), 8) AS history \
          FROM (SELECT CASE WHEN pg_is_in_recovery() THEN NULL \
                            WHEN current_setting('synchronous_commit') = 'off' \
                                THEN pg_current_wal_insert_lsn() \
                            ELSE pg_current_wal_flush_lsn() END AS lsn) AS p",
    arguments: &[],
};

const STANDING: &str = "
    SELECT pg_is_in_recovery() AS is_standby,
           coalesce(pg_last_wal_replay_lsn() >= $1::pg_lsn, false) AS is_current,
           (SELECT system_identifier FROM pg_control_system()) || '/'
               || (SELECT upper(lpad(to_hex(timeline_id), 8, '0')) FROM pg_control_checkpoint())
               AS history";

/// The primary and its replicas, of which there may be none.
#[derive(Clone)]
pub struct Replicas(Arc<Shared>);

struct Shared {
    primary: Database,
    lanes: Lanes,
    replicas: Vec<Arc<Replica>>,
    next: AtomicUsize,
}

struct Replica {
    /// For the log.
    name: String,
    database: Database,
    rest: Rest,
}

/// Where a read is carried out: at a replica where one can be used, else at the primary.
#[derive(Debug, Clone)]
pub struct Source {
    all: Replicas,
    /// Whose rows are read.
    place: Place,
    replica: Option<Arc<Replica>>,
}

/// A place in the log of the primary, and whose log it is.
struct Position {
    lsn: String,
    history: String,
}

/// What a replica says of itself.
#[derive(sqlx::FromRow)]
struct Standing {
    is_standby: bool,
    /// Whether it has replayed as much as it was asked for.
    is_current: bool,
    /// The identifier of the system, and the timeline: two logs of the same history are the same as
    /// far as both go.
    history: String,
}

/// Why a replica does not serve.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "database_url leads to a replica itself, which has nothing that a replica could wait for"
    )]
    NoPrimary,
    #[error("the primary does not tell how far its log is: {0}")]
    Refused(#[source] sqlx::Error),
    #[error("it gives no connection within {} ms", CONNECT_LIMIT.as_millis())]
    NoConnection,
    #[error("it does not catch up, or does not say so, within {} ms", CATCH_UP_LIMIT.as_millis())]
    Behind,
    #[error("it is not a replica, but takes writes itself")]
    NoStandby,
    #[error(
        "it is not a replica of this database: its system and timeline are {its}, and those of the database {ours}"
    )]
    OtherHistory { its: String, ours: String },
}

impl Replicas {
    /// Those with names for the log. Positions are asked for over the lanes, which lead to the primary.
    #[must_use]
    pub fn new(
        primary: Database,
        lanes: Lanes,
        replicas: impl IntoIterator<Item = (String, Database)>,
    ) -> Self {
        let replica =
            |(name, database)| Arc::new(Replica { name, database, rest: Rest::default() });
        let replicas = replicas.into_iter().map(replica).collect();
        Self(Arc::new(Shared { primary, lanes, replicas, next: AtomicUsize::new(0) }))
    }

    /// The next replica in turn; the primary where all are left alone.
    #[must_use]
    pub fn source(&self, place: Place) -> Source {
        let replicas = &self.0.replicas;
        // They have nothing of a database of the tenant's own.
        if replicas.is_empty() || !place.is_at_home() {
            return self.primary(place);
        }
        let now = Instant::now();
        let first = self.0.next.fetch_add(1, Ordering::Relaxed) % replicas.len();
        let mut in_turn = replicas.iter().cycle().skip(first).take(replicas.len());
        let replica = in_turn.find(|it| it.rest.is_over(now)).cloned();
        Source { all: self.clone(), place, replica }
    }

    /// The primary.
    #[must_use]
    pub fn primary(&self, place: Place) -> Source {
        Source { all: self.clone(), place, replica: None }
    }

    /// Closes the connections to replicas, when they are given back.
    pub async fn close(&self) {
        for replica in &self.0.replicas {
            replica.database.close().await;
        }
    }
}

impl Source {
    /// To read with, as [`Database::read`].
    ///
    /// # Errors
    /// The primary cannot be reached. That a replica cannot is none.
    pub async fn read(&self) -> Result<ReadConnection, StoreError> {
        match self.replica().await? {
            Some(connection) => Ok(connection),
            None => self.all.0.primary.read_for(self.place).await,
        }
    }

    /// A connection to a replica that has all that the primary had when this was called; `None` where
    /// the primary has to serve.
    ///
    /// # Errors
    /// The primary cannot be reached.
    pub async fn replica(&self) -> Result<Option<ReadConnection>, StoreError> {
        let Some(replica) = self.replica.as_ref().filter(|it| it.rest.ends(Instant::now())) else {
            return Ok(None);
        };
        let position = match position(&self.all.0.lanes).await {
            Err(Unfit::Store(error)) => return Err(error),
            position => position,
        };
        let connection = match position {
            Ok(position) => replica.at(&position, self.place).await,
            Err(why) => Err(why),
        };
        match &connection {
            Ok(_) => replica.serves(),
            Err(why) => replica.is_left_alone(why),
        }
        Ok(connection.ok())
    }

    /// Where a read that failed is to be carried out once more: at the primary, where it was a
    /// replica that failed, and not the statement.
    #[must_use]
    pub fn instead(&self, error: &StoreError) -> Option<Self> {
        let replica = self.replica.as_ref().filter(|_| is_of_the_server(error))?;
        replica.is_left_alone(error);
        Some(self.all.primary(self.place))
    }
}

impl Replica {
    /// A connection to it, once it has replayed the log up to a position.
    async fn at(&self, position: &Position, place: Place) -> Result<ReadConnection, Unfit> {
        let connected = timeout(CONNECT_LIMIT, self.database.read_unlocked(place)).await;
        let mut connection = connected.map_err(|_| Unfit::NoConnection)??;
        let caught_up = timeout(CATCH_UP_LIMIT, catch_up(&mut connection, position)).await;
        caught_up.map_err(|_| Unfit::Behind)??;
        self.database.lock(&mut connection, place).await?;
        Ok(connection)
    }

    fn serves(&self) {
        if self.rest.end() {
            tracing::info!(replica = self.name, "a replica is read from again");
        }
    }

    fn is_left_alone(&self, why: &dyn fmt::Display) {
        if self.rest.begin(Instant::now()) {
            tracing::warn!(
                replica = self.name,
                %why,
                "a replica is not read from for now; the primary serves"
            );
        }
    }
}

/// The position of the primary. Where it does not tell, it can still be read from.
async fn position(lanes: &Lanes) -> Result<Position, Unfit> {
    let row = lanes.row(&POSITION, &[]).await.map_err(|error| match error {
        StoreError::Failed(refused) => Unfit::Refused(refused),
        error => Unfit::Store(error),
    })?;
    let column = |name| row.as_ref().and_then(|row| row.try_get::<_, Option<String>>(name).ok()?);
    let (lsn, history) = (column("lsn"), column("history"));
    let position = lsn.zip(history).map(|(lsn, history)| Position { lsn, history });
    position.ok_or(Unfit::NoPrimary)
}

async fn catch_up(conn: &mut PgConnection, position: &Position) -> Result<(), Unfit> {
    let mut pause = CATCH_UP_PAUSE;
    loop {
        let asked = sqlx::query_as(STANDING).bind(&position.lsn).fetch_one(&mut *conn).await;
        let Standing { is_standby, is_current, history } = asked.map_err(StoreError::from)?;
        if !is_standby {
            return Err(Unfit::NoStandby);
        }
        if history != position.history {
            let ours = position.history.clone();
            return Err(Unfit::OtherHistory { its: history, ours });
        }
        if is_current {
            return Ok(());
        }
        sleep(pause).await;
        pause *= 2;
    }
}

/// Whether an error tells of the server that was asked, so that another may have the answer: not of
/// a statement that takes too long (57014) or is wrong. A standby cancels statements that are in the
/// way of what it replays with 40001.
fn is_of_the_server(error: &StoreError) -> bool {
    match error {
        StoreError::LostRace(_) => true,
        StoreError::Unavailable(error) => {
            is_lost(error)
                || error.as_database_error().and_then(|it| it.code()).is_some_and(|code| {
                    code.starts_with("57P") || code.starts_with("53") || code == "55P03"
                })
        }
        _ => false,
    }
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.replicas).finish()
    }
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Replica").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    #[tokio::test]
    async fn a_statement_that_takes_too_long_or_is_wrong_is_not_carried_out_elsewhere() {
        let scratch = Scratch::start().await;
        let cases = [
            ("SET statement_timeout = '20ms'; SELECT pg_sleep(60)", false),
            ("SELECT 1 / 0", false),
            ("SELECT pg_terminate_backend(pg_backend_pid())", true),
        ];
        for (statement, expected) in cases {
            let mut connection = scratch.pool.acquire().await.unwrap();
            let failed = sqlx::raw_sql(statement).execute(&mut *connection).await.unwrap_err();
            assert_eq!(is_of_the_server(&failed.into()), expected, "{statement}");
        }
        assert!(!is_of_the_server(&sqlx::Error::PoolTimedOut.into()));
        scratch.stop().await;
    }
}
