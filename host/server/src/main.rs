//! The binary `tenon`.

use std::process::ExitCode;

/// Requests allocate small things and free them on other threads, which the system's allocator is
/// slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tenon_server::cli::run()
}
