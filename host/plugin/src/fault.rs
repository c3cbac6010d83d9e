//! Tells what ended a call from the error that wasmtime gives.

use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::error::CallError;
use crate::imports::{HostCallBytes, RefusedCall};
use crate::limits::{Limits, Refused};
use crate::state::{PastDeadline, State};
use crate::text::{plain, plain_lines};

/// Bytes of a message that came through wasmtime: guests choose the names in it.
const MESSAGE_BYTES: usize = 1_000;
/// Bytes of a backtrace.
const BACKTRACE_BYTES: usize = 4_000;

/// Why an instance could not be made, or trapped in its start function.
pub(crate) fn start(
    error: wasmtime::Error,
    state: &State,
    limits: &Limits,
    fuel: u64,
) -> CallError {
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return CallError::Busy { whose: "the server", running: limits.concurrent_calls };
    }
    known(&error, state, limits, fuel)
        .unwrap_or_else(|| CallError::DoesNotStart { message: text(&error) })
}

/// Why a call gave no answer.
pub(crate) fn call(error: wasmtime::Error, state: &State, limits: &Limits, fuel: u64) -> CallError {
    known(&error, state, limits, fuel)
        .unwrap_or_else(|| CallError::InvalidOutput { message: text(&error) })
}

/// A step of the host's own that cannot fail for a linked plugin.
pub(crate) fn link(error: wasmtime::Error) -> CallError {
    CallError::DoesNotStart { message: text(&error) }
}

/// The plugin's own `failure`.
pub(crate) fn reported(message: &str) -> CallError {
    CallError::Failure { message: plain(message, MESSAGE_BYTES) }
}

/// An error with its causes, in one bounded line.
pub(crate) fn text(error: &wasmtime::Error) -> String {
    plain(&format!("{error:#}"), MESSAGE_BYTES)
}

fn known(error: &wasmtime::Error, state: &State, limits: &Limits, fuel: u64) -> Option<CallError> {
    if error.downcast_ref::<PastDeadline>().is_some() {
        return Some(CallError::DeadlineExceeded { limit: limits.deadline });
    }
    if let Some(HostCallBytes { limit }) = error.downcast_ref() {
        return Some(CallError::HostCallBytesExceeded { limit: *limit });
    }
    if let Some(refused) = error.downcast_ref::<RefusedCall>() {
        return Some(refused.as_error());
    }
    // wasmtime has words for it alone; the tests of the limit tell when they change.
    if error.root_cause().to_string().ends_with("store handle limit exceeded") {
        return Some(CallError::HandlesExceeded { limit: limits.handles });
    }
    let trap = error.downcast_ref::<Trap>();
    match trap {
        Some(Trap::OutOfFuel) => return Some(CallError::OutOfFuel { limit: fuel }),
        Some(Trap::Interrupt) => {
            return Some(CallError::DeadlineExceeded { limit: limits.deadline });
        }
        _ => {}
    }
    // A guest that is refused memory gives up with a panic, or its start fails: the refusal is
    // the better account of what happened.
    match state.meter.refused() {
        Some(Refused::Memory(wanted)) => {
            return Some(CallError::MemoryExceeded { limit: limits.memory_bytes, wanted });
        }
        Some(Refused::Table(wanted)) => {
            return Some(CallError::TableExceeded { limit: limits.table_elements, wanted });
        }
        None => {}
    }
    trap.map(|trap| CallError::Trap {
        trap: trap.to_string(),
        backtrace: error
            .downcast_ref::<WasmBacktrace>()
            .map(|backtrace| plain_lines(&backtrace.to_string(), BACKTRACE_BYTES))
            .unwrap_or_default(),
    })
}
