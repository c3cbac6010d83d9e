//! The word that the configuration has changed, which the server that has changed it gives to the others
//! (`NOTIFY`). It makes them ask for the epoch at once; they ask each second anyway, so that nothing is
//! wrong where a word is lost.

use std::convert::Infallible;

use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::Notify;

use super::{Database, StoreError};

const CHANNEL: &str = "tenon_config";

/// Gives the word, with the epoch that it stands for.
///
/// # Errors
/// The database fails, or has no such thing.
pub async fn send(database: &Database) -> Result<(), StoreError> {
    let mut conn = database.autocommit().await?;
    let sent = sqlx::query("SELECT pg_notify($1, n::text) FROM config_epoch")
        .bind(CHANNEL)
        .execute(&mut *conn)
        .await;
    conn.finish(sent.map(|_| ()).map_err(StoreError::from)).await
}

/// Waits for the word, over a connection of its own, and passes each on.
///
/// # Errors
/// The connection fails, or the database has no such thing.
pub async fn listen(database: &Database, told: &Notify) -> Result<Infallible, StoreError> {
    // One connection, for as long as it holds.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(database.connect_options());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // Where the connection was lost, nobody knows what was told meanwhile.
        let notice = listener.try_recv().await?;
        if let Some(notice) = notice {
            tracing::debug!(epoch = notice.payload(), "told that the configuration has changed");
        }
        told.notify_one();
    }
}

/// Whether the database will never pass the word on: there is no `LISTEN`.
#[must_use]
pub fn has_none(error: &StoreError) -> bool {
    let StoreError::Failed(sqlx::Error::Database(error)) = error else { return false };
    // feature_not_supported, syntax_error, undefined_function
    error.code().is_some_and(|code| matches!(&*code, "0A000" | "42601" | "42883"))
}
