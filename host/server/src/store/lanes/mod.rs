//! Quick reads: a few connections that all requests share. A statement is sent when it comes, without
//! waiting for the answers to those before it, and takes one round trip.
//!
//! A statement holds up those behind it, so that only single statements go this way that read a few
//! rows by a key and wait for no lock. Everything else goes through the pool.

mod options;
mod session;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use self::options::Target;
use self::session::{Session, Within};
use super::place::{Place, Writes};
use super::row_security::{RowSecurity, begin_as};
use super::{Kind, Pooler, StoreError, kind_of};

/// How long a statement waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a statement waits for its answer, behind others of the connection. The database ends
/// each after 5 s: who waits for twice that waits for one that does not answer. Through a pooler
/// there is no other bound.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// The pauses between attempts to connect: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// A statement that reads, with the types of its arguments.
#[derive(Debug)]
pub struct Read {
    /// The text.
    pub sql: &'static str,
    /// One type for each argument.
    pub arguments: &'static [Type],
}

/// The connections. They are made again when they are lost, and end with the last clone.
#[derive(Clone)]
pub struct Lanes {
    shared: Arc<Shared>,
    row_security: RowSecurity,
}

struct Shared {
    lanes: Vec<Lane>,
    next: AtomicUsize,
    /// How long an answer is waited for.
    limit: Duration,
}

struct Lane {
    session: watch::Receiver<Option<Arc<Session>>>,
    keeper: JoinHandle<()>,
}

impl Lanes {
    /// Begins to connect. Through a pooler that gives each transaction any of its connections,
    /// nothing is prepared or set for later statements.
    ///
    /// # Errors
    /// A certificate or key that the options name cannot be used.
    pub fn open(
        options: &PgConnectOptions,
        count: u32,
        pooler: Pooler,
    ) -> Result<Self, sqlx::Error> {
        Self::answering_within(ANSWER_LIMIT, options, count, pooler)
    }

    fn answering_within(
        limit: Duration,
        options: &PgConnectOptions,
        count: u32,
        pooler: Pooler,
    ) -> Result<Self, sqlx::Error> {
        let target = Arc::new(Target::of(options, pooler)?);
        let lane = |_| {
            let (sender, session) = watch::channel(None);
            Lane { session, keeper: tokio::spawn(keep(Arc::clone(&target), sender)) }
        };
        let lanes = (0..count.max(1)).map(lane).collect();
        let shared = Arc::new(Shared { lanes, next: AtomicUsize::new(0), limit });
        Ok(Self { shared, row_security: RowSecurity::Off })
    }

    /// With the second lock, or without.
    #[must_use]
    pub fn with(self, row_security: RowSecurity) -> Self {
        Self { row_security, ..self }
    }

    /// Closes the connections.
    pub fn close(&self) {
        self.shared.close();
    }

    /// The rows of a statement that is about no tenant. Where the connection is lost meanwhile, it is sent again; where it
    /// gives no answer, it is made again for those that follow.
    ///
    /// # Errors
    /// The database fails, does not answer, or cannot be reached.
    pub async fn rows(
        &self,
        read: &Read,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        self.sent(None, read, arguments).await
    }

    /// The rows of a statement about a tenant, where its data is, and under the second lock where there
    /// is one: in a transaction that is sent as a whole, and takes one round trip too.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub async fn rows_for(
        &self,
        place: Place,
        read: &Read,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        const BEGIN: &str = "BEGIN READ ONLY";
        let within = match (place.entering(Writes::No, self.row_security), self.row_security) {
            (Some(entering), _) => {
                Some(Within { begin: format!("{BEGIN}; {entering}"), is_prepared: false })
            }
            (None, RowSecurity::Off) => None,
            (None, RowSecurity::On) => {
                Some(Within { begin: begin_as(place.tenant, BEGIN), is_prepared: true })
            }
        };
        self.sent(within.as_ref(), read, arguments).await
    }

    async fn sent(
        &self,
        within: Option<&Within>,
        read: &Read,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let mut lost = 0;
        loop {
            match self.answer(within, read, arguments).await? {
                // A database that ends takes all connections with it, one after the other.
                Err(error) if is_lost(&error) && lost < self.shared.lanes.len() => lost += 1,
                answered => return Ok(answered?),
            }
        }
    }

    /// What one of the connections answers, if it does so in time.
    async fn answer(
        &self,
        within: Option<&Within>,
        read: &Read,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<Result<Vec<Row>, Error>, StoreError> {
        let session = self.session().await?;
        let answered = timeout(self.shared.limit, session.rows(within, read, arguments)).await;
        let answered = answered.map_err(|_| {
            session.end();
            unavailable("a statement was not answered in time")
        })?;
        if answered.as_ref().is_err_and(is_lost) {
            session.give_up();
        }
        Ok(answered)
    }

    /// The only row of a statement, or none.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub async fn row(
        &self,
        read: &Read,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(read, arguments).await?.pop())
    }

    /// The only row of a statement about a tenant, or none.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub async fn row_for(
        &self,
        place: Place,
        read: &Read,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows_for(place, read, arguments).await?.pop())
    }

    /// The next connection that is there, or else the one that comes first.
    async fn session(&self) -> Result<Arc<Session>, StoreError> {
        let lanes = &self.shared.lanes;
        let first = self.shared.next.fetch_add(1, Ordering::Relaxed) % lanes.len().max(1);
        let (before, from) = lanes.split_at_checked(first).unwrap_or((lanes, &[]));
        let in_turn = || from.iter().chain(before);
        if let Some(session) = in_turn().find_map(Lane::session) {
            return Ok(session);
        }
        let Some(lane) = in_turn().next() else { return Err(unavailable("there are none")) };
        let mut session = lane.session.clone();
        // One that has ended is there until its keeper notices.
        let opened = session.wait_for(|it| it.as_ref().is_some_and(|it| !it.is_closed()));
        let connected = timeout(PATIENCE, opened).await;
        let connected = connected.ok().and_then(Result::ok).and_then(|it| it.clone());
        connected.ok_or_else(|| unavailable("no connection could be made"))
    }
}

impl Lane {
    fn session(&self) -> Option<Arc<Session>> {
        self.session.borrow().as_ref().filter(|session| !session.is_closed()).cloned()
    }
}

impl Shared {
    fn close(&self) {
        for lane in &self.lanes {
            lane.keeper.abort();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes").field("count", &self.shared.lanes.len()).finish()
    }
}

/// Connects, and connects again whenever the connection is lost.
async fn keep(target: Arc<Target>, sessions: watch::Sender<Option<Arc<Session>>>) {
    let mut pause = PAUSE.0;
    loop {
        match timeout(ANSWER_LIMIT, Session::open(&target)).await {
            Ok(Ok((session, ended))) => {
                pause = PAUSE.0;
                sessions.send_replace(Some(Arc::new(session)));
                let cause = ended.wait().await;
                sessions.send_replace(None);
                tracing::warn!(cause, "a connection to the database was lost; making it again");
            }
            failed => {
                let error = match failed {
                    Ok(Err(error)) => told(&error),
                    _ => "no answer in time".to_owned(),
                };
                tracing::warn!(error, "no connection to the database for quick reads");
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let kind = error.code().map(|code| kind_of(code.code()));
        let cause = || sqlx::Error::Protocol(told(&error));
        match kind {
            Some(Kind::LostRace) => Self::LostRace(cause()),
            Some(Kind::Unavailable) => Self::Unavailable(cause()),
            Some(Kind::Gone) => Self::Gone(cause()),
            None if is_lost(&error) => Self::Unavailable(cause()),
            Some(Kind::Failed) | None => Self::Failed(cause()),
        }
    }
}

/// Whether the connection has gone, and the statement may be sent over another one.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    let is_io = || {
        let source = std::error::Error::source(error);
        source.is_some_and(|source| source.is::<std::io::Error>())
    };
    match error.code() {
        // Class 08, connection exception; 57P01 to 57P03, the server ends or starts.
        Some(code) => code.code().starts_with("08") || code.code().starts_with("57P"),
        None => error.is_closed() || is_io(),
    }
}

/// The error with its causes: the first says little.
fn told(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(sqlx::Error::Protocol(why.to_owned()))
}

#[cfg(test)]
mod tests;
