//! The order in which a tenant's plugins are called.

use serde_json::json;
use tenon_tests::{Server, artifacts, user};

use super::{COST_CENTER, plugin, uploaded};

#[tokio::test]
async fn plugins_are_called_in_the_order_of_their_upload_and_then_as_the_tenant_says() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("zebra", artifacts::cost_center(), json!({})).await;
    acme.activate("ant", &artifacts::hostile("trap"), json!({})).await;
    let order = acme.admin.get("/plugins/order").await.expect(200).body;
    assert_eq!(order, json!({ "order": ["zebra", "ant"] }));

    // One refuses this user, the other fails on every one: the first of them answers.
    let mut bad = user("bad");
    bad[COST_CENTER] = json!({ "costCenter": "bad" });
    let refused = acme.scim.post("/Users", bad.clone()).await.expect(400);
    assert!(refused.detail().contains("does not match"), "{}", refused.detail());
    let order = json!({ "order": ["ant", "zebra"] });
    assert_eq!(acme.admin.put("/plugins/order", order.clone()).await.expect(200).body, order);
    assert_eq!(acme.admin.get("/plugins/order").await.expect(200).body, order);
    let failed = acme.scim.post("/Users", bad).await.expect(502);
    assert!(failed.detail().contains("\"ant\" failed"), "{}", failed.detail());
    let (ant, zebra) = (plugin(&acme, "ant").await, plugin(&acme, "zebra").await);
    assert_eq!((&ant["position"], &zebra["position"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn an_order_names_all_plugins_once_and_a_new_plugin_is_the_last() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let harmless = artifacts::hostile("harmless");
    uploaded(&acme, "zebra", &harmless).await;
    uploaded(&acme, "ant", &harmless).await;
    for wrong in [json!(["ant"]), json!(["ant", "ant"]), json!(["ant", "zebra", "none"]), json!([])]
    {
        let refused = acme.admin.put("/plugins/order", json!({ "order": wrong })).await.expect(400);
        assert!(refused.detail().contains("zebra, ant"), "{}", refused.detail());
    }
    acme.admin.put("/plugins/order", json!({})).await.expect(400);
    acme.admin.put("/plugins/order", json!({ "order": ["ant", "zebra"] })).await.expect(200);
    uploaded(&acme, "bee", &harmless).await;
    let order = acme.admin.get("/plugins/order").await.expect(200).body;
    assert_eq!(order, json!({ "order": ["ant", "zebra", "bee"] }));
    // What is at this path is the order: no plugin has the name.
    acme.upload("order", &harmless).await.expect(415);
}
