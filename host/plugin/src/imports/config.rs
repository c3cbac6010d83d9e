//! `config`: what the tenant configured for the plugin.

use wasmtime::component::LinkerInstance;

use super::charge::{charge, charge_bytes, charge_call, write_out};
use crate::state::State;

const IMPORT: &str = "config";

pub(super) fn link(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap("get", |mut store, (key,): (String,)| {
        charge_call(&mut store, IMPORT, key.len())?;
        let Some(config) = store.data().call.call.as_ref().map(|call| call.config.clone()) else {
            return Ok((None,));
        };
        let Some(value) = config.get(&key) else { return Ok((None,)) };
        let left = store.get_fuel()?;
        let fuel = store.data().allowance.prices.of_value(value, left);
        charge(&mut store, fuel)?;
        let text = value.to_string();
        charge_bytes(&mut store, text.len())?;
        Ok((Some(text),))
    })?;
    linker.func_wrap("all", |mut store, (): ()| {
        charge_call(&mut store, IMPORT, 0)?;
        // None at the gate, which belongs to no tenant.
        let config = store.data().call.call.as_ref().map(|call| call.config.clone());
        Ok((write_out(&mut store, &config.unwrap_or_default())?,))
    })
}
