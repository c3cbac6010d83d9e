//! `directory`: other resources of the same tenant.

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use super::charge::{RefusedCall, charge_bytes, charge_call};
use crate::directory::{Directory, LookUpError};
use crate::state::State;

pub(super) fn link(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap_async("get", |mut store, (resource_type, id): (String, String)| {
        Box::new(async move {
            let directory = look_up(&mut store, resource_type.len() + id.len())?;
            let found = told(directory.get(&resource_type, &id).await)?;
            charge_answer(&mut store, &found, |found| found.iter().map(String::len).sum())?;
            Ok((found,))
        })
    })?;
    linker.func_wrap_async(
        "find",
        |mut store, (resource_type, filter, limit): (String, String, u32)| {
            Box::new(async move {
                let directory = look_up(&mut store, resource_type.len() + filter.len())?;
                let limit = limit.min(store.data().allowance.looked_up);
                let found = told(directory.find(&resource_type, &filter, limit).await)?;
                charge_answer(&mut store, &found, |found| found.iter().map(String::len).sum())?;
                Ok((found,))
            })
        },
    )?;
    linker.func_wrap_async(
        "count",
        |mut store, (resource_type, filter): (String, Option<String>)| {
            Box::new(async move {
                let bytes = resource_type.len() + filter.as_ref().map_or(0, String::len);
                let directory = look_up(&mut store, bytes)?;
                let count = told(directory.count(&resource_type, filter.as_deref()).await)?;
                charge_answer(&mut store, &count, |_| size_of::<u64>())?;
                Ok((count,))
            })
        },
    )
}

/// Begins a look-up that brings so many bytes of arguments.
fn look_up(
    store: &mut StoreContextMut<'_, State>,
    bytes: usize,
) -> wasmtime::Result<Arc<dyn Directory>> {
    charge_call(store, "directory", bytes)?;
    let allowance = &mut store.data_mut().allowance;
    let Some(left) = allowance.look_ups.checked_sub(1) else {
        return Err(RefusedCall::LookUps { limit: allowance.look_up_limit }.into());
    };
    allowance.look_ups = left;
    let directory = store.data().call.call.as_ref().and_then(|call| call.directory.clone());
    // At the gate there is no tenant whose directory it could be.
    directory.ok_or_else(|| {
        RefusedCall::Unavailable { message: "there is none for this call".to_owned() }.into()
    })
}

/// What the plugin is told: what was found, or why it cannot be looked up. Anything else ends the
/// call.
fn told<T>(found: Result<T, LookUpError>) -> wasmtime::Result<Result<T, String>> {
    match found {
        Ok(found) => Ok(Ok(found)),
        Err(LookUpError::Refused(reason)) => Ok(Err(reason)),
        Err(LookUpError::Unavailable(message)) => Err(RefusedCall::Unavailable { message }.into()),
    }
}

fn charge_answer<T>(
    store: &mut StoreContextMut<'_, State>,
    answer: &Result<T, String>,
    bytes: impl FnOnce(&T) -> usize,
) -> wasmtime::Result<()> {
    charge_bytes(store, answer.as_ref().map_or_else(String::len, bytes))
}
