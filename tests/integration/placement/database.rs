//! Tenants with a database of their own, on another Postgres than that of two servers.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tenon_tests::{Options, Postgres, Server, Tenant, artifacts, until, user};

use super::{administration, rows, two_servers, work};

pub(super) fn at(postgres: &Postgres) -> Value {
    json!({ "kind": "database", "url": postgres.url() })
}

async fn count(conn: &mut PgConnection, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement).fetch_one(conn).await.unwrap()
}

#[tokio::test]
async fn a_tenant_in_its_own_database_leaves_no_row_in_that_of_the_servers() {
    let (postgres, other) = (Postgres::start(&[]), Postgres::start(&[]));
    let (one, two, mut home) = two_servers(&postgres).await;
    let acme = one.tenant_at(at(&other), "acme").await;
    let globex = one.tenant_in("shared", "globex").await;
    let there = acme.moved(&one, &two);
    work(&acme, &there).await;
    work(&globex, &globex.moved(&one, &two)).await;
    administration(&acme, &there).await;
    // What was asked of the audit log last has taken all of it there.
    assert_eq!(count(&mut home, "SELECT count(*) FROM audit_waiting").await, 0);
    // The log of requests is written by servers when they stop.
    drop((one, two));
    for (table, count) in rows(&mut home, "public", &acme.id).await {
        assert_eq!(count, 0, "{table}");
    }
    let mut own = PgConnection::connect(&other.url()).await.unwrap();
    for (table, count) in rows(&mut own, "public", &acme.id).await {
        // What is younger than two minutes is not sealed.
        assert!(
            count > 0 || ["audit_seals", "deliveries", "recorded_calls"].contains(&table),
            "{table}"
        );
    }
    // Who has that database has nobody's credentials, and does not learn the tenant's name.
    for table in ["tokens", "clients", "issuers", "server_keys", "plugins", "realms"] {
        let all = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let all: i64 = sqlx::query_scalar(all).fetch_one(&mut own).await.unwrap();
        assert_eq!(all, 0, "{table}");
    }
    let names: Vec<String> =
        sqlx::query_scalar("SELECT name FROM tenants").fetch_all(&mut own).await.unwrap();
    assert_eq!(names, std::slice::from_ref(&acme.id));
    // What has been written is there for servers that start later.
    let three = Server::start(Options::on(&postgres.url()));
    let users = acme.at_server(&three).scim.get("/Users").await.expect(200).body;
    assert_eq!(users["totalResults"], 2);
}

#[tokio::test]
async fn a_quota_counts_in_a_database_of_its_own() {
    let (postgres, other) = (Postgres::start(&[]), Postgres::start(&[]));
    let (one, two, _) = two_servers(&postgres).await;
    let acme = one.tenant_at(at(&other), "acme").await;
    acme.admin.patch("", json!({ "limits": { "maxUsers": 1 } })).await.expect(200);
    acme.create("/Users", user("ada")).await;
    let there = acme.moved(&one, &two);
    assert_eq!(there.scim.post("/Users", user("bert")).await.status, 403);
    let stats = there.admin.get("/stats").await.expect(200).body;
    assert_eq!(stats["resources"]["User"]["count"], 1);
}

#[tokio::test]
async fn a_version_is_run_over_what_is_stored_in_a_database_of_its_own() {
    let (postgres, other) = (Postgres::start(&[]), Postgres::start(&[]));
    let (one, two, _) = two_servers(&postgres).await;
    let acme = one.tenant_at(at(&other), "acme").await;
    for number in 0..30 {
        acme.create("/Users", user(&format!("u{number}"))).await;
    }
    let uploaded = acme.upload("members", &artifacts::component("tell-members")).await.expect(201);
    let digest = json!({ "digest": uploaded.body["digest"] });
    let begun = acme.admin.post("/plugins/members/impact", digest).await.expect(202).body;
    assert_eq!(begun["total"], 30);
    let there = acme.moved(&one, &two);
    let ended = until("the end of the check", async || {
        let impacts = there.admin.get("/plugins/members/impact").await.expect(200).body;
        let latest = impacts["items"][0].clone();
        (latest["state"] != "running").then_some(latest)
    })
    .await;
    assert_eq!((&ended["state"], &ended["passed"]), (&json!("done"), &json!(30)), "{ended:#}");
}

#[tokio::test]
async fn the_url_of_a_database_is_stored_encrypted_and_shown_without_its_password() {
    let (postgres, other) = (Postgres::start(&[]), Postgres::start(&[]));
    let (one, two, mut home) = two_servers(&postgres).await;
    let with_password = |password: &str| {
        let url = other.url().replace("tenon@", &format!("tenon:{password}@"));
        json!({ "kind": "database", "url": format!("{url}?application_name=hunter4") })
    };
    let acme = one.tenant_at(with_password("hunter2"), "acme").await;
    let shown = json!({ "kind": "database", "url": other.url() });
    assert_eq!(acme.admin.get("").await.expect(200).body["placement"], shown);
    acme.create("/Users", user("ada")).await;
    // Another password leads to the same database, and nothing moves.
    let changed = acme.admin.patch("", json!({ "placement": with_password("hunter3") })).await;
    assert_eq!(changed.expect(200).body, json!({ "placement": shown, "state": "settled" }));
    let there = acme.moved(&one, &two);
    until("the other server uses the new URL", async || {
        (there.scim.get("/Users").await.status == 200).then_some(())
    })
    .await;
    let urls: Vec<(String, String)> = sqlx::query_as("SELECT url, shown FROM tenant_databases")
        .fetch_all(&mut home)
        .await
        .unwrap();
    assert_eq!(urls.len(), 1);
    assert_eq!(urls[0].1, other.url());
    let audit = acme.admin.get("/audit").await.expect(200).body.to_string();
    let list = one.admin().get("/tenants").await.expect(200).body.to_string();
    for text in [&urls[0].0, &audit, &list, &one.log.text(), &two.log.text()] {
        assert!(!text.contains("hunter"), "{text}");
    }
}

async fn statuses(tenant: &Tenant, id: &str) -> Vec<u16> {
    let user_path = format!("/Users/{id}");
    vec![
        tenant.scim.get(&user_path).await.status,
        tenant.scim.get("/Users").await.status,
        tenant.scim.query("/Users", &[("filter", "userName eq \"ada\"")]).await.status,
        tenant.scim.query("/Users", &[("filter", "title pr")]).await.status,
        tenant.scim.put(&user_path, user("ada")).await.status,
        tenant.scim.post("/Users", user("bert")).await.status,
        tenant.scim.delete(&user_path).await.status,
        tenant.admin.get("/audit").await.status,
    ]
}

#[tokio::test]
async fn a_database_that_is_away_is_503_for_its_tenant_and_nothing_for_others() {
    let (postgres, mut other) = (Postgres::start(&[]), Postgres::start(&[]));
    let (one, two, mut home) = two_servers(&postgres).await;
    let acme = one.tenant_at(at(&other), "acme").await;
    let globex = one.tenant_in("shared", "globex").await;
    let there = acme.moved(&one, &two);
    let ada = acme.create("/Users", user("ada")).await;
    other.stop();
    for tenant in [&acme, &there] {
        assert_eq!(statuses(tenant, &ada).await, [503; 8]);
    }
    let answer = acme.scim.get("/Users").await.expect(503);
    assert!(answer.header("retry-after").parse::<u32>().is_ok());
    globex.create("/Users", user("ada")).await;
    assert_eq!(acme.admin.get("/health").await.expect(200).body["status"], "degraded");
    assert_eq!(globex.admin.get("/health").await.expect(200).body["status"], "ok");
    for (table, count) in rows(&mut home, "public", &acme.id).await {
        assert_eq!(count, 0, "{table}");
    }
    // What administrators decide meanwhile is decided, and is in the audit log afterwards.
    let token = acme.admin.post("/tokens", json!({ "name": "late" })).await.expect(201).body;
    other.start_again();
    until("the database is there again", async || {
        (there.scim.get(&format!("/Users/{ada}")).await.status == 200).then_some(())
    })
    .await;
    acme.create("/Users", user("bert")).await;
    let audit = there.admin.get("/audit").await.expect(200).body;
    let subjects: Vec<&Value> =
        audit["items"].as_array().unwrap().iter().map(|it| &it["subject"]).collect();
    assert!(subjects.contains(&&token["id"]), "{subjects:?}");
}

#[tokio::test]
async fn a_database_that_is_not_the_tenants_alone_is_refused_with_what_to_do() {
    let (postgres, other) = (Postgres::start(&[]), Postgres::start(&[]));
    let (one, _two, _) = two_servers(&postgres).await;
    one.tenant_at(at(&other), "acme").await;
    let globex = one.tenant_in("shared", "globex").await;
    let nobody = json!({ "kind": "database", "url": "postgres://ada:hunter2@127.0.0.1:1/x" });
    for (placement, kind) in [
        (at(&postgres), "database-in-use"),
        (at(&other), "database-in-use"),
        (nobody, "database-not-usable"),
    ] {
        let body = json!({ "name": "new", "placement": placement });
        for refused in [
            one.admin().post("/tenants", body).await.expect(409),
            globex.admin.post("/move", json!({ "placement": placement })).await.expect(409),
        ] {
            assert!(refused.body["type"].as_str().unwrap().ends_with(kind), "{:#}", refused.body);
            assert!(!refused.body.to_string().contains("hunter"), "{:#}", refused.body);
        }
        one.admin().get("/tenants/new").await.expect(404);
        assert_eq!(globex.admin.get("/move").await.expect(200).body["state"], "settled");
    }
    for url in [json!("mysql://root:hunter2@x"), json!(7), Value::Null] {
        let placement = json!({ "kind": "database", "url": url });
        let body = json!({ "name": "new", "placement": placement });
        let refused = one.admin().post("/tenants", body).await.expect(400);
        assert!(!refused.body.to_string().contains("hunter"), "{:#}", refused.body);
    }
}

#[tokio::test]
async fn without_a_key_no_url_is_stored() {
    let (postgres, other) = (Postgres::start(&[]), Postgres::start(&[]));
    let without = Options::on(&postgres.url()).with("TENON_ENCRYPTION_KEY", "");
    let server = Server::start(without);
    let body = json!({ "name": "acme", "placement": at(&other) });
    let refused = server.admin().post("/tenants", body).await.expect(409);
    assert!(refused.detail().contains("TENON_ENCRYPTION_KEY"), "{}", refused.detail());
    let acme = server.tenant_in("shared", "acme").await;
    acme.admin.post("/move", json!({ "placement": at(&other) })).await.expect(409);
}

#[tokio::test]
async fn an_index_of_what_a_database_has_is_built_in_it() {
    let (postgres, other) = (Postgres::start(&[]), Postgres::start(&[]));
    let (one, two, mut home) = two_servers(&postgres).await;
    let acme = one.tenant_at(at(&other), "indexed").await;
    for name in ["ada", "bert", "cleo"] {
        let mut user = user(name);
        user["title"] = json!(format!("Head of {name}"));
        acme.create("/Users", user).await;
    }
    let there = acme.moved(&one, &two);
    there.admin.put("/indexes/User/title", json!({})).await.expect(201);
    until("the index is ready", async || {
        // Nobody waits here until no request goes by what was before.
        sqlx::query(
            "UPDATE index_builds SET since = since - interval '1 hour' WHERE state <> 'ready'",
        )
        .execute(&mut home)
        .await
        .unwrap();
        let indexes = acme.admin.get("/indexes").await.expect(200).body.to_string();
        (!indexes.contains("building") && !indexes.contains("checking")).then_some(())
    })
    .await;
    let mut own = PgConnection::connect(&other.url()).await.unwrap();
    const ENTRIES: &str = "SELECT count(*) FROM attr_index WHERE attr = 'title'";
    assert_eq!((count(&mut own, ENTRIES).await, count(&mut home, ENTRIES).await), (3, 0));
    let filter = [("filter", "title eq \"head of bert\"")];
    assert_eq!(there.scim.query("/Users", &filter).await.expect(200).body["totalResults"], 1);
}

#[tokio::test]
async fn what_a_database_has_goes_with_its_tenant_also_when_it_was_away() {
    let (postgres, mut other) = (Postgres::start(&[]), Postgres::start(&[]));
    let (one, two, mut home) = two_servers(&postgres).await;
    let acme = one.tenant_at(at(&other), "acme").await;
    work(&acme, &acme.moved(&one, &two)).await;
    other.stop();
    acme.admin.delete("").await.expect(202);
    acme.scim.get("/Users").await.expect(401);
    other.start_again();
    until("nothing is left of the tenant", async || {
        let path = format!("/tenants/{}", acme.id);
        (two.admin().get(&path).await.status == 404).then_some(())
    })
    .await;
    let mut own = PgConnection::connect(&other.url()).await.unwrap();
    for (table, count) in rows(&mut own, "public", &acme.id).await {
        assert_eq!(count, 0, "{table}");
    }
    assert_eq!(count(&mut own, "SELECT count(*) FROM tenants").await, 0);
    assert_eq!(count(&mut home, "SELECT count(*) FROM tenant_databases").await, 0);
    // It may be another tenant's now.
    one.tenant_at(at(&other), "globex").await.create("/Users", user("ada")).await;
}
