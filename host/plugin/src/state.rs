//! The store of one call: what a guest's host calls find, and every limit set on it.

use std::time::{Duration, Instant};

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};

use crate::call::{Call, Capability, Usage};
use crate::digest::Digest;
use crate::limits::{Limits, Meter};
use crate::price::Prices;
use crate::report::Line;

/// What a store holds. It lives for one call, so nothing can be remembered between two.
pub(crate) struct State {
    pub(crate) call: HookCall,
    pub(crate) table: ResourceTable,
    pub(crate) meter: Meter,
    pub(crate) allowance: Allowance,
    pub(crate) deadline: Deadline,
    /// What the guest has written to the log.
    pub(crate) lines: Vec<Line>,
}

/// What is called, and for whom.
pub(crate) struct HookCall {
    /// `None` where an instance is just started, for the gate.
    pub(crate) hook: Option<Capability>,
    pub(crate) digest: Digest,
    /// `None` at the gate, which belongs to no tenant's request.
    pub(crate) call: Option<Call>,
}

/// When the call has to be over. The epoch's callback asks, and so does each host function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    start: Instant,
    limit: Duration,
}

/// What is left of a call's host-call limits.
#[derive(Debug)]
pub(crate) struct Allowance {
    /// The limit, for the message.
    pub(crate) host_call_limit: usize,
    pub(crate) host_call_bytes: usize,
    /// Calls so far.
    pub(crate) host_calls: u32,
    pub(crate) fuel_per_call: u64,
    pub(crate) fuel_per_byte: u64,
    pub(crate) prices: Prices,
    /// The limit, for the message.
    pub(crate) look_up_limit: u32,
    pub(crate) look_ups: u32,
    /// Resources that one look-up may find.
    pub(crate) looked_up: u32,
    /// Blocks of random bytes that were given out.
    pub(crate) random_blocks: u64,
    pub(crate) log_lines: u32,
    pub(crate) log_bytes: usize,
    pub(crate) log_lines_written: u32,
    pub(crate) log_bytes_written: usize,
    pub(crate) log_lines_dropped: u32,
}

/// The call ran past its deadline and was stopped.
#[derive(Debug, thiserror::Error)]
#[error("the call ran past its deadline")]
pub(crate) struct PastDeadline;

/// A store for one call, with every limit set. `fuel` is the hook's own: `describe` has another
/// than a request's hooks.
pub(crate) fn new_store(
    engine: &Engine,
    limits: &Limits,
    fuel: u64,
    call: HookCall,
) -> wasmtime::Result<Store<State>> {
    let deadline = Deadline { start: Instant::now(), limit: limits.deadline };
    let state = State {
        call,
        table: ResourceTable::new(),
        meter: Meter::new(limits),
        allowance: Allowance {
            host_call_limit: limits.host_call_bytes,
            host_call_bytes: limits.host_call_bytes,
            host_calls: 0,
            fuel_per_call: limits.host_call_fuel,
            fuel_per_byte: limits.host_call_fuel_per_byte,
            prices: Prices::new(limits),
            look_up_limit: limits.look_ups,
            look_ups: limits.look_ups,
            looked_up: limits.looked_up,
            random_blocks: 0,
            log_lines: limits.log_lines,
            log_bytes: limits.log_bytes,
            log_lines_written: 0,
            log_bytes_written: 0,
            log_lines_dropped: 0,
        },
        deadline,
        lines: Vec::new(),
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.meter);
    store.set_fuel(fuel)?;
    store.fuel_async_yield_interval(Some(limits.fuel_yield_interval))?;
    store.set_hostcall_fuel(limits.host_call_bytes);
    store.set_max_component_handles(limits.handles);
    stop_at(&mut store, deadline);
    Ok(store)
}

/// What the call has taken, of `fuel` that its store started with.
pub(crate) fn usage(store: &Store<State>, fuel: u64, duration: Duration) -> Usage {
    let state = store.data();
    let taken = &state.allowance;
    Usage {
        fuel: fuel.saturating_sub(store.get_fuel().unwrap_or(0)),
        duration,
        peak_memory_bytes: state.meter.peak_memory_bytes(),
        table_elements: state.meter.table_elements(),
        host_calls: taken.host_calls,
        host_call_bytes: taken.host_call_limit.saturating_sub(taken.host_call_bytes),
        look_ups: taken.look_up_limit.saturating_sub(taken.look_ups),
        log_lines: taken.log_lines_written,
        log_bytes: taken.log_bytes_written,
        log_lines_dropped: taken.log_lines_dropped,
    }
}

/// The epoch only makes the guest look at the clock: at each tick it lets other tasks run, and
/// past the deadline it stops. Counting ticks would stop a guest too early after a burst of late
/// ones.
fn stop_at(store: &mut Store<State>, deadline: Deadline) {
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        deadline.check()?;
        Ok(UpdateDeadline::Yield(1))
    });
}

impl Deadline {
    pub(crate) fn check(&self) -> Result<(), PastDeadline> {
        if self.start.elapsed() >= self.limit { Err(PastDeadline) } else { Ok(()) }
    }
}
