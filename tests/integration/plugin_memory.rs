//! The memory of plugins that are made with the SDK.

use serde_json::json;
use tenon_tests::{Server, Tenant, artifacts, create_within_deadline, user};

/// The most that memories came to in a call whose plugin fills so many bytes.
async fn peak(server: &Server, tenant: &Tenant, bytes: usize) -> u64 {
    let config = json!({ "validation": { "fill": bytes } });
    tenant.admin.put("/plugins/scripted/config", config).await.expect(200);
    let name = format!("fills-{bytes}");
    let created = create_within_deadline(&tenant.scim, &user(&name)).await.expect(201);
    let request = created.header("x-request-id");
    let call = server
        .log
        .wait_for("the call", |line| line["request_id"] == request && line["hook"] == "validate");
    call["peak_memory_bytes"].as_u64().unwrap()
}

#[tokio::test]
async fn memory_grows_only_past_the_room_that_is_there_from_the_start() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("scripted", artifacts::scripted(), json!({})).await;
    let at_start = peak(&server, &acme, 0).await;
    assert_eq!(peak(&server, &acme, 50_000).await, at_start);
    let grown = peak(&server, &acme, 500_000).await;
    assert!(grown > at_start + 500_000, "{grown}");
    // What is given back is taken again, and little is lost between the pieces.
    assert!(grown < at_start + 1_200_000, "{grown}");
}

#[tokio::test]
async fn a_plugin_that_fills_more_than_it_may_fails_as_what_it_is() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let config = json!({ "validation": { "fill": 500_000 } });
    acme.activate("scripted", artifacts::scripted(), config).await;
    create_within_deadline(&acme.scim, &user("a")).await.expect(201);
    let less = json!({ "limits": { "plugins": { "memoryBytes": 600_000 } } });
    acme.admin.patch("", less).await.expect(200);
    let refused = create_within_deadline(&acme.scim, &user("b")).await.expect(502);
    assert!(refused.detail().contains("memory-exceeded"), "{}", refused.detail());
}
