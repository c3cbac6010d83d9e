//! A version is run beside the active one, with what that one is called with, and nothing comes of it but that
//! it is counted. Nobody waits for it: it runs when the active version has answered, in places of its own, and
//! where these are taken it does not run.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::thread::available_parallelism;

use serde_json::{Value, json};
use tenon_plugin::{
    Call, CallError, Capability, Digest, Edit, Issue, Outcome, Plugin, QueryDecision, Usage,
    WriteDecision,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::clock;
use crate::service::queue::{Gathered, Queue};
use crate::service::{Request, Services};
use crate::store::plugins::{self, Difference, Shadowed, Sums};
use crate::store::{StoreError, TenantId};
use crate::tenant::runtime::ActivePlugin;

/// Calls in shadow at a time in the whole server, where it has processors enough: half of them are for
/// requests alone.
const PLACES: usize = 4;

/// Calls that may wait to be counted, and that are counted together.
const ROOM: usize = 2_000;
const TOGETHER: usize = 200;

/// What is run in shadow here, and what came of it.
#[derive(Debug, Clone)]
pub struct Shadows {
    places: Arc<Semaphore>,
    queue: Queue<Seen>,
}

/// A call in shadow, or one that was not run.
#[derive(Debug)]
struct Seen {
    tenant: TenantId,
    plugin: Arc<str>,
    digest: Digest,
    sums: Sums,
    difference: Option<Difference>,
}

/// What a version said: what it would do to the request.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::service) struct Said(Value);

impl Said {
    /// Of a hook that judges.
    pub(in crate::service) fn of_issues(result: &Result<Vec<Issue>, CallError>) -> Self {
        Self(match result {
            Ok(issues) if issues.is_empty() => json!({ "outcome": "passed" }),
            Ok(issues) => refused(issues),
            Err(error) => return Self::failed(error),
        })
    }

    /// Of a hook that changes what is written.
    pub(in crate::service) fn of_decision(result: &Result<WriteDecision, CallError>) -> Self {
        Self(match result {
            Ok(WriteDecision::Proceed) => json!({ "outcome": "passed" }),
            Ok(WriteDecision::Reject(issues)) => refused(issues),
            Ok(WriteDecision::Amend(edits)) => {
                json!({ "outcome": "amended", "edits": edits.iter().map(edit).collect::<Vec<_>>() })
            }
            Err(error) => return Self::failed(error),
        })
    }

    /// Of a hook that narrows what is seen.
    pub(in crate::service) fn of_query(result: &Result<QueryDecision, CallError>) -> Self {
        Self(match result {
            Ok(QueryDecision::Proceed) => json!({ "outcome": "passed" }),
            Ok(QueryDecision::Narrow(filter)) => json!({ "outcome": "narrowed", "filter": filter }),
            Ok(QueryDecision::Reject(issues)) => refused(issues),
            Err(error) => return Self::failed(error),
        })
    }

    /// Of a hook that changes what is shown: the edits of each resource, in their order.
    pub(in crate::service) fn of_edits(result: &Result<Vec<Vec<Edit>>, CallError>) -> Self {
        let of_one = |edits: &Vec<Edit>| edits.iter().map(edit).collect::<Value>();
        Self(match result {
            Ok(edits) if edits.iter().all(Vec::is_empty) => json!({ "outcome": "passed" }),
            Ok(edits) => {
                json!({ "outcome": "amended", "resources": edits.iter().map(of_one).collect::<Value>() })
            }
            Err(error) => return Self::failed(error),
        })
    }

    fn failed(error: &CallError) -> Self {
        Self(json!({ "outcome": "failed", "kind": error.kind() }))
    }

    fn is_failed(&self) -> bool {
        self.0.get("outcome").is_some_and(|it| it == "failed")
    }
}

fn refused(issues: &[Issue]) -> Value {
    let issue = |it: &Issue| json!({ "path": it.path, "detail": it.detail });
    let issues: Vec<Value> = issues.iter().map(issue).collect();
    json!({ "outcome": "refused", "issues": issues })
}

/// Values are told apart, and not told.
fn edit(edit: &Edit) -> Value {
    let value = edit.value.as_ref().map(|value| Digest::of(value.to_string().as_bytes()));
    let op = format!("{:?}", edit.op).to_lowercase();
    json!({ "op": op, "path": edit.path, "valueDigest": value.map(|it| it.to_string()) })
}

impl Default for Shadows {
    fn default() -> Self {
        let half = available_parallelism().map_or(1, usize::from) / 2;
        let places = Arc::new(Semaphore::new(half.clamp(1, PLACES)));
        Self { places, queue: Queue::new(ROOM, TOGETHER) }
    }
}

impl Services {
    /// Runs the version in shadow of an active one as `run` does: with the call of the active one, which
    /// has said this.
    pub(in crate::service) fn shadow<T, F>(
        &self,
        request: &Request,
        (active, shadow): (&ActivePlugin, Digest),
        (hook, call): (Capability, Call),
        active_said: Said,
        run: impl FnOnce(Arc<Plugin>, Call) -> F + Send + 'static,
        say: fn(&Result<T, CallError>) -> Said,
    ) where
        F: Future<Output = Outcome<T>> + Send,
        T: Send + 'static,
    {
        let tenant = request.tenant.id;
        let seen = Seen {
            tenant,
            plugin: Arc::clone(&active.name),
            digest: shadow,
            sums: Sums { dropped: 1, ..Sums::default() },
            difference: None,
        };
        let Ok(place) = Arc::clone(&self.shadows.places).try_acquire_owned() else {
            self.shadows.queue.add(seen);
            return;
        };
        let services = self.clone();
        tokio::spawn(async move {
            let _place = place;
            let difference = Difference {
                id: Uuid::now_v7(),
                at: clock::now(),
                request_id: call.request_id.to_string(),
                hook: hook.as_str().to_owned(),
                resource_type: call.resource_type.to_string(),
                operation: call.operation.to_string(),
                active: active_said.0.clone(),
                shadow: Value::Null,
            };
            let loaded = services.plugin(tenant, &seen.plugin, &seen.digest).await;
            let (said, usage) = match loaded {
                Ok(plugin) => {
                    let outcome = run(Arc::new(plugin.on_trial()), call).await;
                    (say(&outcome.result), outcome.usage)
                }
                Err(_) => {
                    (Said(json!({ "outcome": "failed", "kind": "not-loaded" })), Usage::default())
                }
            };
            let is_different = said != active_said;
            let fuel = i64::try_from(usage.fuel).unwrap_or(i64::MAX);
            services.shadows.queue.add(Seen {
                sums: Sums {
                    calls: 1,
                    different: is_different.into(),
                    failed: said.is_failed().into(),
                    dropped: 0,
                    fuel_sum: fuel,
                    fuel_max: fuel,
                },
                difference: is_different.then_some(Difference { shadow: said.0, ..difference }),
                ..seen
            });
        });
    }

    /// What the version came to that is in shadow, or was last, with where it differed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn plugin_shadow(
        &self,
        tenant: TenantId,
        plugin: &str,
    ) -> Result<Option<(Shadowed, Vec<Difference>)>, StoreError> {
        let mut conn = self.database.read().await?;
        let Some(shadowed) = plugins::shadowed(&mut conn, tenant, plugin).await? else {
            return Ok(None);
        };
        Ok(Some((shadowed, plugins::differences(&mut conn, tenant, plugin).await?)))
    }

    /// Writes what versions in shadow came to, for ever.
    pub async fn write_shadows(&self) {
        loop {
            self.write_seen(self.shadows.queue.gather().await).await;
        }
    }

    /// Writes what is left, when nobody else writes any more.
    pub async fn write_last_shadows(&self) {
        self.write_seen(self.shadows.queue.rest().await).await;
    }

    async fn write_seen(&self, mut seen: Gathered<'_, Seen>) {
        for ((tenant, plugin, digest), of_one) in together(seen.items()) {
            if let Err(error) = self.write_shadow(tenant, (&plugin, &digest), &of_one).await {
                tracing::warn!(%tenant, %plugin, %error, "calls in shadow are not counted");
            }
        }
        seen.written();
        let lost = self.shadows.queue.lost();
        if lost > 0 {
            tracing::warn!(lost, "more calls in shadow than could be counted");
        }
    }

    async fn write_shadow(
        &self,
        tenant: TenantId,
        of: (&str, &Digest),
        (sums, differences): &(Sums, Vec<Difference>),
    ) -> Result<(), StoreError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        plugins::add_shadowed(&mut transaction, tenant, of, sums, differences).await?;
        transaction.commit().await
    }
}

type Key = (TenantId, Arc<str>, Digest);

/// The calls of each version, as one sum.
fn together(seen: &[Seen]) -> HashMap<Key, (Sums, Vec<Difference>)> {
    let mut all = HashMap::<Key, (Sums, Vec<Difference>)>::new();
    for Seen { tenant, plugin, digest, sums: one, difference } in seen {
        let (sums, differences) = all.entry((*tenant, Arc::clone(plugin), *digest)).or_default();
        sums.calls += one.calls;
        sums.different += one.different;
        sums.failed += one.failed;
        sums.dropped += one.dropped;
        sums.fuel_sum = sums.fuel_sum.saturating_add(one.fuel_sum);
        sums.fuel_max = sums.fuel_max.max(one.fuel_max);
        differences.extend(difference.clone());
    }
    all
}
