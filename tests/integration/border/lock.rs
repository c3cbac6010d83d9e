//! Row-level security, the second lock.

use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};
use tenon_tests::{Options, PgBouncer, Postgres, Server, Tenant, patch, user};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

fn locked(url: &str) -> Options {
    Options::on(url).with("TENON_ROW_LEVEL_SECURITY", "on")
}

/// Requests of all kinds, carried out.
async fn work(tenant: &Tenant, server: &Server, beside: &Server) {
    let there = tenant.moved(server, beside);
    let ada = tenant.create("/Users", user("ada")).await;
    let path = format!("/Users/{ada}");
    there.scim.get(&path).await.expect(200);
    let title = patch(json!([{ "op": "add", "path": "title", "value": "x" }]));
    there.scim.patch(&path, title).await.expect(200);
    there.scim.put(&path, user("ada")).await.expect(200);
    let members = json!([{ "value": ada }]);
    let group = json!({ "schemas": [GROUP], "displayName": "all", "members": members });
    let group = tenant.create("/Groups", group).await;
    let remove = patch(json!([{ "op": "remove", "path": format!("members[value eq \"{ada}\"]") }]));
    there.scim.patch(&format!("/Groups/{group}"), remove).await.expect(200);
    for (filter, found) in [("userName eq \"ada\"", 1), ("userName sw \"a\"", 1), ("title pr", 0)] {
        let list = there.scim.query("/Users", &[("filter", filter)]).await.expect(200).body;
        assert_eq!(list["totalResults"], found, "{filter}");
    }
    let create = json!({ "method": "POST", "path": "/Users", "bulkId": "b", "data": user("bert") });
    let bulk = json!({ "schemas": [BULK], "Operations": [create] });
    let done = there.scim.post("/Bulk", bulk).await.expect(200).body;
    assert_eq!(done["Operations"][0]["status"], "201", "{done:#}");
    let pages = tenant.scim.query("/Users", &[("count", "1"), ("cursor", "")]).await;
    assert!(pages.expect(200).body["nextCursor"].is_string());
    there.scim.delete(&path).await.expect(204);
}

#[tokio::test]
async fn requests_of_all_kinds_work_under_the_lock_and_through_a_pooler() {
    let postgres = Postgres::start(&[]);
    let pooler = PgBouncer::start(&postgres, 10);
    let direct = Server::start(locked(&postgres.url()));
    let pooled = locked(&pooler.url()).with("TENON_DATABASE_POOLER", "transaction");
    let pooled = Server::start(pooled);
    work(&direct.tenant("acme").await, &direct, &pooled).await;
    work(&pooled.tenant("globex").await, &pooled, &direct).await;
    drop(pooled);
    drop(pooler);
}

#[tokio::test]
async fn no_request_goes_past_the_lock() {
    let postgres = Postgres::start(&[]);
    let server = Server::start(locked(&postgres.url()));
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("ada")).await;
    let members = json!([{ "value": id }]);
    let group = json!({ "schemas": [GROUP], "displayName": "all", "members": members });
    let group_id = acme.create("/Groups", group.clone()).await;
    // A lock that shows nothing to anybody. The statements are as they were.
    let mut conn = PgConnection::connect(&postgres.url()).await.unwrap();
    for table in ["resources", "group_members", "unique_values", "attr_index"] {
        let shut = format!("ALTER POLICY own ON {table} USING (false)");
        conn.execute(sqlx::AssertSqlSafe(shut)).await.unwrap();
    }
    for path in [format!("/Users/{id}"), format!("/Groups/{group_id}")] {
        acme.scim.get(&path).await.expect(404);
        acme.scim.put(&path, user("ada")).await.expect(404);
        let title = patch(json!([{ "op": "add", "path": "externalId", "value": "x" }]));
        acme.scim.patch(&path, title).await.expect(404);
        acme.scim.delete(&path).await.expect(404);
    }
    for filter in ["", "userName eq \"ada\"", "userName sw \"a\"", "active eq true or userName pr"]
    {
        let query: Vec<_> =
            [("filter", filter)].into_iter().filter(|it| !it.1.is_empty()).collect();
        let list = acme.scim.query("/Users", &query).await.expect(200).body;
        assert_eq!(list["Resources"].as_array().map(Vec::len), Some(0), "{filter}: {list:#}");
    }
    acme.scim.post("/Groups", group).await.expect(400);
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM resources").fetch_one(&mut conn).await.unwrap();
    assert_eq!(rows, 2, "all of it is there");
}
