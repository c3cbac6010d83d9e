//! The database. Functions take a connection and, where there is one, the tenant: no statement
//! about a tenant's data can be written without it.

pub mod embedded;
pub mod migrations;
pub mod plugins;
pub mod resources;
pub mod tenants;
pub mod tokens;

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

/// Identifies a tenant. Its name may change, this does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct TenantId(pub Uuid);

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or has no room for a further connection: try again later.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A fault of ours, or of the database's.
    #[error("the database refused a statement: {0}")]
    Failed(#[source] sqlx::Error),
    /// What is stored cannot be read.
    #[error("stored {what} cannot be read: {source}")]
    Corrupt {
        /// Which data.
        what: &'static str,
        /// What the reader says.
        source: serde_json::Error,
    },
    /// What this server knows of the tenant is gone from the database.
    #[error("stored {what} is of a kind that this server does not know: {found}")]
    Unknown {
        /// Which data.
        what: &'static str,
        /// What was found.
        found: String,
    },
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_unavailable(&error) { Self::Unavailable(error) } else { Self::Failed(error) }
    }
}

/// SQLSTATE classes 08 (connection), 53 (resources) and 57P (operator intervention, such as a
/// restart), and everything that kept us from asking at all.
fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("08") || code.starts_with("53") || code.starts_with("57P")
        }),
        _ => false,
    }
}

/// Whether a statement broke the named constraint.
fn breaks(error: &sqlx::Error, constraint: &str) -> bool {
    error.as_database_error().and_then(|it| it.constraint()) == Some(constraint)
}
