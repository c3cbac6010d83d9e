//! What a plugin may cost: the limits, and the meter that holds a call to its memory.
//!
//! No store can be made without a [`Limits`] (see `state.rs`), so no guest code runs unlimited.

use std::time::Duration;

use serde::{Deserialize, Serialize};

mod meter;
mod upload;

pub(crate) use self::meter::{Meter, Refused};
pub use self::upload::{Tier, UploadLimits};

/// Limits on one call, on one upload, and on how many calls run at a time.
///
/// [`Limits::default`] is what an operator starts from. Fuel is the deterministic price of guest
/// code (one unit is about one WebAssembly instruction, 0.26 ns), the deadline is wall time. Those that
/// bound a call are what is written down with a recorded one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Fuel of one call, host calls included. Validating one user takes some ten thousand.
    pub fuel: u64,
    /// Fuel after which a guest lets other tasks of the same thread run.
    pub fuel_yield_interval: u64,
    /// Wall time of one call, from its start, waiting for a processor included.
    #[serde(rename = "deadlineMillis", with = "millis")]
    pub deadline: Duration,
    /// Bytes of all linear memories of a call together.
    pub memory_bytes: usize,
    /// Linear memories of a call.
    pub memories: usize,
    /// Tables of a call.
    pub tables: usize,
    /// Elements of all tables of a call together.
    pub table_elements: usize,
    /// Core instances of a call: as many as the gate lets through, which counts them.
    pub instances: usize,
    /// Resource handles that a guest holds at a time.
    pub handles: usize,
    /// Bytes of WebAssembly stack. One value for all calls of a host.
    pub stack_bytes: usize,
    /// Bytes that a call's host functions may take and give together, and, apart from that, the
    /// bytes that one crossing of the boundary may carry.
    pub host_call_bytes: usize,
    /// Fuel that each host function costs, for each path that it reads.
    pub host_call_fuel: u64,
    /// Fuel for each JSON value that a host function looks at, once for each term of the filter
    /// in a path.
    pub host_call_fuel_per_value: u64,
    /// Fuel for each byte that a host function takes, gives, or looks at.
    pub host_call_fuel_per_byte: u64,
    /// Look-ups in the directory of a call. One more ends it.
    pub look_ups: u32,
    /// Resources that one look-up finds at the most.
    pub looked_up: u32,
    /// Log lines of a call. The rest is counted and dropped.
    pub log_lines: u32,
    /// Bytes of all log lines of a call. The rest is counted and dropped.
    pub log_bytes: usize,
    /// Issues that one validation may report. The rest is counted in a closing issue.
    pub issues: usize,
    /// Bytes of one issue's `detail`; longer ones are cut.
    pub issue_detail_bytes: usize,
    /// Edits that a call may ask for, of each document.
    pub edits: usize,
    /// Bytes of all edits of a call, paths and values.
    pub edit_bytes: usize,
    /// Bytes of the filter that a query is narrowed by.
    pub filter_bytes: usize,

    /// What a component may be that any tenant uploads.
    #[serde(skip)]
    pub upload: UploadLimits,
    /// What a component may be that brings the runtime of its language.
    #[serde(skip)]
    pub runtime_upload: UploadLimits,
    /// Fuel of the one call of `describe`.
    #[serde(skip)]
    pub describe_fuel: u64,
    /// Documents that `describe` may return.
    #[serde(skip)]
    pub describe_documents: usize,
    /// Bytes of all documents that `describe` returns.
    #[serde(skip)]
    pub describe_bytes: usize,
    /// Uploads that are compiled, started and described at a time; more of them wait.
    #[serde(skip)]
    pub concurrent_compiles: usize,
    /// Versions that are compiled again at a time because their compiled code was lost. They
    /// hold up requests, so these places are beside those of uploads.
    #[serde(skip)]
    pub concurrent_loads: usize,
    /// Uploads that may be checked or wait for it; further ones are refused at once.
    #[serde(skip)]
    pub concurrent_uploads: usize,

    /// Calls at a time in the whole server.
    #[serde(skip)]
    pub concurrent_calls: usize,
    /// Calls at a time of one tenant, so that one tenant cannot hold all places.
    #[serde(skip)]
    pub concurrent_calls_per_tenant: usize,
    /// Fuel of all calls of one tenant in a second, for long. That of two seconds may be used at once.
    #[serde(skip)]
    pub fuel_per_second: u64,
    /// Bytes of compiled code that is kept in memory, of all versions together. The least recently
    /// used ones leave.
    #[serde(skip)]
    pub loaded_bytes: usize,
}

/// What the calls of one tenant may cost, where that is less than the host's [`Limits`] allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Fuel of one call.
    pub fuel: Option<u64>,
    /// Wall time of one call.
    pub deadline: Option<Duration>,
    /// Bytes of all linear memories of a call together.
    pub memory_bytes: Option<usize>,
    /// Tables of a call.
    pub tables: Option<usize>,
    /// Elements of all tables of a call together.
    pub table_elements: Option<usize>,
    /// Core instances of a call.
    pub instances: Option<usize>,
    /// Resource handles that a guest holds at a time.
    pub handles: Option<usize>,
    /// Bytes that a call's host functions take and give together.
    pub host_call_bytes: Option<usize>,
    /// Look-ups in the directory of a call.
    pub look_ups: Option<u32>,
    /// Log lines of a call.
    pub log_lines: Option<u32>,
    /// Bytes of all log lines of a call.
    pub log_bytes: Option<usize>,
    /// Calls at a time.
    pub concurrent_calls: Option<usize>,
    /// Fuel of all calls in a second, for long.
    pub fuel_per_second: Option<u64>,
    /// What the calls of one of its plugins together may take of that.
    pub share: Share,
}

/// What the calls of one plugin may take of its tenant's places and fuel; all, where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Calls at a time.
    pub concurrent_calls: Option<usize>,
    /// Fuel of all calls in a second, for long.
    pub fuel_per_second: Option<u64>,
}

impl Limits {
    /// What a component of this tier may be.
    #[must_use]
    pub const fn upload_of(&self, tier: Tier) -> &UploadLimits {
        match tier {
            Tier::Standard => &self.upload,
            Tier::Runtime => &self.runtime_upload,
        }
    }

    /// These limits, with those of a budget that are tighter.
    #[must_use]
    pub fn within(&self, budget: &Budget) -> Limits {
        fn tighter<T: Ord>(limit: T, budget: Option<T>) -> T {
            match budget {
                Some(budget) => limit.min(budget),
                None => limit,
            }
        }
        Limits {
            fuel: tighter(self.fuel, budget.fuel),
            deadline: tighter(self.deadline, budget.deadline),
            memory_bytes: tighter(self.memory_bytes, budget.memory_bytes),
            tables: tighter(self.tables, budget.tables),
            table_elements: tighter(self.table_elements, budget.table_elements),
            instances: tighter(self.instances, budget.instances),
            handles: tighter(self.handles, budget.handles),
            host_call_bytes: tighter(self.host_call_bytes, budget.host_call_bytes),
            look_ups: tighter(self.look_ups, budget.look_ups),
            log_lines: tighter(self.log_lines, budget.log_lines),
            log_bytes: tighter(self.log_bytes, budget.log_bytes),
            concurrent_calls_per_tenant: tighter(
                self.concurrent_calls_per_tenant,
                budget.concurrent_calls,
            ),
            fuel_per_second: tighter(self.fuel_per_second, budget.fuel_per_second),
            ..self.clone()
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        const MIB: usize = 1024 * 1024;
        Limits {
            fuel: 20_000_000,
            fuel_yield_interval: 250_000,
            deadline: Duration::from_millis(250),
            memory_bytes: 64 * MIB,
            memories: 8,
            tables: 32,
            table_elements: 20_000,
            instances: UploadLimits::RUNTIME.instances,
            handles: 1_000,
            stack_bytes: 512 * 1024,
            host_call_bytes: 2 * MIB,
            host_call_fuel: 1_000,
            host_call_fuel_per_value: 100,
            host_call_fuel_per_byte: 4,
            look_ups: 64,
            looked_up: 100,
            log_lines: 64,
            log_bytes: 8 * 1024,
            issues: 50,
            issue_detail_bytes: 1_000,
            edits: 100,
            edit_bytes: MIB,
            filter_bytes: 8 * 1024,
            upload: UploadLimits::STANDARD,
            runtime_upload: UploadLimits::RUNTIME,
            describe_fuel: 20_000_000,
            describe_documents: 32,
            describe_bytes: MIB,
            concurrent_compiles: 2,
            concurrent_loads: 2,
            concurrent_uploads: 16,
            concurrent_calls: 64,
            concurrent_calls_per_tenant: 16,
            fuel_per_second: 400_000_000,
            loaded_bytes: 256 * MIB,
        }
    }
}

/// A duration as a number of milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(it: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(it.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_only_lowers() {
        let limits = Limits::default();
        assert_eq!(limits.within(&Budget::default()), limits);
        let more =
            Budget { fuel: Some(u64::MAX), memory_bytes: Some(usize::MAX), ..Budget::default() };
        assert_eq!(limits.within(&more), limits);
        let less = Budget {
            fuel: Some(1),
            deadline: Some(Duration::from_millis(1)),
            memory_bytes: Some(1),
            look_ups: Some(1),
            log_lines: Some(1),
            concurrent_calls: Some(1),
            fuel_per_second: Some(1),
            ..Budget::default()
        };
        let lowered = limits.within(&less);
        assert_eq!((lowered.fuel, lowered.deadline), (1, Duration::from_millis(1)));
        assert_eq!((lowered.memory_bytes, lowered.concurrent_calls_per_tenant), (1, 1));
        assert_eq!(lowered.fuel_per_second, 1);
        assert_eq!((lowered.look_ups, lowered.log_lines), (1, 1));
        assert_eq!((lowered.log_bytes, lowered.handles), (limits.log_bytes, limits.handles));
        assert_eq!(lowered.concurrent_calls, limits.concurrent_calls);
    }
}
