//! Plugins that change what is written and shown, and decide what is seen and deleted.

mod after_read;
mod before_delete;
mod before_query;
mod before_write;
mod directory;
mod examples;
mod me;
mod memberships;
mod rules;

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, artifacts};

/// A tenant with a plugin that does what this says.
async fn with_script(server: &Server, script: Value) -> Tenant {
    let acme = server.tenant("acme").await;
    acme.activate("scripted", artifacts::scripted(), script).await;
    acme
}

/// Has the plugin do something else from now on.
async fn script(tenant: &Tenant, script: Value) {
    tenant.admin.put("/plugins/scripted/config", script).await.expect(200);
}

/// The names of the users of a list.
fn names(list: &Value) -> Vec<&str> {
    let resources = list["Resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    resources.iter().map(|it| it["userName"].as_str().unwrap()).collect()
}

/// An edit that replaces the value at a path.
fn replace(path: &str, value: &str) -> Value {
    json!({ "op": "replace", "path": path, "value": value })
}
