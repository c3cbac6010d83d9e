//! The compile child of the target `upload`: a fuzz target's own program has libFuzzer's `main`.

fn main() -> std::process::ExitCode {
    tenon_plugin::compile_child_main()
}
