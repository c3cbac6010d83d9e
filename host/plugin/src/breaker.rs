//! Breakers: a hook that only fails is not called for a while.
//!
//! Five faults in a row open the breaker of a hook of a tenant's plugin: calls fail at once. After ten seconds
//! one call is let through; its answer closes the breaker, its fault doubles the pause, up to five minutes. A
//! version that is another, or has another configuration, has a breaker of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::call::{Call, Capability};
use crate::digest::Digest;
use crate::error::CallError;

/// Faults in a row that open a breaker.
const FAULTS: u32 = 5;
/// How long it stays open at first, and at the most.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// Hooks with faults that are remembered.
const KEPT: usize = 10_000;

/// The breakers of a host. There is one for each hook whose last call failed.
#[derive(Debug, Default)]
pub(crate) struct Breakers(Mutex<HashMap<Key, Breaker>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: Arc<str>,
    plugin: Arc<str>,
    digest: Digest,
    hook: Capability,
}

struct Breaker {
    config: Arc<Map<String, Value>>,
    faults: u32,
    last_fault: &'static str,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    until: Instant,
    pause: Duration,
    /// Whether a call is on its way that decides.
    is_tried: bool,
}

/// How a hook of a plugin stands whose last call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerState {
    /// The version.
    pub digest: Digest,
    /// The hook.
    pub hook: Capability,
    /// Faults in a row.
    pub faults: u32,
    /// The kind of the last one.
    pub last_fault: &'static str,
    /// How long calls still fail at once; `None` while it is closed.
    pub open_for: Option<Duration>,
}

/// A call that was let through. What is not told of its end, say because nobody waits for it any more, counts
/// as nothing.
#[derive(Debug)]
pub(crate) struct Passage<'b> {
    breakers: &'b Breakers,
    key: Key,
    config: Arc<Map<String, Value>>,
    is_trial: bool,
}

impl Breakers {
    /// Lets a call through, or tells at once that it does not.
    pub(crate) fn enter(
        &self,
        (call, digest, hook): (&Call, Digest, Capability),
        now: Instant,
    ) -> Result<Passage<'_>, CallError> {
        let (tenant, plugin) = (Arc::clone(&call.tenant), Arc::clone(&call.plugin));
        let key = Key { tenant, plugin, digest, hook };
        let mut breakers = self.lock();
        let mut is_trial = false;
        if let Some(breaker) = breakers.get_mut(&key) {
            if breaker.config != call.config {
                breakers.remove(&key);
            } else if let Some(open) = &mut breaker.open {
                if open.is_tried || now < open.until {
                    let retry_after = open.until.saturating_duration_since(now);
                    return Err(CallError::BreakerOpen { faults: breaker.faults, retry_after });
                }
                open.is_tried = true;
                is_trial = true;
            }
        }
        drop(breakers);
        Ok(Passage { breakers: self, key, config: Arc::clone(&call.config), is_trial })
    }

    /// How the hooks of a plugin stand whose last call failed.
    pub(crate) fn of(&self, tenant: &str, plugin: &str, now: Instant) -> Vec<BreakerState> {
        let breakers = self.lock();
        let of_plugin =
            breakers.iter().filter(|(key, _)| &*key.tenant == tenant && &*key.plugin == plugin);
        let mut states: Vec<BreakerState> =
            of_plugin.map(|(key, breaker)| breaker.state(key, now)).collect();
        states.sort_by_key(|state| (*state.digest.as_bytes(), state.hook));
        states
    }

    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        self.lock().values().filter(|breaker| breaker.open.is_some()).count()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Breaker {
    fn state(&self, key: &Key, now: Instant) -> BreakerState {
        BreakerState {
            digest: key.digest,
            hook: key.hook,
            faults: self.faults,
            last_fault: self.last_fault,
            open_for: self.open.map(|open| open.until.saturating_duration_since(now)),
        }
    }

    fn fault(&mut self, kind: &'static str, now: Instant) {
        self.faults = self.faults.saturating_add(1);
        self.last_fault = kind;
        if self.faults < FAULTS {
            return;
        }
        let pause = self.open.map_or(FIRST_PAUSE, |open| (open.pause * 2).min(LONGEST_PAUSE));
        self.open = Some(Open { until: now + pause, pause, is_tried: false });
    }
}

impl std::fmt::Debug for Breaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Breaker").field("faults", &self.faults).finish_non_exhaustive()
    }
}

impl Passage<'_> {
    /// Tells how the call ended.
    pub(crate) fn ended(self, error: Option<&CallError>, now: Instant) {
        let mut breakers = self.breakers.lock();
        match error {
            None => {
                breakers.remove(&self.key);
            }
            Some(error) if error.is_fault() => {
                if breakers.len() >= KEPT && !breakers.contains_key(&self.key) {
                    breakers.retain(|_, breaker| breaker.open.is_some());
                }
                let breaker = breakers.entry(self.key.clone()).or_insert_with(|| Breaker {
                    config: Arc::clone(&self.config),
                    faults: 0,
                    last_fault: error.kind(),
                    open: None,
                });
                let was_open = breaker.open.is_some();
                // Calls that began before it opened say nothing new.
                if was_open && !self.is_trial {
                    return;
                }
                breaker.fault(error.kind(), now);
                if !was_open && breaker.open.is_some() {
                    self.key.tell(breaker.faults, error);
                }
            }
            // Not the plugin's fault: says nothing of it.
            Some(_) => {}
        }
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if !self.is_trial {
            return;
        }
        let mut breakers = self.breakers.lock();
        if let Some(open) = breakers.get_mut(&self.key).and_then(|it| it.open.as_mut()) {
            open.is_tried = false;
        }
    }
}

impl Key {
    fn tell(&self, faults: u32, error: &CallError) {
        tracing::warn!(
            tenant = &*self.tenant,
            plugin = &*self.plugin,
            digest = %self.digest,
            hook = self.hook.as_str(),
            faults,
            last = error.kind(),
            "a hook only fails: it is not called for a while"
        );
    }
}

#[cfg(test)]
mod tests;
