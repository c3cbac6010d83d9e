//! What a tenant has, and whether something of it does not work.

use serde_json::{Value, json};
use tenon_tests::{Options, Postgres, Server, artifacts, user};

#[tokio::test]
async fn the_stats_tell_what_a_tenant_has_and_may_have() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let limits =
        json!({ "maxUsers": 5, "requestsPerSecond": 20, "burst": 40, "plugins": { "count": 4 } });
    acme.admin.patch("", json!({ "limits": limits })).await.expect(200);
    for number in 0..3 {
        acme.create("/Users", user(&format!("u{number}"))).await;
    }
    let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
                        "displayName": "g" });
    acme.create("/Groups", group).await;
    acme.activate("harmless", &artifacts::hostile("harmless"), json!({})).await;
    let stats = acme.admin.get("/stats").await.expect(200).body;
    assert_eq!(
        stats["resources"],
        json!({ "Group": { "count": 1, "limit": null, "warning": false },
                "User": { "count": 3, "limit": 5, "warning": false } })
    );
    assert_eq!(stats["activePlugins"], json!({ "count": 1, "limit": 4, "warning": false }));
    assert_eq!(
        (&stats["rate"]["requestsPerSecond"], &stats["rate"]["burst"]),
        (&json!(20), &json!(40))
    );
    assert!(stats["rate"]["remaining"].as_u64().unwrap() <= 40);
    acme.create("/Users", user("fourth")).await;
    let stats = acme.admin.get("/stats").await.expect(200).body;
    assert_eq!(stats["resources"]["User"], json!({ "count": 4, "limit": 5, "warning": true }));
    let globex = server.tenant("globex").await;
    assert_eq!(globex.admin.get("/stats").await.expect(200).body["resources"], json!({}));
}

#[tokio::test]
async fn the_health_of_a_tenant_names_what_is_to_be_done() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    let there = here.moved(&one, &two);
    let neighbour = one.tenant("globex").await;
    let fresh = here.admin.get("/health").await.expect(200).body;
    assert_eq!((&fresh["status"], &fresh["problems"]), (&json!("ok"), &json!([])));
    assert_eq!(fresh["oldestEvent"], Value::Null);

    let digest = here.activate("harmless", &artifacts::hostile("harmless"), json!({})).await;
    let created = here.scim.post("/Users", user("bjensen")).await.expect(201).body;
    here.admin.put("/indexes/User/title", json!({})).await.expect(201);
    let well = here.admin.get("/health").await.expect(200).body;
    assert_eq!(well["status"], "ok", "{well:#}");
    assert_eq!(well["plugins"], json!([{ "name": "harmless", "loads": true }]));
    let build = &well["indexBuilds"][0];
    assert_eq!((&build["attribute"], &build["state"]), (&json!("title"), &json!("building")));
    let oldest = well["oldestEvent"].as_str().unwrap();
    let made = created["meta"]["created"].as_str().unwrap();
    assert_eq!(oldest[..19], made[..19], "{oldest} {made}");

    // The other server has not loaded the plugin yet, and its component is lost.
    let database = sqlx::PgPool::connect(&postgres.url()).await.unwrap();
    let lost = sqlx::query("UPDATE components SET bytes = ''").execute(&database).await.unwrap();
    assert_eq!(lost.rows_affected(), 1, "{digest}");
    here.admin.patch("", json!({ "limits": { "maxUsers": 1 } })).await.expect(200);
    let ill = there.admin.get("/health").await.expect(200).body;
    assert_eq!(ill["status"], "degraded", "{ill:#}");
    assert_eq!(ill["plugins"], json!([{ "name": "harmless", "loads": false }]));
    let problems = ill["problems"].to_string();
    for problem in ["plugin \\\"harmless\\\" cannot be loaded", "1 of the 1 resources of type User"]
    {
        assert!(problems.contains(problem), "{problems}");
    }
    assert_eq!(neighbour.admin.get("/health").await.expect(200).body["status"], "ok");
}
