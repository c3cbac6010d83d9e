//! The database. Functions take a connection and, where there is one, the tenant: no statement
//! about a tenant's data can be written without it.

pub mod added_indexes;
pub mod attr_index;
pub mod audit;
pub mod audit_seals;
pub mod audit_waiting;
pub mod clients;
pub mod config_epoch;
pub mod counters;
pub mod credentials;
pub mod database;
pub mod deliveries;
pub mod embedded;
pub mod entry_points;
pub mod filter_sql;
pub mod idempotency;
pub mod index_builds;
pub mod issuers;
pub mod keys;
pub mod lanes;
pub mod load;
pub mod members;
pub mod migrations;
pub mod moves;
pub mod notices;
pub mod operator_issuers;
pub mod outbox;
pub mod own_databases;
pub mod page;
pub mod place;
pub mod plugins;
#[cfg(test)]
mod portability;
pub mod realm_resolvers;
pub mod realms;
pub mod recorded_calls;
pub mod removal;
pub mod replicas;
pub mod requests;
pub mod resources;
pub mod retention;
pub mod row_security;
pub mod rows;
pub mod schemas;
#[cfg(test)]
pub(crate) mod scratch;
pub mod shares;
pub mod substrings;
pub mod suspension;
pub mod tenants;
pub mod tokens;
pub mod writes;

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

pub use database::{Connections, Database, Pooler};

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
    /// The connection was lost before it said whether what was written is to stay: it may be, and
    /// it may not be.
    #[error("the connection was lost before the database said whether it was done: {0}")]
    Undecided(#[source] sqlx::Error),
    /// The transaction was undone because another was in its way. Nothing is wrong: the same
    /// work may be done again at once.
    #[error("the transaction lost a race against another: {0}")]
    LostRace(#[source] sqlx::Error),
    /// The tenant or the plugin that it belongs to has been removed meanwhile.
    #[error("what it belongs to has been removed: {0}")]
    Gone(#[source] sqlx::Error),
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
    /// A newer server has stored it, most likely.
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
        let code = error.as_database_error().and_then(|error| error.code());
        match code.as_deref().map(kind_of) {
            Some(Kind::LostRace) => Self::LostRace(error),
            Some(Kind::Unavailable) => Self::Unavailable(error),
            Some(Kind::Gone) => Self::Gone(error),
            Some(Kind::Failed) => Self::Failed(error),
            None if kept_from_asking(&error) => Self::Unavailable(error),
            None => Self::Failed(error),
        }
    }
}

impl StoreError {
    /// The same of a statement that commits: without its answer nobody knows what became of it.
    fn of_a_commit(self) -> Self {
        match self {
            Self::Unavailable(error) if is_lost(&error) => Self::Undecided(error),
            other => other,
        }
    }
}

/// Whether the connection ended instead of an answer.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) => true,
        // admin_shutdown, crash_shutdown, database_dropped, idle_session_timeout; class 08
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            matches!(&*code, "57P01" | "57P02" | "57P04" | "57P05") || code.starts_with("08")
        }),
        _ => false,
    }
}

/// What a SQLSTATE means for the one who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    LostRace,
    Unavailable,
    Gone,
    Failed,
}

/// PostgreSQL, appendix A. Classes 08 (connection), 53 (resources) and 57P (operator
/// intervention, such as a restart) pass; so do the bounds that the server puts on statements,
/// locks and idle transactions, and a database that is read-only while another takes over.
fn kind_of(code: &str) -> Kind {
    match code {
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => Kind::LostRace,
        // foreign_key_violation
        "23503" => Kind::Gone,
        // query_canceled, lock_not_available, idle_in_transaction_session_timeout,
        // read_only_sql_transaction
        // invalid_schema_name: of a tenant that is being removed, or restored
        "57014" | "55P03" | "25P03" | "25006" | "3F000" => Kind::Unavailable,
        _ if code.starts_with("08") || code.starts_with("53") || code.starts_with("57P") => {
            Kind::Unavailable
        }
        _ => Kind::Failed,
    }
}

fn kept_from_asking(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
    )
}

/// Whether a statement broke the named constraint.
fn breaks(error: &sqlx::Error, constraint: &str) -> bool {
    error.as_database_error().and_then(|it| it.constraint()) == Some(constraint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_is_wrong() {
        for code in ["40001", "40P01"] {
            assert_eq!(kind_of(code), Kind::LostRace, "{code}");
        }
        for code in ["57014", "55P03", "25P03", "25006", "08006", "53300", "57P01", "57P03"] {
            assert_eq!(kind_of(code), Kind::Unavailable, "{code}");
        }
        for code in ["23505", "42P01", "22001", "28P01", "25P02"] {
            assert_eq!(kind_of(code), Kind::Failed, "{code}");
        }
    }

    #[test]
    fn a_commit_without_an_answer_may_have_been_done_unless_it_was_never_sent() {
        let cut = || sqlx::Error::Io(std::io::ErrorKind::UnexpectedEof.into());
        assert!(matches!(StoreError::from(cut()), StoreError::Unavailable(_)));
        assert!(matches!(StoreError::from(cut()).of_a_commit(), StoreError::Undecided(_)));
        let never_sent = StoreError::from(sqlx::Error::PoolTimedOut).of_a_commit();
        assert!(matches!(never_sent, StoreError::Unavailable(_)));
    }

    #[test]
    fn a_connection_that_cannot_be_made_is_no_fault_of_the_statement() {
        let tls = sqlx::Error::Tls("the certificate has expired".into());
        assert!(matches!(StoreError::from(tls), StoreError::Unavailable(_)));
        assert!(matches!(StoreError::from(sqlx::Error::RowNotFound), StoreError::Failed(_)));
    }
}
