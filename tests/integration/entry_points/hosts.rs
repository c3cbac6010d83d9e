//! What is remembered of hosts.

use sqlx::{Connection, PgConnection};
use tenon_tests::{Options, Server, until};

use super::Way;

/// A host costs a question to the database before anybody is authenticated: it is asked once.
#[tokio::test]
async fn that_a_host_is_nobodys_is_remembered_while_the_configuration_stands() {
    let server = Server::start(Options::default());
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let host = |value| serde_json::json!({ "kind": "host", "value": value });
    acme.admin.post("/entry-points", host("login.acme.example")).await.expect(201);
    let mut database = PgConnection::connect(&server.database_url()).await.unwrap();
    let mut remembered = None;
    // Until the server knows of the change before, it asks anew.
    for n in 0..100 {
        let name = format!("other{n}.example.com");
        let other = Way::new(&server, &globex, "/scim/v2", &[("host", &name)]);
        other.get("/Users").await.expect(200);
        // Nobody is told of it.
        let bind = "INSERT INTO entry_points (kind, value, tenant_id, created) \
                    VALUES ('host', $2, $1::uuid, now())";
        sqlx::query(bind).bind(&acme.id).bind(&name).execute(&mut database).await.unwrap();
        if other.get("/Users").await.status == 200 {
            remembered = Some(other);
            break;
        }
    }
    let other = remembered.expect("what has been asked is not asked again");
    sqlx::query("UPDATE config_epoch SET n = n + 1").execute(&mut database).await.unwrap();
    let refused = async || (other.get("/Users").await.status == 401).then_some(());
    until("the server asks whose the host is", refused).await;
}
