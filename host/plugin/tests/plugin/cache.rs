//! Loading versions that passed the gate: from memory, from disk, and compiled once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tenon_plugin::{Digest, Limits, Tier};

use crate::support::{Fixture, compiler, host, hostile, limits, program, validate};

#[tokio::test]
async fn a_restarted_server_loads_from_disk_without_component_or_compiler() {
    let fixture = Fixture::new();
    let digest = *fixture.plugin("harmless").await.digest();
    assert_eq!(digest, Digest::of(&hostile("harmless")));

    let restarted = host(fixture.dir.path(), program("/nonexistent", &[]), limits());
    let plugin = restarted.cached(&digest).await.unwrap();
    assert_eq!(validate(&plugin).await.result.unwrap(), []);
    assert!(restarted.cached(&Digest::of(b"never seen")).await.is_none());
}

#[tokio::test]
async fn a_damaged_file_is_compiled_again() {
    let fixture = Fixture::new();
    let digest = *fixture.plugin("harmless").await.digest();
    let path = file(fixture.dir.path());
    let mut code = fs::read(&path).unwrap();
    let last = code.len() - 1;
    code[last] ^= 1;
    fs::write(&path, &code).unwrap();

    let restarted = host(fixture.dir.path(), compiler(), limits());
    assert!(restarted.cached(&digest).await.is_none());
    let plugin = restarted.load(&hostile("harmless")).await.unwrap();
    assert_eq!(validate(&plugin).await.result.unwrap(), []);
}

#[tokio::test]
async fn versions_are_shared_and_compiled_once() {
    let dir = tempfile::tempdir().unwrap();
    let starts = dir.path().join("starts");
    // Notes that it was started, and compiles.
    let script =
        format!("echo started >> '{}'; exec '{}'", starts.display(), compiler().program.display());
    let host = host(dir.path(), program("/bin/sh", &["-c", &script]), limits());
    let component: Arc<[u8]> = hostile("harmless").into();
    let loads: Vec<_> = (0..8)
        .map(|_| {
            let (host, component) = (host.clone(), component.clone());
            tokio::spawn(async move { host.load(&component).await.unwrap() })
        })
        .collect();
    let mut plugins = Vec::new();
    for load in loads {
        plugins.push(load.await.unwrap());
    }
    assert_eq!(fs::read_to_string(starts).unwrap(), "started\n");
    assert!(plugins.iter().all(|plugin| Arc::ptr_eq(plugin, &plugins[0])));
    let cached = host.cached(plugins[0].digest()).await.unwrap();
    assert!(Arc::ptr_eq(&cached, &plugins[0]));
}

#[tokio::test]
async fn the_versions_in_memory_keep_to_a_budget_and_the_least_recently_used_leaves() {
    let names = ["harmless", "trap", "loop"];
    let sizes: Vec<usize> = {
        let fixture = Fixture::new();
        let mut sizes = Vec::new();
        for name in names {
            let before = fixture.host.memory().bytes;
            fixture.plugin(name).await;
            sizes.push(fixture.host.memory().bytes - before);
        }
        assert_eq!(fixture.host.memory().versions, 3);
        sizes
    };
    // All of them but for one byte.
    let loaded_bytes = sizes.iter().sum::<usize>() - 1;
    let fixture = Fixture::with(Limits { loaded_bytes, ..limits() });
    let first = fixture.plugin("harmless").await;
    let second = fixture.plugin("trap").await;
    assert!(Arc::ptr_eq(&fixture.host.cached(first.digest()).await.unwrap(), &first));
    fixture.plugin("loop").await;
    assert_eq!(fixture.host.memory().versions, 2);
    assert_eq!(fixture.host.memory().bytes, sizes[0] + sizes[2]);
    assert!(Arc::ptr_eq(&fixture.host.cached(first.digest()).await.unwrap(), &first));
    // It is not gone, only loaded anew.
    let again = fixture.host.load(&hostile("trap")).await.unwrap();
    assert!(!Arc::ptr_eq(&again, &second));
    assert_eq!(again.digest(), second.digest());
}

#[tokio::test]
async fn a_version_larger_than_the_budget_runs_alone() {
    let fixture = Fixture::with(Limits { loaded_bytes: 1, ..limits() });
    fixture.plugin("trap").await;
    let plugin = fixture.plugin("harmless").await;
    assert_eq!(validate(&plugin).await.result.unwrap(), []);
    assert_eq!(fixture.host.memory().versions, 1);
}

#[tokio::test]
async fn a_version_that_requests_wait_for_does_not_wait_for_uploads() {
    let dir = tempfile::tempdir().unwrap();
    let first = dir.path().join("first");
    // The first component takes for ever, all later ones compile.
    let script = format!(
        "mkdir '{}' 2>/dev/null && exec sleep 3600; exec '{}'",
        first.display(),
        compiler().program.display()
    );
    let limits = Limits { concurrent_compiles: 1, ..limits() };
    let host = host(dir.path(), program("/bin/sh", &["-c", &script]), limits);
    let uploading = host.clone();
    let upload =
        tokio::spawn(async move { uploading.check(&hostile("trap"), Tier::Standard).await });
    while !first.exists() {
        tokio::task::yield_now().await;
    }
    host.load(&hostile("harmless")).await.unwrap();
    assert!(!upload.is_finished());
    upload.abort();
}

#[tokio::test]
async fn a_forgotten_version_is_gone_from_memory_and_disk() {
    let fixture = Fixture::new();
    let digest = *fixture.plugin("harmless").await.digest();
    let path = file(fixture.dir.path());
    fixture.host.forget(&digest).await;
    assert!(!path.exists());
    assert!(fixture.host.cached(&digest).await.is_none());
    // Not a second time either, and what is needed after all comes back.
    fixture.host.forget(&digest).await;
    fixture.host.load(&hostile("harmless")).await.unwrap();
    assert!(path.exists());
}

#[tokio::test]
async fn pruning_leaves_the_versions_that_are_needed() {
    let fixture = Fixture::new();
    let needed = *fixture.plugin("harmless").await.digest();
    let gone = *fixture.plugin("trap").await.digest();

    let restarted = host(fixture.dir.path(), compiler(), limits());
    restarted.prune(&[needed].into()).await.unwrap();
    assert!(restarted.cached(&needed).await.is_some());
    assert!(restarted.cached(&gone).await.is_none());
    file(fixture.dir.path());
}

/// The one file of compiled code in a cache directory.
fn file(dir: &Path) -> PathBuf {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut code = files.filter(|path| path.extension().is_some_and(|it| it == "cwasm"));
    let file = code.next().unwrap();
    assert_eq!(code.next(), None);
    file
}
