//! Tenants that move to other tables while they are in use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tenon_tests::{Options, Postgres, Server, Tenant, patch, user};
use tokio::task::JoinSet;

use super::{rows, schema, two_servers, work};

/// Lets the time pass for which a move waits at a step, and tells how far it is.
pub(super) async fn later(conn: &mut PgConnection, tenant: &Tenant, step: &str) -> Value {
    sqlx::query(
        "UPDATE tenant_moves SET since = since - interval '1 hour' \
         WHERE tenant_id = $1::text::uuid AND step = $2",
    )
    .bind(&tenant.id)
    .bind(step)
    .execute(conn)
    .await
    .unwrap();
    tenant.admin.get("/move").await.expect(200).body
}

async fn begin(tenant: &Tenant, kind: &str) -> Value {
    begin_to(tenant, json!({ "kind": kind })).await
}

pub(super) async fn begin_to(tenant: &Tenant, placement: Value) -> Value {
    tenant.admin.post("/move", json!({ "placement": placement })).await.expect(202).body
}

/// Moves the tenant, once both servers know that it moves.
pub(super) async fn moved_to(
    conn: &mut PgConnection,
    here: &Tenant,
    there: &Tenant,
    placement: Value,
) {
    let begun = begin_to(here, placement.clone()).await;
    assert_eq!((&begun["state"], &begun["step"]), (&json!("moving"), &json!("copying")));
    heard(conn, there).await;
    while later(conn, there, "switching").await["step"] != "cleaning" {}
    while later(conn, there, "cleaning").await["state"] != "settled" {}
    let settled = here.admin.get("/move").await.expect(200).body;
    assert_eq!(settled["placement"], placement);
}

/// Until a server goes by the configuration that says that the tenant moves: until it lets nobody write
/// who would have to wait for the tenant's row.
pub(super) async fn heard(conn: &mut PgConnection, there: &Tenant) {
    loop {
        let mut locked = conn.begin().await.unwrap();
        sqlx::query("SELECT FROM tenants WHERE id = $1::text::uuid FOR UPDATE")
            .bind(&there.id)
            .execute(&mut *locked)
            .await
            .unwrap();
        let written = there.scim.post("/Users", user("canary")).await;
        locked.rollback().await.unwrap();
        match written.status {
            201 => {
                let id = written.body["id"].as_str().unwrap();
                let removed = there.scim.delete(&format!("/Users/{id}")).await;
                assert_eq!(removed.status, 204);
            }
            503 => return,
            status => panic!("{status}"),
        }
    }
}

/// What is in the tables of a tenant.
pub(super) async fn users(tenant: &Tenant) -> BTreeMap<String, Value> {
    let mut users = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let query = [("count", "1000"), ("cursor", cursor.as_str())];
        let page = tenant.scim.query("/Users", &query).await.expect(200).body;
        for user in page["Resources"].as_array().unwrap() {
            users.insert(user["userName"].as_str().unwrap().to_owned(), user.clone());
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return users,
        }
    }
}

/// Creates users, counts in their titles, and deletes every third, until it is told to stop. What was
/// acknowledged is the answer; what was refused for the moment is tried again.
pub(super) async fn write(
    tenant: Tenant,
    writer: usize,
    stop: Arc<AtomicBool>,
) -> BTreeMap<String, Option<u32>> {
    let mut done = BTreeMap::new();
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        let name = format!("w{writer}-{n}");
        n += 1;
        let created = loop {
            let created = tenant.scim.post("/Users", user(&name)).await;
            match created.status {
                201 => break created,
                503 => {}
                status => panic!("create: {status} {:#}", created.body),
            }
        };
        let path = format!("/Users/{}", created.body["id"].as_str().unwrap());
        for count in 1..=3_u32 {
            let title = json!([{ "op": "replace", "path": "title", "value": count.to_string() }]);
            loop {
                let patched = tenant.scim.patch(&path, patch(title.clone())).await;
                match patched.status {
                    200 => break,
                    503 => {}
                    status => panic!("patch: {status} {:#}", patched.body),
                }
            }
            let read = tenant.scim.get(&path).await.expect(200).body;
            assert_eq!(read["title"], count.to_string(), "what was written is not read");
        }
        done.insert(name.clone(), Some(3));
        if n % 3 == 0 {
            while tenant.scim.delete(&path).await.status == 503 {}
            done.insert(name, None);
        }
    }
    done
}

#[tokio::test]
async fn no_write_is_lost_in_a_move() {
    let postgres = Postgres::start(&[]);
    let places = ["schema", "shared", "schema"].map(|kind| json!({ "kind": kind }));
    no_write_is_lost(&postgres, 2_000, places).await;
}

/// Moves a tenant with so many users through places, while two servers write.
pub(super) async fn no_write_is_lost(
    postgres: &Postgres,
    old: usize,
    places: impl IntoIterator<Item = Value>,
) {
    let (one, two, mut conn) = two_servers(postgres).await;
    let acme = one.tenant_in("shared", "acme").await;
    let there = acme.moved(&one, &two);
    let mut lines = String::new();
    let import = async |lines: &mut String| {
        let request = acme.admin.request(reqwest::Method::POST, "/import");
        let request = request.header("content-type", "application/x-ndjson").body(lines.clone());
        assert_eq!(request.send().await.unwrap().status(), 200);
        lines.clear();
    };
    for n in 0..old {
        lines.push_str(&format!("{}\n", json!({ "resource": user(&format!("old{n}")) })));
        if n % 500 == 499 {
            import(&mut lines).await;
        }
    }
    let before = users(&acme).await;
    let (stop, mut writers) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for writer in 0..6 {
        let tenant = if writer % 2 == 0 { acme.clone() } else { there.clone() };
        writers.spawn(write(tenant, writer, Arc::clone(&stop)));
    }
    for place in places {
        moved_to(&mut conn, &acme, &there, place).await;
    }
    stop.store(true, Ordering::Relaxed);
    let written: BTreeMap<String, Option<u32>> =
        writers.join_all().await.into_iter().flatten().collect();
    let after = users(&there).await;
    let mut expected: BTreeMap<&str, Option<String>> =
        before.keys().map(|name| (name.as_str(), None)).collect();
    for (name, title) in &written {
        if let Some(title) = title {
            expected.insert(name, Some(title.to_string()));
        }
    }
    let found: BTreeMap<&str, Option<String>> = after
        .iter()
        .map(|(name, user)| (name.as_str(), user["title"].as_str().map(str::to_owned)))
        .collect();
    assert_eq!(found.len(), expected.len());
    assert_eq!(found, expected);
    assert!(written.len() > 30, "only {} were written meanwhile", written.len());
    for (table, count) in rows(&mut conn, "public", &acme.id).await {
        assert_eq!(count, 0, "{table}");
    }
    let total = after.len();
    let list = acme.scim.query("/Users", &[("filter", "userName pr"), ("count", "0")]).await;
    assert_eq!(list.expect(200).body["totalResults"], total);
    let verified = acme.admin.post("/audit/verify", json!({})).await.expect(200).body;
    assert_eq!(verified["intact"], true, "{verified:#}");
}

#[tokio::test]
async fn a_move_goes_on_when_its_server_is_killed() {
    let postgres = Postgres::start(&[]);
    let mut conn = PgConnection::connect(&postgres.url()).await.unwrap();
    let mut server = Server::start(Options::on(&postgres.url()));
    let acme = server.tenant_in("shared", "acme").await;
    let ada = acme.create("/Users", user("ada")).await;
    begin(&acme, "schema").await;
    acme.admin.post("/move", json!({ "placement": { "kind": "schema" } })).await.expect(409);
    let mut at = acme.clone();
    // At each of its steps.
    for step in ["copying", "switching", "cleaning"] {
        let found = at.admin.get("/move").await.expect(200).body["step"].clone();
        assert!(found == step || step == "copying", "{found} and not {step}");
        server.kill();
        server = Server::start(Options::on(&postgres.url()));
        at = acme.at_server(&server);
        at.scim.get(&format!("/Users/{ada}")).await.expect(200);
        at.create("/Users", user(step)).await;
        let next = match step {
            "copying" => "switching",
            "switching" => "cleaning",
            _ => break,
        };
        while at.admin.get("/move").await.expect(200).body["step"] == "copying" {}
        if next == "cleaning" {
            while later(&mut conn, &at, "switching").await["step"] == "switching" {}
        }
    }
    while later(&mut conn, &at, "cleaning").await["state"] != "settled" {}
    let names: Vec<String> = users(&at).await.into_keys().collect();
    assert_eq!(names, ["ada", "cleaning", "copying", "switching"]);
    for (table, count) in rows(&mut conn, "public", &acme.id).await {
        assert_eq!(count, 0, "{table}");
    }
}

#[tokio::test]
async fn a_tenant_that_is_deleted_while_it_moves_leaves_nothing_anywhere() {
    let postgres = Postgres::start(&[]);
    let (one, two, mut conn) = two_servers(&postgres).await;
    for kind in ["schema", "shared"] {
        let from = if kind == "schema" { "shared" } else { "schema" };
        let acme = one.tenant_in(from, "acme").await;
        work(&acme, &acme.moved(&one, &two)).await;
        begin(&acme, kind).await;
        while acme.admin.get("/move").await.expect(200).body["step"] == "copying" {}
        let gone = acme.admin.delete("").await.status;
        assert!(gone == 204 || gone == 202, "{gone}");
        while one.admin().get(&format!("/tenants/{}", acme.id)).await.status != 404 {}
        for (table, count) in rows(&mut conn, "public", &acme.id).await {
            assert_eq!(count, 0, "{table}");
        }
        let schemas: i64 =
            sqlx::query_scalar("SELECT count(*) FROM pg_namespace WHERE nspname = $1")
                .bind(schema(&acme))
                .fetch_one(&mut conn)
                .await
                .unwrap();
        assert_eq!(schemas, 0);
    }
}

#[tokio::test]
async fn a_move_to_where_the_data_is_does_nothing_and_one_to_nowhere_is_refused() {
    let server = Server::shared();
    let acme = server.tenant_in("schema", "acme").await;
    let there = json!({ "placement": { "kind": "schema" } });
    let settled = acme.admin.post("/move", there).await.expect(200).body;
    assert_eq!(settled, json!({ "placement": { "kind": "schema" }, "state": "settled" }));
    for nowhere in [json!({}), json!({ "placement": { "kind": "cloud" } })] {
        acme.admin.post("/move", nowhere).await.expect(400);
    }
}
