//! What is left of a tenant that had a schema of its own.

use sqlx::PgConnection;
use tenon_tests::{Options, Postgres, Server, user};

use super::{rows, schema, two_servers};

async fn schemas(conn: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar("SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'tenon\\_%'")
        .fetch_all(conn)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_schema_goes_with_its_tenant_and_no_other() {
    let postgres = Postgres::start(&[]);
    let (one, two, mut conn) = two_servers(&postgres).await;
    let acme = one.tenant_in("schema", "acme").await;
    let globex = two.tenant_in("schema", "globex").await;
    for tenant in [&acme, &globex] {
        tenant.create("/Users", user("ada")).await;
    }
    acme.moved(&one, &two).admin.delete("").await.expect(204);
    // Until the server has heard of it, it looks for what is not there any more.
    while acme.scim.get("/Users").await.status == 503 {}
    acme.scim.get("/Users").await.expect(401);
    assert_eq!(schemas(&mut conn).await, [schema(&globex)]);
    for (table, count) in rows(&mut conn, "public", &acme.id).await {
        assert_eq!(count, 0, "{table}");
    }
    assert_eq!(globex.scim.get("/Users").await.expect(200).body["totalResults"], 1);
}

#[tokio::test]
async fn a_schema_whose_removal_was_interrupted_goes_when_a_server_is_there_again() {
    let postgres = Postgres::start(&[]);
    let (mut one, two, mut conn) = two_servers(&postgres).await;
    drop(two);
    let acme = one.tenant_in("schema", "acme").await;
    acme.create("/Users", user("ada")).await;
    one.kill();
    // As the transaction leaves it with which a removal begins.
    sqlx::query(
        "UPDATE tenants SET name = 'deleted:' || id, removal_step = 'tenants', deleted = now() \
         WHERE id = $1::text::uuid",
    )
    .bind(&acme.id)
    .execute(&mut conn)
    .await
    .unwrap();
    let again = Server::start(Options::on(&postgres.url()));
    again.log.wait_for("the end of the removal", |line| {
        line["message"] == "nothing is left of a tenant that was deleted"
    });
    assert_eq!(schemas(&mut conn).await, Vec::<String>::new());
}
