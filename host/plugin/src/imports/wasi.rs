//! WASI 0.2 for components of `wasm32-wasip2`, which import it whatever they do: streams, clocks,
//! random numbers, the environment. All of it is inert: nothing is read, what is written goes
//! nowhere, and time stands still. Files and sockets are not here, so the gate refuses what
//! imports them.
//!
//! Handles stand for nothing: each is the number 0, and no table has them.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Linker, LinkerInstance, Lower, Resource, ResourceType};

use super::charge::{charge_bytes, charge_inert};
use crate::state::State;

/// Every release of WASI 0.2 has what the first one had, under the same names.
const VERSION: &str = "0.2.0";

/// Bytes that an output stream takes at a time.
const WRITABLE: u64 = 64 * 1024;

/// The interfaces that are linked here, without the version.
const INTERFACES: [&str; 18] = [
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
];

/// Whether a component may import this, a name with its version.
pub(crate) fn is_offered(import: &str) -> bool {
    import.split_once('@').is_some_and(|(interface, version)| {
        INTERFACES.contains(&interface) && version.starts_with("0.2.")
    })
}

struct IoError;
struct Pollable;
struct InputStream;
struct OutputStream;
struct TerminalInput;
struct TerminalOutput;

#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(dead_code, reason = "nothing is done that could fail")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

type Store<'a> = StoreContextMut<'a, State>;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let name = |interface: &str| format!("wasi:{interface}@{VERSION}");
    error(&mut linker.instance(&name("io/error"))?)?;
    poll(&mut linker.instance(&name("io/poll"))?)?;
    input(&mut linker.instance(&name("io/streams"))?)?;
    output(&mut linker.instance(&name("io/streams"))?)?;
    monotonic_clock(&mut linker.instance(&name("clocks/monotonic-clock"))?)?;
    wall_clock(&mut linker.instance(&name("clocks/wall-clock"))?)?;
    random(&mut linker.instance(&name("random/random"))?)?;
    insecure(&mut linker.instance(&name("random/insecure"))?)?;
    // Maps are seeded with it, which needs no secret: their guests see one tenant's values.
    inert(&mut linker.instance(&name("random/insecure-seed"))?, "insecure-seed", || (0u64, 0u64))?;
    environment(&mut linker.instance(&name("cli/environment"))?)?;
    exit(&mut linker.instance(&name("cli/exit"))?)?;
    inert(&mut linker.instance(&name("cli/stdin"))?, "get-stdin", handle::<InputStream>)?;
    inert(&mut linker.instance(&name("cli/stdout"))?, "get-stdout", handle::<OutputStream>)?;
    inert(&mut linker.instance(&name("cli/stderr"))?, "get-stderr", handle::<OutputStream>)?;
    terminals(linker, name)
}

/// A function without arguments that always answers the same.
fn inert<T>(
    linker: &mut LinkerInstance<'_, State>,
    name: &str,
    answer: impl Fn() -> T + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    T: Lower + Send + Sync + 'static,
{
    linker.func_wrap(name, move |mut store: Store<'_>, (): ()| {
        charge_inert(&mut store, 0)?;
        Ok((answer(),))
    })
}

fn handle<T: 'static>() -> Resource<T> {
    Resource::new_own(0)
}

fn resource<T: 'static>(
    linker: &mut LinkerInstance<'_, State>,
    name: &str,
) -> wasmtime::Result<()> {
    linker.resource(name, ResourceType::host::<T>(), |_, _| Ok(()))
}

fn error(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    resource::<IoError>(linker, "error")?;
    linker.func_wrap(
        "[method]error.to-debug-string",
        |mut store: Store<'_>, (_,): (Resource<IoError>,)| {
            charge_inert(&mut store, 0)?;
            Ok((String::new(),))
        },
    )
}

/// Everything is ready at once.
fn poll(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    resource::<Pollable>(linker, "pollable")?;
    linker.func_wrap(
        "[method]pollable.ready",
        |mut store: Store<'_>, (_,): (Resource<Pollable>,)| {
            charge_inert(&mut store, 0)?;
            Ok((true,))
        },
    )?;
    linker.func_wrap(
        "[method]pollable.block",
        |mut store: Store<'_>, (_,): (Resource<Pollable>,)| charge_inert(&mut store, 0),
    )?;
    linker.func_wrap("poll", |mut store: Store<'_>, (all,): (Vec<Resource<Pollable>>,)| {
        charge_inert(&mut store, size_of::<u32>().saturating_mul(all.len()))?;
        Ok((all.iter().zip(0u32..).map(|(_, index)| index).collect::<Vec<_>>(),))
    })
}

/// Every input is at its end.
fn input(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    resource::<InputStream>(linker, "input-stream")?;
    for name in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        linker.func_wrap(name, |mut store: Store<'_>, _: (Resource<InputStream>, u64)| {
            charge_inert(&mut store, 0)?;
            Ok((Err::<Vec<u8>, _>(StreamError::Closed),))
        })?;
    }
    for name in ["[method]input-stream.skip", "[method]input-stream.blocking-skip"] {
        linker.func_wrap(name, |mut store: Store<'_>, _: (Resource<InputStream>, u64)| {
            charge_inert(&mut store, 0)?;
            Ok((Err::<u64, _>(StreamError::Closed),))
        })?;
    }
    linker.func_wrap(
        "[method]input-stream.subscribe",
        |mut store: Store<'_>, (_,): (Resource<InputStream>,)| {
            charge_inert(&mut store, 0)?;
            Ok((handle::<Pollable>(),))
        },
    )
}

/// What is written is taken, paid for, and forgotten.
fn output(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    resource::<OutputStream>(linker, "output-stream")?;
    linker.func_wrap(
        "[method]output-stream.check-write",
        |mut store: Store<'_>, (_,): (Resource<OutputStream>,)| {
            charge_inert(&mut store, 0)?;
            Ok((Ok::<_, StreamError>(WRITABLE),))
        },
    )?;
    for name in ["[method]output-stream.write", "[method]output-stream.blocking-write-and-flush"] {
        linker.func_wrap(
            name,
            |mut store: Store<'_>, (_, bytes): (Resource<OutputStream>, Vec<u8>)| {
                charge_inert(&mut store, bytes.len())?;
                Ok((Ok::<_, StreamError>(()),))
            },
        )?;
    }
    for name in [
        "[method]output-stream.write-zeroes",
        "[method]output-stream.blocking-write-zeroes-and-flush",
    ] {
        linker.func_wrap(name, |mut store: Store<'_>, _: (Resource<OutputStream>, u64)| {
            charge_inert(&mut store, 0)?;
            Ok((Ok::<_, StreamError>(()),))
        })?;
    }
    for name in ["[method]output-stream.flush", "[method]output-stream.blocking-flush"] {
        linker.func_wrap(name, |mut store: Store<'_>, (_,): (Resource<OutputStream>,)| {
            charge_inert(&mut store, 0)?;
            Ok((Ok::<_, StreamError>(()),))
        })?;
    }
    for name in ["[method]output-stream.splice", "[method]output-stream.blocking-splice"] {
        linker.func_wrap(
            name,
            |mut store: Store<'_>, _: (Resource<OutputStream>, Resource<InputStream>, u64)| {
                charge_inert(&mut store, 0)?;
                Ok((Err::<u64, _>(StreamError::Closed),))
            },
        )?;
    }
    linker.func_wrap(
        "[method]output-stream.subscribe",
        |mut store: Store<'_>, (_,): (Resource<OutputStream>,)| {
            charge_inert(&mut store, 0)?;
            Ok((handle::<Pollable>(),))
        },
    )
}

fn monotonic_clock(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    inert(linker, "now", || 0u64)?;
    inert(linker, "resolution", || 1u64)?;
    for name in ["subscribe-instant", "subscribe-duration"] {
        linker.func_wrap(name, |mut store: Store<'_>, _: (u64,)| {
            charge_inert(&mut store, 0)?;
            Ok((handle::<Pollable>(),))
        })?;
    }
    Ok(())
}

/// When the call began, as `tenon:plugin/clock` has it.
fn wall_clock(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap("now", |mut store: Store<'_>, (): ()| {
        charge_inert(&mut store, 0)?;
        let millis = store.data().call.call.as_ref().map_or(0, |call| call.now);
        let nanoseconds = u32::try_from(millis % 1_000).unwrap_or(0) * 1_000_000;
        Ok((Datetime { seconds: millis / 1_000, nanoseconds },))
    })?;
    inert(linker, "resolution", || Datetime { seconds: 0, nanoseconds: 1_000_000 })
}

/// Of the call's seed, as `tenon:plugin/random` has it.
fn random(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap("get-random-bytes", |mut store: Store<'_>, (count,): (u64,)| {
        charge_inert(&mut store, 0)?;
        Ok((super::random::take(&mut store, usize::try_from(count).unwrap_or(usize::MAX))?,))
    })?;
    linker.func_wrap("get-random-u64", |mut store: Store<'_>, (): ()| {
        charge_inert(&mut store, 0)?;
        let bytes = super::random::take(&mut store, size_of::<u64>())?;
        Ok((bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),))
    })
}

fn insecure(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap("get-insecure-random-bytes", |mut store: Store<'_>, (count,): (u64,)| {
        charge_inert(&mut store, 0)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        charge_bytes(&mut store, count)?;
        Ok((vec![0u8; count],))
    })?;
    inert(linker, "get-insecure-random-u64", || 0u64)
}

fn environment(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    inert(linker, "get-environment", Vec::<(String, String)>::new)?;
    inert(linker, "get-arguments", Vec::<String>::new)?;
    inert(linker, "initial-cwd", || None::<String>)
}

fn exit(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap("exit", |_: Store<'_>, _: (Result<(), ()>,)| {
        Err::<(), _>(wasmtime::Error::msg("the plugin called `exit`, which ends no call"))
    })
}

fn terminals(linker: &mut Linker<State>, name: impl Fn(&str) -> String) -> wasmtime::Result<()> {
    resource::<TerminalInput>(
        &mut linker.instance(&name("cli/terminal-input"))?,
        "terminal-input",
    )?;
    resource::<TerminalOutput>(
        &mut linker.instance(&name("cli/terminal-output"))?,
        "terminal-output",
    )?;
    let mut stdin = linker.instance(&name("cli/terminal-stdin"))?;
    inert(&mut stdin, "get-terminal-stdin", || None::<Resource<TerminalInput>>)?;
    let mut stdout = linker.instance(&name("cli/terminal-stdout"))?;
    inert(&mut stdout, "get-terminal-stdout", || None::<Resource<TerminalOutput>>)?;
    let mut stderr = linker.instance(&name("cli/terminal-stderr"))?;
    inert(&mut stderr, "get-terminal-stderr", || None::<Resource<TerminalOutput>>)
}
