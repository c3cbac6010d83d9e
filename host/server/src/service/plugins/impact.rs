//! A version is run over the stored resources of its tenant, before it is activated: what it would refuse,
//! change, or fail at. Nothing of it is stored but the result.
//!
//! Any server carries on with it, a small batch at a time, one resource after the other and with pauses, in
//! places of its own: requests do not notice.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tenon_plugin::{CallError, Capability, Digest, Document, Issue, Plugin, Usage, WriteDecision};
use tenon_scim::patch::members::Reach;
use tenon_scim::resource;
use tenon_scim::schema::ResourceType;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::schema_change::with_version;
use super::{PluginError, named, record, version_of};
use crate::clock;
use crate::service::facts::Facts;
use crate::service::hooks::{Operation, document};
use crate::service::read::known;
use crate::service::{Error, Request, Services};
use crate::store::audit::By;
use crate::store::plugins::{self, Impact, OfType, Plugin as StoredPlugin};
use crate::store::resources::Stored;
use crate::store::{TenantId, tenants};
use crate::tenant::access::Principal;
use crate::tenant::runtime::ActivePlugin;

/// Resources of a batch.
const BATCH: i64 = 25;
/// Resources that are told as examples.
const EXAMPLES: usize = 20;
/// A server that says nothing for so long is gone, and another carries on.
const LEASE: Duration = Duration::from_secs(20);
/// After each batch nothing is done for as long as it took, and for this long at least.
const PAUSE: Duration = Duration::from_millis(20);

/// What a version says of a resource.
enum Verdict {
    Passed,
    Refused(Vec<Issue>),
    Amended(Vec<Option<String>>),
    Failed(CallError),
    /// There is no place for the call now.
    Later,
}

/// A version as it is run.
struct Candidate {
    plugin: Plugin,
    active: ActivePlugin,
    request: Request,
}

impl Services {
    /// Has a version run over the stored resources.
    ///
    /// # Errors
    /// There is no such version, or it does not fit to the tenant's other plugins.
    pub async fn begin_impact(
        &self,
        by: By<'_>,
        tenant: TenantId,
        (name, digest): (&str, Digest),
        base_url: &str,
    ) -> Result<(), PluginError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        // A tenant that is being removed is not changed.
        tenants::advance_epoch(&mut transaction, tenant).await?;
        let all = plugins::list(&mut transaction, tenant).await?;
        version_of(named(&all, name)?, &digest)?;
        with_version(&all, name, &|_| Some(digest))?;
        let total = plugins::count_resources(transaction.data().await?, tenant).await?;
        let (of, asked) = ((name, &digest), (base_url, by.actor));
        plugins::begin_impact(&mut transaction, tenant, of, asked, total, clock::now()).await?;
        let details = json!({ "digest": digest.to_string() });
        record(&mut transaction, tenant, by, "plugin.impact", name, &details).await?;
        Ok(transaction.commit().await?)
    }

    /// The versions of a plugin that are, or were, run over the stored resources; the newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn impacts(&self, tenant: TenantId, name: &str) -> Result<Vec<Impact>, PluginError> {
        let mut conn = self.database.read().await?;
        Ok(plugins::impacts(&mut conn, tenant, name).await?)
    }

    /// Ends what is running of a plugin; what was found so far stays.
    ///
    /// # Errors
    /// Nothing is running.
    pub async fn cancel_impact(
        &self,
        by: By<'_>,
        tenant: TenantId,
        name: &str,
    ) -> Result<(), PluginError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        if !plugins::cancel_impacts(&mut transaction, tenant, name, clock::now()).await? {
            return Err(PluginError::NoImpact { name: name.to_owned() });
        }
        record(&mut transaction, tenant, by, "plugin.impact.cancel", name, &Value::Null).await?;
        Ok(transaction.commit().await?)
    }

    /// Does one batch of what is to be done; false where there is nothing at present.
    ///
    /// # Errors
    /// The database fails.
    pub async fn carry_on_impacts(&self) -> Result<bool, Error> {
        let now = clock::now();
        let mut conn = self.database.autocommit().await?;
        let leased = plugins::lease_impact(&mut conn, now, now + LEASE).await;
        let Some(mut impact) = conn.finish(leased).await? else { return Ok(false) };
        let begun = Instant::now();
        if let Err(error) = self.batch(&mut impact).await {
            if let Error::Store(error) = error {
                return Err(error.into());
            }
            end(&mut impact, "failed", Some(error.to_string()));
        }
        let mut conn = self.database.autocommit().await?;
        let kept = plugins::advance_impact(&mut conn, impact.tenant, &impact, clock::now()).await;
        conn.finish(kept).await?;
        sleep(begun.elapsed().max(PAUSE)).await;
        Ok(true)
    }

    async fn batch(&self, impact: &mut Impact) -> Result<(), Error> {
        let tenant = impact.tenant;
        let resources = {
            let mut conn = self.database.read_at(tenant).await?;
            plugins::resources_after(&mut conn, tenant, impact.last_id, BATCH).await?
        };
        let candidate = self.candidate(impact).await?;
        let is_last = i64::try_from(resources.len()).is_ok_and(|n| n < BATCH);
        for OfType { resource_type, stored } in resources {
            let registry = &candidate.request.tenant.registry;
            // Types that neither the version nor another plugin has are nobody's at present.
            let document = match registry.resource_type(&resource_type) {
                Some(resource_type) => {
                    self.whole_document(&candidate, resource_type, &stored).await?
                }
                None => None,
            };
            if let Some(document) = document {
                let (verdict, usage) = self.judge(&candidate, document).await;
                if matches!(verdict, Verdict::Later) {
                    return Ok(());
                }
                count(impact, (&resource_type, stored.id), &verdict, usage);
            }
            impact.counts.done += 1;
            impact.last_id = stored.id;
        }
        if is_last {
            end(impact, "done", None);
        }
        Ok(())
    }

    /// A resource as plugins see it, members included; `None` where these are too many.
    async fn whole_document(
        &self,
        candidate: &Candidate,
        resource_type: &Arc<ResourceType>,
        stored: &Stored,
    ) -> Result<Option<Document>, Error> {
        let request = &candidate.request;
        let mut attributes = known(resource_type, stored)?.attributes;
        let (id, reach) = (stored.id, Reach::All);
        match self.load_members(request, resource_type, id, &reach, &mut attributes).await {
            Err(Error::GroupTooLarge { .. }) => return Ok(None),
            loaded => loaded?,
        }
        let meta = stored.meta();
        let shown = resource::assemble(resource_type, &attributes, &meta, &request.base_url);
        Ok(Some(document(resource_type, &shown)))
    }

    /// The version with the registry that the tenant would have with it.
    async fn candidate(&self, impact: &Impact) -> Result<Candidate, Error> {
        let Impact { tenant, plugin: name, digest, .. } = impact;
        let all = {
            let mut conn = self.database.read().await?;
            plugins::list(&mut conn, *tenant).await?
        };
        let registry = with_version(&all, name, &|_| Some(*digest));
        let registry = registry.map_err(|misfit| Error::Internal(misfit.to_string()))?;
        let stored = all.into_iter().find(|plugin| plugin.name == *name);
        let active = stored.map(|plugin| {
            let plugin = StoredPlugin { active: Some(*digest), ..plugin };
            ActivePlugin::of(&self.keyring, *tenant, &plugin)
        });
        let active = active.flatten();
        let gone = || Error::Internal(format!("plugin \"{name}\" has no version {digest}"));
        let active = active.ok_or_else(gone)?;
        let runtime = self.credentials.runtime(&self.database, *tenant).await?;
        let request = Request {
            tenant: Arc::new(runtime.with_registry(registry)),
            base_url: impact.base_url.as_str().into(),
            request_id: format!("impact-{digest}").into(),
            principal: Arc::new(Principal {
                actor: impact.actor.as_str().into(),
                ..Principal::nobody()
            }),
            facts: Facts::default(),
        };
        let plugin = self.plugin(*tenant, name, digest).await?.on_trial();
        Ok(Candidate { plugin, active, request })
    }

    /// What the version would say of a resource that is replaced by itself.
    async fn judge(&self, candidate: &Candidate, document: Document) -> (Verdict, Usage) {
        let Candidate { plugin, active, request } = candidate;
        let call = |hook: Capability| {
            self.call_of(request, active, hook, Operation::Replace, &document.resource_type)
        };
        let mut sum = Usage::default();
        let mut add = |usage: Usage| {
            sum.fuel = sum.fuel.saturating_add(usage.fuel);
            sum.duration = sum.duration.saturating_add(usage.duration);
        };
        let mut verdict = Verdict::Passed;
        if plugin.has(Capability::BeforeWrite) {
            let call = match call(Capability::BeforeWrite) {
                Ok(call) => call,
                Err(error) => return (failed(error), sum),
            };
            let outcome =
                plugin.before_write(&call, document.clone(), Some(document.clone())).await;
            add(outcome.usage);
            verdict = match outcome.result {
                Ok(WriteDecision::Proceed) => Verdict::Passed,
                Ok(WriteDecision::Amend(edits)) => {
                    Verdict::Amended(edits.into_iter().map(|it| it.path).collect())
                }
                Ok(WriteDecision::Reject(issues)) => Verdict::Refused(issues),
                Err(error) => failed(error),
            };
        }
        let goes_on = matches!(verdict, Verdict::Passed | Verdict::Amended(_));
        if goes_on && plugin.has(Capability::Validation) {
            let call = match call(Capability::Validation) {
                Ok(call) => call,
                Err(error) => return (failed(error), sum),
            };
            let outcome = plugin.validate(&call, document.clone(), Some(document.clone())).await;
            add(outcome.usage);
            match outcome.result {
                Ok(issues) if issues.is_empty() => {}
                Ok(issues) => verdict = Verdict::Refused(issues),
                Err(error) => verdict = failed(error),
            }
        }
        (verdict, sum)
    }
}

fn failed(error: CallError) -> Verdict {
    if error.is_fault() { Verdict::Failed(error) } else { Verdict::Later }
}

fn end(impact: &mut Impact, state: &str, problem: Option<String>) {
    state.clone_into(&mut impact.state);
    impact.problem = problem;
    let now: OffsetDateTime = clock::now();
    impact.finished = Some(now);
}

fn count(impact: &mut Impact, (name, id): (&str, Uuid), verdict: &Verdict, usage: Usage) {
    let counts = &mut impact.counts;
    let fuel = i64::try_from(usage.fuel).unwrap_or(i64::MAX);
    let micros = i64::try_from(usage.duration.as_micros()).unwrap_or(i64::MAX);
    counts.fuel_sum = counts.fuel_sum.saturating_add(fuel);
    counts.fuel_max = counts.fuel_max.max(fuel);
    counts.micros_sum = counts.micros_sum.saturating_add(micros);
    counts.micros_max = counts.micros_max.max(micros);
    let of_kind = match verdict {
        Verdict::Passed | Verdict::Later => &mut counts.passed,
        Verdict::Refused(_) => &mut counts.refused,
        Verdict::Amended(_) => &mut counts.amended,
        Verdict::Failed(_) => &mut counts.failed,
    };
    *of_kind += 1;
    if impact.examples.len() < EXAMPLES {
        impact.examples.extend(example(verdict, name, id));
    }
}

/// What is told of a resource that would not pass as it is.
fn example(verdict: &Verdict, resource_type: &str, id: Uuid) -> Option<Value> {
    let told = |outcome: &str, name: &str, value: Value| json!({ "resourceType": resource_type, "id": id, "outcome": outcome, name: value });
    match verdict {
        Verdict::Passed | Verdict::Later => None,
        Verdict::Refused(issues) => {
            let issue = |it: &Issue| json!({ "path": it.path, "detail": it.detail });
            Some(told("refused", "issues", issues.iter().map(issue).collect()))
        }
        Verdict::Amended(paths) => Some(told("amended", "paths", json!(paths))),
        Verdict::Failed(error) => Some(told("failed", "kind", error.kind().into())),
    }
}
