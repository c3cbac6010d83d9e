//! What is counted of plugins: each call by hook and outcome, and what it took.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tenon_plugin::{CallObserver, CallReport, Memory};

/// Versions that have series of their own; those after them share one, named `other`. Tenants name
/// plugins, and each series costs memory here and at Prometheus.
const NAMED_VERSIONS: usize = 500;

/// Characters of a digest that tell a version from all others.
const DIGEST_CHARACTERS: usize = 12;

/// What is counted of plugins.
#[derive(Debug)]
pub(super) struct PluginMetrics {
    calls: Family<Called, Counter>,
    durations: Family<Hook, Histogram>,
    fuel: Family<Hook, Histogram>,
    memory: Family<Hook, Histogram>,
    loaded: Gauge,
    loaded_bytes: Gauge,
    breakers: Gauge,
    named: Mutex<HashSet<Version>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Called {
    plugin: String,
    digest: String,
    hook: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Hook {
    hook: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Version {
    plugin: String,
    digest: String,
}

/// 50 µs to 0.4 s.
const DURATIONS: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_05, 2.0, 14));
/// A thousand units to 33 million.
const FUEL: fn() -> Histogram = || Histogram::new(exponential_buckets(1_000.0, 2.0, 16));
/// 64 KiB to 64 MiB.
const MEMORY: fn() -> Histogram = || Histogram::new(exponential_buckets(65_536.0, 2.0, 11));

impl PluginMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            calls: Family::default(),
            durations: Family::new_with_constructor(DURATIONS),
            fuel: Family::new_with_constructor(FUEL),
            memory: Family::new_with_constructor(MEMORY),
            loaded: Gauge::default(),
            loaded_bytes: Gauge::default(),
            breakers: Gauge::default(),
            named: Mutex::default(),
        };
        registry.register(
            "plugin_calls",
            "Calls of plugins, by the plugin, the first characters of its version's digest, the hook \
             and the outcome",
            metrics.calls.clone(),
        );
        registry.register(
            "plugin_call_duration_seconds",
            "Wall time of calls of plugins, which never wait for a place",
            metrics.durations.clone(),
        );
        registry.register("plugin_call_fuel", "Fuel of calls of plugins", metrics.fuel.clone());
        registry.register(
            "plugin_call_memory_bytes",
            "The most memory of calls of plugins",
            metrics.memory.clone(),
        );
        registry.register(
            "plugin_versions_loaded",
            "Versions of plugins in memory",
            metrics.loaded.clone(),
        );
        registry.register(
            "plugin_loaded_bytes",
            "Compiled code of plugins in memory",
            metrics.loaded_bytes.clone(),
        );
        registry.register(
            "plugin_breakers_open",
            "Hooks of plugins that are not called for a while, because they only failed",
            metrics.breakers.clone(),
        );
        metrics
    }

    /// How plugins stand now.
    pub(super) fn set(&self, memory: Memory, open_breakers: usize) {
        self.breakers.set(i64::try_from(open_breakers).unwrap_or(i64::MAX));
        self.loaded.set(i64::try_from(memory.versions).unwrap_or(i64::MAX));
        self.loaded_bytes.set(i64::try_from(memory.bytes).unwrap_or(i64::MAX));
    }

    fn version(&self, report: &CallReport<'_>) -> Version {
        let digest = report.digest.to_string();
        let digest = digest.trim_start_matches("sha256:").chars().take(DIGEST_CHARACTERS);
        let version = Version { plugin: report.plugin.to_owned(), digest: digest.collect() };
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if named.contains(&version) {
            return version;
        }
        if named.len() >= NAMED_VERSIONS {
            return Version { plugin: "other".to_owned(), digest: String::new() };
        }
        named.insert(version.clone());
        version
    }
}

impl CallObserver for PluginMetrics {
    fn called(&self, report: &CallReport<'_>) {
        let (hook, outcome) = (report.hook.as_str(), report.outcome);
        let Version { plugin, digest } = self.version(report);
        self.calls.get_or_create(&Called { plugin, digest, hook, outcome }).inc();
        let usage = report.usage;
        let hook = Hook { hook };
        self.durations.get_or_create(&hook).observe(usage.duration.as_secs_f64());
        self.fuel.get_or_create(&hook).observe(as_f64(usage.fuel));
        let memory = u64::try_from(usage.peak_memory_bytes).unwrap_or(u64::MAX);
        self.memory.get_or_create(&hook).observe(as_f64(memory));
    }
}

/// To 32 bits, which is more than a call may take of anything.
fn as_f64(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use tenon_plugin::{Capability, Digest, Usage};

    use super::*;

    #[test]
    fn plugins_past_the_named_ones_share_their_series() {
        let metrics = PluginMetrics::register(&mut Registry::default());
        let digest = Digest::of(b"");
        let called = |plugin: &str| {
            let (hook, usage) = (Capability::Validation, Usage::default());
            metrics.called(&CallReport {
                tenant: "",
                request_id: "",
                hook,
                plugin,
                digest: &digest,
                outcome: "ok",
                error: None,
                lines: &[],
                usage,
            });
        };
        for number in 0..2 * NAMED_VERSIONS {
            called(&format!("p{number}"));
        }
        called("p0");
        let count = |plugin: &str, digest: &str| {
            let (plugin, digest) = (plugin.to_owned(), digest.to_owned());
            let (hook, outcome) = ("validation", "ok");
            metrics.calls.get_or_create(&Called { plugin, digest, hook, outcome }).get()
        };
        assert_eq!(count("other", ""), NAMED_VERSIONS as u64);
        assert_eq!(count("p0", "e3b0c44298fc"), 2);
    }
}
