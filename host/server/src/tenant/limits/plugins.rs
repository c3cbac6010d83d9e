//! What the plugins of a tenant may cost: as it is configured, and as it holds.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenon_plugin::{Budget, Limits as HostLimits, Share, Tier};
use tenon_scim::Object;

use super::LimitsError;

/// What the plugins of a tenant may cost, as it is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Object")]
pub struct ConfiguredPluginLimits {
    /// How many of them may be active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// Whether it may upload components that bring the runtime of their language, such as those of
    /// JavaScript and Python.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_tier: Option<bool>,
    /// What their calls may cost.
    #[serde(flatten)]
    pub calls: ConfiguredCallLimits,
    /// What one plugin may take of that, by its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_name: BTreeMap<String, ConfiguredCallLimits>,
}

/// `deny_unknown_fields` would not tell what there is beside a flattened field.
impl TryFrom<Object> for ConfiguredPluginLimits {
    type Error = String;

    fn try_from(mut members: Object) -> Result<Self, String> {
        const OWN: [&str; 3] = ["count", "runtimeTier", "byName"];
        fn value<T: DeserializeOwned + Default>(of: Option<Value>) -> Result<T, String> {
            of.map_or(Ok(T::default()), |it| {
                serde_json::from_value(it).map_err(|error| error.to_string())
            })
        }
        let [count, runtime_tier, by_name] = OWN.map(|name| members.remove(name));
        let calls = serde_json::from_value(Value::Object(members)).map_err(|error| {
            let told = error.to_string();
            let lists_names = told.contains("expected one of");
            if lists_names { format!("{told}, `{}`", OWN.join("`, `")) } else { told }
        })?;
        Ok(Self {
            count: value(count)?,
            runtime_tier: value(runtime_tier)?,
            calls,
            by_name: value(by_name)?,
        })
    }
}

/// What calls may cost, of all plugins of a tenant or of one, as it is configured.
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
    /// Tables of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tables: Option<usize>,
    /// Elements of all tables of one call together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_elements: Option<usize>,
    /// Core instances of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<usize>,
    /// Resource handles that a guest holds at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handles: Option<usize>,
    /// Bytes that the host functions of one call take and give together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_call_bytes: Option<usize>,
    /// Look-ups in the directory of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look_ups: Option<usize>,
    /// Log lines of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_lines: Option<usize>,
    /// Bytes of all log lines of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<usize>,
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
        let budget = budget(&configured.calls, "plugins")?;
        let mut by_name = BTreeMap::new();
        for (name, configured) in &configured.by_name {
            let of_one = self::budget(configured, "plugins.byName")?;
            by_name.insert(name.clone(), within(budget, of_one));
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

/// The host's own limits are the most that there is. `of` is where errors say that they are.
fn budget(configured: &ConfiguredCallLimits, of: &str) -> Result<Budget, LimitsError> {
    let (c, host) = (configured, HostLimits::default());
    let size = |name, configured, max| within_host(of, name, configured, max);
    let count = |name, configured, max| {
        let count = size(name, configured, as_usize(max))?;
        Ok(count.map(|it| u64::try_from(it).unwrap_or(u64::MAX)))
    };
    let count_u32 = |name, configured, max: u32| {
        let count = size(name, configured, as_usize(max.into()))?;
        Ok(count.map(|it| u32::try_from(it).unwrap_or(u32::MAX)))
    };
    let longest = u64::try_from(host.deadline.as_millis()).unwrap_or(u64::MAX);
    Ok(Budget {
        fuel: count("fuel", c.fuel, host.fuel)?,
        deadline: count("deadlineMs", c.deadline_ms, longest)?.map(Duration::from_millis),
        memory_bytes: size("memoryBytes", c.memory_bytes, host.memory_bytes)?,
        tables: size("tables", c.tables, host.tables)?,
        table_elements: size("tableElements", c.table_elements, host.table_elements)?,
        instances: size("instances", c.instances, host.instances)?,
        handles: size("handles", c.handles, host.handles)?,
        host_call_bytes: size("hostCallBytes", c.host_call_bytes, host.host_call_bytes)?,
        look_ups: count_u32("lookUps", c.look_ups, host.look_ups)?,
        log_lines: count_u32("logLines", c.log_lines, host.log_lines)?,
        log_bytes: size("logBytes", c.log_bytes, host.log_bytes)?,
        concurrent_calls: size(
            "concurrentCalls",
            c.concurrent_calls,
            host.concurrent_calls_per_tenant,
        )?,
        fuel_per_second: count("fuelPerSecond", c.fuel_per_second, host.fuel_per_second)?,
        share: Share::default(),
    })
}

fn within_host(
    of: &str,
    name: &str,
    configured: Option<usize>,
    max: usize,
) -> Result<Option<usize>, LimitsError> {
    configured.map(|it| super::of(&format!("{of}.{name}"), Some(it), max, max)).transpose()
}

fn as_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
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
        tables: least(tenant.tables, plugin.tables),
        table_elements: least(tenant.table_elements, plugin.table_elements),
        instances: least(tenant.instances, plugin.instances),
        handles: least(tenant.handles, plugin.handles),
        host_call_bytes: least(tenant.host_call_bytes, plugin.host_call_bytes),
        look_ups: least(tenant.look_ups, plugin.look_ups),
        log_lines: least(tenant.log_lines, plugin.log_lines),
        log_bytes: least(tenant.log_bytes, plugin.log_bytes),
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
