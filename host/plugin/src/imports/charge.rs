//! What a host call costs, and which end the call of the hook.

use serde_json::{Map, Value};
use wasmtime::{AsContextMut, StoreContextMut, Trap};

use crate::call::Capability;
use crate::error::CallError;
use crate::state::State;

/// A call's host functions have moved more bytes than they may.
#[derive(Debug, thiserror::Error)]
#[error("host calls would have moved more than {limit} bytes")]
pub(crate) struct HostCallBytes {
    pub(crate) limit: usize,
}

/// A host call that ends the call of the hook.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefusedCall {
    #[error("{hook} may not use {import}")]
    NotOffered { hook: Capability, import: &'static str },
    #[error("more than {limit} look-ups")]
    LookUps { limit: u32 },
    #[error("a look-up failed: {message}")]
    Unavailable { message: String },
}

impl RefusedCall {
    /// How the call ended.
    pub(crate) fn as_error(&self) -> CallError {
        match self {
            RefusedCall::NotOffered { hook, import } => {
                CallError::NotOffered { function: hook.function(), import, advice: advice(*hook) }
            }
            RefusedCall::LookUps { limit } => CallError::LookUpsExceeded { limit: *limit },
            RefusedCall::Unavailable { message } => {
                CallError::DirectoryUnavailable { message: message.clone() }
            }
        }
    }
}

fn advice(hook: Capability) -> String {
    let offered = hook.imports().iter().filter(|import| **import != "types");
    let offered: Vec<_> = offered.map(|import| format!("`{import}`")).collect();
    match &*offered {
        [] => "it may use nothing".to_owned(),
        offered => format!("it may use {}", offered.join(", ")),
    }
}

/// Begins one host call, or one of its paths, that brings `bytes` of arguments: by a hook that may
/// have it, in time, and at its price.
pub(super) fn charge_call(
    store: &mut StoreContextMut<'_, State>,
    import: &'static str,
    bytes: usize,
) -> wasmtime::Result<()> {
    if let Some(hook) = store.data().call.hook.filter(|hook| !hook.imports().contains(&import)) {
        return Err(RefusedCall::NotOffered { hook, import }.into());
    }
    charge_inert(store, bytes)
}

/// As [`charge_call`], of a function that every hook may have since it tells and does nothing.
pub(super) fn charge_inert(
    store: &mut StoreContextMut<'_, State>,
    bytes: usize,
) -> wasmtime::Result<()> {
    store.data().deadline.check()?;
    let allowance = &mut store.data_mut().allowance;
    allowance.host_calls = allowance.host_calls.saturating_add(1);
    let base = allowance.fuel_per_call;
    charge(store, base)?;
    charge_bytes(store, bytes)
}

pub(super) fn charge_bytes(
    store: &mut StoreContextMut<'_, State>,
    bytes: usize,
) -> wasmtime::Result<()> {
    let allowance = &mut store.data_mut().allowance;
    let Some(left) = allowance.host_call_bytes.checked_sub(bytes) else {
        return Err(HostCallBytes { limit: allowance.host_call_limit }.into());
    };
    allowance.host_call_bytes = left;
    let fuel = allowance.fuel_per_byte.saturating_mul(bytes as u64);
    charge(store, fuel)
}

pub(super) fn charge(store: &mut StoreContextMut<'_, State>, fuel: u64) -> wasmtime::Result<()> {
    let mut store = store.as_context_mut();
    let left = store.get_fuel()?.checked_sub(fuel);
    store.set_fuel(left.unwrap_or(0))?;
    if left.is_none() {
        return Err(Trap::OutOfFuel.into());
    }
    Ok(())
}

/// An object as text.
pub(super) fn write_out(
    store: &mut StoreContextMut<'_, State>,
    object: &Map<String, Value>,
) -> wasmtime::Result<String> {
    let left = store.get_fuel()?;
    let fuel = store.data().allowance.prices.of_object(object, left);
    charge(store, fuel)?;
    let text = serde_json::to_string(object)?;
    charge_bytes(store, text.len())?;
    Ok(text)
}
