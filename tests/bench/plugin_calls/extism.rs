//! The same rule in a plugin of Extism: `benches/extism`, which has a wasmtime of its own and so is another
//! program. It measures both kinds of plugin in turns, and tells the medians.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::report::{Goal, Row};

pub(super) fn rows(cost_center: &[u8]) -> Vec<Row> {
    let mut component = NamedTempFile::new().expect("a file");
    component.write_all(cost_center).expect("the component is written");
    let program = built("release/beside-extism");
    let output = Command::new(&program)
        .arg(component.path())
        .arg(built("wasm32-unknown-unknown/release/extism_rule.wasm"))
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; `make` builds it", program.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let medians: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let median = |name: &str| medians[name].as_f64().expect("a number");
    let (tenon, fresh, reused) = (median("tenon"), median("extismFresh"), median("extismReused"));
    vec![
        Row::of("a plugin of Extism with the same rule, an instance for each call", fresh, "µs")
            .beside("the plugin, in turns with it", tenon, fresh / tenon)
            .goal(Goal::AtLeast(1.0)),
        Row::of("a plugin of Extism with the same rule, one instance for all calls", reused, "µs")
            .beside("the plugin, in turns with it", tenon, reused / tenon),
    ]
}

/// A file in the target directory, where `make bench-plugins` has both workspaces build.
fn built(path: &str) -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its path");
    program.ancestors().nth(2).expect("the target directory").join(path)
}
