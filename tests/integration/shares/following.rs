//! Copies: they are found as other resources are, and follow their originals.

use serde_json::json;
use sqlx::{Connection, PgConnection};
use tenon_tests::{Options, Server, patch, until, user};

use super::{Family, group, members};

#[tokio::test]
async fn a_shared_resource_is_found_listed_and_a_member() {
    let family = Family::new().await;
    let Family { parent, child, .. } = &family;
    let mut ada = user("ada");
    ada["displayName"] = json!("Ada");
    ada["name"] = json!({ "familyName": "Lovelace" });
    ada["password"] = json!("an-unlikely-password");
    let ada = parent.create("/Users", ada).await;
    let team = parent.create("/Groups", group("team", &[&ada])).await;
    let own = child.create("/Users", user("own")).await;
    let created = family.share(&["Group", "User"]).await.expect(201).body;
    assert_eq!(created["resourceTypes"], json!(["User", "Group"]));
    let share = family.copied().await;
    assert_eq!(share["conflicts"]["total"], 0, "{share:#}");

    let original = parent.scim.get(&format!("/Users/{ada}")).await.expect(200).body;
    let copy = child.scim.get(&format!("/Users/{ada}")).await.expect(200).body;
    for name in ["id", "userName", "displayName", "name", "externalId"] {
        assert_eq!(copy[name], original[name], "{name}");
    }
    for name in ["created", "lastModified", "version", "resourceType"] {
        assert_eq!(copy["meta"][name], original["meta"][name], "{name}");
    }
    assert_eq!(copy["meta"]["location"], format!("{}/Users/{ada}", child.scim.base));
    assert_eq!(copy["groups"][0]["value"], *team);
    let copied_team = child.scim.get(&format!("/Groups/{team}")).await.expect(200).body;
    assert_eq!(members(&copied_team), [ada.as_str()]);

    for (filter, expected) in [
        ("userName eq \"ADA\"", vec![&ada]),
        ("name.familyName eq \"lovelace\"", vec![&ada]),
        ("userName pr", vec![&ada, &own]),
        (&*format!("groups.value eq \"{team}\""), vec![&ada]),
    ] {
        let list = child.scim.query("/Users", &[("filter", filter)]).await.expect(200).body;
        let ids: Vec<_> =
            list["Resources"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
        assert_eq!(ids, expected, "{filter}");
    }
    let all = child.scim.get("/Users?count=1").await.expect(200).body;
    assert_eq!(all["totalResults"], 2, "{all:#}");

    // A group of the child's own may have a shared member.
    let mixed = child.create("/Groups", group("mixed", &[&own, &ada])).await;
    let mixed = child.scim.get(&format!("/Groups/{mixed}")).await.expect(200).body;
    assert_eq!(members(&mixed).len(), 2);
}

#[tokio::test]
async fn what_the_parent_changes_the_child_sees() {
    let family = Family::new().await;
    let Family { parent, child, .. } = &family;
    let ada = parent.create("/Users", user("ada")).await;
    let team = parent.create("/Groups", group("team", &[])).await;
    family.share(&["User", "Group"]).await.expect(201);
    family.copied().await;
    let (ada_path, team_path) = (format!("/Users/{ada}"), format!("/Groups/{team}"));

    let rename = json!([{ "op": "replace", "path": "userName", "value": "countess" }]);
    parent.scim.patch(&ada_path, patch(rename)).await.expect(200);
    family.shows(&ada_path, "userName", json!("countess")).await;
    let found = child.scim.query("/Users", &[("filter", "userName eq \"ada\"")]).await.expect(200);
    assert_eq!(found.body["totalResults"], 0, "{:#}", found.body);
    // The name that it had is free at the child, too.
    child.create("/Users", user("ada")).await;

    let bert = parent.create("/Users", user("bert")).await;
    let add =
        json!([{ "op": "add", "path": "members", "value": [{ "value": ada }, { "value": bert }] }]);
    parent.scim.patch(&team_path, patch(add)).await.expect(200);
    until("both are members", async || {
        let seen = child.scim.get(&team_path).await.expect(200).body;
        (members(&seen).len() == 2).then_some(())
    })
    .await;
    // It leaves the groups of the child when it is deleted; those get a new version.
    let own = child.create("/Groups", group("own", &[&ada, &bert])).await;
    let before = child.scim.get(&format!("/Groups/{own}")).await.expect(200);
    parent.scim.delete(&format!("/Users/{bert}")).await.expect(204);
    family.loses(&format!("/Users/{bert}")).await;
    let after = child.scim.get(&format!("/Groups/{own}")).await.expect(200);
    assert_eq!(members(&after.body), [ada.as_str()]);
    assert_ne!(after.header("etag"), before.header("etag"));
    let team = child.scim.get(&team_path).await.expect(200).body;
    assert_eq!(members(&team), [ada.as_str()]);
    let total = child.scim.get("/Users?count=0").await.expect(200).body;
    assert_eq!(total["totalResults"], 2, "{total:#}");
}

const USERS: &str = r#"
    WITH new AS (
        SELECT $1::uuid AS tenant_id, ('018f0000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid AS id, i
        FROM generate_series(1, $2) AS i
    ), resource AS (
        INSERT INTO resources (tenant_id, id, type, version, created, modified, body)
        SELECT tenant_id, id, 'User', 1, now(), now(),
               json_build_object('schemas', json_build_array('urn:ietf:params:scim:schemas:core:2.0:User'),
                                 'id', id, 'userName', 'user' || i)::text
        FROM new
    ), taken AS (
        INSERT INTO unique_values (tenant_id, type, attr, val, id)
        SELECT tenant_id, 'User', 'userName', 'user' || i, id FROM new
    )
    INSERT INTO counters (tenant_id, type, n) VALUES ($1, 'User', $2)"#;

#[tokio::test]
async fn a_copy_whose_server_is_killed_goes_on_at_the_other() {
    let mut family = Family::new().await;
    let parent = family.parent.id.parse::<uuid::Uuid>().unwrap();
    sqlx::query(USERS).bind(parent).bind(5_000).execute(&mut family.database).await.unwrap();
    // One page waits for this row, in which the child's counter is.
    let mut holder = PgConnection::connect(&family.postgres.url()).await.unwrap();
    let child = family.child.id.parse::<uuid::Uuid>().unwrap();
    sqlx::query("INSERT INTO counters (tenant_id, type, n) VALUES ($1, 'User', 0)")
        .bind(child)
        .execute(&mut holder)
        .await
        .unwrap();
    family.share(&["User"]).await.expect(201);
    until("some are copied", async || {
        let list = family.child.scim.get("/Users?count=0").await.expect(200).body;
        (list["totalResults"].as_i64().unwrap() >= 400).then_some(())
    })
    .await;
    sqlx::query("BEGIN").execute(&mut holder).await.unwrap();
    sqlx::query("SELECT FROM counters WHERE tenant_id = $1 FOR UPDATE")
        .bind(child)
        .execute(&mut holder)
        .await
        .unwrap();
    family.one.kill();
    family.two.kill();
    sqlx::query("ROLLBACK").execute(&mut holder).await.unwrap();
    let done: i64 = sqlx::query_scalar("SELECT n FROM counters WHERE tenant_id = $1")
        .bind(child)
        .fetch_one(&mut holder)
        .await
        .unwrap();
    assert!((400..5_000).contains(&done), "{done}");

    let three = Server::start(Options::on(&family.postgres.url()));
    family.child = family.child.moved(&family.two, &three);
    family.copied().await;
    let list = family.child.scim.get("/Users?count=0").await.expect(200).body;
    assert_eq!(list["totalResults"], 5_000);
    // None was copied twice.
    let records: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM audit WHERE tenant_id = $1 AND action IN ('create', 'replace')",
    )
    .bind(child)
    .fetch_one(&mut holder)
    .await
    .unwrap();
    assert_eq!(records, 5_000);
}
