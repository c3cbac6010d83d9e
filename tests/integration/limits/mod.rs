//! What a tenant may cost, kept to while many ask at once, and changed while the server runs.

mod members;
mod plugins;
mod quotas;
mod rate;
mod sizes;
mod warnings;

use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Server, Tenant};

/// A tenant with these limits alone.
async fn with_limits(server: &Server, limits: Value) -> Tenant {
    let tenant = server.tenant("acme").await;
    tenant.admin.patch("", json!({ "limits": null })).await.expect(200);
    tenant.admin.patch("", json!({ "limits": limits })).await.expect(200);
    tenant
}

/// Answers until one is as it should be: another server learns of a change within seconds.
async fn until(client: &Client, path: &str, is_it: impl Fn(&Answer) -> bool) -> Answer {
    tenon_tests::until(path, async || {
        let answer = client.get(path).await;
        is_it(&answer).then_some(answer)
    })
    .await
}
