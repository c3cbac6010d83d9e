//! A hook that only fails is not called for a while.

use serde_json::json;
use tenon_tests::{Options, Server, artifacts, user};

use super::plugin;

#[tokio::test]
async fn a_hook_that_only_fails_is_not_called_and_it_is_seen_and_another_configuration_ends_it() {
    let server = Server::start(Options::default());
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let trap = artifacts::hostile("trap");
    let digest = acme.activate("trap", &trap, json!({})).await;
    globex.activate("trap", &trap, json!({})).await;
    assert_eq!(plugin(&acme, "trap").await["breakers"], json!([]));
    for _ in 0..5 {
        let failed = acme.scim.post("/Users", user("a")).await;
        assert!([502, 504].contains(&failed.status), "{:#}", failed.body);
    }
    let refused = acme.scim.post("/Users", user("a")).await.expect(503);
    assert!(refused.detail().contains("breaker-open"), "{}", refused.detail());
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=11).contains(&seconds), "{seconds}");
    // Reads need no plugin, and the breaker of another tenant is its own.
    acme.scim.get("/Users").await.expect(200);
    let failed = globex.scim.post("/Users", user("a")).await;
    assert!([502, 504].contains(&failed.status), "{:#}", failed.body);

    let breakers = plugin(&acme, "trap").await["breakers"].clone();
    assert_eq!(breakers.as_array().unwrap().len(), 1);
    assert_eq!(breakers[0]["hook"], "validation");
    assert_eq!((&breakers[0]["digest"], &breakers[0]["state"]), (&json!(digest), &json!("open")));
    assert_eq!(breakers[0]["faults"], 5);
    let metrics = server.metrics().await;
    assert!(metrics.contains("tenon_plugin_breakers_open 1"), "{metrics}");

    acme.admin.put("/plugins/trap/config", json!({ "other": true })).await.expect(200);
    let failed = acme.scim.post("/Users", user("a")).await;
    assert!([502, 504].contains(&failed.status), "it is called again: {:#}", failed.body);
    acme.admin.post("/plugins/trap/deactivate", json!({})).await.expect(200);
    acme.create("/Users", user("a")).await;
}
