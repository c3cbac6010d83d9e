//! Removes what has been kept for long enough. The audit log is kept for ever.

use std::time::Duration;

use time::OffsetDateTime;

use super::Services;
use super::idempotency::REMEMBERED;
use crate::clock;
use crate::store::{StoreError, retention};

/// Rows of a batch: a transaction is over before anybody waits for it.
const BATCH: i64 = 1_000;

impl Services {
    /// Removes events that are older than `events`, and idempotency keys that nobody will ask for.
    ///
    /// # Errors
    /// The database fails.
    pub async fn remove_what_is_old(&self, events: Duration) -> Result<(), StoreError> {
        let events = self.remove_events(clock::now() - events).await?;
        let idempotency_keys = self.remove_idempotency_keys(clock::now() - REMEMBERED).await?;
        if events + idempotency_keys > 0 {
            tracing::info!(events, idempotency_keys, "what was old has been removed");
        }
        Ok(())
    }

    async fn remove_events(&self, before: OffsetDateTime) -> Result<u64, StoreError> {
        let tenants = {
            let mut conn = self.database.read().await?;
            retention::tenants(&mut conn).await?
        };
        let mut sum = 0;
        for tenant in tenants {
            loop {
                let mut conn = self.database.autocommit().await?;
                let deleted = retention::delete_events(&mut conn, tenant, before, BATCH).await;
                match conn.finish(deleted).await? {
                    0 => break,
                    deleted => sum += deleted,
                }
            }
        }
        Ok(sum)
    }

    async fn remove_idempotency_keys(&self, before: OffsetDateTime) -> Result<u64, StoreError> {
        let mut sum = 0;
        loop {
            let mut conn = self.database.autocommit().await?;
            let deleted = retention::delete_idempotency_keys(&mut conn, before, BATCH).await;
            match conn.finish(deleted).await? {
                0 => return Ok(sum),
                deleted => sum += deleted,
            }
        }
    }
}
