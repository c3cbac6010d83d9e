//! What cannot be copied, and is told.

use serde_json::json;
use tenon_tests::{artifacts, patch, until, user};

use super::{Family, group, members};

#[tokio::test]
async fn a_conflicting_name_is_reported_and_not_copied() {
    let family = Family::new().await;
    let Family { parent, child, .. } = &family;
    let own = child.create("/Users", user("ADA")).await;
    let ada = parent.create("/Users", user("ada")).await;
    let bert = parent.create("/Users", user("bert")).await;
    let team = parent.create("/Groups", group("team", &[&ada, &bert])).await;
    family.share(&["User", "Group"]).await.expect(201);
    let share = family.copied().await;
    assert_eq!(share["conflicts"]["total"], 1, "{share:#}");
    let conflict = &share["conflicts"]["first"][0];
    assert_eq!(conflict["id"], *ada);
    assert_eq!(
        (&conflict["resourceType"], &conflict["attribute"]),
        (&json!("User"), &json!("userName"))
    );
    child.scim.get(&format!("/Users/{ada}")).await.expect(404);
    let copied = child.scim.get(&format!("/Groups/{team}")).await.expect(200).body;
    assert_eq!(members(&copied), [bert.as_str()]);

    // When the name is free, it comes, and into its group.
    child.scim.put(&format!("/Users/{own}"), user("own")).await.expect(200);
    family.shows(&format!("/Users/{ada}"), "userName", json!("ada")).await;
    let copied = child.scim.get(&format!("/Groups/{team}")).await.expect(200).body;
    assert_eq!(members(&copied).len(), 2);
    assert_eq!(family.copied().await["conflicts"]["total"], 0);

    // And goes when it gets a name that is taken.
    let rename = json!([{ "op": "replace", "path": "userName", "value": "own" }]);
    parent.scim.patch(&format!("/Users/{ada}"), patch(rename)).await.expect(200);
    family.loses(&format!("/Users/{ada}")).await;
    child.scim.get(&format!("/Users/{own}")).await.expect(200);
    assert_eq!(family.copied().await["conflicts"]["total"], 1);
}

#[tokio::test]
async fn names_that_the_parents_users_exchange_are_exchanged_at_the_child() {
    let family = Family::new().await;
    let Family { parent, child, .. } = &family;
    let ada = parent.create("/Users", user("ada")).await;
    let bert = parent.create("/Users", user("bert")).await;
    family.share(&["User"]).await.expect(201);
    family.copied().await;
    let own = child.create("/Groups", group("own", &[&ada, &bert])).await;
    for (id, name) in [(&ada, "third"), (&bert, "ada"), (&ada, "bert")] {
        let rename = json!([{ "op": "replace", "path": "userName", "value": name }]);
        parent.scim.patch(&format!("/Users/{id}"), patch(rename)).await.expect(200);
    }
    family.shows(&format!("/Users/{ada}"), "userName", json!("bert")).await;
    family.shows(&format!("/Users/{bert}"), "userName", json!("ada")).await;
    let own = child.scim.get(&format!("/Groups/{own}")).await.expect(200).body;
    assert_eq!(members(&own).len(), 2);
}

#[tokio::test]
async fn an_id_that_the_child_has_is_reported_and_not_copied() {
    let mut family = Family::new().await;
    let ada = family.parent.create("/Users", user("ada")).await;
    let own = family.child.create("/Users", user("own")).await;
    for (table, column) in [("resources", "id"), ("unique_values", "id")] {
        let sql =
            format!("UPDATE {table} SET {column} = $1::text::uuid WHERE {column} = $2::text::uuid");
        let sql = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&ada).bind(&own);
        sql.execute(&mut family.database).await.unwrap();
    }
    family.share(&["User"]).await.expect(201);
    let share = family.copied().await;
    assert_eq!(share["conflicts"]["first"][0]["attribute"], "id", "{share:#}");
    let own = family.child.scim.get(&format!("/Users/{ada}")).await.expect(200).body;
    assert_eq!(own["userName"], "own");
}

#[tokio::test]
async fn a_type_that_one_of_the_two_lacks_is_refused_with_the_reason() {
    let family = Family::new().await;
    let Family { parent, child, .. } = &family;
    parent.activate("teams", &artifacts::component("teams"), json!({})).await;
    let refused = family.share(&["Badge"]).await.expect(409);
    assert_eq!(refused.body["type"], "urn:tenon:problem:no-such-resource-type");
    assert!(refused.detail().contains(&child.name), "{}", refused.detail());
    assert!(refused.detail().contains("activate the plugin"), "{}", refused.detail());
    family.share(&["User", "Nothing"]).await.expect(409);
    family.share(&[]).await.expect(400);
    family.share(&["User", "User"]).await.expect(400);
    let itself = format!("/shares/{}", child.id);
    child.admin.put(&itself, json!({ "resourceTypes": ["User"] })).await.expect(400);
    child.admin.put("/shares/nobody", json!({ "resourceTypes": ["User"] })).await.expect(404);
    child.admin.get(&format!("/shares/{}", parent.id)).await.expect(404);
    child.admin.delete(&format!("/shares/{}", parent.id)).await.expect(404);

    let digest = child.activate("teams", &artifacts::component("teams"), json!({})).await;
    let badge = json!({ "schemas": ["urn:example:2.0:Badge"], "number": "7" });
    let badge = parent.create("/Badges", badge).await;
    let ada = parent.create("/Users", user("ada")).await;
    family.share(&["Badge", "User"]).await.expect(201);
    family.shows(&format!("/Badges/{badge}"), "number", json!("7")).await;

    // Without the plugin, badges stand still, and nothing else does; with it they go on.
    child.admin.post("/plugins/teams/deactivate", json!({})).await.expect(200);
    let change = patch(json!([{ "op": "replace", "path": "number", "value": "8" }]));
    parent.scim.patch(&format!("/Badges/{badge}"), change).await.expect(200);
    let path = format!("/shares/{}", parent.id);
    let problem = until("a problem is told", async || {
        let share = child.admin.get(&path).await.expect(200).body;
        share["problem"].as_str().map(str::to_owned)
    })
    .await;
    assert!(problem.contains("\"Badge\""), "{problem}");
    let health = child.admin.get("/health").await.expect(200).body;
    assert_eq!(health["status"], "degraded", "{health:#}");
    parent.scim.delete(&format!("/Users/{ada}")).await.expect(204);
    family.loses(&format!("/Users/{ada}")).await;
    child.admin.post("/plugins/teams/activate", json!({ "digest": digest })).await.expect(200);
    family.shows(&format!("/Badges/{badge}"), "number", json!("8")).await;
}
