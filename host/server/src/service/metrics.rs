//! What this server counts, in the text format of OpenMetrics, which Prometheus reads. No tenant is a
//! label: there may be as many as there are tenants.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use tenon_plugin::{CallObserver, PluginHost};

use crate::store::Connections;

mod plugins;

use self::plugins::PluginMetrics;

/// The first of the buckets of durations, in seconds; each is twice the one before.
const SHORTEST: f64 = 0.001;
const BUCKETS: u16 = 16;

/// What a server counts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Family<Operation, Histogram>,
    quota_warnings: Counter,
    connections: Family<Use, Gauge>,
    plugins: Arc<PluginMetrics>,
    deliveries: Family<Delivered, Counter>,
    expecting: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    operation: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Use {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivered {
    outcome: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let durations: Family<Operation, Histogram> = Family::new_with_constructor(|| {
            Histogram::new(exponential_buckets(SHORTEST, 2.0, BUCKETS))
        });
        let mut registry = Registry::with_prefix("tenon");
        let plugins = Arc::new(PluginMetrics::register(&mut registry));
        let mut metrics = Self {
            registry,
            requests: Family::default(),
            durations,
            quota_warnings: Counter::default(),
            connections: Family::default(),
            plugins,
            deliveries: Family::default(),
            expecting: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register(
            "requests",
            "Requests that were answered, by the operation of the API and the status",
            metrics.requests.clone(),
        );
        registry.register(
            "request_duration_seconds",
            "From the arrival of a request to the first byte of its answer",
            metrics.durations.clone(),
        );
        registry.register(
            "quota_warnings",
            "Tenants that came to 80 % of the resources of a type that they may have",
            metrics.quota_warnings.clone(),
        );
        registry.register(
            "database_connections",
            "Connections to the database, but for those that quick reads share",
            metrics.connections.clone(),
        );
        registry.register(
            "plugin_deliveries",
            "Events that plugins were told of, by what became of it: told, failed, parked",
            metrics.deliveries.clone(),
        );
        registry.register(
            "plugins_expecting_events",
            "Plugins that had events to be told of when this server looked last",
            metrics.expecting.clone(),
        );
        metrics
    }
}

impl Metrics {
    /// A request was answered; the operation is the route's.
    pub fn answered(&self, operation: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&Answered { operation, status }).inc();
        self.durations.get_or_create(&Operation { operation }).observe(took.as_secs_f64());
    }

    /// A tenant came to 80 % of a quota.
    pub fn quota_warned(&self) {
        self.quota_warnings.inc();
    }

    /// A plugin was told of an event: `told`, `failed`, `parked`.
    pub fn delivered(&self, outcome: &'static str) {
        self.deliveries.get_or_create(&Delivered { outcome }).inc();
    }

    /// So many plugins have events to be told of.
    pub fn expecting(&self, plugins: usize) {
        self.expecting.set(i64::try_from(plugins).unwrap_or(i64::MAX));
    }

    /// Who is to be told of calls of plugins.
    #[must_use]
    pub fn of_plugins(&self) -> Arc<dyn CallObserver> {
        self.plugins.clone()
    }

    /// All that is counted, with what the connections and the plugins are doing.
    ///
    /// # Errors
    /// None that happens: it is written into memory.
    pub fn text(
        &self,
        connections: Connections,
        plugins: &PluginHost,
    ) -> Result<String, fmt::Error> {
        self.plugins.set(plugins.memory(), plugins.open_breakers());
        let Connections { busy, idle } = connections;
        for (state, count) in [("busy", busy), ("idle", idle)] {
            self.connections.get_or_create(&Use { state }).set(i64::from(count));
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
