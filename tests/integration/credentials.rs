//! What servers remember of credentials, and for how long.

use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};
use tenon_tests::{Client, Options, Postgres, Server, until_status};

async fn token(tenant: &tenon_tests::Tenant, user_id: Option<&str>) -> (String, Client) {
    let wanted = json!({ "name": "another", "userId": user_id });
    let created = tenant.admin.post("/tokens", wanted).await.expect(201).body;
    let client = tenant.scim.with_token(created["token"].as_str().unwrap());
    (created["id"].as_str().unwrap().to_owned(), client)
}

#[tokio::test]
async fn the_server_through_which_a_credential_ends_refuses_it_at_once() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let (id, client) = token(&acme, None).await;
    let user = acme.create("/Users", tenon_tests::user("bjensen")).await;
    let (_, of_user) = token(&acme, Some(&user)).await;
    for client in [&client, &of_user] {
        client.get("/Users").await.expect(200);
    }
    acme.admin.delete(&format!("/tokens/{id}")).await.expect(204);
    client.get("/Users").await.expect(401);
    of_user.get("/Me").await.expect(200);
    acme.scim.delete(&format!("/Users/{user}")).await.expect(204);
    of_user.get("/Me").await.expect(401);

    acme.scim.get("/Users").await.expect(200);
    acme.scim.with_token("tenon_").get("/Users").await.expect(401);
    acme.admin.delete("").await.expect(204);
    acme.scim.get("/Users").await.expect(401);
}

#[tokio::test]
async fn another_server_hears_of_what_has_changed() {
    let first = Server::start(Options::default());
    let url = vec![("TENON_DATABASE_URL".to_owned(), first.database_url())];
    let second = Server::start(Options { environment: url, ..Options::default() });
    let acme = first.tenant("acme").await;
    let at_second = |client: &Client| client.at(client.base.replace(&first.url, &second.url));
    let (id, revoked) = token(&acme, None).await;
    let (revoked, client) = (at_second(&revoked), at_second(&acme.scim));
    let user = acme.create("/Users", tenon_tests::user("bjensen")).await;
    let (_, of_user) = token(&acme, Some(&user)).await;
    let of_user = at_second(&of_user);
    for client in [&revoked, &client, &of_user] {
        client.get("/Users").await.expect(200);
    }
    acme.admin.delete(&format!("/tokens/{id}")).await.expect(204);
    acme.scim.delete(&format!("/Users/{user}")).await.expect(204);
    until_status(&revoked, "/Users", 401).await;
    until_status(&of_user, "/Users", 401).await;
    client.get("/Users").await.expect(200);
    acme.admin.patch("", json!({ "name": format!("{}-new", acme.name) })).await.expect(200);
    until_status(&client, "/Users", 401).await;
}

#[tokio::test]
async fn a_server_is_told_by_the_one_that_has_changed_something() {
    let postgres = Postgres::start(&[]);
    let first = Server::start(Options::on(&postgres.url()));
    let second = Server::start(Options::on(&postgres.url()));
    let acme = first.tenant("acme").await;
    let (id, revoked) = token(&acme, None).await;
    let there = revoked.at(revoked.base.replace(&first.url, &second.url));
    there.get("/Users").await.expect(200);
    acme.admin.delete(&format!("/tokens/{id}")).await.expect(204);
    let mut database = PgConnection::connect(&postgres.url()).await.unwrap();
    let epoch: i64 =
        sqlx::query_scalar("SELECT n FROM config_epoch").fetch_one(&mut database).await.unwrap();
    let epoch = epoch.to_string();
    second.log.wait_for("word of the change", |line| {
        line["message"] == "told that the configuration has changed"
            && line["epoch"] == epoch.as_str()
    });
    until_status(&there, "/Users", 401).await;
    // It listens again when the connection is gone.
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    database.execute(ended).await.unwrap();
    let (id, revoked) = token(&acme, None).await;
    let there = revoked.at(revoked.base.replace(&first.url, &second.url));
    there.get("/Users").await.expect(200);
    acme.admin.delete(&format!("/tokens/{id}")).await.expect(204);
    until_status(&there, "/Users", 401).await;
    drop((first, second));
}

#[tokio::test]
async fn a_server_that_cannot_hear_of_changes_asks_for_every_request() {
    let server = Server::start(Options::default());
    let acme = server.tenant("acme").await;
    let (id, client) = token(&acme, None).await;
    client.get("/Users").await.expect(200);
    let mut database = PgConnection::connect(&server.database_url()).await.unwrap();
    database.execute("ALTER TABLE config_epoch RENAME TO away").await.unwrap();
    // Nobody is told of it.
    let deleted = sqlx::query("DELETE FROM tokens WHERE id = $1::uuid")
        .bind(&id)
        .execute(&mut database)
        .await
        .unwrap();
    assert_eq!(deleted.rows_affected(), 1);
    until_status(&client, "/Users", 401).await;
    acme.scim.get("/Users").await.expect(200);
}
