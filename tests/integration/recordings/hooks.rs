//! Every hook, with all that it may ask of the host.

use serde_json::{Value, json};
use tenon_tests::{Options, Server, Tenant, artifacts, printed, user};

use super::{file, one, record, replay};

/// A tenant whose plugin asks the host for something at each hook.
async fn with_script(server: &Server) -> Tenant {
    let acme = server.tenant("acme").await;
    let script = json!({
        "resourceType": "User",
        "validation": { "look": { "random": 40 } },
        "before-write": { "look": { "find": ["User", "userName eq \"ada\""] } },
        "before-delete": { "look": "now", "reject": "kept" },
        "before-query": { "look": { "count": ["User", "userName pr"] }, "narrow": "userName pr" },
        "after-read": { "edits": [{ "op": "replace", "path": "nickName", "value": "A" }] },
    });
    acme.activate("scripted", artifacts::scripted(), script).await;
    acme
}

/// That a recorded call comes to the same, to the last unit of fuel and the last byte of its log.
fn assert_same(server: &Server, file: &Value, component: &[u8]) {
    assert_eq!(file["redacted"], json!([]));
    let printed = printed(&replay(server, file, component));
    let fuel = &file["outcome"]["usage"]["fuel"];
    assert!(
        printed.contains(&format!("all as it was recorded, with {fuel} units of fuel")),
        "{printed}"
    );
}

#[tokio::test]
async fn hooks_of_writes_come_to_the_same() {
    let server = Server::shared();
    let acme = with_script(&server).await;
    let ada = acme.create("/Users", user("ada")).await;
    for hook in ["validation", "before-write"] {
        record(&acme, "scripted", one(hook)).await;
    }
    acme.create("/Users", user("bert")).await;
    let validation = file(&acme, "scripted", "validation").await;
    assert_eq!(validation["outcome"]["answer"], json!([]));
    let line = validation["outcome"]["log"][0]["message"].as_str().unwrap();
    let random: Vec<u8> = serde_json::from_str(line).unwrap();
    assert_eq!(random.len(), 40);
    assert_same(&server, &validation, artifacts::scripted());

    let before_write = file(&acme, "scripted", "before-write").await;
    assert_eq!(before_write["call"]["operation"], "create");
    assert_eq!(before_write["input"]["candidate"]["userName"], "bert");
    assert_eq!(before_write["directory"][0]["function"], "find");
    assert_eq!(before_write["directory"][0]["found"][0]["id"], ada);
    let edit = &before_write["outcome"]["answer"]["amend"][0];
    assert_eq!((&edit["op"], &edit["path"]), (&json!("replace"), &json!("title")));
    assert_same(&server, &before_write, artifacts::scripted());

    record(&acme, "scripted", one("before-delete")).await;
    acme.scim.delete(&format!("/Users/{ada}")).await.expect(400);
    let before_delete = file(&acme, "scripted", "before-delete").await;
    assert_eq!(before_delete["outcome"]["answer"][0]["detail"], "kept");
    assert_eq!(
        before_delete["outcome"]["log"][0]["message"],
        before_delete["call"]["now"].to_string()
    );
    assert_same(&server, &before_delete, artifacts::scripted());
}

#[tokio::test]
async fn hooks_of_reads_come_to_the_same() {
    let server = Server::shared();
    let acme = with_script(&server).await;
    acme.create("/Users", user("ada")).await;
    for hook in ["before-query", "after-read"] {
        record(&acme, "scripted", one(hook)).await;
    }
    acme.scim.query("/Users", &[("filter", "userName sw \"a\"")]).await.expect(200);
    let before_query = file(&acme, "scripted", "before-query").await;
    assert_eq!(before_query["input"]["filter"], "userName sw \"a\"");
    assert_eq!(before_query["outcome"]["answer"], json!({ "narrow": "userName pr" }));
    assert_eq!(before_query["directory"][0]["found"], 1);
    assert_same(&server, &before_query, artifacts::scripted());

    let after_read = file(&acme, "scripted", "after-read").await;
    assert_eq!(after_read["input"]["documents"][0]["userName"], "ada");
    assert_eq!(after_read["outcome"]["answer"][0][0]["value"], "A");
    assert_same(&server, &after_read, artifacts::scripted());
}

#[tokio::test]
async fn a_call_that_fails_comes_to_the_same_failure() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let script =
        json!({ "validation": { "trap": true }, "before-write": { "look": { "times": 65 } } });
    acme.activate("scripted", artifacts::scripted(), script).await;
    for (hook, kind) in [("before-write", "look-ups-exceeded"), ("validation", "trap")] {
        record(&acme, "scripted", one(hook)).await;
        acme.scim.post("/Users", user("ada")).await.expect(502);
        let file = file(&acme, "scripted", hook).await;
        assert_eq!(file["outcome"]["error"]["kind"], kind, "{file:#}");
        assert_same(&server, &file, artifacts::scripted());
        let next = json!({ "validation": { "trap": true } });
        acme.admin.put("/plugins/scripted/config", next).await.expect(200);
    }
}

#[tokio::test]
async fn a_hook_that_is_told_of_events_comes_to_the_same() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let config = json!({ "attributes": { "User": ["userName", "title"] } });
    acme.activate("audit-tap", artifacts::audit_tap(), config).await;
    record(&acme, "audit-tap", one("after-commit")).await;
    let ada = acme.create("/Users", user("ada")).await;
    let file = file(&acme, "audit-tap", "after-commit").await;
    assert_eq!(
        (&file["input"]["event"]["resourceId"], &file["outcome"]["answer"]),
        (&json!(ada), &Value::Null)
    );
    assert_eq!(file["outcome"]["log"].as_array().unwrap().len(), 1);
    assert_same(&server, &file, artifacts::audit_tap());
}

#[tokio::test]
async fn a_resolver_comes_to_the_same_without_the_credentials_that_it_saw() {
    let server = Server::start(Options::default());
    let (operations, acme) = (server.tenant("operations").await, server.tenant("acme").await);
    let claim = json!({ "tenant": acme.name, "permissions": ["scim:list"] });
    let script = json!({ "resolver": { "look": "now", "claim": claim } });
    operations.activate("scripted", artifacts::scripted(), script).await;
    let admin = server.admin();
    admin.post("/realms", json!({ "name": "old" })).await.expect(201);
    let realm = admin.below("/realms/old");
    realm.post("/entry-points", json!({ "kind": "path", "value": "/old" })).await.expect(201);
    acme.admin.patch("", json!({ "resolution": { "realm": "old" } })).await.expect(200);
    let resolver = json!({
        "tenant": operations.name, "plugin": "scripted", "permissions": ["scim:list"],
        "headers": ["authorization", "user-agent"]
    });
    realm.put("/resolver", resolver).await.expect(200);
    let wanted = json!({ "hook": "resolver", "calls": 1, "headers": ["User-Agent"] });
    record(&operations, "scripted", wanted).await;

    let client = acme.scim.at(format!("{}/old/scim/v2", server.url)).with_token("swordfish-4711");
    client.get("/Users").await.expect(200);
    let file = file(&operations, "scripted", "resolver").await;
    assert_eq!(file["outcome"]["answer"]["tenant"], acme.name);
    assert_eq!(file["input"]["head"]["path"], "/old/scim/v2/Users");
    assert!(!file.to_string().contains("swordfish"), "{file:#}");
    assert_eq!(file["redacted"], json!(["header authorization"]));
    let printed = printed(&replay(&server, &file, artifacts::scripted()));
    assert!(printed.contains("all as it was recorded"), "{printed}");
    assert!(printed.contains("in the place of: header authorization"), "{printed}");
}
