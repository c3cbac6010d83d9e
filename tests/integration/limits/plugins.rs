//! What the plugins of a tenant may take.

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, artifacts, create_within_deadline, until, user};

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
async fn each_limit_of_a_call_is_the_tenants_and_may_be_less_for_one_plugin() {
    let server = Server::shared();
    let mut failed = Vec::new();
    let looks = json!({ "before-write": { "look": { "times": 2 } } });
    for (limit, kind) in [
        (json!({ "lookUps": 1 }), "look-ups-exceeded"),
        (json!({ "hostCallBytes": 300 }), "host-call-bytes-exceeded"),
        (json!({ "tableElements": 1 }), "table-exceeded"),
        (json!({ "tables": 1 }), "does-not-start"),
        (json!({ "instances": 1 }), "does-not-start"),
        (json!({ "handles": 1 }), "handles-exceeded"),
    ] {
        let limits = json!({ "byName": { "small": limit } });
        let acme = with_limits(&server, json!({ "plugins": limits })).await;
        let scripted = artifacts::scripted();
        acme.activate("large", scripted, looks.clone()).await;
        let id = acme.create("/Users", user("a")).await;
        acme.activate("small", scripted, looks.clone()).await;
        let path = format!("/Users/{id}");
        let refused = acme.scim.put(&path, user("b")).await.expect(502);
        if !refused.detail().starts_with(&format!("plugin \"small\" failed ({kind})")) {
            failed.push(format!("{limit}: {}", refused.detail()));
        }
    }
    assert_eq!(failed, [] as [String; 0]);
}

#[tokio::test]
async fn a_plugin_writes_as_much_to_the_log_as_it_may() {
    let server = Server::shared();
    for (limit, lines) in [(json!({ "logLines": 2 }), 2), (json!({ "logBytes": 1 }), 0)] {
        let acme = with_limits(&server, json!({ "plugins": limit })).await;
        acme.activate("scripted", artifacts::scripted(), json!({})).await;
        acme.activate("flood", &artifacts::hostile("log-flood"), json!({})).await;
        let flood = create_within_deadline(&acme.scim, &user("a")).await;
        let request = flood.expect(201).header("x-request-id").to_owned();
        // What is written after it is there: so is what was written before.
        acme.admin
            .put("/plugins/scripted/config", json!({ "validation": { "trap": true } }))
            .await
            .expect(200);
        acme.scim.post("/Users", user("b")).await.expect(502);
        until("the line of the trap", async || {
            let logs = acme.admin.get("/plugins/scripted/logs").await.expect(200).body.to_string();
            logs.contains("\"trap\"").then_some(())
        })
        .await;
        let logs = acme.admin.get("/plugins/flood/logs").await.expect(200).body;
        let of_request = |it: &&Value| it["requestId"] == request.as_str();
        let items = logs["items"].as_array().unwrap().iter().filter(of_request);
        let messages: Vec<_> = items.map(|it| it["message"].as_str().unwrap()).collect();
        let written = messages.iter().filter(|it| it.ends_with("such line"));
        assert_eq!(written.count(), lines, "{limit}: {logs}");
        let dropped = format!("{} more lines were dropped", 1_000 - lines);
        assert!(messages.contains(&dropped.as_str()), "{limit}: {logs}");
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

#[tokio::test]
async fn a_tenant_whose_fuel_is_used_up_is_told_when_there_is_more_and_others_have_theirs() {
    let server = Server::shared();
    let poor = with_plugin(&server, json!({ "fuelPerSecond": 1 })).await;
    let other = with_plugin(&server, json!({})).await;
    // The first call may take what it needs, and is paid for by those after it.
    poor.scim.post("/Users", user("a")).await.expect(201);
    let refused = poor.scim.post("/Users", user("b")).await.expect(429);
    assert!(refused.detail().contains("fuel-rate-exceeded"), "{}", refused.detail());
    let retry_after: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(retry_after > 0);
    // Nothing was written, what needs no plugin goes on, and others have fuel of their own.
    assert_eq!(poor.scim.get("/Users").await.expect(200).body["totalResults"], 1);
    other.scim.post("/Users", user("b")).await.expect(201);

    let more = json!({ "limits": { "plugins": { "fuelPerSecond": 400_000_000 } } });
    poor.admin.patch("", more).await.expect(200);
    let created = tenon_tests::until("fuel again", async || {
        let answer = poor.scim.post("/Users", user("b")).await;
        (answer.status == 201).then_some(answer)
    });
    created.await;
}

#[tokio::test]
async fn one_plugin_has_limits_within_those_of_its_tenant() {
    let server = Server::shared();
    let limits = json!({ "byName": { "harmless": { "fuel": 1 } } });
    let acme = with_plugin(&server, limits).await;
    let refused = acme.scim.post("/Users", user("a")).await.expect(502);
    assert!(refused.detail().contains("out-of-fuel"), "{}", refused.detail());
    // Another plugin of the tenant is not limited by it.
    acme.admin.post("/plugins/harmless/deactivate", json!({})).await.expect(200);
    acme.activate("other", &artifacts::hostile("harmless"), json!({})).await;
    acme.scim.post("/Users", user("a")).await.expect(201);
    // `null` takes away what is said of one.
    let gone = json!({ "limits": { "plugins": { "byName": { "harmless": null } } } });
    let tenant = acme.admin.patch("", gone).await.expect(200).body;
    assert_eq!(tenant["limits"]["plugins"]["byName"], Value::Null, "{tenant:#}");
}

/// A function past the 64 KiB that a function may have, in a component that is harmless otherwise.
#[tokio::test]
async fn the_operator_opens_the_runtime_tier_to_a_tenant() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let body = "(drop (i32.const 1))".repeat(30_000);
    let component = wat::parse_str(format!(
        r#"(component
          (core module $large (func {body}))
          (core instance (instantiate $large))
          (core module $plugin
            (memory (export "memory") 1)
            (func (export "describe") (result i32) i32.const 16))
          (core instance $plugin (instantiate $plugin))
          (alias core export $plugin "memory" (core memory $memory))
          (func $describe (result (list string))
            (canon lift (core func $plugin "describe") (memory $memory)))
          (instance $schema (export "describe" (func $describe)))
          (export "tenon:plugin/schema@0.1.0" (instance $schema)))"#
    ))
    .unwrap();
    let refused = acme.upload("large", &component).await.expect(422);
    assert_eq!(refused.body["check"], "complexity", "{:#}", refused.body);
    assert!(refused.detail().contains("runtime tier"), "{}", refused.detail());
    let open = json!({ "limits": { "plugins": { "runtimeTier": true } } });
    acme.admin.patch("", open).await.expect(200);
    acme.upload("large", &component).await.expect(201);
}
