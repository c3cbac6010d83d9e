//! What a plugin may ask of the host: the imports of `wit/`, one file each.
//!
//! Every function charges the guest's fuel before it works, by the paths it reads and the values
//! it looks at for them (see `price.rs`), and by the bytes that it moves, whose sum is held to
//! the call's limit. It looks at the clock before each path: nothing else stops a guest while
//! the host works for it.

mod charge;
mod clock;
mod config;
mod directory;
mod documents;
mod log;
mod random;
pub(crate) mod wasi;

use wasmtime::Engine;
use wasmtime::component::Linker;

pub(crate) use self::charge::{HostCallBytes, RefusedCall};

use crate::state::State;

/// The package of `wit/`, without the version.
pub(crate) const PACKAGE: &str = "tenon:plugin";
/// The version of the package that this host speaks.
pub(crate) const VERSION: &str = "0.1.0";

/// A linker with every import that the host offers. Which of them a component may use is decided
/// at the gate, and which of them a hook of it may, where it asks.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    documents::link(&mut linker.instance(&interface("documents"))?)?;
    log::link(&mut linker.instance(&interface("log"))?)?;
    config::link(&mut linker.instance(&interface("config"))?)?;
    directory::link(&mut linker.instance(&interface("directory"))?)?;
    clock::link(&mut linker.instance(&interface("clock"))?)?;
    random::link(&mut linker.instance(&interface("random"))?)?;
    // Types alone; a component names it where it `use`s them.
    linker.instance(&interface("types"))?;
    wasi::link(&mut linker)?;
    Ok(linker)
}

/// The full name of an interface, such as `tenon:plugin/log@0.1.0`.
pub(crate) fn interface(name: &str) -> String {
    format!("{PACKAGE}/{name}@{VERSION}")
}
