//! A share ends, and leaves nothing.

use serde_json::json;
use sqlx::PgConnection;
use tenon_tests::{Tenant, until, user};

use super::{Family, group, members};

/// How many rows of a tenant have to do with shares.
async fn traces(conn: &mut PgConnection, tenant: &Tenant) -> i64 {
    sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM resources WHERE tenant_id = t.id AND shared_from IS NOT NULL) \
              + (SELECT count(*) FROM shares WHERE tenant_id = t.id) \
              + (SELECT count(*) FROM share_conflicts WHERE tenant_id = t.id) \
              + (SELECT count(*) FROM unique_values WHERE tenant_id = t.id) \
              + (SELECT count(*) FROM attr_index WHERE tenant_id = t.id) \
              + (SELECT count(*) FROM group_members WHERE tenant_id = t.id) \
              + (SELECT coalesce(sum(n), 0) + coalesce(sum(shared), 0) FROM counters \
                 WHERE tenant_id = t.id)::bigint \
         FROM (SELECT $1::text::uuid AS id) AS t",
    )
    .bind(&tenant.id)
    .fetch_one(conn)
    .await
    .unwrap()
}

async fn fill(family: &Family) -> String {
    let mut users = Vec::new();
    for number in 0..20 {
        let mut body = user(&format!("shared{number}"));
        body["emails"] = json!([{ "value": format!("{number}@example.com") }]);
        body["name"] = json!({ "familyName": format!("Family {number}") });
        users.push(family.parent.create("/Users", body).await);
    }
    let ids: Vec<&str> = users.iter().map(String::as_str).collect();
    family.parent.create("/Groups", group("team", &ids)).await;
    users.swap_remove(0)
}

#[tokio::test]
async fn unsharing_leaves_nothing() {
    let mut family = Family::new().await;
    let shared = fill(&family).await;
    let before = traces(&mut family.database, &family.child).await;
    assert_eq!(before, 0);
    family.share(&["User", "Group"]).await.expect(201);
    family.copied().await;
    let own = family.child.create("/Users", user("own")).await;
    let mixed = family.child.create("/Groups", group("mixed", &[&own, &shared])).await;
    let path = format!("/shares/{}", family.parent.name);
    family.child.admin.delete(&path).await.expect(204);
    family.child.admin.get(&path).await.expect(404);
    let mixed_now = family.child.scim.get(&format!("/Groups/{mixed}")).await.expect(200).body;
    assert_eq!(members(&mixed_now), [own.as_str()]);
    family.child.scim.delete(&format!("/Groups/{mixed}")).await.expect(204);
    family.child.scim.delete(&format!("/Users/{own}")).await.expect(204);
    assert_eq!(traces(&mut family.database, &family.child).await, 0);
    let list = family.parent.scim.get("/Users?count=0").await.expect(200).body;
    assert_eq!(list["totalResults"], 20);
    // What was shared can be shared again, and the names were free meanwhile.
    family.child.create("/Users", user("shared3")).await;
    family.share(&["User"]).await.expect(201);
    assert_eq!(family.copied().await["conflicts"]["total"], 1);
}

#[tokio::test]
async fn a_type_that_is_shared_no_more_leaves() {
    let family = Family::new().await;
    let shared = fill(&family).await;
    family.share(&["User", "Group"]).await.expect(201);
    family.copied().await;
    let same = family.share(&["Group", "User"]).await.expect(200).body;
    assert_eq!(same["state"], "following");
    let share = family.share(&["User"]).await.expect(200).body;
    assert_eq!(share["resourceTypes"], json!(["User"]));
    assert_eq!(share["state"], "checking", "what is shared no more goes first");
    family.copied().await;
    let groups = family.child.scim.get("/Groups?count=0").await.expect(200).body;
    assert_eq!(groups["totalResults"], 0);
    family.child.scim.get(&format!("/Users/{shared}")).await.expect(200);
}

#[tokio::test]
async fn what_a_deleted_parent_has_shared_leaves() {
    let mut family = Family::new().await;
    fill(&family).await;
    family.share(&["User", "Group"]).await.expect(201);
    family.copied().await;
    let answer = family.parent.admin.delete("").await;
    assert!([202, 204].contains(&answer.status), "{}", answer.status);
    until("the share is gone", async || {
        let shares = family.child.admin.get("/shares").await.expect(200).body;
        shares["items"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    assert_eq!(traces(&mut family.database, &family.child).await, 0);
}

#[tokio::test]
async fn a_deleted_child_leaves_nothing_and_takes_nothing() {
    let mut family = Family::new().await;
    fill(&family).await;
    family.share(&["User", "Group"]).await.expect(201);
    family.child.admin.delete("").await.expect(204);
    assert_eq!(traces(&mut family.database, &family.child).await, 0);
    let list = family.parent.scim.get("/Users?count=0").await.expect(200).body;
    assert_eq!(list["totalResults"], 20);
}
