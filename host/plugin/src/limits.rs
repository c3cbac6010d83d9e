//! What a plugin may cost: the limits, and the meter that holds a call to its memory.
//!
//! No store can be made without a [`Limits`] (see `state.rs`), so no guest code runs unlimited.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// Limits on one call, on one upload, and on how many calls run at a time.
///
/// [`Limits::default`] is what an operator starts from. Fuel is the deterministic price of guest
/// code (one unit is about one WebAssembly instruction, 0.26 ns), the deadline is wall time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fuel of one call, host calls included. Validating one user takes some ten thousand.
    pub fuel: u64,
    /// Fuel after which a guest lets other tasks of the same thread run.
    pub fuel_yield_interval: u64,
    /// Wall time of one call, from its start, waiting for a processor included.
    pub deadline: Duration,
    /// Bytes of all linear memories of a call together.
    pub memory_bytes: usize,
    /// Linear memories of a call.
    pub memories: usize,
    /// Tables of a call.
    pub tables: usize,
    /// Elements of all tables of a call together.
    pub table_elements: usize,
    /// Core instances of a call.
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

    /// Bytes of an uploaded component.
    pub component_bytes: usize,
    /// Components nested in each other in an upload, the outermost included.
    pub nesting: usize,
    /// Functions of all core modules of an upload.
    pub functions: usize,
    /// Bytes of the largest function body. Compile time grows faster than the body.
    pub function_bytes: usize,
    /// Fuel of the one call of `describe`.
    pub describe_fuel: u64,
    /// Documents that `describe` may return.
    pub describe_documents: usize,
    /// Bytes of all documents that `describe` returns.
    pub describe_bytes: usize,
    /// Address space of the compiling child process, in bytes.
    pub compile_memory_bytes: u64,
    /// Wall time of the compiling child process; its processor time is held to the same.
    pub compile_time: Duration,
    /// Bytes of compiled code.
    pub compiled_bytes: usize,
    /// Uploads that are compiled, started and described at a time; more of them wait.
    pub concurrent_compiles: usize,
    /// Versions that are compiled again at a time because their compiled code was lost. They
    /// hold up requests, so these places are beside those of uploads.
    pub concurrent_loads: usize,
    /// Uploads that may be checked or wait for it; further ones are refused at once.
    pub concurrent_uploads: usize,

    /// Calls at a time in the whole server.
    pub concurrent_calls: usize,
    /// Calls at a time of one tenant, so that one tenant cannot hold all places.
    pub concurrent_calls_per_tenant: usize,
    /// Loaded versions kept in memory. The least recently used one leaves.
    pub loaded_plugins: usize,
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
    /// Calls at a time.
    pub concurrent_calls: Option<usize>,
}

impl Limits {
    /// These limits, with those of a budget that are tighter.
    #[must_use]
    pub fn within(&self, budget: &Budget) -> Limits {
        let calls = self.concurrent_calls_per_tenant;
        Limits {
            fuel: budget.fuel.unwrap_or(self.fuel).min(self.fuel),
            deadline: budget.deadline.unwrap_or(self.deadline).min(self.deadline),
            memory_bytes: budget.memory_bytes.unwrap_or(self.memory_bytes).min(self.memory_bytes),
            concurrent_calls_per_tenant: budget.concurrent_calls.unwrap_or(calls).min(calls),
            ..self.clone()
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        const MIB: usize = 1024 * 1024;
        Limits {
            fuel: 20_000_000,
            fuel_yield_interval: 1_000_000,
            deadline: Duration::from_millis(250),
            memory_bytes: 64 * MIB,
            memories: 8,
            tables: 32,
            table_elements: 20_000,
            instances: 64,
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
            component_bytes: 4 * MIB,
            nesting: 4,
            functions: 20_000,
            function_bytes: 64 * 1024,
            describe_fuel: 20_000_000,
            describe_documents: 32,
            describe_bytes: MIB,
            compile_memory_bytes: 2048 * MIB as u64,
            compile_time: Duration::from_secs(20),
            compiled_bytes: 64 * MIB,
            concurrent_compiles: 2,
            concurrent_loads: 2,
            concurrent_uploads: 16,
            concurrent_calls: 64,
            concurrent_calls_per_tenant: 16,
            loaded_plugins: 512,
        }
    }
}

/// Sums what one store has taken. `StoreLimits` of wasmtime would allow the limit once for each
/// memory.
#[derive(Debug)]
pub(crate) struct Meter {
    memory_limit: usize,
    table_limit: usize,
    memories: usize,
    tables: usize,
    instances: usize,
    memory_bytes: usize,
    table_elements: usize,
    peak_memory_bytes: usize,
    refused: Option<Refused>,
}

/// The growth that was refused first: what a trap afterwards is most likely about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refused {
    /// Linear memory would have come to so many bytes.
    Memory(usize),
    /// Tables would have come to so many elements.
    Table(usize),
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Meter {
        Meter {
            memory_limit: limits.memory_bytes,
            table_limit: limits.table_elements,
            memories: limits.memories,
            tables: limits.tables,
            instances: limits.instances,
            memory_bytes: 0,
            table_elements: 0,
            peak_memory_bytes: 0,
            refused: None,
        }
    }

    pub(crate) fn peak_memory_bytes(&self) -> usize {
        self.peak_memory_bytes
    }

    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            // The guest's own maximum: not ours to record.
            return Ok(false);
        }
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if total > self.memory_limit {
            self.refused.get_or_insert(Refused::Memory(total));
            return Ok(false);
        }
        self.memory_bytes = total;
        self.peak_memory_bytes = self.peak_memory_bytes.max(total);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        if total > self.table_limit {
            self.refused.get_or_insert(Refused::Table(total));
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memories grow by whole pages.
    const PAGE_BYTES: usize = 64 * 1024;

    fn meter(pages: usize) -> Meter {
        Meter::new(&Limits {
            memory_bytes: pages * PAGE_BYTES,
            table_elements: 10,
            ..Limits::default()
        })
    }

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
            concurrent_calls: Some(1),
        };
        let lowered = limits.within(&less);
        assert_eq!((lowered.fuel, lowered.deadline), (1, Duration::from_millis(1)));
        assert_eq!((lowered.memory_bytes, lowered.concurrent_calls_per_tenant), (1, 1));
        assert_eq!(lowered.concurrent_calls, limits.concurrent_calls);
    }

    #[test]
    fn two_memories_share_one_limit() {
        let mut meter = meter(3);
        assert!(meter.memory_growing(0, 2 * PAGE_BYTES, None).unwrap());
        assert!(!meter.memory_growing(0, 2 * PAGE_BYTES, None).unwrap());
        assert!(meter.memory_growing(0, PAGE_BYTES, None).unwrap());
        assert_eq!(meter.peak_memory_bytes(), 3 * PAGE_BYTES);
        assert!(matches!(meter.refused(), Some(Refused::Memory(bytes)) if bytes == 4 * PAGE_BYTES));
    }

    #[test]
    fn two_tables_share_one_limit() {
        let mut meter = meter(1);
        assert!(meter.table_growing(0, 6, None).unwrap());
        assert!(!meter.table_growing(0, 6, None).unwrap());
        assert!(matches!(meter.refused(), Some(Refused::Table(12))));
    }

    #[test]
    fn growth_past_the_guests_own_maximum_is_no_refusal_of_ours() {
        let mut meter = meter(3);
        assert!(!meter.memory_growing(PAGE_BYTES, 2 * PAGE_BYTES, Some(PAGE_BYTES)).unwrap());
        assert!(meter.refused().is_none());
        assert_eq!(meter.peak_memory_bytes(), 0);
    }
}
