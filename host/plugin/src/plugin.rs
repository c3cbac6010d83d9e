//! A loaded version of a plugin, and the calls of its hooks.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre, Linker, Resource};

use crate::admission::Admission;
use crate::bindings::exports::tenon::plugin::{schema, validation};
use crate::bindings::tenon::plugin::types::{Context, Issue as RawIssue};
use crate::call::{Call, Capability, Document, Issue, Outcome, Usage};
use crate::digest::Digest;
use crate::engine::{RunningEngine, TICK};
use crate::error::{CallError, Refusal};
use crate::fault;
use crate::limits::Limits;
use crate::state::{self, State};
use crate::{answer, imports};

/// One version of a plugin, compiled and linked, ready to be called from many tasks at a time.
///
/// Each call gets an instance of its own that is thrown away afterwards: a plugin can remember
/// nothing, neither of another tenant nor of the same one.
pub struct Plugin {
    digest: Digest,
    capabilities: Vec<Capability>,
    runtime: Arc<Runtime>,
    instance: InstancePre<State>,
    schema: Option<schema::GuestIndices>,
    validation: Option<validation::GuestIndices>,
}

/// What all plugins of a host share.
pub(crate) struct Runtime {
    pub(crate) engine: RunningEngine,
    pub(crate) linker: Linker<State>,
    pub(crate) limits: Limits,
    pub(crate) admission: Arc<Admission>,
}

impl Plugin {
    /// What the version's bytes hash to.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What the version exports, found from the component without starting it.
    pub fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    /// Whether the version exports this capability.
    pub fn has(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// Has the plugin judge a resource that is about to be written. No issues: it accepts.
    pub async fn validate(
        &self,
        call: &Call,
        candidate: Document,
        current: Option<Document>,
    ) -> Outcome<Vec<Issue>> {
        let limits = &self.runtime.limits.within(&call.budget);
        let outcome = self
            .run("validate", (limits, limits.fuel), Some(call), async |store, instance| {
                let context = Context {
                    request_id: call.request_id.to_string(),
                    resource_type: call.resource_type.to_string(),
                    operation: call.operation.to_string(),
                };
                let indices = self.validation.as_ref().ok_or(self.lacks(Capability::Validation))?;
                let hook = indices.load(&mut *store, instance).map_err(fault::link)?;
                let candidate = lend(store, candidate)?;
                let current = current.map(|current| lend(store, current)).transpose()?;
                hook.call_validate(&mut *store, &context, candidate, current)
                    .await
                    .map_err(|error| fault::call(error, store.data(), limits, limits.fuel))?
                    .map_err(|failure| fault::reported(&failure.message))
            })
            .await;
        outcome.map(|issues: Vec<RawIssue>| answer::issues(issues, limits))
    }

    /// Starts an instance and looks at the types of its hooks, which only an instance tells.
    ///
    /// For the gate alone.
    pub(crate) async fn probe(&self) -> Result<(), Refusal> {
        let limits = &self.runtime.limits;
        let probe =
            self.run("start", (limits, limits.describe_fuel), None, async |store, instance| {
                let schema =
                    self.schema.as_ref().map(|it| it.load(&mut *store, instance).map(drop));
                let validation =
                    self.validation.as_ref().map(|it| it.load(&mut *store, instance).map(drop));
                Ok(schema.into_iter().chain(validation).collect::<wasmtime::Result<()>>())
            });
        match probe.await.result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Refusal::WrongType { message: fault::text(&error) }),
            Err(error) => Err(Refusal::DoesNotStart { error }),
        }
    }

    /// Asks a plugin for its schemas; none, and no call, where it has no such capability.
    ///
    /// For the gate alone: at run time the stored answer counts.
    pub(crate) async fn describe(&self) -> Result<Vec<Value>, Refusal> {
        let Some(indices) = &self.schema else { return Ok(Vec::new()) };
        let limits = &self.runtime.limits;
        let outcome = self
            .run("describe", (limits, limits.describe_fuel), None, async |store, instance| {
                let hook = indices.load(&mut *store, instance).map_err(fault::link)?;
                hook.call_describe(&mut *store)
                    .await
                    .map_err(|error| fault::call(error, store.data(), limits, limits.describe_fuel))
            })
            .await;
        let documents = outcome.result.map_err(|error| Refusal::DescribeFailed { error })?;
        answer::documents(&documents, limits)
    }

    /// Links a component: what it imports has the types of the contract, or is refused here. What
    /// it exports is found, and its types are [`Plugin::probe`]'s to check.
    pub(crate) fn link(
        runtime: Arc<Runtime>,
        digest: Digest,
        component: &Component,
    ) -> Result<Plugin, Refusal> {
        let wrong_type =
            |error: wasmtime::Error| Refusal::WrongType { message: fault::text(&error) };
        let instance = runtime.linker.instantiate_pre(component).map_err(wrong_type)?;
        let exports = |capability: Capability| {
            component.get_export_index(None, imports::interface(capability.as_str())).is_some()
        };
        let schema = exports(Capability::Schema)
            .then(|| schema::GuestIndices::new(&instance))
            .transpose()
            .map_err(wrong_type)?;
        let validation = exports(Capability::Validation)
            .then(|| validation::GuestIndices::new(&instance))
            .transpose()
            .map_err(wrong_type)?;
        let capabilities = Capability::ALL.into_iter().filter(|each| exports(*each)).collect();
        Ok(Plugin { digest, capabilities, runtime, instance, schema, validation })
    }

    /// Runs one hook in an instance of its own: admission, limits, the deadline, the log event.
    async fn run<T>(
        &self,
        hook: &'static str,
        (limits, fuel): (&Limits, u64),
        call: Option<&Call>,
        body: impl AsyncFnOnce(&mut Store<State>, &Instance) -> Result<T, CallError>,
    ) -> Outcome<T> {
        let start = Instant::now();
        let (result, usage) = match self.admit_and_run((limits, fuel), call, start, body).await {
            Ok((result, usage)) => (result, usage),
            Err(error) => (Err(error), Usage { duration: start.elapsed(), ..Usage::default() }),
        };
        let outcome = Outcome { result, usage };
        self.log(hook, call, &outcome);
        outcome
    }

    /// `Err` where there was no call at all.
    async fn admit_and_run<T>(
        &self,
        (limits, fuel): (&Limits, u64),
        call: Option<&Call>,
        start: Instant,
        body: impl AsyncFnOnce(&mut Store<State>, &Instance) -> Result<T, CallError>,
    ) -> Result<(Result<T, CallError>, Usage), CallError> {
        let Runtime { engine, admission, .. } = &*self.runtime;
        // `describe` runs in the places that the pool keeps for checks at upload.
        let of_tenant = limits.concurrent_calls_per_tenant;
        let _place = call.map(|call| admission.enter(&call.tenant, of_tenant)).transpose()?;
        let mut store = state::new_store(engine.engine(), limits, fuel, self.digest, call.cloned())
            .map_err(fault::link)?;
        let work = async {
            let instance = self
                .instance
                .instantiate_async(&mut store)
                .await
                .map_err(|error| fault::start(error, store.data(), limits, fuel))?;
            body(&mut store, &instance).await
        };
        // The epoch stops a guest that computes; this stops a call that waits.
        let result = match tokio::time::timeout(limits.deadline + 4 * TICK, work).await {
            Ok(result) => result,
            Err(_) => Err(CallError::DeadlineExceeded { limit: limits.deadline }),
        };
        let usage = state::usage(&store, fuel, start.elapsed());
        Ok((result, usage))
    }

    fn lacks(&self, capability: Capability) -> CallError {
        CallError::NoSuchHook { digest: self.digest, capability }
    }

    fn log<T>(&self, hook: &'static str, call: Option<&Call>, outcome: &Outcome<T>) {
        let Usage { fuel, duration, peak_memory_bytes, log_lines_dropped } = outcome.usage;
        macro_rules! event {
            ($level:ident, $outcome:expr, $message:literal $(, $field:ident = $value:expr)*) => {
                tracing::$level!(
                    tenant = call.map(|call| &*call.tenant),
                    plugin = call.map(|call| &*call.plugin),
                    request_id = call.map(|call| &*call.request_id),
                    digest = %self.digest,
                    hook,
                    outcome = $outcome,
                    fuel,
                    duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
                    peak_memory_bytes,
                    log_lines_dropped,
                    $($field = $value,)*
                    $message
                )
            };
        }
        match &outcome.result {
            Ok(_) => event!(debug, "ok", "plugin call answered"),
            Err(error @ CallError::Trap { backtrace, .. }) => event!(
                warn,
                error.kind(),
                "plugin call failed",
                error = error.to_string(),
                backtrace = backtrace.as_str()
            ),
            Err(error) => {
                event!(warn, error.kind(), "plugin call failed", error = error.to_string());
            }
        }
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("digest", &self.digest)
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

impl<T> Outcome<T> {
    /// The same outcome with another form of the answer.
    fn map<U>(self, form: impl FnOnce(T) -> U) -> Outcome<U> {
        Outcome { result: self.result.map(form), usage: self.usage }
    }
}

/// Puts a document into the store, for the length of the call, and gives out a handle that the
/// guest can use but not keep.
fn lend(store: &mut Store<State>, document: Document) -> Result<Resource<Document>, CallError> {
    let owned = store.data_mut().table.push(document).map_err(|error| fault::link(error.into()))?;
    Ok(Resource::new_borrow(owned.rep()))
}
