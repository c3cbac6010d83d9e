//! What a plugin may ask of the host: `documents`, `log` and `config` of `wit/`.
//!
//! Every function charges the guest's fuel before it works, by the paths it reads and the values
//! it looks at for them (see `price.rs`), and by the bytes that it moves, whose sum is held to
//! the call's limit. It looks at the clock before each path: nothing else stops a guest while
//! the host works for it.

use serde_json::{Map, Value};
use tenon_scim::path;
use wasmtime::component::{Linker, LinkerInstance, Resource, ResourceType};
use wasmtime::{AsContextMut, Engine, StoreContextMut, Trap};

use crate::call::{Call, Document};
use crate::state::State;
use crate::text::plain;

/// The package of `wit/`, without the version.
pub(crate) const PACKAGE: &str = "tenon:plugin";
/// The version of the package that this host speaks.
pub(crate) const VERSION: &str = "0.1.0";

/// A call's host functions have moved more bytes than they may.
#[derive(Debug, thiserror::Error)]
#[error("host calls would have moved more than {limit} bytes")]
pub(crate) struct HostCallBytes {
    pub(crate) limit: usize,
}

/// A linker with every import that the host offers. Which of them a component may use is decided
/// at the gate.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    documents(&mut linker.instance(&interface("documents"))?)?;
    log(&mut linker.instance(&interface("log"))?)?;
    config(&mut linker.instance(&interface("config"))?)?;
    // Types alone; a component names it where it `use`s them.
    linker.instance(&interface("types"))?;
    Ok(linker)
}

/// The full name of an interface, such as `tenon:plugin/log@0.1.0`.
pub(crate) fn interface(name: &str) -> String {
    format!("{PACKAGE}/{name}@{VERSION}")
}

type Read = Result<Option<String>, String>;

fn documents(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.resource("document", ResourceType::host::<Document>(), |_, _| Ok(()))?;
    linker.func_wrap(
        "[method]document.get",
        |mut store, (document, path): (Resource<Document>, String)| {
            Ok((read(&mut store, &document, &path)?,))
        },
    )?;
    linker.func_wrap(
        "[method]document.get-many",
        |mut store, (document, paths): (Resource<Document>, Vec<String>)| {
            let mut values = Vec::new();
            for path in &paths {
                values.push(read(&mut store, &document, path)?);
            }
            Ok((values,))
        },
    )?;
    linker.func_wrap("[method]document.json", |mut store, (document,): (Resource<Document>,)| {
        charge_call(&mut store, 0)?;
        let value = store.data().table.get(&document)?.value.clone();
        Ok((write_out(&mut store, &value)?,))
    })
}

fn log(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap("write", |mut store, (level, message): (String, String)| {
        charge_call(&mut store, level.len() + message.len())?;
        let state = store.data_mut();
        if state.allowance.takes_line(message.len()) {
            state.write_line(&level, &message);
        }
        Ok(())
    })
}

fn config(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap("get", |mut store, (key,): (String,)| {
        charge_call(&mut store, key.len())?;
        let Some(config) = store.data().call.as_ref().map(|call| call.config.clone()) else {
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
        charge_call(&mut store, 0)?;
        // None while `describe` runs, which depends on nothing but the component.
        let config = store.data().call.as_ref().map(|call| call.config.clone());
        Ok((write_out(&mut store, &config.unwrap_or_default())?,))
    })
}

/// The value at a path, or what is wrong with the path.
fn read(
    store: &mut StoreContextMut<'_, State>,
    document: &Resource<Document>,
    path: &str,
) -> wasmtime::Result<Read> {
    charge_call(store, path.len())?;
    let document = store.data().table.get(document)?.clone();
    let left = store.get_fuel()?;
    let fuel = store.data().allowance.prices.of_path(&document, path, left);
    charge(store, fuel)?;
    let read = match path::read(&document.resource_type, &document.value, path) {
        Ok(value) => Ok(value.map(|value| value.to_string())),
        Err(error) => Err(error.to_string()),
    };
    let bytes = match &read {
        Ok(value) => value.as_ref().map_or(0, String::len),
        Err(message) => message.len(),
    };
    charge_bytes(store, bytes)?;
    Ok(read)
}

/// An object as text.
fn write_out(
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

/// Begins one host call, or one of its paths, that brings `bytes` of arguments: in time, and at
/// its price.
fn charge_call(store: &mut StoreContextMut<'_, State>, bytes: usize) -> wasmtime::Result<()> {
    store.data().deadline.check()?;
    let base = store.data().allowance.fuel_per_call;
    charge(store, base)?;
    charge_bytes(store, bytes)
}

fn charge_bytes(store: &mut StoreContextMut<'_, State>, bytes: usize) -> wasmtime::Result<()> {
    let allowance = &mut store.data_mut().allowance;
    let Some(left) = allowance.host_call_bytes.checked_sub(bytes) else {
        return Err(HostCallBytes { limit: allowance.host_call_limit }.into());
    };
    allowance.host_call_bytes = left;
    let fuel = allowance.fuel_per_byte.saturating_mul(bytes as u64);
    charge(store, fuel)
}

fn charge(store: &mut StoreContextMut<'_, State>, fuel: u64) -> wasmtime::Result<()> {
    let mut store = store.as_context_mut();
    let left = store.get_fuel()?.checked_sub(fuel);
    store.set_fuel(left.unwrap_or(0))?;
    if left.is_none() {
        return Err(Trap::OutOfFuel.into());
    }
    Ok(())
}

impl crate::state::Allowance {
    /// Counts a line of so many bytes. `false`: it is to be dropped.
    fn takes_line(&mut self, bytes: usize) -> bool {
        match (self.log_lines.checked_sub(1), self.log_bytes.checked_sub(bytes)) {
            (Some(lines), Some(bytes)) => {
                (self.log_lines, self.log_bytes) = (lines, bytes);
                true
            }
            _ => {
                self.log_lines_dropped = self.log_lines_dropped.saturating_add(1);
                false
            }
        }
    }
}

impl State {
    /// Writes a guest's line to the log, under the target `tenon::guest`.
    fn write_line(&self, level: &str, message: &str) {
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "tenon::guest",
                    tenant = self.call.as_ref().map(Call::tenant_label),
                    plugin = self.call.as_ref().map(Call::plugin_label),
                    request_id = self.call.as_ref().map(Call::request_label),
                    digest = %self.digest,
                    "{}",
                    plain(message, message.len() * 3)
                )
            };
        }
        match level {
            "debug" => line!(debug),
            "warn" => line!(warn),
            "error" => line!(error),
            _ => line!(info),
        }
    }
}

impl Call {
    fn tenant_label(&self) -> &str {
        &self.tenant
    }

    fn plugin_label(&self) -> &str {
        &self.plugin
    }

    fn request_label(&self) -> &str {
        &self.request_id
    }
}
