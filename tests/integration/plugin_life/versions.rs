//! `checked → shadow → active → retired`, and back.

use serde_json::{Value, json};
use tenon_tests::{Server, artifacts};

use super::{plugin, states, uploaded};

#[tokio::test]
async fn a_version_is_checked_then_active_then_retired_and_comes_back_by_a_rollback() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let component = artifacts::cost_center();
    let first = uploaded(&acme, "cost-center", component).await;
    let second = uploaded(&acme, "cost-center", &artifacts::tagged(component, "second")).await;
    assert_eq!(states(&acme, "cost-center").await, ["checked", "checked"]);
    let nothing = acme.admin.post("/plugins/cost-center/rollback", json!({})).await.expect(409);
    assert!(nothing.detail().contains("no version that was active before"), "{}", nothing.detail());

    let activate = "/plugins/cost-center/activate";
    acme.admin.post(activate, json!({ "digest": first })).await.expect(200);
    assert_eq!(states(&acme, "cost-center").await, ["active", "checked"]);
    acme.admin.post(activate, json!({ "digest": second })).await.expect(200);
    assert_eq!(states(&acme, "cost-center").await, ["retired", "active"]);

    let rollback = "/plugins/cost-center/rollback";
    let back = acme.admin.post(rollback, json!({})).await.expect(200).body;
    assert_eq!(back["activeDigest"], first);
    assert_eq!(states(&acme, "cost-center").await, ["active", "retired"]);
    let forth = acme.admin.post(rollback, json!({})).await.expect(200).body;
    assert_eq!(forth["activeDigest"], second);

    acme.admin.post("/plugins/cost-center/deactivate", json!({})).await.expect(200);
    assert_eq!(states(&acme, "cost-center").await, ["retired", "retired"]);
    let again = acme.admin.post(rollback, json!({})).await.expect(200).body;
    assert_eq!(again["activeDigest"], second, "the last one that requests went through");
}

#[tokio::test]
async fn a_version_in_shadow_is_not_the_active_one_and_is_no_shadow_when_it_becomes_active() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let component = artifacts::cost_center();
    let first = uploaded(&acme, "cost-center", component).await;
    let shadow = "/plugins/cost-center/shadow";
    let alone = acme.admin.post(shadow, json!({ "digest": first })).await.expect(409);
    assert!(alone.detail().contains("no active version"), "{}", alone.detail());
    let activate = json!({ "digest": first });
    acme.admin.post("/plugins/cost-center/activate", activate).await.expect(200);
    let second = uploaded(&acme, "cost-center", &artifacts::tagged(component, "second")).await;
    acme.admin.post(shadow, json!({ "digest": first })).await.expect(409);
    let unknown = format!("sha256:{}", "0".repeat(64));
    acme.admin.post(shadow, json!({ "digest": unknown })).await.expect(404);

    let shown = acme.admin.post(shadow, json!({ "digest": second })).await.expect(200).body;
    assert_eq!((&shown["activeDigest"], &shown["shadowDigest"]), (&json!(first), &json!(second)));
    assert_eq!(states(&acme, "cost-center").await, ["active", "shadow"]);
    acme.admin.delete(shadow).await.expect(200);
    assert_eq!(states(&acme, "cost-center").await, ["active", "checked"]);

    acme.admin.post(shadow, json!({ "digest": second })).await.expect(200);
    let activate = json!({ "digest": second });
    acme.admin.post("/plugins/cost-center/activate", activate).await.expect(200);
    assert_eq!(plugin(&acme, "cost-center").await["shadowDigest"], Value::Null);
    assert_eq!(states(&acme, "cost-center").await, ["retired", "active"]);
    acme.admin.delete("/plugins/cost-center").await.expect(204);
}

#[tokio::test]
async fn each_step_is_in_the_audit_log() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let component = artifacts::cost_center();
    let first = acme.activate("cost-center", component, json!({})).await;
    let second = uploaded(&acme, "cost-center", &artifacts::tagged(component, "second")).await;
    let of = async |path: &str, body: Value| {
        let path = format!("/plugins/cost-center/{path}");
        acme.admin.post(&path, body).await.expect(200);
    };
    of("shadow", json!({ "digest": second })).await;
    of("activate", json!({ "digest": second })).await;
    of("rollback", json!({})).await;
    acme.admin.put("/plugins/order", json!({ "order": ["cost-center"] })).await.expect(200);

    let audit = acme.admin.get("/audit").await.expect(200).body;
    let details = |action: &str| {
        let found = audit["items"].as_array().unwrap().iter().find(|it| it["action"] == action);
        found.unwrap_or_else(|| panic!("no {action}"))["details"].clone()
    };
    assert_eq!(details("plugin.shadow"), json!({ "digest": second }));
    let activated = details("plugin.activate");
    assert_eq!((&activated["digest"], &activated["before"]), (&json!(second), &json!(first)));
    let rolled_back = details("plugin.rollback");
    assert_eq!((&rolled_back["digest"], &rolled_back["before"]), (&json!(first), &json!(second)));
    assert_eq!(details("plugin.order")["to"], json!(["cost-center"]));
}
