//! Tokens of a tenant while they are in use.

mod attempts;
mod certificates;
mod changes;
mod refusals;
mod rotation;
mod usage;

use serde_json::{Value, json};
use tenon_tests::{Client, Tenant};

/// A token, and where it is administered.
struct Token {
    id: String,
    path: String,
    secret: String,
}

/// A token with these members.
async fn token(admin: &Client, mut members: Value) -> Token {
    members["name"] = json!("another");
    let created = admin.post("/tokens", members).await.expect(201).body;
    let text = |name: &str| created[name].as_str().unwrap().to_owned();
    let id = text("id");
    Token { path: format!("/tokens/{id}"), id, secret: text("token") }
}

/// The tenant's tokens, as they are listed; the one with this id.
async fn listed(tenant: &Tenant, id: &str) -> Value {
    let all = tenant.admin.get("/tokens").await.expect(200).body;
    let all = all["items"].as_array().unwrap();
    all.iter().find(|it| it["id"] == id).unwrap().clone()
}
