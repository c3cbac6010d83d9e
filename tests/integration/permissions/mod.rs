//! What a credential may do is told by its permissions, and nothing else.

mod bulk;
mod grants;
mod hidden;
mod table;
mod types;

use serde_json::{Value, json};
use tenon_tests::{Client, Tenant};

/// A client of the tenant's service with the permissions of this body.
pub async fn client(tenant: &Tenant, mut token: Value) -> Client {
    token["name"] = json!("client");
    let created = tenant.admin.post("/tokens", token).await.expect(201);
    tenant.scim.with_token(created.body["token"].as_str().unwrap())
}
