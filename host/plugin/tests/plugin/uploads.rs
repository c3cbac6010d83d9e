//! What the gate takes and what it refuses, and that a deadly upload kills the child alone.

use std::time::Duration;

use tenon_plugin::{Capability, Digest, Limits, Refusal, Tier, UploadLimits};

use crate::support::{Fixture, host, hostile, limits, program};

#[tokio::test]
async fn a_harmless_plugin_passes_with_the_capability_that_it_exports() {
    let checked = Fixture::new().check("harmless").await.unwrap();
    assert_eq!(checked.plugin.capabilities(), [Capability::Validation]);
    assert!(checked.described.is_empty());
}

#[tokio::test]
async fn each_hostile_upload_is_refused_by_the_check_that_it_is_for() {
    let fixture = Fixture::new();
    for (name, check, said) in [
        ("unknown-import", "imports", "wasi:filesystem/preopens@0.2.6"),
        ("no-capability", "exports", "Exports found: greet"),
        ("doubling", "complexity", "the limit is 64"),
        ("wrong-type", "types", "expected `list` found `u32`"),
        ("start-loop", "start", "20000000 units of fuel"),
        ("invalid-code", "compile", "type mismatch"),
        ("describe-loop", "describe", "20000000 units of fuel"),
        ("describe-garbage", "describe", "no JSON as document 1"),
        ("many-memories", "resources", "memories"),
        ("large-start", "resources", "memory"),
    ] {
        let refusal = fixture.check(name).await.unwrap_err();
        assert_eq!(refusal.check(), check, "{name}: {refusal}");
        assert!(refusal.to_string().contains(said), "{name}: {refusal}");
        assert!(!refusal.is_internal(), "{name}");
    }
}

#[tokio::test]
async fn a_refused_upload_leaves_nothing_behind() {
    let fixture = Fixture::new();
    for name in ["wrong-type", "start-loop", "describe-loop", "describe-garbage"] {
        let refused = fixture.check(name).await;
        assert!(refused.is_err(), "{name}");
        assert_eq!(compiled_files(&fixture), 0, "{name}");
        assert!(fixture.host.cached(&Digest::of(&hostile(name))).await.is_none(), "{name}");
    }
    fixture.plugin("harmless").await;
    assert_eq!(compiled_files(&fixture), 1);
}

#[tokio::test]
async fn uploads_past_the_limit_are_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        concurrent_uploads: 3,
        concurrent_compiles: 1,
        upload: UploadLimits { compile_time: Duration::from_millis(50), ..UploadLimits::STANDARD },
        ..limits()
    };
    let host = host(dir.path(), program("/bin/sleep", &["3600"]), limits);
    let uploads: Vec<_> = (0..3)
        .map(|_| {
            let host = host.clone();
            tokio::spawn(async move { host.check(&hostile("harmless"), Tier::Standard).await })
        })
        .collect();
    // Each of them, on this one thread, runs up to its first wait and has a place then.
    tokio::task::yield_now().await;
    let refusal = host.check(&hostile("harmless"), Tier::Standard).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Busy { waiting: 3 }), "{refusal}");
    assert_eq!(refusal.check(), "busy");

    for upload in uploads {
        assert_eq!(upload.await.unwrap().unwrap_err().check(), "compile");
    }
    // Their places are free again.
    assert_eq!(
        host.check(&hostile("harmless"), Tier::Standard).await.unwrap_err().check(),
        "compile"
    );
}

#[tokio::test]
async fn one_giant_function_is_refused_before_it_is_compiled() {
    let body = "(drop (i32.const 1))".repeat(30_000);
    let text = format!(
        "(component (core module (func {body})) (instance $i)
           (export \"tenon:plugin/schema@0.1.0\" (instance $i)))"
    );
    let refusal = Fixture::new()
        .host
        .check(&wat::parse_str(text).unwrap(), Tier::Standard)
        .await
        .unwrap_err();
    assert!(matches!(refusal, Refusal::TooComplex { limit: 65_536, .. }), "{refusal}");
}

#[tokio::test]
async fn a_compiler_out_of_memory_dies_alone() {
    let fixture = Fixture::with(upload(|it| it.compile_memory_bytes = 1024 * 1024));
    let refusal = fixture.check("harmless").await.unwrap_err();
    assert!(matches!(refusal, Refusal::CompilerKilled { .. }), "{refusal}");
    assert!(refusal.to_string().contains("1048576 bytes"), "{refusal}");
}

#[tokio::test]
async fn a_compiler_that_does_not_end_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let limits = upload(|it| it.compile_time = Duration::from_millis(50));
    // A program that reads nothing and runs for an hour stands for an upload that does.
    let host = host(dir.path(), program("/bin/sleep", &["3600"]), limits);
    let refusal = host.check(&hostile("harmless"), Tier::Standard).await.unwrap_err();
    assert!(matches!(refusal, Refusal::CompilerTimedOut { .. }), "{refusal}");
}

#[tokio::test]
async fn a_compiler_that_is_not_there_is_the_servers_fault() {
    let dir = tempfile::tempdir().unwrap();
    let host = host(dir.path(), program("/nonexistent", &[]), limits());
    let refusal = host.check(&hostile("harmless"), Tier::Standard).await.unwrap_err();
    assert!(refusal.is_internal(), "{refusal}");
}

#[tokio::test]
async fn code_past_the_limit_is_refused() {
    let fixture = Fixture::with(upload(|it| it.compiled_bytes = 100));
    let refusal = fixture.check("harmless").await.unwrap_err();
    assert!(matches!(refusal, Refusal::CompiledTooLarge { limit: 100 }), "{refusal}");
}

#[tokio::test]
async fn the_child_sees_nothing_of_the_servers_environment() {
    let dir = tempfile::tempdir().unwrap();
    // Reports its environment as if the component were invalid because of it.
    let compiler = program("/bin/sh", &["-c", "/usr/bin/env >&2; exit 2"]);
    let host = host(dir.path(), compiler, limits());
    let refusal = host.check(&hostile("harmless"), Tier::Standard).await.unwrap_err();
    let Refusal::DoesNotCompile { message } = refusal else { panic!("{refusal}") };
    assert!(message.contains("TENON_COMPILE_SECONDS=20"), "{message}");
    assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
    assert!(!message.contains("CARGO_MANIFEST_DIR"), "{message}");
}

#[tokio::test]
async fn what_plugins_may_not_use_is_refused_and_kills_no_compiler() {
    let fixture = Fixture::new();
    for (feature, module) in [
        ("threads", "(memory 1 1 shared)"),
        ("memory64", "(memory i64 1)"),
        (
            "relaxed simd",
            "(func (result v128)
            (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
        ),
        ("exceptions", "(tag $t) (func (throw $t))"),
        ("gc", "(type $s (struct (field i32))) (func (drop (struct.new $s (i32.const 1))))"),
        (
            "function references",
            "(type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0)))",
        ),
        ("externref", "(table 1 externref)"),
    ] {
        let refusal = fixture.host.check(&schema_with(module), Tier::Standard).await.unwrap_err();
        assert!(matches!(refusal, Refusal::DoesNotCompile { .. }), "{feature}: {refusal}");
    }
    // Not in every runtime, and plugins made of JavaScript need it.
    fixture.host.check(&schema_with("(memory 1) (memory 1)"), Tier::Standard).await.unwrap();
}

/// Limits with another one for uploads.
fn upload(change: impl FnOnce(&mut UploadLimits)) -> Limits {
    let mut limits = limits();
    change(&mut limits.upload);
    limits
}

fn compiled_files(fixture: &Fixture) -> usize {
    let files = std::fs::read_dir(fixture.dir.path()).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|it| it == "cwasm")).count()
}

/// A schema plugin that describes nothing, and a core module with `items` beside it.
fn schema_with(items: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
             (core module $items {items})
             (core instance (instantiate $items))
             (core module $plugin
               (memory (export "memory") 1)
               (func (export "describe") (result i32) i32.const 16))
             (core instance $plugin (instantiate $plugin))
             (alias core export $plugin "memory" (core memory $memory))
             (func $describe (result (list string))
               (canon lift (core func $plugin "describe") (memory $memory)))
             (instance $schema (export "describe" (func $describe)))
             (export "tenon:plugin/schema@0.1.0" (instance $schema)))"#
    );
    wat::parse_str(text).unwrap()
}

/// A function that is too large for every tenant, and not for one of a language's runtime.
#[tokio::test]
async fn the_runtime_tier_takes_what_is_too_large_for_every_tenant() {
    let host = Fixture::new().host;
    let body = "(drop (i32.const 1))".repeat(30_000);
    let component = schema_with(&format!("(func {body})"));
    let refusal = host.check(&component, Tier::Standard).await.unwrap_err();
    assert!(refusal.to_string().contains("needs the runtime tier"), "{refusal}");
    host.check(&component, Tier::Runtime).await.unwrap();
}
