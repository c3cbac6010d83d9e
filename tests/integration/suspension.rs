//! Tenants that the operator has suspended.

use serde_json::json;
use tenon_tests::{Options, Postgres, Server, until_status, user};

use crate::oauth;

#[tokio::test]
async fn a_suspended_tenant_is_told_so_and_resumes() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    let there = here.moved(&one, &two);
    let neighbour = one.tenant("globex").await;
    let path = format!("/Users/{}", here.create("/Users", user("bjensen")).await);
    let body = json!({ "name": "it", "role": "tenant-admin" });
    let token = here.admin.post("/tokens", body).await.expect(201).body;
    let token = token["token"].as_str().unwrap();
    there.scim.get(&path).await.expect(200);
    let client = oauth::client(&here, json!({ "role": "reader" })).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &*client.id),
        ("client_secret", &*client.secret),
    ];
    let given = oauth::ask(&here, &form, None).await.expect(200).body;
    let given = given["access_token"].as_str().unwrap();
    here.scim.with_token(given).get(&path).await.expect(200);

    let suspended = here.admin.post("/suspend", json!({})).await.expect(200).body;
    assert_eq!(suspended["state"], "suspended");
    let refused = here.scim.get(&path).await.expect(403);
    assert_eq!(refused.header("content-type"), "application/scim+json");
    assert_eq!(refused.body["status"], "403");
    assert!(refused.detail().contains("suspended"), "{}", refused.detail());
    until_status(&there.scim, &path, 403).await;
    for tenant in [&here, &there] {
        tenant.scim.get("/ServiceProviderConfig").await.expect(403);
        tenant.scim.get("/nothing/at/all").await.expect(403);
        tenant.scim.post("/Users", user("other")).await.expect(403);
        tenant.scim.delete(&path).await.expect(403);
        tenant.scim.with_token(given).get(&path).await.expect(403);
        let refused = oauth::ask(tenant, &form, None).await.expect(400);
        assert_eq!(refused.body["error"], "unauthorized_client");
        let administrator = tenant.admin.with_token(token);
        administrator.get("").await.expect(403);
        administrator.get("/tokens").await.expect(403);
        administrator.post("/resume", json!({})).await.expect(401);
        // Nothing is told of it to who has no credential.
        tenant.scim.with_token("wrong").get(&path).await.expect(401);
    }
    neighbour.scim.get("/Users").await.expect(200);
    // Its rate comes first, on all of its routes.
    let slow = json!({ "limits": { "requestsPerSecond": 1, "burst": 1 } });
    here.admin.patch("", slow).await.expect(200);
    let administrator = here.admin.with_token(token);
    for (client, path) in [(&here.scim, &*path), (&administrator, "")] {
        until_status(client, path, 429).await;
        until_status(client, path, 403).await;
    }
    let fast = json!({ "limits": { "requestsPerSecond": 1_000_000, "burst": null } });
    here.admin.patch("", fast).await.expect(200);

    // The operator goes on, and to suspend it once more changes nothing.
    assert_eq!(there.admin.get("").await.expect(200).body["suspendedAt"], suspended["suspendedAt"]);
    let again = there.admin.post("/suspend", json!({})).await.expect(200).body;
    assert_eq!(again["suspendedAt"], suspended["suspendedAt"]);
    let resumed = there.admin.post("/resume", json!({})).await.expect(200).body;
    assert_eq!((&resumed["state"], resumed.get("suspendedAt")), (&json!("active"), None));
    there.scim.get(&path).await.expect(200);
    until_status(&here.scim, &path, 200).await;
    here.admin.with_token(token).get("").await.expect(200);
    let database = sqlx::PgPool::connect(&postgres.url()).await.unwrap();
    let acts: Vec<String> =
        sqlx::query_scalar("SELECT action FROM audit WHERE subject = $1 ORDER BY id")
            .bind(&here.id)
            .fetch_all(&database)
            .await
            .unwrap();
    let (update, resume) = ("tenant.update", "tenant.resume");
    assert_eq!(acts, ["tenant.create", "tenant.suspend", update, update, resume]);
}
