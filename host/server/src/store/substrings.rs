//! An accelerator for PostgreSQL alone: an index of the trigrams of those entries whose parts are
//! searched for (`co`, `ew`). Nothing needs it. Where it is missing, the entries of the attribute are
//! gone through.

use serde::Serialize;
use sqlx::{PgConnection, raw_sql};

use super::StoreError;

/// Whether the accelerator is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Accelerator {
    /// It is not.
    Off,
    /// It is being built.
    Building,
    /// Filters use it.
    On,
    /// Building it was interrupted: it takes space, and is of no use.
    Incomplete,
}

/// Whether the accelerator is there.
///
/// # Errors
/// The database fails.
pub async fn state(conn: &mut PgConnection) -> Result<Accelerator, StoreError> {
    let (valid, building): (Option<bool>, bool) = sqlx::query_as(
        "SELECT (SELECT i.indisvalid FROM pg_index i \
                 WHERE i.indexrelid = to_regclass('attr_index_substrings')), \
                EXISTS (SELECT FROM pg_stat_progress_create_index p \
                        WHERE p.relid = to_regclass('attr_index'))",
    )
    .fetch_one(conn)
    .await?;
    Ok(match (valid, building) {
        (Some(true), _) => Accelerator::On,
        (_, true) => Accelerator::Building,
        (Some(false), false) => Accelerator::Incomplete,
        (None, false) => Accelerator::Off,
    })
}

/// Whether the database offers what it takes.
///
/// # Errors
/// The database fails.
pub async fn is_offered(conn: &mut PgConnection) -> Result<bool, StoreError> {
    let offered = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')",
    )
    .fetch_one(conn)
    .await?;
    Ok(offered)
}

/// Has the database load what it takes; false where its user may not.
///
/// # Errors
/// The database fails.
pub async fn load_extension(conn: &mut PgConnection) -> Result<bool, StoreError> {
    match raw_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm").execute(conn).await {
        Ok(_) => Ok(true),
        // insufficient_privilege
        Err(error)
            if error.as_database_error().and_then(|it| it.code()).as_deref() == Some("42501") =>
        {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Builds the index beside all other work, which takes as long as it takes: on a connection of its
/// own, outside of transactions.
///
/// # Errors
/// The database fails.
pub async fn build(conn: &mut PgConnection) -> Result<(), StoreError> {
    drop_index(conn).await?;
    raw_sql(
        "CREATE INDEX CONCURRENTLY attr_index_substrings ON attr_index \
         USING gin (val gin_trgm_ops) WHERE substrings",
    )
    .execute(&mut *conn)
    .await?;
    // Whether it is worth its while for a text depends on how often parts of it occur.
    raw_sql("ANALYZE attr_index").execute(conn).await?;
    Ok(())
}

/// Removes the index beside all other work, as [`build`] makes it.
///
/// # Errors
/// The database fails.
pub async fn drop_index(conn: &mut PgConnection) -> Result<(), StoreError> {
    raw_sql("DROP INDEX CONCURRENTLY IF EXISTS attr_index_substrings").execute(conn).await?;
    Ok(())
}
