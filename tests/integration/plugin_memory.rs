//! The memory of plugins that are made with the SDK.

use serde_json::json;
use tenon_tests::{Server, Tenant, artifacts, create_within_deadline, user};

/// The most that memories came to in a call whose plugin does so with so many bytes.
async fn peak(server: &Server, tenant: &Tenant, what: &str, bytes: usize) -> u64 {
    let config = json!({ "validation": { what: bytes } });
    tenant.admin.put("/plugins/scripted/config", config).await.expect(200);
    let name = format!("{what}-{bytes}");
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
    let at_start = peak(&server, &acme, "fill", 0).await;
    assert_eq!(peak(&server, &acme, "fill", 50_000).await, at_start);
    let grown = peak(&server, &acme, "fill", 500_000).await;
    assert!(grown > at_start + 500_000, "{grown}");
    // What is given back is taken again, and little is lost between the pieces.
    assert!(grown < at_start + 1_200_000, "{grown}");
}

#[tokio::test]
async fn memory_grows_by_no_more_pages_than_a_piece_needs() {
    const PAGE: usize = 64 * 1024;
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("scripted", artifacts::scripted(), json!({})).await;
    let at_start = peak(&server, &acme, "take", 0).await;
    // A piece that all but fills its last page needs one more, for what the allocator notes beside it.
    for (bytes, pages) in [(9 * PAGE, 10), (10 * PAGE - 2, 11)] {
        let grown = peak(&server, &acme, "take", bytes).await - at_start;
        assert_eq!(grown, u64::try_from(pages * PAGE).unwrap(), "{bytes}");
    }
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
