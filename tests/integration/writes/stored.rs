//! The form in which resources are stored.

use serde_json::{Value, json};
use tenon_tests::{Server, patch, user};
use uuid::Uuid;

use super::id;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

#[derive(sqlx::FromRow)]
struct Row {
    body: String,
    secrets: Option<String>,
    search: Option<String>,
    shape: i64,
}

async fn row(conn: &mut sqlx::PgConnection, tenant: Uuid, id: &str) -> Row {
    sqlx::query_as(
        "SELECT body, secrets, search, shape FROM resources WHERE tenant_id = $1 AND id::text = $2",
    )
    .bind(tenant)
    .bind(id)
    .fetch_one(conn)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_body_is_what_the_client_sees_and_secrets_are_apart_from_it() {
    let server = Server::shared();
    let acme = server.tenant("stored").await;
    let mut ada = user("ada");
    ada["password"] = json!("correct horse");
    ada["title"] = json!("Gräfin ÄÖ");
    let created = acme.scim.post("/Users", ada).await.expect(201);
    let user_id = created.body["id"].as_str().unwrap();

    let mut conn = server.database().await;
    let stored = row(&mut conn, id(&acme), user_id).await;
    let mut expected = created.body.clone();
    expected.as_object_mut().unwrap().shift_remove("meta");
    assert_eq!(stored.body, expected.to_string());
    assert_ne!(stored.shape, 0);
    let secrets: Value = serde_json::from_str(&stored.secrets.unwrap()).unwrap();
    assert!(secrets["password"].as_str().unwrap().starts_with("$argon2id$"), "{secrets}");
    let search: Value = serde_json::from_str(&stored.search.unwrap()).unwrap();
    assert_eq!(search["title"], "gräfin äö");
    assert!(search.get("password").is_none());

    let change = patch(json!([{ "op": "replace", "path": "title", "value": "x" }]));
    acme.scim.patch(&format!("/Users/{user_id}"), change).await.expect(200);
    let stored = row(&mut conn, id(&acme), user_id).await;
    assert_eq!(stored.secrets, Some(secrets.to_string()), "the hash is that of before");
    assert_eq!(stored.search, None);
}

#[tokio::test]
async fn a_resource_in_the_form_of_before_is_read_and_written_anew() {
    let server = Server::shared();
    let acme = server.tenant("stored").await;
    let mut conn = server.database().await;
    let (user_id, hash) = (Uuid::now_v7(), "$argon2id$v=19$x");
    let body = json!({ "schemas": [USER], "userName": "ada", "password": hash, "title": "x" });
    sqlx::query(
        "INSERT INTO resources (tenant_id, id, type, version, created, modified, body) \
         VALUES ($1, $2, 'User', 1, now(), now(), $3)",
    )
    .bind(id(&acme))
    .bind(user_id)
    .bind(body.to_string())
    .execute(&mut conn)
    .await
    .unwrap();

    let path = format!("/Users/{user_id}");
    let read = acme.scim.get(&path).await.expect(200);
    assert_eq!((read.body["title"].as_str(), read.body.get("password")), (Some("x"), None));
    let change = patch(json!([{ "op": "remove", "path": "title" }]));
    acme.scim.patch(&path, change).await.expect(200);
    let stored = row(&mut conn, id(&acme), &user_id.to_string()).await;
    let expected = json!({ "schemas": [USER], "id": user_id, "userName": "ada" });
    assert_eq!(stored.body, expected.to_string());
    assert_eq!(stored.secrets, Some(json!({ "password": hash }).to_string()));
    assert_ne!(stored.shape, 0);
    // Its name was in no table of unique values, and is since.
    acme.scim.post("/Users", user("ADA")).await.expect(409);
}
