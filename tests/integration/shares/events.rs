//! The events of the parent: none is missed, in whatever order they come.

use serde_json::json;
use sqlx::{Connection, PgConnection};
use tenon_tests::{Options, Server, Tenant, patch, until, user};
use uuid::{Builder, Uuid};

use super::Family;

#[tokio::test]
async fn no_change_is_missed_while_two_servers_write_and_copy() {
    let family = Family::new().await;
    let there = family.parent.moved(&family.one, &family.two);
    let mut writers = tokio::task::JoinSet::new();
    family.share(&["User", "Group"]).await.expect(201);
    for writer in 0..4 {
        let parent = if writer % 2 == 0 { family.parent.clone() } else { there.clone() };
        writers.spawn(async move {
            for number in 0..25 {
                let id = parent.create("/Users", user(&format!("w{writer}-{number}"))).await;
                let path = format!("/Users/{id}");
                let nick = json!([{ "op": "add", "path": "nickName", "value": "n" }]);
                match number % 3 {
                    0 => parent.scim.patch(&path, patch(nick)).await.expect(200),
                    1 => parent.scim.delete(&path).await.expect(204),
                    _ => parent.scim.get(&path).await.expect(200),
                };
            }
        });
    }
    writers.join_all().await;
    let content = async |tenant: &Tenant| {
        let list = tenant.scim.get("/Users?count=1000&attributes=userName,nickName").await;
        let mut list = list.expect(200).body["Resources"].take();
        for resource in list.as_array_mut().unwrap() {
            resource["meta"].take();
        }
        list
    };
    let wanted = content(&family.parent).await;
    until("the child has what the parent has", async || {
        (content(&family.child).await == wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_write_that_is_committed_after_later_ones_is_not_missed() {
    let mut family = Family::new().await;
    let ada = family.parent.create("/Users", user("ada")).await;
    family.share(&["User"]).await.expect(201);
    family.copied().await;
    let path = format!("/Users/{ada}");
    let mut holder = PgConnection::connect(&family.postgres.url()).await.unwrap();
    sqlx::query("BEGIN").execute(&mut holder).await.unwrap();
    sqlx::query(
        "SELECT FROM resources WHERE tenant_id = $1::text::uuid AND id = $2::text::uuid FOR UPDATE",
    )
    .bind(&family.parent.id)
    .bind(&ada)
    .execute(&mut holder)
    .await
    .unwrap();
    let (scim, asked) = (family.parent.scim.clone(), path.clone());
    let nick = patch(json!([{ "op": "add", "path": "nickName", "value": "n" }]));
    let late = tokio::spawn(async move { scim.patch(&asked, nick).await });
    const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    until("the patch waits for the lock", async || {
        let waiting = sqlx::query_scalar::<_, i64>(WAITING).fetch_one(&mut family.database).await;
        (waiting.unwrap() > 0).then_some(())
    })
    .await;
    let bert = family.parent.create("/Users", user("bert")).await;
    family.shows(&format!("/Users/{bert}"), "userName", json!("bert")).await;
    sqlx::query("ROLLBACK").execute(&mut holder).await.unwrap();
    late.await.unwrap().expect(200);
    family.shows(&path, "nickName", json!("n")).await;
}

/// An id of an event of some minutes ago.
fn minutes_ago(minutes: u64) -> Uuid {
    let (now, _) = Uuid::now_v7().get_timestamp().unwrap().to_unix();
    Builder::from_unix_timestamp_millis((now - 60 * minutes) * 1_000, &[0; 10]).into_uuid()
}

#[tokio::test]
async fn an_event_that_came_very_late_is_read_when_all_are_read_once_more() {
    let mut family = Family::new().await;
    let ada = family.parent.create("/Users", user("ada")).await;
    family.share(&["User"]).await.expect(201);
    family.copied().await;
    // A write that began three minutes ago, and is committed now.
    sqlx::query(
        "WITH changed AS ( \
             UPDATE resources SET version = version + 1, \
                    body = replace(body, '\"ada\"', '\"ada\",\"nickName\":\"n\"') \
             WHERE tenant_id = $1::text::uuid AND id = $2::text::uuid RETURNING version) \
         INSERT INTO outbox (tenant_id, id, type, resource_id, version, operation, request_id, created) \
         SELECT $1::text::uuid, $3, 'User', $2::text::uuid, version, 'patch', 'r', now() FROM changed",
    )
    .bind(&family.parent.id)
    .bind(&ada)
    .bind(minutes_ago(3))
    .execute(&mut family.database)
    .await
    .unwrap();
    // As it was four minutes ago, before it was read once more.
    sqlx::query("UPDATE shares SET settled = $1")
        .bind(minutes_ago(4))
        .execute(&mut family.database)
        .await
        .unwrap();
    family.shows(&format!("/Users/{ada}"), "nickName", json!("n")).await;
}

#[tokio::test]
async fn what_was_not_followed_for_longer_than_events_are_kept_is_copied_anew() {
    let mut family = Family::new().await;
    let ada = family.parent.create("/Users", user("ada")).await;
    let bert = family.parent.create("/Users", user("bert")).await;
    family.share(&["User"]).await.expect(201);
    family.copied().await;
    family.two.kill();
    family.one.kill();
    // As if both had stood still for two hours, in which the parent has changed.
    let ago = "00000000-0000-7000-8000-000000000000";
    sqlx::query("UPDATE shares SET seen = $1::text::uuid, settled = $1::text::uuid")
        .bind(ago)
        .execute(&mut family.database)
        .await
        .unwrap();
    let three =
        Server::start(Options::on(&family.postgres.url()).with("TENON_OUTBOX_RETENTION", "1h"));
    let parent = family.parent.moved(&family.one, &three);
    family.child = family.child.moved(&family.two, &three);
    three
        .log
        .wait_for("all is copied anew", |line| line.to_string().contains("all is copied anew"));
    let rename = json!([{ "op": "replace", "path": "userName", "value": "countess" }]);
    parent.scim.patch(&format!("/Users/{ada}"), patch(rename)).await.expect(200);
    parent.scim.delete(&format!("/Users/{bert}")).await.expect(204);
    family.shows(&format!("/Users/{ada}"), "userName", json!("countess")).await;
    family.loses(&format!("/Users/{bert}")).await;
}
