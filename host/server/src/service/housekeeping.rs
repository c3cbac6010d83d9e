//! Removes what has been kept for long enough.

use std::time::Duration;

use time::OffsetDateTime;

use super::Services;
use super::idempotency::REMEMBERED;
use crate::clock;
use crate::store::audit::NO_TENANT;
use crate::store::retention::{self, Grows};
use crate::store::{StoreError, TenantId, tenants};

/// Rows of a batch: a transaction is over before anybody waits for it.
const BATCH: i64 = 1_000;

/// How long recorded calls are kept: they hold personal data.
const RECORDED: Duration = Duration::from_hours(7 * 24);

/// How long what grows with time is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events.
    pub events: Duration,
    /// Events that plugins have failed too often to take; until somebody retries or discards them, where
    /// it is `None`.
    pub parked: Option<Duration>,
    /// Records of the audit log; for ever, where it is `None`.
    pub audit: Option<Duration>,
    /// Requests in the logs of tenants.
    pub requests: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let week = Duration::from_hours(7 * 24);
        Self { events: week, parked: None, audit: None, requests: week }
    }
}

impl Services {
    /// Removes what is older than it is to be kept, and idempotency keys that nobody will ask for.
    ///
    /// # Errors
    /// The database fails.
    pub async fn remove_what_is_old(&self, kept: Retention) -> Result<(), StoreError> {
        let now = clock::now();
        let (tenants, with_own_tables) = {
            let mut conn = self.database.read().await?;
            (retention::tenants(&mut conn).await?, tenants::with_own_tables(&mut conn).await?)
        };
        let (mut events, mut deliveries, mut requests, mut audit_records) = (0, 0, 0, 0);
        let mut recorded_calls = 0;
        for tenant in tenants.iter().copied() {
            let remove = async |what, kept: Duration| {
                or_later(tenant, self.remove_before(tenant, what, now - kept).await)
            };
            events += remove(Grows::Events, kept.events).await?;
            recorded_calls += remove(Grows::RecordedCalls, RECORDED).await?;
            requests += remove(Grows::Requests, kept.requests).await?;
            deliveries += or_later(tenant, self.remove_deliveries(tenant, kept, now).await)?;
        }
        if let Some(audit) = kept.audit {
            for tenant in tenants.into_iter().chain([NO_TENANT]) {
                let removed = self.remove_audit_records(tenant, now - audit).await;
                audit_records += or_later(tenant, removed)?;
            }
        }
        let mut idempotency_keys = 0;
        // Those in the tables that tenants share go together.
        for tenant in with_own_tables.into_iter().chain([NO_TENANT]) {
            let removed = self.remove_idempotency_keys(tenant, now - REMEMBERED).await;
            idempotency_keys += or_later(tenant, removed)?;
        }
        if deliveries > 0 {
            tracing::warn!(deliveries, "events are too old now that plugins were not told of");
        }
        if events + idempotency_keys + audit_records + requests + recorded_calls > 0 {
            tracing::info!(
                events,
                idempotency_keys,
                audit_records,
                requests,
                recorded_calls,
                "what was old has been removed"
            );
        }
        Ok(())
    }

    async fn remove_before(
        &self,
        tenant: TenantId,
        what: Grows,
        before: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let mut sum = 0;
        loop {
            let mut conn = self.database.autocommit_at(tenant).await?;
            let deleted = retention::delete_before(&mut conn, tenant, what, before, BATCH).await;
            match conn.finish(deleted).await? {
                0 => return Ok(sum),
                deleted => sum += deleted,
            }
        }
    }

    async fn remove_deliveries(
        &self,
        tenant: TenantId,
        kept: Retention,
        now: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let plugins = {
            let mut conn = self.database.read().await?;
            retention::plugins(&mut conn, tenant).await?
        };
        let mut sum = self.remove_deliveries_before(tenant, &plugins, now - kept.events).await?;
        if let Some(parked) = kept.parked {
            let before = now - parked.max(kept.events);
            sum += self.remove_deliveries_before(tenant, &[], before).await?;
        }
        Ok(sum)
    }

    async fn remove_deliveries_before(
        &self,
        tenant: TenantId,
        parking: &[String],
        before: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let mut sum = 0;
        loop {
            let mut conn = self.database.autocommit_at(tenant).await?;
            let deleted =
                retention::delete_deliveries(&mut conn, tenant, parking, before, BATCH).await;
            match conn.finish(deleted).await? {
                0 => return Ok(sum),
                deleted => sum += deleted,
            }
        }
    }

    async fn remove_idempotency_keys(
        &self,
        tenant: TenantId,
        before: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let mut sum = 0;
        loop {
            let mut conn = self.database.autocommit_at(tenant).await?;
            let deleted = retention::delete_idempotency_keys(&mut conn, before, BATCH).await;
            match conn.finish(deleted).await? {
                0 => return Ok(sum),
                deleted => sum += deleted,
            }
        }
    }
}

/// A tenant whose data cannot be reached holds up no other.
fn or_later(tenant: TenantId, removed: Result<u64, StoreError>) -> Result<u64, StoreError> {
    match removed {
        Err(StoreError::Unavailable(error)) if tenant != NO_TENANT => {
            tracing::warn!(%tenant, %error, "what is old of a tenant could not be removed");
            Ok(0)
        }
        removed => removed,
    }
}
