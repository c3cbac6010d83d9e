//! One connection, with the statements that are prepared on it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

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
    connection: AbortHandle,
    /// A statement has found the connection lost; the client may tell so a moment later.
    lost: AtomicBool,
}

/// Ends when the connection does, and ends it when it is dropped.
pub(super) struct Ended(JoinHandle<Result<(), Error>>);

impl Session {
    pub(super) async fn open(target: &Target) -> Result<(Self, Ended), Error> {
        let (client, connection) = target.config.connect(target.tls.clone()).await?;
        let ended = Ended(tokio::spawn(connection));
        let connection = ended.0.abort_handle();
        let lost = AtomicBool::new(false);
        if target.pooler == Pooler::Transaction {
            return Ok((Self { client, prepared: None, connection, lost }, ended));
        }
        client.batch_execute(SETTINGS).await?;
        Ok((Self { client, prepared: Some(RwLock::default()), connection, lost }, ended))
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

    pub(super) async fn rows(
        &self,
        read: &Read,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        let Some(prepared) = &self.prepared else {
            let typed: Vec<(&(dyn ToSql + Sync), Type)> =
                arguments.iter().copied().zip(read.arguments.iter().cloned()).collect();
            return self.client.query_typed(read.sql, &typed).await;
        };
        let known = {
            let prepared = prepared.read().unwrap_or_else(PoisonError::into_inner);
            prepared.get(read.sql).cloned()
        };
        let statement = match known {
            Some(statement) => statement,
            None => {
                let statement = self.client.prepare_typed(read.sql, read.arguments).await?;
                let mut prepared = prepared.write().unwrap_or_else(PoisonError::into_inner);
                prepared.entry(read.sql).or_insert(statement).clone()
            }
        };
        self.client.query(&statement, arguments).await
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
