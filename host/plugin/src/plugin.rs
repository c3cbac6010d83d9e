//! A loaded version of a plugin, and the calls of its hooks.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use serde::Serialize;
use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre, Linker};

use crate::admission::{Admission, Caller};
use crate::breaker::Breakers;
use crate::call::{Call, Capability, Document, Outcome, Usage};
use crate::digest::Digest;
use crate::engine::{RunningEngine, TICK};
use crate::error::{CallError, Refusal};
use crate::fault;
use crate::hooks::{self, Hooks};
use crate::limits::Limits;
use crate::recording::{Input, Tape};
use crate::report::{CallObserver, Line};
use crate::state::{self, HookCall, State};
use crate::turns::Turns;

/// One version of a plugin, compiled and linked, ready to be called from many tasks at a time.
///
/// Each call gets an instance of its own that is thrown away afterwards: a plugin can remember
/// nothing, neither of another tenant nor of the same one.
pub struct Plugin {
    digest: Digest,
    capabilities: Vec<Capability>,
    runtime: Arc<Runtime>,
    instance: InstancePre<State>,
    pub(crate) hooks: Arc<Hooks>,
    /// Whether calls are a trial, of which nobody's request depends.
    is_trial: bool,
}

/// What all plugins of a host share.
pub(crate) struct Runtime {
    pub(crate) engine: RunningEngine,
    pub(crate) linker: Linker<State>,
    pub(crate) limits: Limits,
    pub(crate) admission: Arc<Admission>,
    pub(crate) turns: Turns,
    pub(crate) breakers: Breakers,
    /// Set once, by whoever counts calls.
    pub(crate) observer: OnceLock<Arc<dyn CallObserver>>,
}

/// What came of a call.
pub(crate) struct Ended<T> {
    pub(crate) outcome: Outcome<T>,
    /// What the guest wrote to the log.
    pub(crate) lines: Vec<Line>,
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

    /// Starts an instance and looks at the types of its hooks, which only an instance tells.
    ///
    /// For the gate alone.
    pub(crate) async fn probe(&self) -> Result<(), Refusal> {
        let limits = self.limits();
        let probe =
            self.run(None, (limits, limits.describe_fuel), None, async |store, instance| {
                Ok(self.hooks.check_types(store, instance))
            });
        match probe.await.outcome.result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Refusal::WrongType { message: fault::text(&error) }),
            Err(error) => Err(Refusal::DoesNotStart { error }),
        }
    }

    /// The same version for calls on which nobody's request depends: they have places and fuel apart
    /// from those of requests, and neither open a breaker nor count in what is reported.
    #[must_use]
    pub fn on_trial(&self) -> Plugin {
        Plugin {
            digest: self.digest,
            capabilities: self.capabilities.clone(),
            runtime: Arc::clone(&self.runtime),
            instance: self.instance.clone(),
            hooks: Arc::clone(&self.hooks),
            is_trial: true,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.runtime.limits
    }

    /// Who is told of calls, but for those on trial.
    pub(crate) fn observer(&self) -> Option<&dyn CallObserver> {
        if self.is_trial {
            return None;
        }
        self.runtime.observer.get().map(AsRef::as_ref)
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
        let hooks = Hooks::of(component, &instance).map_err(wrong_type)?;
        let exported = |each: &Capability| hooks::is_exported(component, *each);
        let capabilities = Capability::ALL.into_iter().filter(exported).collect();
        let (hooks, is_trial) = (Arc::new(hooks), false);
        Ok(Plugin { digest, capabilities, runtime, instance, hooks, is_trial })
    }

    /// Runs one hook for a request, within what its tenant's calls may cost. `input` is what it is given,
    /// where the call is recorded.
    pub(crate) async fn call_hook<T: Serialize>(
        &self,
        (hook, input): (Capability, Option<Input<Document>>),
        call: &Call,
        body: impl AsyncFnOnce(&mut Store<State>, &Instance, &Limits) -> Result<T, CallError>,
    ) -> Outcome<T> {
        let limits = &self.limits().within(&call.budget);
        let body = async |store: &mut Store<State>, instance: &Instance| {
            body(store, instance, limits).await
        };
        let tape = input.filter(|_| !self.is_trial).and_then(|input| Tape::of(input, call));
        let call = tape.as_ref().map_or(call, Tape::call);
        let ended = self.run(Some(hook), (limits, limits.fuel), Some(call), body).await;
        if let Some(tape) = tape {
            tape.end(self.digest, limits, &ended);
        }
        ended.outcome
    }

    /// Runs one hook, or just a start, in an instance of its own: admission, limits, the deadline,
    /// the log event.
    pub(crate) async fn run<T>(
        &self,
        hook: Option<Capability>,
        (limits, fuel): (&Limits, u64),
        call: Option<&Call>,
        body: impl AsyncFnOnce(&mut Store<State>, &Instance) -> Result<T, CallError>,
    ) -> Ended<T> {
        let start = Instant::now();
        let passage = match (hook, call) {
            (Some(hook), Some(call)) if !self.is_trial => {
                Some(self.runtime.breakers.enter((call, self.digest, hook), start))
            }
            _ => None,
        };
        let ended = match passage.transpose() {
            Ok(passage) => {
                let ended = self.admit_and_run(hook, (limits, fuel), call, start, body).await;
                if let Some(passage) = passage {
                    let error = ended
                        .as_ref()
                        .map_or_else(Some, |ended| ended.outcome.result.as_ref().err());
                    passage.ended(error, Instant::now());
                }
                ended
            }
            Err(error) => Err(error),
        };
        let ended = ended.unwrap_or_else(|error| {
            let usage = Usage { duration: start.elapsed(), ..Usage::default() };
            Ended { outcome: Outcome { result: Err(error), usage }, lines: Vec::new() }
        });
        self.report(hook, call, &ended);
        ended
    }

    /// `Err` where there was no call at all.
    async fn admit_and_run<T>(
        &self,
        hook: Option<Capability>,
        (limits, fuel): (&Limits, u64),
        call: Option<&Call>,
        start: Instant,
        body: impl AsyncFnOnce(&mut Store<State>, &Instance) -> Result<T, CallError>,
    ) -> Result<Ended<T>, CallError> {
        let Runtime { engine, admission, turns, .. } = &*self.runtime;
        // `describe` runs in the places that the pool keeps for checks at upload.
        let place =
            call.map(|call| admission.enter(self.caller(call, limits), fuel, start)).transpose()?;
        let call = HookCall { hook, digest: self.digest, call: call.cloned() };
        let mut store =
            state::new_store(engine.engine(), limits, fuel, call).map_err(fault::link)?;
        // In a box, so that it is not moved from one future into the next.
        let work = Box::pin(async {
            let instance = self
                .instance
                .instantiate_async(&mut store)
                .await
                .map_err(|error| fault::start(error, store.data(), limits, fuel))?;
            body(&mut store, &instance).await
        });
        // The epoch stops a guest that computes; this stops a call that waits.
        let result = match tokio::time::timeout(limits.deadline + 4 * TICK, turns.take(work)).await
        {
            Ok(result) => result,
            Err(_) => Err(CallError::DeadlineExceeded { limit: limits.deadline }),
        };
        let usage = state::usage(&store, fuel, start.elapsed());
        if let Some(place) = place {
            place.leave(usage.fuel);
        }
        let lines = std::mem::take(&mut store.data_mut().lines);
        Ok(Ended { outcome: Outcome { result, usage }, lines })
    }

    fn caller(&self, call: &Call, limits: &Limits) -> Caller {
        let caller = Caller::of(call, limits);
        if self.is_trial { caller.on_trial() } else { caller }
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
