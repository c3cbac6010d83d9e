//! What a tenant chooses beside a plugin's configuration.

use serde_json::json;
use tenon_tests::{Server, artifacts};

use super::{plugin, uploaded};

#[tokio::test]
async fn a_tenant_chooses_what_becomes_of_requests_when_a_plugin_fails_where_there_is_a_choice() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    uploaded(&acme, "cost-center", artifacts::cost_center()).await;
    let on_failure = async || plugin(&acme, "cost-center").await["settings"]["onFailure"].clone();
    let shown = on_failure().await;
    assert_eq!(
        (&shown["validation"], &shown["before-write"]),
        (&json!("closed"), &json!("closed"))
    );
    assert_eq!((&shown["after-read"], &shown["after-commit"]), (&json!("open"), &json!("retry")));

    let settings = "/plugins/cost-center/settings";
    let skip = json!({ "onFailure": { "before-write": "skip", "after-read": "closed" } });
    acme.admin.put(settings, skip).await.expect(200);
    let shown = on_failure().await;
    assert_eq!((&shown["before-write"], &shown["after-read"]), (&json!("skip"), &json!("closed")));
    acme.admin.put(settings, json!({})).await.expect(200);
    assert_eq!(on_failure().await["before-write"], "closed");

    for (wrong, told) in [
        (json!({ "onFailure": { "validation": "open" } }), "\"validation\" must be \"closed\""),
        (json!({ "onFailure": { "lunch": "skip" } }), "there is no hook \"lunch\""),
        (json!({ "breaker": 1 }), "\"breaker\" is not known here"),
    ] {
        let refused = acme.admin.put(settings, wrong).await.expect(400);
        assert!(refused.detail().contains(told), "{}", refused.detail());
    }
    acme.admin.put("/plugins/none/settings", json!({})).await.expect(404);
}
