//! One connection, with the statements that are prepared on it.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::task::Poll;

use tokio::task::{AbortHandle, JoinHandle};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, Statement};

use super::super::Pooler;
use super::options::Target;
use super::{Read, told};

/// Bounds on what a statement may take of the connection that it shares; and each is planned once,
/// and by an index, whatever the tables have had when that was done: planning takes longer than most
/// of them. What the configuration sets itself is left as it is.
const SETTINGS: &str = "
    SELECT set_config(
        name,
        CASE name
            WHEN 'plan_cache_mode' THEN 'force_generic_plan'
            WHEN 'enable_seqscan' THEN 'off'
            ELSE '5s'
        END,
        false)
    FROM pg_settings
    WHERE name IN ('statement_timeout', 'lock_timeout', 'plan_cache_mode', 'enable_seqscan')
      AND source <> 'client'";

/// A connection that statements of many requests go over.
pub(super) struct Session {
    client: Client,
    /// By their text; `None` where every statement brings its text along.
    prepared: Option<RwLock<HashMap<&'static str, Statement>>>,
    /// Held while messages are put in line, and not while they are answered.
    turn: Mutex<()>,
    connection: AbortHandle,
    /// A statement has found the connection lost; the client may tell so a moment later.
    lost: AtomicBool,
}

/// The transaction that a statement is to be in.
pub(super) struct Within {
    /// How it begins.
    pub(super) begin: String,
    /// Whether the statement means the same tables as it does without: then it is prepared. Else each
    /// use of it would be in the way of the plan of the other.
    pub(super) is_prepared: bool,
}

/// Ends when the connection does, and ends it when it is dropped.
pub(super) struct Ended(JoinHandle<Result<(), Error>>);

impl Session {
    pub(super) async fn open(target: &Target) -> Result<(Self, Ended), Error> {
        let (client, connection) = target.config.connect(target.tls.clone()).await?;
        let ended = Ended(tokio::spawn(connection));
        let connection = ended.0.abort_handle();
        let prepared = match target.pooler {
            Pooler::Transaction => None,
            Pooler::None => {
                client.batch_execute(SETTINGS).await?;
                Some(RwLock::default())
            }
        };
        let (turn, lost) = (Mutex::default(), AtomicBool::new(false));
        Ok((Self { client, prepared, turn, connection, lost }, ended))
    }

    /// Ends the connection, and with it all statements on it that have no answer yet.
    pub(super) fn end(&self) {
        self.connection.abort();
    }

    /// Nothing more is sent over it.
    pub(super) fn give_up(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lost.load(Ordering::Relaxed) || self.client.is_closed()
    }

    /// The rows of a statement, within a transaction where it is to be in one.
    pub(super) async fn rows(
        &self,
        within: Option<&Within>,
        read: &Read,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        let is_prepared = within.is_none_or(|it| it.is_prepared);
        let statement = if is_prepared { self.prepared(read).await? } else { None };
        let rows = async {
            if let Some(statement) = &statement {
                return self.client.query(statement, arguments).await;
            }
            let typed: Vec<(&(dyn ToSql + Sync), Type)> =
                arguments.iter().copied().zip(read.arguments.iter().cloned()).collect();
            self.client.query_typed(read.sql, &typed).await
        };
        let Some(Within { begin, .. }) = within else { return self.sent_together(rows).await };
        let transaction = async {
            tokio::join!(
                biased;
                self.client.batch_execute(begin),
                rows,
                self.client.batch_execute("COMMIT"),
            )
        };
        let (begun, rows, ended) = self.sent_together(transaction).await;
        begun?;
        let rows = rows?;
        ended?;
        Ok(rows)
    }

    /// Carries out what sends all of its messages when it is first polled, with no message of
    /// others in between: a transaction of one is none of another's. Nobody waits for an answer
    /// meanwhile.
    async fn sent_together<F: Future>(&self, messages: F) -> F::Output {
        let mut messages = pin!(messages);
        let sent = poll_fn(|context| {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            Poll::Ready(messages.as_mut().poll(context))
        });
        match sent.await {
            Poll::Ready(done) => done,
            Poll::Pending => messages.await,
        }
    }

    /// The statement as it is prepared; `None` where it brings its text along.
    async fn prepared(&self, read: &Read) -> Result<Option<Statement>, Error> {
        let Some(prepared) = &self.prepared else { return Ok(None) };
        let known = {
            let prepared = prepared.read().unwrap_or_else(PoisonError::into_inner);
            prepared.get(read.sql).cloned()
        };
        if known.is_some() {
            return Ok(known);
        }
        let statement = self.client.prepare_typed(read.sql, read.arguments);
        let statement = self.sent_together(statement).await?;
        let mut prepared = prepared.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(prepared.entry(read.sql).or_insert(statement).clone()))
    }
}

impl Ended {
    /// Waits for the end, and says why it came.
    pub(super) async fn wait(mut self) -> String {
        match (&mut self.0).await {
            Ok(Ok(())) => "the server closed it".to_owned(),
            Ok(Err(error)) => told(&error),
            Err(error) if error.is_cancelled() => "it gave no answer in time".to_owned(),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}
