//! Calls of plugins are recorded where somebody asks for it, and made once more by a command.

mod bounds;
mod hooks;
mod privacy;
mod processes;
mod replay;

use std::process::Output;

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, until};

/// Has the next calls of a hook be recorded.
async fn record(tenant: &Tenant, plugin: &str, wanted: Value) -> Value {
    tenant.admin.post(&recordings(plugin), wanted).await.expect(201).body
}

fn recordings(plugin: &str) -> String {
    format!("/plugins/{plugin}/recordings")
}

/// What is told of a recording.
async fn recording(tenant: &Tenant, plugin: &str, hook: &str) -> Value {
    let all = tenant.admin.get(&recordings(plugin)).await.expect(200).body;
    let mut items = all["items"].as_array().unwrap().iter();
    items.find(|it| it["hook"] == hook).unwrap().clone()
}

/// The files of all calls, once the recording is done.
async fn files(tenant: &Tenant, plugin: &str, hook: &str) -> Vec<Value> {
    let done = until("the recorded calls", async || {
        let shown = recording(tenant, plugin, hook).await;
        (shown["state"] == "done").then_some(shown)
    })
    .await;
    let mut files = Vec::new();
    for call in done["calls"].as_array().unwrap() {
        let path = format!("{}/{}", recordings(plugin), call["id"].as_str().unwrap());
        files.push(tenant.admin.get(&path).await.expect(200).body);
    }
    files
}

/// The file of the only call that was asked for.
async fn file(tenant: &Tenant, plugin: &str, hook: &str) -> Value {
    let mut files = files(tenant, plugin, hook).await;
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

/// Makes a recorded call once more, with this component.
fn replay(server: &Server, file: &Value, component: &[u8]) -> Output {
    replay_text(server, &file.to_string(), component)
}

fn replay_text(server: &Server, file: &str, component: &[u8]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let (recorded, wasm) = (dir.path().join("call.json"), dir.path().join("plugin.wasm"));
    std::fs::write(&recorded, file).unwrap();
    std::fs::write(&wasm, component).unwrap();
    let paths = (recorded.to_str().unwrap(), wasm.to_str().unwrap());
    server.run(&["plugin", "replay", paths.0, "--component", paths.1])
}

/// One call of a hook.
fn one(hook: &str) -> Value {
    json!({ "hook": hook, "calls": 1 })
}
