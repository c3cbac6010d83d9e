//! What the plugins of a tenant may take.

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, artifacts, user};

use super::with_limits;

/// A tenant with a plugin that looks at users, and these limits.
async fn with_plugin(server: &Server, plugins: Value) -> Tenant {
    let limits = json!({ "requestsPerSecond": 10_000, "plugins": plugins });
    let tenant = with_limits(server, limits).await;
    tenant.activate("harmless", &artifacts::hostile("harmless"), json!({})).await;
    tenant
}

#[tokio::test]
async fn a_tenants_plugin_has_the_tenants_budget() {
    let server = Server::shared();
    let generous = with_plugin(&server, json!({})).await;
    for (budget, kind) in
        [(json!({ "fuel": 1 }), "out-of-fuel"), (json!({ "memoryBytes": 1 }), "memory-exceeded")]
    {
        let poor = with_plugin(&server, budget).await;
        let refused = poor.scim.post("/Users", user("a")).await.expect(502);
        assert!(refused.detail().contains(kind), "{}", refused.detail());
        assert_eq!(poor.scim.get("/Users").await.expect(200).body["totalResults"], 0);
        // The same version with the limits of another tenant, or with others of this one.
        generous.scim.post("/Users", user(kind)).await.expect(201);
        let more = json!({ "limits": { "plugins": null } });
        poor.admin.patch("", more).await.expect(200);
        poor.scim.post("/Users", user("a")).await.expect(201);
    }
}

#[tokio::test]
async fn no_more_plugins_are_active_than_may_be() {
    let server = Server::shared();
    let acme = with_plugin(&server, json!({ "count": 1 })).await;
    let second = acme.upload("second", &artifacts::hostile("many-issues")).await.expect(201).body;
    let digest = json!({ "digest": second["digest"] });
    let refused = acme.admin.post("/plugins/second/activate", digest.clone()).await.expect(409);
    assert_eq!(refused.body["type"], "urn:tenon:problem:too-many-plugins");
    // The one that is active may be activated again, or make room.
    let active = acme.admin.get("/plugins/harmless").await.expect(200).body;
    let again = json!({ "digest": active["activeDigest"] });
    acme.admin.post("/plugins/harmless/activate", again.clone()).await.expect(200);
    acme.admin.post("/plugins/harmless/deactivate", json!({})).await.expect(200);
    acme.admin.post("/plugins/second/activate", digest).await.expect(200);
    acme.admin.post("/plugins/harmless/activate", again).await.expect(409);
}
