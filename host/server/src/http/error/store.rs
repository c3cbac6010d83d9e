//! What clients are told of a database that fails.

use axum::http::StatusCode;

use super::{Problem, ScimError, internal};
use crate::store::StoreError;

pub(super) fn store_error(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) => {
            tracing::error!(%error, "the database is not available");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the database is not available; try again",
            )
        }
        StoreError::Undecided(_) => {
            tracing::error!(%error, "the connection to the database was lost during a commit");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the connection to the database was lost before it said whether the request was \
                 carried out: it may have been; look before you send it again, or send POST \
                 requests with an Idempotency-Key, which makes repeating them safe",
            )
        }
        StoreError::LostRace(_) => {
            tracing::warn!(%error, "a transaction lost its races against others");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "others changed the same data at the same time; try again",
            )
        }
        StoreError::Gone(_) => {
            tracing::info!(%error, "the tenant or the plugin was removed during the request");
            Problem::new(StatusCode::NOT_FOUND, "the tenant or the plugin has been removed")
        }
        StoreError::Failed(_) | StoreError::Corrupt { .. } | StoreError::Unknown { .. } => {
            tracing::error!(%error, "the database failed");
            internal()
        }
    }
}

impl From<StoreError> for ScimError {
    fn from(error: StoreError) -> Self {
        store_error(error).into()
    }
}

impl From<sqlx::Error> for ScimError {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        store_error(error)
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}
