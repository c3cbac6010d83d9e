//! Plugins are told of what was written: of all of it, in order, also when servers die.

mod failures;
mod parked;
mod processes;

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tenon_tests::{Log, Server, Tenant, artifacts, patch, until, user};

/// The plugin writes a line for each event that it is told of.
const CONFIG: &str = r#"{ "attributes": { "User": ["userName", "title"] } }"#;

fn config() -> Value {
    serde_json::from_str(CONFIG).unwrap()
}

/// What the plugin of a tenant has been told, as the server that told it logs it.
fn told(log: &Log, tenant: &Tenant) -> Vec<Value> {
    let text = log.text();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let own = lines.filter(|line| {
        line["target"] == "tenon::guest"
            && line["plugin"] == "audit-tap"
            && line["tenant"] == tenant.id.as_str()
    });
    own.map(|line| {
        let mut event: Value = serde_json::from_str(line["message"].as_str().unwrap()).unwrap();
        event["timestamp"] = line["timestamp"].clone();
        event
    })
    .collect()
}

/// Waits until so many events of a resource have been told.
async fn told_of(log: &Log, tenant: &Tenant, id: &str, count: usize) -> Vec<Value> {
    until(&format!("{count} events of {id}"), async || {
        let told: Vec<Value> = told(log, tenant).into_iter().filter(|it| it["id"] == id).collect();
        (told.len() >= count).then_some(told)
    })
    .await
}

fn titled(title: &str) -> Value {
    patch(json!([{ "op": "replace", "path": "title", "value": title }]))
}

async fn database(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

#[tokio::test]
async fn a_plugin_is_told_of_each_change_in_its_order_with_the_resource_as_it_is() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("audit-tap", artifacts::audit_tap(), config()).await;
    let id = acme.create("/Users", user("ada")).await;
    let path = format!("/Users/{id}");
    acme.scim.patch(&path, titled("Countess")).await.expect(200);
    acme.scim.put(&path, user("ada")).await.expect(200);
    told_of(&server.log, &acme, &id, 3).await;
    acme.scim.delete(&path).await.expect(204);
    let told = told_of(&server.log, &acme, &id, 4).await;
    let done: Vec<_> =
        told.iter().map(|it| (it["operation"].clone(), it["version"].clone())).collect();
    let expected = [("create", 1), ("patch", 2), ("replace", 3), ("delete", 3)];
    assert_eq!(done, expected.map(|(operation, version)| (json!(operation), json!(version))));
    assert_eq!(told[2]["attributes"], json!({ "userName": "ada" }));
    assert_eq!(told[3]["attributes"], json!({}));
    assert!(told[0]["actor"].as_str().unwrap().starts_with("token:"), "{}", told[0]);
    // What it was told of is not kept.
    let stats = until("an empty backlog", async || {
        let stats = acme.admin.get("/stats").await.expect(200).body;
        (stats["deliveries"] == json!({})).then_some(stats)
    });
    stats.await;
}

#[tokio::test]
async fn changes_of_members_and_deletions_that_touch_groups_are_told() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("audit-tap", artifacts::audit_tap(), config()).await;
    let id = acme.create("/Users", user("ada")).await;
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g"
    });
    let group = acme.create("/Groups", group).await;
    let add = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]));
    acme.scim.patch(&format!("/Groups/{group}"), add).await.expect(200);
    acme.scim.delete(&format!("/Users/{id}")).await.expect(204);
    let told = told_of(&server.log, &acme, &group, 3).await;
    let versions: Vec<_> = told.iter().map(|it| it["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, [1, 2, 3]);
}

#[tokio::test]
async fn a_tenant_without_such_a_plugin_has_no_deliveries() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    acme.create("/Users", user("ada")).await;
    let globex = server.tenant("globex").await;
    let digest = globex.activate("audit-tap", artifacts::audit_tap(), config()).await;
    globex.admin.post("/plugins/audit-tap/deactivate", json!({})).await.expect(200);
    globex.create("/Users", user("ada")).await;
    let mut conn = database(&server.database_url()).await;
    for tenant in [&acme, &globex] {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM deliveries WHERE tenant_id = $1::text::uuid")
                .bind(&tenant.id)
                .fetch_one(&mut conn)
                .await
                .unwrap();
        assert_eq!(count, 0);
    }
    let activate = json!({ "digest": digest });
    globex.admin.post("/plugins/audit-tap/activate", activate).await.expect(200);
    let id = globex.create("/Users", user("bo")).await;
    told_of(&server.log, &globex, &id, 1).await;
}

#[tokio::test]
async fn a_plugin_is_told_wherever_the_data_of_the_tenant_is() {
    let server = Server::shared();
    for placement in ["schema", "database"] {
        let acme = server.tenant_in(placement, "acme").await;
        acme.activate("audit-tap", artifacts::audit_tap(), config()).await;
        let id = acme.create("/Users", user("ada")).await;
        acme.scim.patch(&format!("/Users/{id}"), titled("Countess")).await.expect(200);
        let told = told_of(&server.log, &acme, &id, 2).await;
        assert_eq!(told[1]["operation"], "patch");
        acme.admin.put("/plugins/audit-tap/config", json!({ "misspelt": 1 })).await.expect(200);
        acme.scim.delete(&format!("/Users/{id}")).await.expect(204);
        let page = acme.admin.get("/plugins/audit-tap/deliveries").await.expect(200).body;
        let one = format!(
            "/plugins/audit-tap/deliveries/{}",
            page["items"][0]["event"].as_str().unwrap()
        );
        acme.admin.delete(&one).await.expect(204);
        acme.admin.delete("/plugins/audit-tap").await.expect(204);
    }
}

#[tokio::test]
async fn a_plugin_is_told_of_copies_of_what_is_shared() {
    let server = Server::shared();
    let (parent, child) = (server.tenant("parent").await, server.tenant("child").await);
    child.activate("audit-tap", artifacts::audit_tap(), config()).await;
    let id = parent.create("/Users", user("ada")).await;
    let types = json!({ "resourceTypes": ["User"] });
    child.admin.put(&format!("/shares/{}", parent.id), types).await.expect(201);
    told_of(&server.log, &child, &id, 1).await;
    parent.scim.delete(&format!("/Users/{id}")).await.expect(204);
    let told = told_of(&server.log, &child, &id, 2).await;
    let done: Vec<_> = told.iter().map(|it| it["operation"].as_str().unwrap()).collect();
    assert_eq!(done, ["create", "delete"]);
    assert_eq!(told[0]["actor"], format!("share:{}", parent.id));
}
