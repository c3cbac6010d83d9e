//! The binary `tenon`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tenon_server::cli::run()
}
