//! What a server counts.

use serde_json::json;
use tenon_tests::{Options, Postgres, Server, artifacts, user};

/// The value of a line of the metrics, 0 where there is none.
fn value(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

#[tokio::test]
async fn requests_are_counted_by_their_operation_and_status() {
    let postgres = Postgres::start(&[]);
    let server = Server::start(Options::on(&postgres.url()));
    let acme = server.tenant("acme").await;
    for number in 0..3 {
        acme.create("/Users", user(&format!("u{number}"))).await;
    }
    acme.scim.post("/Users", user("u0")).await.expect(409);
    acme.scim.with_token("wrong").get("/Users").await.expect(401);
    acme.scim.get("/nothing/at/all").await.expect(404);
    let metrics = server.metrics().await;
    for (operation, status, count) in [
        ("createResource", 201, 3),
        ("createResource", 409, 1),
        ("listResources", 401, 1),
        ("createTenant", 201, 1),
        ("unknown", 404, 1),
    ] {
        let name = format!("tenon_requests_total{{operation=\"{operation}\",status=\"{status}\"}}");
        assert_eq!(value(&metrics, &name), count, "{name}: {metrics}");
    }
    let creations = "tenon_request_duration_seconds_count{operation=\"createResource\"}";
    assert_eq!(value(&metrics, creations), 4, "{metrics}");
    let open = value(&metrics, "tenon_database_connections{state=\"busy\"}")
        + value(&metrics, "tenon_database_connections{state=\"idle\"}");
    assert!(open > 0, "{metrics}");
    // Nothing of a tenant is in them.
    assert!(!metrics.contains(&acme.name) && !metrics.contains(&acme.id));
}

#[tokio::test]
async fn the_operator_alone_reads_the_metrics() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let body = json!({ "name": "it", "role": "tenant-admin" });
    let token = acme.admin.post("/tokens", body).await.expect(201).body;
    let anonymous = server.anonymous();
    for token in ["", "wrong", &acme.scim.token, token["token"].as_str().unwrap()] {
        anonymous.with_token(token).get("/metrics").await.expect(401);
    }
}

#[tokio::test]
async fn calls_of_plugins_are_counted_with_what_they_took_and_without_their_tenant() {
    let postgres = Postgres::start(&[]);
    let server = Server::start(Options::on(&postgres.url()));
    let acme = server.tenant("acme").await;
    let digest = acme.activate("judge", &artifacts::hostile("harmless"), json!({})).await;
    acme.create("/Users", user("a")).await;
    acme.create("/Users", user("b")).await;
    acme.activate("judge", &artifacts::hostile("trap"), json!({})).await;
    acme.scim.post("/Users", user("c")).await.expect(502);

    let metrics = server.metrics().await;
    let short = &digest["sha256:".len()..][..12];
    let calls = format!(
        "tenon_plugin_calls_total{{plugin=\"judge\",digest=\"{short}\",hook=\"validation\",outcome=\"ok\"}}"
    );
    assert_eq!(value(&metrics, &calls), 2, "{metrics}");
    assert!(metrics.contains("outcome=\"trap\"} 1"), "{metrics}");
    for measured in ["duration_seconds", "fuel", "memory_bytes"] {
        let name = format!("tenon_plugin_call_{measured}_count{{hook=\"validation\"}}");
        assert_eq!(value(&metrics, &name), 3, "{metrics}");
    }
    assert_eq!(value(&metrics, "tenon_plugin_versions_loaded"), 2, "{metrics}");
    assert!(value(&metrics, "tenon_plugin_loaded_bytes") > 0, "{metrics}");
    assert!(!metrics.contains(&acme.name) && !metrics.contains(&acme.id));
}
