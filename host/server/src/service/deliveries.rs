//! Tells plugins of what was written (`after-commit`): at least once, and of the events of one resource in
//! their order. Every server does it.
//!
//! A few events are leased, and the plugin is called outside any transaction. What it was told of is
//! removed; a failure puts the event off, for longer each time, and parks it at last. A parked event
//! waits for the tenant and holds up no other. When a server dies, its leases end, and another goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Value, json};
use tenon_plugin::{CallError, Capability};
use uuid::Uuid;

use super::plugins::{PluginError, existing, record};
use super::{Error, Services};
use crate::store::TenantId;
use crate::store::audit::By;
use crate::store::deliveries::{self, Delivery, State};
use crate::store::page::{InOrder, Part};
use crate::tenant::runtime::{ActivePlugin, TenantRuntime};

/// Events of a plugin that are leased together, and for how long.
const BATCH: i64 = 16;
const LEASE: Duration = Duration::from_secs(10);
/// How much of a lease is used: the rest is for the last call.
const USED: Duration = Duration::from_secs(5);
/// Plugins that this server tells at a time.
const TOGETHER: usize = 8;
/// How often a plugin is told before an event is parked.
const ATTEMPTS: i32 = 10;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

impl Services {
    /// Tells each plugin of some of the events that it expects; false where there are none at present. One
    /// that fails holds up no other.
    ///
    /// # Errors
    /// The database fails.
    pub async fn deliver_events(&self) -> Result<bool, Error> {
        let expecting = {
            let mut conn = self.database.read().await?;
            deliveries::expecting(&mut conn).await?
        };
        self.metrics.expecting(expecting.len());
        let deliveries = expecting.into_iter().map(|(tenant, plugin)| async move {
            let delivered = self.deliver_to(tenant, &plugin).await;
            delivered.inspect_err(|error| {
                tracing::warn!(%tenant, plugin, %error, "a plugin could not be told of events");
            })
        });
        let delivered: Vec<_> = stream::iter(deliveries).buffer_unordered(TOGETHER).collect().await;
        // Where all fail, it is the database.
        let is_busy = delivered.iter().any(|it| matches!(it, Ok(true)));
        let failed = delivered.into_iter().find_map(Result::err);
        failed.filter(|_| !is_busy).map_or(Ok(is_busy), Err)
    }

    async fn deliver_to(&self, tenant: TenantId, plugin: &str) -> Result<bool, Error> {
        let runtime = self.credentials.runtime(&self.database, tenant).await?;
        let told = |it: &&ActivePlugin| {
            &*it.name == plugin && it.capabilities.contains(&Capability::AfterCommit)
        };
        let Some(active) = runtime.plugins.iter().find(told) else { return Ok(false) };
        let begun = Instant::now();
        let mut transaction = self.database.begin_data_at(tenant).await?;
        let leased = deliveries::lease(&mut transaction, tenant, plugin, LEASE, BATCH).await?;
        transaction.commit().await?;
        for delivery in &leased {
            let outcome = if begun.elapsed() < USED {
                self.tell(&runtime, active, delivery).await?
            } else {
                Told::NotYet(None)
            };
            self.settle(tenant, plugin, delivery, outcome).await?;
        }
        Ok(!leased.is_empty())
    }

    /// Calls the plugin.
    async fn tell(
        &self,
        runtime: &Arc<TenantRuntime>,
        active: &ActivePlugin,
        delivery: &Delivery,
    ) -> Result<Told, Error> {
        Ok(match self.after_commit(runtime, active, delivery).await {
            Ok(()) => Told::Done,
            Err(Error::PluginFailed { error, .. }) => match error {
                CallError::Busy { .. } | CallError::FuelRateExceeded { .. } => {
                    Told::NotYet(Some(error.to_string()))
                }
                error => Told::Failed(error.to_string()),
            },
            Err(Error::PluginNotLoaded { reason, .. }) => Told::Failed(reason),
            Err(error) => return Err(error),
        })
    }

    async fn settle(
        &self,
        tenant: TenantId,
        plugin: &str,
        delivery: &Delivery,
        told: Told,
    ) -> Result<(), Error> {
        let Delivery { event, attempts, .. } = *delivery;
        let mut conn = self.database.autocommit_at(tenant).await?;
        let (kept, outcome) = match told {
            Told::Done => {
                let deleted = deliveries::delete(&mut conn, tenant, plugin, event).await;
                (deleted, Some("told"))
            }
            Told::NotYet(problem) => {
                let (problem, pause) = (problem.as_deref(), Some(FIRST_PAUSE));
                let before = attempts - 1;
                let kept =
                    deliveries::put_off(&mut conn, tenant, plugin, event, before, pause, problem);
                (kept.await, None)
            }
            Told::Failed(problem) => {
                let pause = pause_after(attempts);
                let outcome = if pause.is_some() { "failed" } else { "parked" };
                tracing::warn!(%tenant, plugin, %event, attempts, outcome, "an event could not be delivered");
                let (problem, left) = (Some(problem.as_str()), attempts);
                let kept =
                    deliveries::put_off(&mut conn, tenant, plugin, event, left, pause, problem);
                (kept.await, Some(outcome))
            }
        };
        // It may have been discarded meanwhile.
        conn.finish(kept).await?;
        if let Some(outcome) = outcome {
            self.metrics.delivered(outcome);
        }
        Ok(())
    }

    /// A part of what a plugin is still to be told of.
    ///
    /// # Errors
    /// There is no such plugin.
    pub async fn deliveries(
        &self,
        tenant: TenantId,
        plugin: &str,
        state: Option<State>,
        part: &Part<Uuid>,
    ) -> Result<InOrder<Delivery>, PluginError> {
        let mut conn = self.database.read().await?;
        existing(&mut conn, tenant, plugin).await?;
        drop(conn);
        let mut conn = self.database.read_at(tenant).await?;
        Ok(deliveries::list(&mut conn, tenant, plugin, state, part).await?)
    }

    /// Has a plugin be told of an event soon, with all attempts before it.
    ///
    /// # Errors
    /// It is not to be told of it.
    pub async fn retry_delivery(
        &self,
        by: By<'_>,
        tenant: TenantId,
        plugin: &str,
        event: Uuid,
    ) -> Result<(), PluginError> {
        let mut transaction = self.database.begin_data_at(tenant).await?;
        let now = Some(Duration::ZERO);
        if !deliveries::put_off(&mut transaction, tenant, plugin, event, 0, now, None).await? {
            return Err(no_delivery(plugin, event));
        }
        let details = of_event(event);
        record(&mut transaction, tenant, by, "plugin.delivery.retry", plugin, &details).await?;
        Ok(transaction.commit().await?)
    }

    /// Has a plugin never be told of an event.
    ///
    /// # Errors
    /// It is not to be told of it.
    pub async fn discard_delivery(
        &self,
        by: By<'_>,
        tenant: TenantId,
        plugin: &str,
        event: Uuid,
    ) -> Result<(), PluginError> {
        let mut transaction = self.database.begin_data_at(tenant).await?;
        if !deliveries::delete(&mut transaction, tenant, plugin, event).await? {
            return Err(no_delivery(plugin, event));
        }
        let details = of_event(event);
        record(&mut transaction, tenant, by, "plugin.delivery.discard", plugin, &details).await?;
        Ok(transaction.commit().await?)
    }

    /// Forgets what a plugin was to be told that is no more. What is left where that fails goes when it is old.
    pub(super) async fn forget_deliveries(&self, tenant: TenantId, plugin: &str) {
        let forgotten = match self.database.autocommit_at(tenant).await {
            Ok(mut conn) => {
                let deleted = deliveries::delete_of_plugin(&mut conn, tenant, plugin).await;
                conn.finish(deleted).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = forgotten {
            tracing::warn!(%tenant, plugin, %error, "deliveries of a plugin could not be removed");
        }
    }
}

/// What became of an attempt.
enum Told {
    Done,
    /// The plugin was not at fault: the attempt does not count.
    NotYet(Option<String>),
    Failed(String),
}

/// The pause after so many attempts; none after the last.
fn pause_after(attempts: i32) -> Option<Duration> {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or_default();
    let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_PAUSE);
    (attempts < ATTEMPTS).then_some(pause)
}

fn no_delivery(plugin: &str, event: Uuid) -> PluginError {
    PluginError::NoDelivery { name: plugin.to_owned(), event: event.to_string() }
}

fn of_event(event: Uuid) -> Value {
    json!({ "event": event })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_minutes_and_end_with_the_last_attempt() {
        let pauses: Vec<_> = (1..ATTEMPTS).filter_map(pause_after).map(|it| it.as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256]);
        assert_eq!(pause_after(ATTEMPTS), None);
    }
}
