//! The life of a plugin's versions, and how a tenant's plugins stand to each other.

mod breakers;
mod commands;
mod impact;
mod logs;
mod order;
mod schema_changes;
mod settings;
mod shadow;
mod shadow_hooks;
mod swap;
mod versions;

use serde_json::Value;
use tenon_tests::Tenant;

const COST_CENTER: &str = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";

/// Uploads a version and gives its digest.
async fn uploaded(tenant: &Tenant, name: &str, component: &[u8]) -> String {
    let version = tenant.upload(name, component).await.expect(201).body;
    version["digest"].as_str().unwrap().to_owned()
}

/// The plugin as the tenant sees it.
async fn plugin(tenant: &Tenant, name: &str) -> Value {
    tenant.admin.get(&format!("/plugins/{name}")).await.expect(200).body
}

/// Where each version is in its life, the oldest first.
async fn states(tenant: &Tenant, name: &str) -> Vec<String> {
    let plugin = plugin(tenant, name).await;
    let versions = plugin["versions"].as_array().unwrap().iter();
    versions.map(|it| it["state"].as_str().unwrap().to_owned()).collect()
}
