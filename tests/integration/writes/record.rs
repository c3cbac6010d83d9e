//! Outbox and audit: a row in each for every write, and none for what was refused.

use reqwest::Method;
use reqwest::header::{HeaderName, IF_MATCH};
use serde_json::json;
use tenon_tests::{Server, artifacts, patch, user};
use uuid::Uuid;

use super::id;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[tokio::test]
async fn every_write_is_on_record_with_its_versions_and_what_is_refused_is_not() {
    let server = Server::shared();
    let acme = server.tenant("record").await;
    let create = [(REQUEST_ID, "first-of-all")];
    let created = acme.scim.send(Method::POST, "/Users", &user("ada"), &create).await.expect(201);
    let user_id: Uuid = created.body["id"].as_str().unwrap().parse().unwrap();
    let path = format!("/Users/{user_id}");
    let rename = patch(json!([{ "op": "replace", "path": "displayName", "value": "Ada" }]));
    acme.scim.patch(&path, rename.clone()).await.expect(200);
    acme.scim.put(&path, user("ada lovelace")).await.expect(200);

    acme.scim.put(&path, user("ada lovelace")).await.expect(200);
    acme.scim.post("/Users", user("Ada Lovelace")).await.expect(409);
    let other_version = [(IF_MATCH, "W/\"1\"")];
    acme.scim.send(Method::PATCH, &path, &rename, &other_version).await.expect(412);
    acme.scim.post("/Users", json!({})).await.expect(400);
    acme.scim.delete(&path).await.expect(204);
    acme.scim.delete(&path).await.expect(404);

    let mut conn = server.database().await;
    let events: Vec<(String, Uuid, String, i64)> = sqlx::query_as(
        "SELECT type, resource_id, operation, version FROM outbox WHERE tenant_id = $1 ORDER BY id",
    )
    .bind(id(&acme))
    .fetch_all(&mut conn)
    .await
    .unwrap();
    let event =
        |operation: &str, version| ("User".to_owned(), user_id, operation.to_owned(), version);
    let expected = [event("create", 1), event("patch", 2), event("replace", 3), event("delete", 3)];
    assert_eq!(events, expected);

    let acts: Vec<(String, Option<i64>, Option<i64>)> = sqlx::query_as(
        "SELECT action, version_before, version_after FROM audit \
         WHERE tenant_id = $1 AND resource_id = $2 ORDER BY id",
    )
    .bind(id(&acme))
    .bind(user_id)
    .fetch_all(&mut conn)
    .await
    .unwrap();
    let act = |action: &str, before, after| (action.to_owned(), before, after);
    let expected = [
        act("create", None, Some(1)),
        act("patch", Some(1), Some(2)),
        act("replace", Some(2), Some(3)),
        act("delete", Some(3), None),
    ];
    assert_eq!(acts, expected);

    let token: Uuid = sqlx::query_scalar("SELECT id FROM tokens WHERE tenant_id = $1")
        .bind(id(&acme))
        .fetch_one(&mut conn)
        .await
        .unwrap();
    let (actor, request_id): (String, String) = sqlx::query_as(
        "SELECT actor, request_id FROM audit WHERE tenant_id = $1 AND action = 'create'",
    )
    .bind(id(&acme))
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert_eq!((actor, request_id.as_str()), (format!("token:{token}"), "first-of-all"));
}

#[tokio::test]
async fn acts_of_the_operator_are_on_record() {
    let server = Server::shared();
    let acme = server.tenant("record").await;
    let token = acme.admin.post("/tokens", json!({ "name": "second" })).await.expect(201);
    let token = token.body["id"].as_str().unwrap().to_owned();
    acme.admin.delete(&format!("/tokens/{token}")).await.expect(204);
    acme.admin.delete(&format!("/tokens/{token}")).await.expect(404);
    acme.admin.patch("", json!({ "dialect": "okta" })).await.expect(200);
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    acme.admin.post("/plugins/cost-center/deactivate", json!({})).await.expect(200);
    acme.admin.post("/plugins/unknown/deactivate", json!({})).await.expect(404);
    acme.admin.delete("/plugins/cost-center").await.expect(204);

    let mut conn = server.database().await;
    let of_tenant = "SELECT actor, action, subject FROM audit WHERE tenant_id = $1 ORDER BY id";
    let acts: Vec<(String, String, String)> =
        sqlx::query_as(of_tenant).bind(id(&acme)).fetch_all(&mut conn).await.unwrap();
    assert!(acts.iter().all(|(actor, ..)| actor == "operator"), "{acts:?}");
    let acts: Vec<(&str, &str)> =
        acts.iter().map(|(_, action, subject)| (action.as_str(), subject.as_str())).collect();
    assert_eq!(acts[0], ("tenant.create", acme.id.as_str()));
    assert_eq!(acts[1].0, "token.create");
    let expected = [
        ("token.create", token.as_str()),
        ("token.revoke", token.as_str()),
        ("tenant.update", acme.id.as_str()),
        ("plugin.upload", "cost-center"),
        ("plugin.configure", "cost-center"),
        ("plugin.activate", "cost-center"),
        ("plugin.deactivate", "cost-center"),
        ("plugin.delete", "cost-center"),
    ];
    assert_eq!(acts[2..], expected);

    acme.admin.delete("").await.expect(204);
    let deleted: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM audit WHERE tenant_id = $1 AND action = 'tenant.delete' AND subject = $2",
    )
    .bind(Uuid::nil())
    .bind(&acme.id)
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert_eq!(deleted, 1);
}
