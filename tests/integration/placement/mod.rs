//! Tenants whose data is in a schema of their own, at two servers on one database.

mod commands;
mod database;
mod database_moves;
mod moves;
mod removal;
mod shares;
mod tables;

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tenon_tests::{Options, PgBouncer, Postgres, Server, Tenant, artifacts, patch, user};

use super::indexes::until;

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// The tables that such a schema has.
const TABLES: [&str; 12] = [
    "resources",
    "group_members",
    "unique_values",
    "attr_index",
    "counters",
    "outbox",
    "deliveries",
    "recorded_calls",
    "audit",
    "audit_seals",
    "requests",
    "idempotency_keys",
];

fn schema(tenant: &Tenant) -> String {
    format!("tenon_{}", tenant.id.replace('-', ""))
}

/// How many rows of any tenant each of the tables has in a schema.
async fn rows(conn: &mut PgConnection, schema: &str, tenant: &str) -> Vec<(&'static str, i64)> {
    let mut rows = Vec::new();
    for table in TABLES {
        let count =
            format!("SELECT count(*) FROM {schema}.{table} WHERE tenant_id = $1::text::uuid");
        let count = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).bind(tenant);
        rows.push((table, count.fetch_one(&mut *conn).await.unwrap()));
    }
    rows
}

/// Requests of all kinds through two servers, carried out.
async fn work(here: &Tenant, there: &Tenant) {
    let key = [(HeaderName::from_static("idempotency-key"), "1")];
    let ada = here.scim.send(Method::POST, "/Users", &user("ada"), &key).await.expect(201);
    let ada = ada.body["id"].as_str().unwrap().to_owned();
    let again = there.scim.send(Method::POST, "/Users", &user("ada"), &key).await.expect(201);
    assert_eq!(again.body["id"], ada.as_str(), "the key's answer is not there");
    let path = format!("/Users/{ada}");
    assert_eq!(there.scim.get(&path).await.expect(200).body["userName"], "ada");
    let title = patch(json!([{ "op": "add", "path": "title", "value": "x" }]));
    there.scim.patch(&path, title).await.expect(200);
    here.scim.put(&path, user("ada")).await.expect(200);
    there.scim.post("/Users", user("ADA")).await.expect(409);
    let bert = there.create("/Users", user("bert")).await;
    let members = json!([{ "value": ada }]);
    let group = json!({ "schemas": [GROUP], "displayName": "all", "members": members });
    let group = format!("/Groups/{}", here.create("/Groups", group).await);
    let add = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": bert }] }]));
    there.scim.patch(&group, add).await.expect(200);
    assert_eq!(
        here.scim.get(&group).await.expect(200).body["members"].as_array().unwrap().len(),
        2
    );
    assert_eq!(here.scim.get(&path).await.expect(200).body["groups"][0]["display"], "all");
    let filters =
        [("userName eq \"ada\"", 1), ("userName sw \"b\"", 1), ("title pr", 0), ("id pr", 2)];
    for (filter, found) in filters {
        let list = there.scim.query("/Users", &[("filter", filter)]).await.expect(200).body;
        assert_eq!(list["totalResults"], found, "{filter}");
    }
    let page = here.scim.query("/Users", &[("count", "1"), ("cursor", "")]).await.expect(200);
    let next = page.body["nextCursor"].as_str().unwrap();
    let page = there.scim.query("/Users", &[("count", "1"), ("cursor", next)]).await.expect(200);
    assert_eq!(page.body["totalResults"], 2);
    let sorted = here.scim.query("/Users", &[("sortBy", "userName")]).await.expect(200).body;
    assert_eq!(sorted["Resources"][0]["userName"], "ada");
    let create = json!({ "method": "POST", "path": "/Users", "bulkId": "b", "data": user("cleo") });
    let bulk = json!({ "schemas": [BULK], "Operations": [create] });
    let done = there.scim.post("/Bulk", bulk).await.expect(200).body;
    assert_eq!(done["Operations"][0]["status"], "201", "{done:#}");
    here.scim.delete(&format!("/Users/{bert}")).await.expect(204);
    there.scim.get(&format!("/Users/{bert}")).await.expect(404);
}

/// What administrators do, carried out.
async fn administration(here: &Tenant, there: &Tenant) {
    here.activate("cost-center", artifacts::cost_center(), json!({})).await;
    here.admin.post("/clients", json!({ "name": "hr" })).await.expect(201);
    here.admin.patch("", json!({ "limits": { "maxUsers": 100 } })).await.expect(200);
    there.admin.post("/suspend", json!({})).await.expect(200);
    there.admin.post("/resume", json!({})).await.expect(200);
    let host = json!({ "kind": "host", "value": format!("{}.example.net", here.name) });
    here.admin.post("/entry-points", host).await.expect(201);
    let audit = there.admin.get("/audit?limit=1000").await.expect(200).body;
    let actions: Vec<&str> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["action"].as_str().unwrap())
        .collect();
    for action in ["tenant.create", "token.create", "plugin.activate", "client.create", "create"] {
        assert!(actions.contains(&action), "{action} is not in {actions:?}");
    }
    let verified = there.admin.post("/audit/verify", json!({})).await.expect(200).body;
    assert_eq!(verified["intact"], true, "{verified:#}");
    assert!(verified["records"].as_i64().unwrap() > 10, "{verified:#}");
}

async fn two_servers(postgres: &Postgres) -> (Server, Server, PgConnection) {
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let conn = PgConnection::connect(&postgres.url()).await.unwrap();
    (one, two, conn)
}

#[tokio::test]
async fn a_tenant_in_its_own_schema_leaves_no_row_in_the_shared_tables() {
    let postgres = Postgres::start(&[]);
    let (one, two, mut conn) = two_servers(&postgres).await;
    let acme = one.tenant_in("schema", "acme").await;
    let globex = one.tenant_in("shared", "globex").await;
    let there = acme.moved(&one, &two);
    work(&acme, &there).await;
    work(&globex, &globex.moved(&one, &two)).await;
    administration(&acme, &there).await;
    let shown = there.admin.get("").await.expect(200).body;
    assert_eq!(shown["placement"], json!({ "kind": "schema" }));
    // The log of requests is written by servers when they stop.
    drop((one, two));
    for (table, count) in rows(&mut conn, "public", &acme.id).await {
        assert_eq!(count, 0, "{table}");
    }
    for (table, count) in rows(&mut conn, &schema(&acme), &globex.id).await {
        assert_eq!(count, 0, "{table}");
    }
    for (table, count) in rows(&mut conn, &schema(&acme), &acme.id).await {
        // What is younger than two minutes is not sealed, and there is no plugin to be told of anything.
        assert!(
            count > 0 || ["audit_seals", "deliveries", "recorded_calls"].contains(&table),
            "{table}"
        );
    }
    // What has been written is there for servers that start later.
    let three = Server::start(Options::on(&postgres.url()));
    let list = three.admin().get(&format!("/tenants/{}/audit", acme.name)).await.expect(200);
    assert!(!list.body["items"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_schema_is_worked_with_under_the_second_lock_and_through_a_pooler() {
    let postgres = Postgres::start(&[]);
    let pooler = PgBouncer::start(&postgres, 10);
    let locked = |url: &str| Options::on(url).with("TENON_ROW_LEVEL_SECURITY", "on");
    let direct = Server::start(locked(&postgres.url()));
    let pooled = Server::start(locked(&pooler.url()).with("TENON_DATABASE_POOLER", "transaction"));
    let acme = direct.tenant_in("schema", "acme").await;
    work(&acme, &acme.moved(&direct, &pooled)).await;
    let globex = pooled.tenant_in("schema", "globex").await;
    work(&globex, &globex.moved(&pooled, &direct)).await;
    // A schema from before the lock was turned on is locked when a server starts with it.
    let mut conn = PgConnection::connect(&postgres.url()).await.unwrap();
    let locked: Vec<(String, bool)> = sqlx::query_as(
        "SELECT relname::text, relrowsecurity FROM pg_class \
         WHERE relnamespace = $1::text::regnamespace AND relkind = 'r'",
    )
    .bind(schema(&acme))
    .fetch_all(&mut conn)
    .await
    .unwrap();
    assert_eq!(locked.len(), TABLES.len());
    assert!(locked.iter().all(|(_, is_locked)| *is_locked), "{locked:?}");
    drop(pooled);
    drop(pooler);
}

#[tokio::test]
async fn a_schema_that_is_not_there_is_not_taken_for_the_shared_tables() {
    let postgres = Postgres::start(&[]);
    let (one, two, mut conn) = two_servers(&postgres).await;
    let acme = one.tenant_in("schema", "acme").await;
    acme.create("/Users", user("ada")).await;
    let drop_schema = format!("DROP SCHEMA {} CASCADE", schema(&acme));
    sqlx::raw_sql(sqlx::AssertSqlSafe(drop_schema)).execute(&mut conn).await.unwrap();
    for tenant in [&acme, &acme.moved(&one, &two)] {
        for status in [
            tenant.scim.post("/Users", user("bert")).await.status,
            tenant.scim.get("/Users").await.status,
            tenant.scim.query("/Users", &[("filter", "title pr")]).await.status,
            tenant.scim.get(&format!("/Users/{}", acme.id)).await.status,
            tenant.admin.get("/audit").await.status,
        ] {
            assert_eq!(status, 503);
        }
    }
    for (table, count) in rows(&mut conn, "public", &acme.id).await {
        assert_eq!(count, 0, "{table}");
    }
}

#[tokio::test]
async fn an_index_of_what_a_schema_has_is_built_in_it() {
    let server = Server::shared();
    let acme = server.tenant_in("schema", "indexed").await;
    for name in ["ada", "bert", "cleo"] {
        let mut user = user(name);
        user["title"] = json!(format!("Head of {name}"));
        acme.create("/Users", user).await;
    }
    acme.admin.put("/indexes/User/title", json!({})).await.expect(201);
    until(&server, &acme, "title", Some("ready")).await;
    let mut conn = PgConnection::connect(&server.database_url()).await.unwrap();
    for (schema, entries) in [("public".to_owned(), 0_i64), (schema(&acme), 3)] {
        let count = format!(
            "SELECT count(*) FROM {schema}.attr_index \
             WHERE tenant_id = $1::text::uuid AND attr = 'title'"
        );
        let count = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).bind(&acme.id);
        let count: i64 = count.fetch_one(&mut conn).await.unwrap();
        assert_eq!(count, entries, "{schema}");
    }
    let filter = [("filter", "title eq \"head of bert\"")];
    assert_eq!(acme.scim.query("/Users", &filter).await.expect(200).body["totalResults"], 1);
}

#[tokio::test]
async fn a_placement_that_is_none_is_refused_with_what_there_is() {
    let server = Server::shared();
    for placement in [json!("schema"), json!({}), json!({ "kind": "cloud" }), json!(["schema"])] {
        let tenant = json!({ "name": "nowhere", "placement": placement });
        let refused = server.admin().post("/tenants", tenant).await.expect(400);
        assert!(refused.detail().contains("\"shared\" or \"schema\""), "{}", refused.detail());
    }
    let acme = server.tenant_in("schema", "fixed").await;
    let change = json!({ "placement": { "kind": "shared" }, "name": "other" });
    let refused = acme.admin.patch("", change).await.expect(400);
    assert!(refused.detail().contains("name"), "{}", refused.detail());
    let change = json!({ "placement": { "kind": "schema" } });
    assert_eq!(acme.admin.patch("", change).await.expect(200).body["state"], "settled");
}

#[tokio::test]
async fn a_token_goes_with_its_user_wherever_that_is() {
    let server = Server::shared();
    for placement in ["shared", "schema", "database"] {
        let acme = server.tenant_in(placement, "token-of-user").await;
        let ada = acme.create("/Users", user("ada")).await;
        let nobody = json!({ "name": "nobody", "userId": acme.id });
        acme.admin.post("/tokens", nobody).await.expect(400);
        let token = json!({ "name": "ada", "userId": ada });
        let token = acme.admin.post("/tokens", token).await.expect(201).body;
        let of_ada = acme.scim.with_token(token["token"].as_str().unwrap());
        assert_eq!(of_ada.get("/Me").await.expect(200).body["userName"], "ada");
        acme.scim.delete(&format!("/Users/{ada}")).await.expect(204);
        of_ada.get("/Users").await.expect(401);
        let left: Value = acme.admin.get("/tokens").await.expect(200).body;
        let names: Vec<&Value> =
            left["items"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
        assert_eq!(names, ["test"], "{placement}");
    }
}
