//! A plugin that fails is told again, and at last no more.

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_tests::{Server, Tenant, artifacts, until, user};

use super::{config, database, told, told_of};

const DELIVERIES: &str = "/plugins/audit-tap/deliveries";

/// The plugin fails with it.
fn broken() -> Value {
    json!({ "misspelt": true })
}

async fn waiting(tenant: &Tenant, resource: &str, is: impl Fn(&Value) -> bool) -> Value {
    until("a delivery in that state", async || {
        let page = tenant.admin.get(DELIVERIES).await.expect(200).body;
        let items = page["items"].as_array().unwrap().clone();
        items.into_iter().find(|it| it["resourceId"] == resource && is(it))
    })
    .await
}

/// Makes the next attempt of each delivery the last one, now: pauses are of minutes.
async fn hurry(conn: &mut PgConnection, tenant: &Tenant) {
    sqlx::query(
        "UPDATE deliveries SET attempts = 9, due = now() \
         WHERE tenant_id = $1::text::uuid AND due IS NOT NULL",
    )
    .bind(&tenant.id)
    .execute(conn)
    .await
    .unwrap();
}

#[tokio::test]
async fn an_event_that_cannot_be_delivered_is_parked_and_the_tenant_retries_or_discards_it() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("audit-tap", artifacts::audit_tap(), broken()).await;
    let ada = acme.create("/Users", user("ada")).await;
    let bo = acme.create("/Users", user("bo")).await;
    let failed =
        waiting(&acme, &ada, |it| it["attempts"] == 1 && it["problem"] != Value::Null).await;
    assert_eq!(failed["state"], "waiting");
    assert!(failed["problem"].as_str().unwrap().contains("misspelt"), "{failed}");

    let mut conn = database(&server.database_url()).await;
    for id in [&ada, &bo] {
        hurry(&mut conn, &acme).await;
        let parked = waiting(&acme, id, |it| it["state"] == "parked").await;
        assert_eq!((&parked["attempts"], &parked["due"]), (&json!(10), &Value::Null));
    }
    let parked = acme.admin.query(DELIVERIES, &[("state", "parked")]).await.expect(200).body;
    assert_eq!(parked["items"].as_array().unwrap().len(), 2);
    let none = acme.admin.query(DELIVERIES, &[("state", "waiting")]).await.expect(200).body;
    assert_eq!(none["items"], json!([]));
    acme.admin.query(DELIVERIES, &[("state", "lost")]).await.expect(400);
    let stats = acme.admin.get("/stats").await.expect(200).body;
    assert_eq!(
        stats["deliveries"]["audit-tap"],
        json!({ "waiting": 0, "parked": 2, "oldest": null })
    );
    let health = acme.admin.get("/health").await.expect(200).body;
    assert!(health["problems"].to_string().contains("retry or discard"), "{health}");

    // What comes after it is told when the plugin works again.
    acme.admin.put("/plugins/audit-tap/config", config()).await.expect(200);
    acme.scim.put(&format!("/Users/{ada}"), json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada", "title": "x"
    })).await.expect(200);
    let after = told_of(&server.log, &acme, &ada, 1).await;
    assert_eq!(after[0]["operation"], "replace");

    let event_of = |id: &str| {
        let items = parked["items"].as_array().unwrap();
        let item = items.iter().find(|it| it["resourceId"] == id).unwrap();
        item["event"].as_str().unwrap().to_owned()
    };
    let one = format!("{DELIVERIES}/{}", event_of(&bo));
    acme.admin.delete(&one).await.expect(204);
    acme.admin.delete(&one).await.expect(404);
    acme.admin.post(&format!("{one}/retry"), json!({})).await.expect(404);
    let one = format!("{DELIVERIES}/{}", event_of(&ada));
    acme.admin.post(&format!("{one}/retry"), json!({})).await.expect(204);
    let told_now = told_of(&server.log, &acme, &ada, 2).await;
    assert_eq!(told_now[1]["event"], event_of(&ada));
    assert!(told(&server.log, &acme).iter().all(|it| it["id"] != bo.as_str()));
    let records = acme.admin.get("/audit").await.expect(200).body.to_string();
    assert!(
        records.contains("plugin.delivery.retry") && records.contains("plugin.delivery.discard")
    );
}

#[tokio::test]
async fn an_event_that_failed_is_told_before_later_ones_of_its_resource() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("audit-tap", artifacts::audit_tap(), broken()).await;
    let ada = acme.create("/Users", user("ada")).await;
    waiting(&acme, &ada, |it| it["attempts"] == 2).await;
    acme.scim.patch(&format!("/Users/{ada}"), super::titled("x")).await.expect(200);
    acme.admin.put("/plugins/audit-tap/config", config()).await.expect(200);
    let told = told_of(&server.log, &acme, &ada, 2).await;
    let operations: Vec<_> = told.iter().map(|it| it["operation"].as_str().unwrap()).collect();
    assert_eq!(operations, ["create", "patch"]);
}

#[tokio::test]
async fn what_a_plugin_was_to_be_told_goes_with_it() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("audit-tap", artifacts::audit_tap(), broken()).await;
    let ada = acme.create("/Users", user("ada")).await;
    waiting(&acme, &ada, |_| true).await;
    acme.admin.delete("/plugins/audit-tap").await.expect(204);
    acme.admin.get(DELIVERIES).await.expect(404);
    let stats = acme.admin.get("/stats").await.expect(200).body;
    assert_eq!(stats["deliveries"], json!({}));
}
