//! The `Idempotency-Key` header: a POST that is sent again is carried out once.

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::{Value, json};
use sqlx::Connection;
use tenon_tests::{Answer, Client, Server, user};
use tokio::task::JoinSet;

use super::{count, id};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: &str = "idempotency-replayed";

async fn post(scim: &Client, path: &str, key: &str, body: &Value) -> Answer {
    scim.send(Method::POST, path, body, &[(KEY, key)]).await
}

fn bulk_of(user_name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "POST", "path": "/Users", "bulkId": "1", "data": user(user_name) }
        ]
    })
}

#[tokio::test]
async fn a_post_whose_answer_was_lost_creates_one_resource_and_is_answered_as_before() {
    let server = Server::shared();
    let acme = server.tenant("idempotent").await;
    let mut ada = user("ada");
    ada["password"] = json!("correct horse");
    let path = "/Users?attributes=userName";
    let first = post(&acme.scim, path, "\"8e03978e\"", &ada).await.expect(201);
    assert_eq!(first.header(REPLAYED), "");
    let again = post(&acme.scim, path, "\"8e03978e\"", &ada).await.expect(201);
    assert_eq!(again.header(REPLAYED), "true");
    assert_eq!(again.body, first.body);
    for header in ["location", "etag", "content-type"] {
        assert!(!first.header(header).is_empty(), "{header}");
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    let mut conn = server.database().await;
    assert_eq!(count(&mut conn, "resources", id(&acme)).await, 1);
    let kept: String =
        sqlx::query_scalar("SELECT answer FROM idempotency_keys WHERE tenant_id = $1")
            .bind(id(&acme))
            .fetch_one(&mut conn)
            .await
            .unwrap();
    assert!(kept.contains("userName") && !kept.contains("password"), "{kept}");
}

#[tokio::test]
async fn duplicates_at_the_same_time_create_one_resource() {
    let server = Server::shared();
    let acme = server.tenant("idempotent").await;
    let mut duplicates = JoinSet::new();
    for _ in 0..10 {
        let scim = acme.scim.clone();
        duplicates.spawn(async move { post(&scim, "/Users", "same", &user("ada")).await });
    }
    let answers: Vec<Answer> =
        duplicates.join_all().await.into_iter().map(|it| it.expect(201)).collect();
    assert!(answers.iter().all(|it| it.body == answers[0].body));
    assert_eq!(answers.iter().filter(|it| it.header(REPLAYED).is_empty()).count(), 1);
    let mut conn = server.database().await;
    for table in ["resources", "unique_values", "outbox", "idempotency_keys"] {
        assert_eq!(count(&mut conn, table, id(&acme)).await, 1, "{table}");
    }
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_tenant() {
    let server = Server::shared();
    let acme = server.tenant("idempotent").await;
    let ada = acme.create("/Users", user("other")).await;
    post(&acme.scim, "/Users", "k", &user("ada")).await.expect(201);
    let others = [
        ("/Users", user("bert")),
        ("/Users?attributes=id", user("ada")),
        ("/Groups", user("ada")),
        ("/Bulk", bulk_of("ada")),
    ];
    for (path, body) in others {
        let refused = post(&acme.scim, path, "k", &body).await.expect(422);
        assert!(refused.detail().contains("came with another request"), "{}", refused.detail());
    }
    let globex = server.tenant("idempotent").await;
    post(&globex.scim, "/Users", "k", &user("bert")).await.expect(201);
    let read = acme.scim.get(&format!("/Users/{ada}")).await.expect(200);
    assert_eq!(read.header(REPLAYED), "");
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let server = Server::shared();
    let acme = server.tenant("idempotent").await;
    let (long, longest) = ("k".repeat(256), "k".repeat(255));
    for key in ["", "é", &long] {
        let request = acme.scim.request(Method::POST, "/Users").header(KEY, key);
        let request = request.header("content-type", "application/scim+json");
        let refused = Answer::of(request.body(user("ada").to_string())).await.expect(400);
        assert!(refused.detail().contains("1 to 255 printable ASCII"), "{}", refused.detail());
    }
    let twice = [(KEY, "a"), (KEY, "b")];
    acme.scim.send(Method::POST, "/Users", &user("ada"), &twice).await.expect(400);
    post(&acme.scim, "/Users", &longest, &user("ada")).await.expect(201);
}

#[tokio::test]
async fn what_was_refused_is_tried_again_and_a_key_is_forgotten_after_a_day() {
    let server = Server::shared();
    let acme = server.tenant("idempotent").await;
    let ada = acme.create("/Users", user("ada")).await;
    post(&acme.scim, "/Users", "k", &user("ada")).await.expect(409);
    acme.scim.delete(&format!("/Users/{ada}")).await.expect(204);
    post(&acme.scim, "/Users", "k", &user("ada")).await.expect(201);

    let mut conn = server.database().await;
    let age =
        "UPDATE idempotency_keys SET created = created - interval '25 hours' WHERE tenant_id = $1";
    sqlx::query(age).bind(id(&acme)).execute(&mut conn).await.unwrap();
    let created = post(&acme.scim, "/Users", "k", &user("bert")).await.expect(201);
    assert_eq!(created.body["userName"], "bert");
}

#[tokio::test]
async fn a_bulk_request_is_carried_out_once_and_not_answered_before_it_has_ended() {
    let server = Server::shared();
    let acme = server.tenant("idempotent").await;
    let mut conn = server.database().await;
    let mut obstacle = conn.begin().await.unwrap();
    // The bulk request waits for who else wants the name.
    sqlx::query(
        "INSERT INTO unique_values (tenant_id, type, attr, val, id) \
         VALUES ($1, 'User', 'userName', 'ada', gen_random_uuid())",
    )
    .bind(id(&acme))
    .execute(&mut *obstacle)
    .await
    .unwrap();
    let scim = acme.scim.clone();
    let first = tokio::spawn(async move { post(&scim, "/Bulk", "k", &bulk_of("ada")).await });
    let mut looking = server.database().await;
    while count(&mut looking, "idempotency_keys", id(&acme)).await == 0 {
        tokio::task::yield_now().await;
    }
    let meanwhile = post(&acme.scim, "/Bulk", "k", &bulk_of("ada")).await.expect(409);
    assert!(meanwhile.detail().contains("has no answer yet"), "{}", meanwhile.detail());
    obstacle.rollback().await.unwrap();

    let first = first.await.unwrap().expect(200);
    assert_eq!(first.body["Operations"][0]["status"], "201");
    let again = post(&acme.scim, "/Bulk", "k", &bulk_of("ada")).await.expect(200);
    assert_eq!((again.header(REPLAYED), &again.body), ("true", &first.body));
    assert_eq!(count(&mut looking, "resources", id(&acme)).await, 1);
}
