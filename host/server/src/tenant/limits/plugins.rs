//! What the plugins of a tenant may cost: as it is configured, and as it holds.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenon_plugin::{Budget, Limits as HostLimits, Share, Tier};

use super::{LimitsError, of};

/// What the plugins of a tenant may cost, as it is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfiguredPluginLimits {
    /// How many of them may be active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// Whether it may upload components that bring the runtime of their language, such as those of
    /// JavaScript and Python.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_tier: Option<bool>,
    /// Fuel of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<usize>,
    /// Wall time of one call, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<usize>,
    /// Bytes of memory of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<usize>,
    /// Calls at a time, at each server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_calls: Option<usize>,
    /// Fuel of all calls in a second, at each server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel_per_second: Option<usize>,
    /// What one plugin may take of that, by its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_name: BTreeMap<String, ConfiguredCallLimits>,
}

/// What the calls of one plugin may cost, as it is configured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfiguredCallLimits {
    /// Fuel of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<usize>,
    /// Wall time of one call, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<usize>,
    /// Bytes of memory of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<usize>,
    /// Calls at a time, at each server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_calls: Option<usize>,
    /// Fuel of all calls in a second, at each server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel_per_second: Option<usize>,
}

/// What the plugins of a tenant may cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginLimits {
    /// How many may be active; where nothing is said, any number.
    pub count: Option<usize>,
    /// What may be uploaded.
    pub tier: Tier,
    /// What the calls of all may cost.
    budget: Budget,
    /// The same for those with limits of their own.
    by_name: BTreeMap<String, Budget>,
}

impl PluginLimits {
    pub(super) fn of(configured: &ConfiguredPluginLimits) -> Result<Self, LimitsError> {
        let of_all = ConfiguredCallLimits {
            fuel: configured.fuel,
            deadline_ms: configured.deadline_ms,
            memory_bytes: configured.memory_bytes,
            concurrent_calls: configured.concurrent_calls,
            fuel_per_second: configured.fuel_per_second,
        };
        let budget = budget(&of_all, &OF_ALL)?;
        let mut by_name = BTreeMap::new();
        for (name, configured) in &configured.by_name {
            by_name.insert(name.clone(), within(budget, self::budget(configured, &OF_ONE)?));
        }
        let opened = configured.runtime_tier == Some(true);
        let tier = if opened { Tier::Runtime } else { Tier::Standard };
        Ok(Self { count: configured.count, tier, budget, by_name })
    }

    /// What the calls of the plugin of that name may cost.
    #[must_use]
    pub fn budget_of(&self, name: &str) -> Budget {
        self.by_name.get(name).copied().unwrap_or(self.budget)
    }
}

/// The members as errors name them: those of all plugins, and those of one.
type Members = [&'static str; 5];
const OF_ALL: Members = [
    "plugins.fuel",
    "plugins.deadlineMs",
    "plugins.memoryBytes",
    "plugins.concurrentCalls",
    "plugins.fuelPerSecond",
];
const OF_ONE: Members = [
    "plugins.byName.fuel",
    "plugins.byName.deadlineMs",
    "plugins.byName.memoryBytes",
    "plugins.byName.concurrentCalls",
    "plugins.byName.fuelPerSecond",
];

/// The host's own limits are the most that there is.
fn budget(configured: &ConfiguredCallLimits, members: &Members) -> Result<Budget, LimitsError> {
    let host = HostLimits::default();
    let of_host = |member, configured: Option<usize>, max: u128| {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        configured.map(|it| of(member, Some(it), max, max)).transpose()
    };
    let as_u64 = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
    let c = configured;
    let [fuel, deadline, memory, calls, fuel_per_second] = *members;
    let deadline = of_host(deadline, c.deadline_ms, host.deadline.as_millis())?;
    let of_tenant = host.concurrent_calls_per_tenant as u128;
    let rate = of_host(fuel_per_second, c.fuel_per_second, host.fuel_per_second.into())?;
    Ok(Budget {
        fuel: of_host(fuel, c.fuel, host.fuel.into())?.map(as_u64),
        deadline: deadline.map(|it| Duration::from_millis(as_u64(it))),
        memory_bytes: of_host(memory, c.memory_bytes, host.memory_bytes as u128)?,
        concurrent_calls: of_host(calls, c.concurrent_calls, of_tenant)?,
        fuel_per_second: rate.map(as_u64),
        share: Share::default(),
    })
}

/// The budget of the tenant, with what one of its plugins may take of it.
fn within(tenant: Budget, plugin: Budget) -> Budget {
    let share = Share {
        concurrent_calls: plugin.concurrent_calls,
        fuel_per_second: plugin.fuel_per_second,
    };
    Budget {
        fuel: least(tenant.fuel, plugin.fuel),
        deadline: least(tenant.deadline, plugin.deadline),
        memory_bytes: least(tenant.memory_bytes, plugin.memory_bytes),
        share,
        ..tenant
    }
}

fn least<T: Ord>(left: Option<T>, right: Option<T>) -> Option<T> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (left, right) => left.or(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_one_plugin_are_within_those_of_all() {
        let configured: ConfiguredPluginLimits = serde_json::from_str(
            r#"{"fuel": 1000, "concurrentCalls": 4, "runtimeTier": true,
                "byName": {"small": {"fuel": 10, "concurrentCalls": 1}, "large": {"fuel": 2000}}}"#,
        )
        .unwrap();
        let limits = PluginLimits::of(&configured).unwrap();
        assert_eq!(limits.tier, Tier::Runtime);
        let fuel = |name| limits.budget_of(name).fuel;
        assert_eq!(
            (fuel("small"), fuel("large"), fuel("other")),
            (Some(10), Some(1000), Some(1000))
        );
        assert_eq!(limits.budget_of("small").concurrent_calls, Some(4));
        assert_eq!(limits.budget_of("small").share.concurrent_calls, Some(1));
        assert_eq!(limits.budget_of("large").share, Share::default());
    }
}
