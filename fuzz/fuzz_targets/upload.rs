//! Any bytes as an upload: the gate answers, and a refusal has a name and is not our fault.
//!
//! The first byte chooses what the others are: a component of wasm-smith, changes to a component of
//! `tests/hostile`, or the upload itself.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use tenon_plugin::{Compiler, HostSettings, Limits, PluginHost, Tier};
use tokio::runtime::Runtime;

/// Names that a component is asked of, so that it is not refused for these alone.
const EXPORT: &str = "tenon:plugin/validation@0.1.0";

static CORPUS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/hostile");
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|it| it == "wat")).collect();
    files.sort();
    files.into_iter().map(|path| wat::parse_file(path).unwrap()).collect()
});

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap());

/// Its compile child is the program `compile_child` beside this one.
static HOST: LazyLock<PluginHost> = LazyLock::new(|| {
    let program = std::env::current_exe().unwrap().with_file_name("compile_child");
    let cache_dir = std::env::temp_dir().join(format!("tenon-fuzz-{}", std::process::id()));
    let compiler = Compiler { program, args: Vec::new() };
    PluginHost::new(HostSettings { cache_dir, compiler, limits: Limits::default() }).unwrap()
});

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    let upload = match kind % 3 {
        0 => generated(data),
        1 => changed(data),
        _ => Some(data.to_vec()),
    };
    let Some(upload) = upload else { return };
    match RUNTIME.block_on(HOST.check(&upload, Tier::Standard)) {
        Ok(checked) => {
            assert!(!checked.plugin.capabilities().is_empty());
            // A cache of everything that was ever accepted would fill the disk.
            RUNTIME.block_on(HOST.forget(checked.plugin.digest()));
        }
        Err(refusal) => {
            assert!(!refusal.is_internal(), "{refusal:?}");
            assert!(!refusal.check().is_empty() && refusal.to_string().len() < 10_000);
        }
    }
});

fn generated(data: &[u8]) -> Option<Vec<u8>> {
    let config = wasm_smith::Config { allow_start_export: true, ..wasm_smith::Config::default() };
    let component = wasm_smith::Component::new(config, &mut Unstructured::new(data)).ok()?;
    let mut bytes = component.to_bytes();
    // Behind everything else: an export of ours, so that it comes further than to the names.
    let export =
        wat::parse_str(format!(r#"(component (instance $i) (export "{EXPORT}" (instance $i)))"#));
    bytes.extend_from_slice(export.ok()?.get(8..)?);
    Some(bytes)
}

/// Each three bytes say where to write the fourth.
fn changed(data: &[u8]) -> Option<Vec<u8>> {
    let (which, changes) = data.split_first()?;
    let mut bytes = CORPUS.get(usize::from(*which) % CORPUS.len())?.clone();
    for change in changes.chunks_exact(4) {
        let at =
            usize::from(change[0]) << 16 | usize::from(change[1]) << 8 | usize::from(change[2]);
        let length = bytes.len();
        bytes[at % length] = change[3];
    }
    Some(bytes)
}
