//! Secrets in the configuration of a plugin: written, never shown, given to the plugin.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tenon_tests::{Options, Postgres, Server, Tenant, artifacts};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const COST_CENTER: &str = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";
const CONFIG: &str = "/plugins/cost-center/config";

/// A pattern that stands for a secret: the plugin tells it when it refuses a user.
const PATTERN: &str = "^hunter2-[0-9]$";

fn with_code(user_name: &str, code: &str) -> Value {
    json!({ "schemas": [USER, COST_CENTER], "userName": user_name, COST_CENTER: { "costCenter": code } })
}

async fn assert_given(tenant: &Tenant, pattern: &str) {
    let refused = tenant.scim.post("/Users", with_code("a", "none")).await.expect(400);
    assert!(refused.detail().contains(pattern), "{}", refused.detail());
}

#[tokio::test]
async fn a_secret_reaches_the_plugin_and_nobody_else() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    let secret = json!({ "pattern": { "$secret": PATTERN }, "departments": null });
    let shown = json!({ "pattern": { "$secret": true }, "departments": null });
    assert_eq!(acme.admin.put(CONFIG, secret).await.expect(200).body, shown);
    assert_eq!(acme.admin.get(CONFIG).await.expect(200).body, shown);
    assert_given(&acme, PATTERN).await;

    // What was shown, written back with another member: the secret stays.
    let departments = json!({ "pattern": { "$secret": true }, "departments": ["Sales"] });
    acme.admin.put(CONFIG, departments).await.expect(200);
    assert_given(&acme, PATTERN).await;

    let mut conn = PgConnection::connect(&server.database_url()).await.unwrap();
    let stored: String =
        sqlx::query_scalar("SELECT config FROM plugins WHERE tenant_id = $1::text::uuid")
            .bind(&acme.id)
            .fetch_one(&mut conn)
            .await
            .unwrap();
    assert!(!stored.contains("hunter2") && stored.contains("$secret"), "{stored}");
    let records = acme.admin.get("/audit").await.expect(200).body.to_string();
    assert!(records.contains("plugin.configure") && !records.contains("hunter2"), "{records}");
    assert!(!server.log.text().contains("hunter2"));
}

#[tokio::test]
async fn what_is_no_secret_is_refused_and_changes_nothing() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({ "pattern": "^a$" })).await;
    for wrong in
        [json!({ "$secret": true }), json!({ "$secret": 1 }), json!({ "$secret": "a", "b": 1 })]
    {
        let refused = acme.admin.put(CONFIG, json!({ "pattern": wrong })).await.expect(400);
        assert!(refused.detail().starts_with("\"pattern\": "), "{}", refused.detail());
    }
    assert_eq!(acme.admin.get(CONFIG).await.expect(200).body, json!({ "pattern": "^a$" }));
}

#[tokio::test]
async fn servers_share_a_secret_by_their_key_and_without_one_it_is_refused_and_not_left_out() {
    let postgres = Postgres::start(&[]);
    let options = || Options::on(&postgres.url());
    let one = Server::start(options());
    let here = one.tenant("acme").await;
    here.activate("cost-center", artifacts::cost_center(), json!({})).await;
    here.admin.put(CONFIG, json!({ "pattern": { "$secret": PATTERN } })).await.expect(200);

    let two = Server::start(options());
    assert_given(&here.moved(&one, &two), PATTERN).await;

    let without = Server::start(options().with("TENON_ENCRYPTION_KEY", ""));
    let there = here.moved(&one, &without);
    // No plugin decides without what it was configured with, and nothing else fails for it.
    there.scim.post("/Users", with_code("a", "hunter2-1")).await.expect(502);
    there.scim.get("/Users").await.expect(200);
    let shown = there.admin.get("/plugins/cost-center").await.expect(200).body;
    assert!(shown["configProblem"].as_str().unwrap().contains("ENCRYPTION_KEY"), "{shown}");
    let health = there.admin.get("/health").await.expect(200).body;
    assert_eq!(health["plugins"], json!([{ "name": "cost-center", "loads": false }]));
    assert!(health["problems"][0].as_str().unwrap().contains("cannot be called"), "{health}");
    let shown = here.admin.get("/plugins/cost-center").await.expect(200).body;
    assert_eq!(shown["configProblem"], Value::Null);
    let secret = json!({ "pattern": { "$secret": "x" } });
    let refused = there.admin.put(CONFIG, secret).await.expect(409);
    assert_eq!(refused.body["type"], "urn:tenon:problem:no-encryption-key");
    assert!(refused.detail().contains("TENON_ENCRYPTION_KEY"), "{}", refused.detail());
    drop((one, two, without));
}

#[tokio::test]
async fn a_plugin_whose_secret_cannot_be_decrypted_fails_by_the_policy_of_each_hook() {
    const VAULT: &str = "urn:example:params:scim:schemas:extension:vault:2.0:User";
    let postgres = Postgres::start(&[]);
    let with = Server::start(Options::on(&postgres.url()));
    let here = with.tenant("acme").await;
    here.activate("vault", artifacts::attribute_vault(), json!({})).await;
    let key = json!({ "key": { "$secret": format!("{}=", "A".repeat(43)) } });
    here.admin.put("/plugins/vault/config", key).await.expect(200);
    let person = |name: &str| json!({ "schemas": [USER, VAULT], "userName": name, VAULT: { "nationalId": "12345678" } });
    let id = here.create("/Users", person("a")).await;
    let masked = here.scim.get(&format!("/Users/{id}")).await.expect(200).body;
    assert!(masked[VAULT]["nationalId"].as_str().unwrap().ends_with("5678"), "{masked}");

    let without = Server::start(Options::on(&postgres.url()).with("TENON_ENCRYPTION_KEY", ""));
    let there = here.moved(&with, &without);
    let refused = there.scim.post("/Users", person("b")).await.expect(502);
    assert!(refused.detail().contains("\"vault\" could not be loaded"), "{}", refused.detail());
    let stored = there.scim.get(&format!("/Users/{id}")).await.expect(200).body;
    assert!(stored[VAULT]["nationalId"].as_str().unwrap().starts_with("sealed:"), "{stored}");

    let skip = json!({ "onFailure": { "before-write": "skip", "after-read": "closed" } });
    there.admin.put("/plugins/vault/settings", skip).await.expect(200);
    there.scim.get(&format!("/Users/{id}")).await.expect(502);
    there.scim.delete(&format!("/Users/{id}")).await.expect(204);
    there.admin.post("/plugins/vault/deactivate", json!({})).await.expect(200);
    there.scim.get("/Users").await.expect(200);
    drop((with, without));
}
