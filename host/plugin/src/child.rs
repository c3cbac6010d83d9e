//! The compile child: reads a component from standard input, writes machine code to standard
//! output, and holds itself to limits before it looks at the first byte.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::engine::compiling_engine;
use crate::fault;
use crate::limits::UploadLimits;

/// Bytes of address space that the child may use.
pub(crate) const MEMORY_VARIABLE: &str = "TENON_COMPILE_MEMORY_BYTES";
/// Seconds of processor time that the child may use.
pub(crate) const TIME_VARIABLE: &str = "TENON_COMPILE_SECONDS";

/// The component is invalid; standard error says why.
pub(crate) const EXIT_INVALID: u8 = 2;
/// The child could not do its work.
const EXIT_FAILED: u8 = 3;

/// The whole of the compile child. A program that runs a [`crate::PluginHost`] calls it in the
/// subcommand that its [`crate::Compiler`] names, before it starts a thread or opens a file.
///
/// Limits itself to the address space and processor time that its environment names, allows
/// itself no core dump and no file, and ends with 0 (the code is on standard output) or 2 (the
/// component is invalid, standard error says why). Any other end is a death.
pub fn compile_child_main() -> ExitCode {
    match compile() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed::Invalid(error)) => told(&fault::text(&error), EXIT_INVALID),
        Err(Failed::Io(error)) => told(&error.to_string(), EXIT_FAILED),
    }
}

enum Failed {
    Invalid(wasmtime::Error),
    Io(io::Error),
}

fn compile() -> Result<(), Failed> {
    limit_self().map_err(Failed::Io)?;
    let mut component = Vec::new();
    io::stdin().lock().read_to_end(&mut component).map_err(Failed::Io)?;
    let engine =
        compiling_engine().map_err(|error| Failed::Io(io::Error::other(error.to_string())))?;
    let code = engine.precompile_component(&component).map_err(Failed::Invalid)?;
    io::stdout().lock().write_all(&code).map_err(Failed::Io)
}

fn limit_self() -> io::Result<()> {
    let defaults = UploadLimits::STANDARD;
    let memory = number(MEMORY_VARIABLE, defaults.compile_memory_bytes)?;
    let seconds = number(TIME_VARIABLE, defaults.compile_time.as_secs())?;
    for (resource, limit) in [
        (Resource::As, memory),
        (Resource::Cpu, seconds),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
    ] {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    Ok(())
}

fn number(variable: &str, default: u64) -> io::Result<u64> {
    match std::env::var(variable) {
        Err(_) => Ok(default),
        Ok(text) => text
            .parse()
            .map_err(|_| io::Error::other(format!("{variable} is to be a number, found {text:?}"))),
    }
}

fn told(message: &str, status: u8) -> ExitCode {
    // Nobody is left to be told of a failure to tell.
    let _ = io::stderr().lock().write_all(message.as_bytes());
    ExitCode::from(status)
}
