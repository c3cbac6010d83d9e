//! How many resources of a type a tenant may have.

use std::collections::BTreeMap;

use tenon_tests::{Server, user};
use tokio::task::JoinSet;

use super::{count, id};

async fn limit(conn: &mut sqlx::PgConnection, tenant: uuid::Uuid, max_n: Option<i64>) {
    sqlx::query(
        "INSERT INTO counters (tenant_id, type, n, max_n) VALUES ($1, 'User', 0, $2) \
         ON CONFLICT (tenant_id, type) DO UPDATE SET max_n = EXCLUDED.max_n",
    )
    .bind(tenant)
    .bind(max_n)
    .execute(conn)
    .await
    .unwrap();
}

#[tokio::test]
async fn twenty_writers_at_once_stop_exactly_at_the_limit() {
    let server = Server::shared();
    let acme = server.tenant("limited").await;
    let mut conn = server.database().await;
    limit(&mut conn, id(&acme), Some(7)).await;

    let mut writers = JoinSet::new();
    for number in 0..20 {
        let scim = acme.scim.clone();
        writers.spawn(async move { scim.post("/Users", user(&format!("u{number}"))).await });
    }
    let mut statuses = BTreeMap::new();
    for answer in writers.join_all().await {
        *statuses.entry(answer.status).or_insert(0) += 1;
        if answer.status == 403 {
            let expected = "the tenant has 7 resources of type User, and may have 7; delete some, \
                            or ask the operator for more";
            assert_eq!(answer.detail(), expected);
        }
    }
    assert_eq!(statuses, BTreeMap::from([(201, 7), (403, 13)]));
    // One event is the warning at 80 %.
    for (table, rows) in [("resources", 7), ("unique_values", 7), ("outbox", 8)] {
        assert_eq!(count(&mut conn, table, id(&acme)).await, rows, "{table}");
    }
}

#[tokio::test]
async fn what_is_deleted_makes_room_and_other_types_are_counted_apart() {
    let server = Server::shared();
    let acme = server.tenant("limited").await;
    let first = acme.create("/Users", user("first")).await;
    acme.create("/Users", user("second")).await;
    let mut conn = server.database().await;
    limit(&mut conn, id(&acme), Some(1)).await;

    acme.scim.post("/Users", user("third")).await.expect(403);
    acme.scim.delete(&format!("/Users/{first}")).await.expect(204);
    acme.scim.post("/Users", user("third")).await.expect(403);
    let group = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "all"
    });
    acme.create("/Groups", group).await;
    limit(&mut conn, id(&acme), None).await;
    acme.create("/Users", user("third")).await;
}
