//! The compile child as a program of its own, for the tests and benches of this crate. The
//! server's binary has it as a subcommand.

fn main() -> std::process::ExitCode {
    tenon_plugin::compile_child_main()
}
