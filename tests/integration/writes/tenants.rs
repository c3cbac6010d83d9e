//! A tenant that is deleted leaves nothing behind.

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::json;
use sqlx::PgConnection;
use tenon_tests::{Server, artifacts, user};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::id;

/// How many rows of a tenant every table has that knows tenants.
pub(crate) async fn rows(conn: &mut PgConnection, tenant: Uuid) -> Vec<(String, i64)> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns \
         WHERE table_schema = 'public' AND column_name = 'tenant_id' ORDER BY 1",
    )
    .fetch_all(&mut *conn)
    .await
    .unwrap();
    assert!(tables.len() >= 12, "{tables:?}");
    let mut rows = Vec::new();
    for table in tables {
        let count = format!("SELECT count(*) FROM {table} WHERE tenant_id = $1");
        let count = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).bind(tenant);
        rows.push((table, count.fetch_one(&mut *conn).await.unwrap()));
    }
    rows
}

/// What is seen of the tenant's plugin: lines, a version in shadow, an impact check that has ended.
async fn observe_a_plugin(conn: &mut PgConnection, tenant: Uuid) {
    for statement in [
        "INSERT INTO plugin_logs (tenant_id, plugin, id, at, digest, hook, request_id, level, message) \
         SELECT tenant_id, name, tenant_id, now(), digest, 'validation', 'r', 'info', 'm' \
         FROM plugin_versions WHERE tenant_id = $1",
        "INSERT INTO plugin_shadows (tenant_id, plugin, digest, since) \
         SELECT tenant_id, name, digest, now() FROM plugin_versions WHERE tenant_id = $1",
        "INSERT INTO plugin_differences (tenant_id, plugin, id, at, digest, request_id, hook, \
                                         resource_type, operation, active, shadow) \
         SELECT tenant_id, name, tenant_id, now(), digest, 'r', 'validation', 'User', 'create', '{}', \
                '{}' FROM plugin_versions WHERE tenant_id = $1",
        "INSERT INTO plugin_impacts (tenant_id, plugin, digest, state, base_url, actor, started, due, \
                                     last_id, total) \
         SELECT tenant_id, name, digest, 'done', '', 'operator', now(), now(), tenant_id, 0 \
         FROM plugin_versions WHERE tenant_id = $1",
    ] {
        let added = sqlx::query(statement).bind(tenant).execute(&mut *conn).await.unwrap();
        assert!(added.rows_affected() > 0, "{statement}");
    }
}

#[tokio::test]
async fn a_tenant_that_had_everything_leaves_no_row_in_any_table() {
    let server = Server::shared();
    let acme = server.tenant("everything").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    let mut ada = user("ada");
    ada["displayName"] = json!("Ada");
    let key = [(HeaderName::from_static("idempotency-key"), "1")];
    let ada = acme.scim.send(Method::POST, "/Users", &ada, &key).await.expect(201);
    let ada = ada.body["id"].as_str().unwrap();
    acme.admin.post("/tokens", json!({ "name": "ada", "userId": ada })).await.expect(201);
    acme.admin.post("/clients", json!({ "name": "hr" })).await.expect(201);
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "all", "members": [{ "value": ada }]
    });
    acme.create("/Groups", group).await;

    let mut conn = server.database().await;
    sqlx::query(
        "INSERT INTO entry_points (kind, value, tenant_id, created) \
         VALUES ('host', $1::text || '.example.com', $1, now())",
    )
    .bind(id(&acme))
    .execute(&mut conn)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO issuers (tenant_id, id, issuer, config, created, modified) \
         VALUES ($1, $1, 'https://idp.example.com', '{}', now(), now())",
    )
    .bind(id(&acme))
    .execute(&mut conn)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO audit_seals (tenant_id, n, up_to, records, hash, sealed) \
         VALUES ($1, 1, $1, 1, '', now())",
    )
    .bind(id(&acme))
    .execute(&mut conn)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO requests (tenant_id, id, at, request_id, actor, method, operation, status, \
                               micros) \
         VALUES ($1, $1, now(), 'r', 'operator', 'GET', 'getTenant', 200, 1)",
    )
    .bind(id(&acme))
    .execute(&mut conn)
    .await
    .unwrap();
    let in_realm = format!("realm-{}", acme.id);
    let realm = server.admin().post("/realms", json!({ "name": in_realm })).await.expect(201);
    sqlx::query(
        "INSERT INTO realm_resolvers (realm_id, tenant_id, plugin, permissions, headers, created) \
         VALUES ($2::text::uuid, $1, 'cost-center', '{}', '{}', now())",
    )
    .bind(id(&acme))
    .bind(realm.body["id"].as_str().unwrap())
    .execute(&mut conn)
    .await
    .unwrap();
    acme.admin
        .post("/plugins/cost-center/recordings", json!({ "hook": "validation", "calls": 1 }))
        .await
        .expect(201);
    sqlx::query(
        "INSERT INTO recorded_calls (tenant_id, plugin, id, recording, at, request_id, outcome, file) \
         VALUES ($1, 'cost-center', $1, $1, now(), 'r', 'ok', '{}')",
    )
    .bind(id(&acme))
    .execute(&mut conn)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO deliveries (tenant_id, plugin, event, type, resource_id, version, operation, \
                                 actor, request_id, created, written, attempts) \
         VALUES ($1, 'tap', $1, 'User', $1, 1, 'create', 'operator', 'r', now(), now(), 10)",
    )
    .bind(id(&acme))
    .execute(&mut conn)
    .await
    .unwrap();
    observe_a_plugin(&mut conn, id(&acme)).await;
    let parent = server.tenant("parent").await;
    parent.create("/Users", user("ada")).await;
    let types = json!({ "resourceTypes": ["User"] });
    acme.admin.put(&format!("/shares/{}", parent.id), types).await.expect(201);
    let share = format!("/shares/{}", parent.id);
    while acme.admin.get(&share).await.expect(200).body["conflicts"]["total"] != 1 {
        tokio::task::yield_now().await;
    }
    // What the operator may add, and may not have been asked for here.
    const OPTIONAL: [&str; 4] =
        ["audit_waiting", "tenant_databases", "added_indexes", "tenant_moves"];
    for (table, count) in rows(&mut conn, id(&acme)).await {
        assert!(count > 0 || OPTIONAL.contains(&table.as_str()), "nothing to delete in {table}");
    }
    acme.admin.delete("").await.expect(204);
    for (table, count) in rows(&mut conn, id(&acme)).await {
        assert_eq!(count, 0, "{table}");
    }
}

#[tokio::test]
async fn nothing_that_is_written_while_a_tenant_is_deleted_stays() {
    let server = Server::shared();
    let acme = server.tenant("busy").await;
    let existing = acme.create("/Users", user("existing")).await;
    let mut writers = JoinSet::new();
    for writer in 0..6 {
        let (scim, existing) = (acme.scim.clone(), format!("/Users/{existing}"));
        writers.spawn(async move {
            for number in 0.. {
                let body = user(&format!("u{writer}-{number}"));
                let answer = match writer {
                    0 => scim.put(&existing, body).await,
                    _ => scim.post("/Users", body).await,
                };
                if ![200, 201].contains(&answer.status) {
                    return answer.status;
                }
            }
            0
        });
    }
    let mut conn = server.database().await;
    while super::count(&mut conn, "resources", id(&acme)).await < 20 {
        tokio::task::yield_now().await;
    }
    acme.admin.delete("").await.expect(204);
    for status in writers.join_all().await {
        // The token is gone, or the tenant went during the request.
        assert!([401, 404].contains(&status), "{status}");
    }
    for (table, count) in rows(&mut conn, id(&acme)).await {
        assert_eq!(count, 0, "{table}");
    }
}
