//! The accelerator for parts of values, on and off.

use serde_json::json;
use sqlx::{Connection, PgConnection};

use super::Services;
use crate::clock;
use crate::store::StoreError;
use crate::store::audit::{self, Act, By, NO_TENANT};
use crate::store::substrings::{self, Accelerator};

/// Why the accelerator is not turned on or off.
#[derive(Debug, thiserror::Error)]
pub enum SubstringsError {
    /// The database does not have it.
    #[error(
        "the database does not offer the extension pg_trgm; filters with co and ew work without. For \
         PostgreSQL it is in the package postgresql-contrib"
    )]
    NotOffered,
    /// Its user may not.
    #[error(
        "the database's user may not load the extension pg_trgm; have its administrator run \
         CREATE EXTENSION pg_trgm in the database of Tenon, and ask again"
    )]
    NotPermitted,
    /// It is being built.
    #[error("it is being built at present; ask again when that has ended")]
    Building,
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Services {
    /// Whether the accelerator is there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn substrings(&self) -> Result<Accelerator, StoreError> {
        let mut conn = self.database.read().await?;
        substrings::state(&mut conn).await
    }

    /// Turns the accelerator on or off. Building it may take long, and goes on after the answer.
    ///
    /// # Errors
    /// The database cannot, or may not.
    pub async fn turn_substrings(
        &self,
        by: By<'_>,
        on: bool,
    ) -> Result<Accelerator, SubstringsError> {
        let state = self.substrings().await?;
        match (state, on) {
            (Accelerator::Building, _) => return Err(SubstringsError::Building),
            (Accelerator::On, true) | (Accelerator::Off, false) => return Ok(state),
            _ => {}
        }
        // Apart from the pool, whose bounds are for requests.
        let options = self.database.pooler().adapt(self.database.connect_options());
        let connected = PgConnection::connect_with(&options).await;
        let mut conn = connected.map_err(StoreError::from)?;
        if on {
            if !substrings::is_offered(&mut conn).await? {
                return Err(SubstringsError::NotOffered);
            }
            if !substrings::load_extension(&mut conn).await? {
                return Err(SubstringsError::NotPermitted);
            }
        }
        self.record_substrings(by, on).await?;
        tokio::spawn(async move {
            let turned = if on {
                substrings::build(&mut conn).await
            } else {
                substrings::drop_index(&mut conn).await
            };
            match turned {
                Ok(()) => tracing::info!(on, "the accelerator for parts of values is turned"),
                Err(error) => tracing::error!(
                    %error, on, "the accelerator for parts of values could not be turned"
                ),
            }
        });
        Ok(if on { Accelerator::Building } else { Accelerator::Off })
    }

    async fn record_substrings(&self, by: By<'_>, on: bool) -> Result<(), StoreError> {
        let act = Act { action: "substrings.turn", subject: "substrings", at: clock::now() };
        let mut conn = self.database.autocommit().await?;
        let details = json!({ "on": on });
        let told = audit::insert_with(&mut conn, NO_TENANT, by, act, &details).await;
        conn.finish(told).await
    }
}
