//! Indexes are built and dropped while the tenant is in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use serde_json::{Value, json};
use sqlx::{PgConnection, Row};
use tenon_tests::{Client, Options, Server, Tenant, artifacts, new_data_dir, patch, user};

const BADGE: &str = "urn:example:2.0:Badge";

/// Has the tenant's indexes think that they have waited: no other request is under way here.
pub(super) async fn let_time_pass(conn: &mut PgConnection, tenant: &Tenant) {
    sqlx::query(
        "UPDATE index_builds SET since = since - interval '1 hour' \
         WHERE state <> 'ready' AND tenant_id = $1::text::uuid",
    )
    .bind(&tenant.id)
    .execute(conn)
    .await
    .unwrap();
}

/// The index as the operator sees it; null where there is none.
async fn index(tenant: &Tenant, attribute: &str) -> Value {
    let all = tenant.admin.get("/indexes").await.expect(200).body;
    let mut all = all["items"].as_array().unwrap().iter();
    all.find(|it| it["attribute"] == attribute).cloned().unwrap_or_default()
}

/// Lets time pass until the index is in that state, or gone.
pub(super) async fn until(
    server: &Server,
    tenant: &Tenant,
    attribute: &str,
    state: Option<&str>,
) -> Value {
    let mut conn = server.database().await;
    tenon_tests::until(&format!("{attribute} is {state:?}"), async || {
        let_time_pass(&mut conn, tenant).await;
        let index = index(tenant, attribute).await;
        (index["state"].as_str() == state).then_some(index)
    })
    .await
}

/// The entries of an index, in order.
async fn entries(server: &Server, tenant: &Tenant, attribute: &str) -> Vec<(String, String)> {
    let rows = sqlx::query(
        "SELECT val, id::text AS id FROM attr_index \
         WHERE tenant_id = $1::text::uuid AND attr = $2 ORDER BY val, id",
    )
    .bind(&tenant.id)
    .bind(attribute)
    .fetch_all(&mut server.database().await)
    .await
    .unwrap();
    rows.iter().map(|row| (row.get("val"), row.get("id"))).collect()
}

/// Users with a title, as many as that, written past the server.
pub(super) async fn fill(server: &Server, tenant: &Tenant, users: i32) {
    sqlx::query(
        "INSERT INTO resources (tenant_id, id, type, version, created, modified, body) \
         SELECT $1::text::uuid, lpad(to_hex(n), 32, '0')::uuid, 'User', 1, now(), now(), \
                '{\"schemas\":[],\"userName\":\"u' || n || '\",\"title\":\"Title ' || n || '\"}' \
         FROM generate_series(1, $2) AS n",
    )
    .bind(&tenant.id)
    .bind(users)
    .execute(&mut server.database().await)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO counters (tenant_id, type, n) VALUES ($1::text::uuid, 'User', $2) \
         ON CONFLICT (tenant_id, type) DO UPDATE SET n = counters.n + excluded.n",
    )
    .bind(&tenant.id)
    .bind(users)
    .execute(&mut server.database().await)
    .await
    .unwrap();
}

#[tokio::test]
async fn a_new_tenant_has_the_indexes_of_the_core() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let all = acme.admin.get("/indexes").await.expect(200).body;
    let all = all["items"].as_array().unwrap();
    let named: Vec<_> = all
        .iter()
        .map(|it| (it["resourceType"].as_str().unwrap(), it["attribute"].as_str().unwrap()))
        .collect();
    assert!(named.contains(&("Group", "displayName")) && named.contains(&("User", "emails.value")));
    for index in all {
        assert_eq!(index["state"], "ready");
        assert_eq!(index["wantedBy"], json!(["core"]));
    }
}

#[tokio::test]
async fn a_filter_that_reads_too_many_documents_says_which_index_is_missing() {
    let server = Server::start(Options::default().with("TENON_FILTER_SCAN_LIMIT", "20"));
    let acme = server.tenant("acme").await;
    fill(&server, &acme, 21).await;
    let by_title = [("filter", "title eq \"title 7\"")];
    for query in [by_title, [("sortBy", "title")]] {
        let refused = acme.scim.query("/Users", &query).await.expect(400).body;
        assert_eq!(refused["scimType"], "tooMany", "{refused}");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("more than 20 User resources"), "{detail}");
        assert!(detail.contains("\"title\"") && detail.contains("tenon index add"), "{detail}");
    }
    let indexed = [("filter", "emails.value eq \"u@example.com\"")];
    assert_eq!(acme.scim.query("/Users", &indexed).await.expect(200).body["totalResults"], 0);

    acme.admin.put("/indexes/User/title", json!({})).await.expect(201);
    until(&server, &acme, "title", Some("ready")).await;
    // The index is ready, and the server goes by it as soon as it has heard of that.
    let list = tenon_tests::until("the filter goes by the index", async || {
        let list = acme.scim.query("/Users", &by_title).await;
        (list.status != 400).then(|| list.expect(200).body)
    })
    .await;
    assert_eq!(list["totalResults"], 1);
    assert_eq!(list["Resources"][0]["title"], "Title 7");
    let sorted = acme.scim.get("/Users?sortBy=title&count=2").await.expect(200).body;
    assert_eq!(sorted["totalResults"], 21);
    assert_eq!(sorted["Resources"][1]["title"], "Title 10");
}

#[tokio::test]
async fn an_index_that_is_added_has_what_the_bodies_have() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut expected = Vec::new();
    for (name, title) in [("a", Some("Engineer")), ("b", None), ("c", Some("ÉLÈVE"))] {
        let mut body = user(name);
        if let Some(title) = title {
            body["title"] = json!(title);
        }
        let id = acme.create("/Users", body).await;
        expected.extend(title.map(|title| (title.to_lowercase(), id)));
    }
    let added = acme.admin.put("/indexes/User/TITLE", json!({})).await.expect(201).body;
    assert_eq!(added["attribute"], "title", "as the schema spells it");
    assert_eq!(
        (&added["state"], &added["wantedBy"]),
        (&json!("building"), &json!(["administrator"]))
    );
    acme.admin.put("/indexes/User/title", json!({})).await.expect(200);

    let ready = until(&server, &acme, "title", Some("ready")).await;
    assert!(ready["finished"].is_string(), "{ready}");
    expected.sort();
    assert_eq!(entries(&server, &acme, "title").await, expected);

    // Another form of it is another index.
    let parts = json!({ "substrings": true });
    let added = acme.admin.put("/indexes/User/title", parts).await.expect(200).body;
    assert_eq!(added["state"], "dropping");
    until(&server, &acme, "title", Some("ready")).await;
    assert_eq!(entries(&server, &acme, "title").await, expected);

    acme.admin.delete("/indexes/User/title").await.expect(204);
    until(&server, &acme, "title", None).await;
    assert_eq!(entries(&server, &acme, "title").await, []);
    acme.admin.delete("/indexes/User/title").await.expect(404);
}

#[tokio::test]
async fn an_entry_that_no_resource_has_is_removed_before_the_index_is_ready() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("a")).await;
    let gone = "00000000-0000-0000-0000-00000000dead";
    acme.admin.put("/indexes/User/title", json!({})).await.expect(201);
    // As a write leaves it that does not see what is built at the same time.
    sqlx::query(
        "INSERT INTO attr_index (tenant_id, type, attr, val, id, elem, substrings) \
         SELECT $1::text::uuid, 'User', 'title', 'old', id::uuid, 0, false \
         FROM unnest($2::text[]) AS of (id)",
    )
    .bind(&acme.id)
    .bind([id.as_str(), gone])
    .execute(&mut server.database().await)
    .await
    .unwrap();
    until(&server, &acme, "title", Some("ready")).await;
    assert_eq!(entries(&server, &acme, "title").await, []);
}

#[tokio::test]
async fn what_cannot_be_indexed_is_told() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let cases = [
        ("User/userName", "is unique"),
        ("User/password", "is never returned"),
        ("User/emails", "index one of its sub-attributes"),
        ("User/externalId", "is a common attribute"),
        ("User/meta.created", "is a common attribute"),
        ("User/nothing", "has no attribute \"nothing\""),
        ("Group/members.value", "is of memberships"),
        ("User/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "a whole extension"),
    ];
    for (path, detail) in cases {
        let refused = acme.admin.put(&format!("/indexes/{path}"), json!({})).await.expect(400);
        assert!(refused.detail().contains(detail), "{}", refused.detail());
    }
    let parts = json!({ "substrings": true });
    let refused = acme.admin.put("/indexes/User/active", parts).await.expect(400);
    assert!(refused.detail().contains("has no parts"), "{}", refused.detail());
    acme.admin.put("/indexes/User/title", json!({ "parts": true })).await.expect(400);
    acme.admin.put("/indexes/User/title", json!({ "substrings": 1 })).await.expect(400);
    let unknown = acme.admin.put("/indexes/Robot/name", json!({})).await.expect(404);
    assert!(unknown.detail().contains("it has User, Group"), "{}", unknown.detail());
    let declared = acme.admin.delete("/indexes/User/displayName").await.expect(409);
    assert_eq!(declared.body["type"], "urn:tenon:problem:declared-by-a-schema");
    acme.admin.delete("/indexes/User/title").await.expect(404);
}

/// An extension of User whose attribute is indexed.
fn badge() -> Vec<u8> {
    artifacts::describing(&[
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": BADGE,
            "name": "Badge",
            "attributes": [{ "name": "number", "type": "integer", "indexed": "values" }]
        }),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "name": "User", "schemaExtensions": [{ "schema": BADGE }]
        }),
    ])
}

#[tokio::test]
async fn the_index_of_a_plugin_comes_and_goes_with_it() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let number = format!("{BADGE}:number");
    let digest = acme.activate("badge", &badge(), json!({})).await;
    let mut with_badge = user("a");
    with_badge[BADGE] = json!({ "number": 42 });
    let id = acme.create("/Users", with_badge).await;
    let ready = until(&server, &acme, &number, Some("ready")).await;
    assert_eq!(ready["wantedBy"], json!(["plugin:badge"]));
    let found = entries(&server, &acme, &number).await;
    assert_eq!(found.iter().map(|it| &it.1).collect::<Vec<_>>(), [&id]);

    acme.admin.post("/plugins/badge/deactivate", json!({})).await.expect(200);
    assert_eq!(index(&acme, &number).await["state"], "dropping");
    until(&server, &acme, &number, None).await;
    assert_eq!(entries(&server, &acme, &number).await, []);

    // An administrator's wish outlives the plugin.
    let activate = json!({ "digest": digest });
    acme.admin.post("/plugins/badge/activate", activate.clone()).await.expect(200);
    acme.admin.put(&format!("/indexes/User/{number}"), json!({})).await.expect(201);
    let both = index(&acme, &number).await;
    assert_eq!(both["wantedBy"], json!(["plugin:badge", "administrator"]));
    acme.admin.delete("/plugins/badge").await.expect(204);
    assert_eq!(index(&acme, &number).await["wantedBy"], json!([]));
    acme.admin.delete(&format!("/indexes/User/{number}")).await.expect(204);
    until(&server, &acme, &number, None).await;
}

#[tokio::test]
async fn documents_are_made_anew_when_a_schema_comes() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut with_badge = user("a");
    with_badge[BADGE] = json!({ "number": 42 });
    let digest = acme.activate("badge", &badge(), json!({})).await;
    let id = acme.create("/Users", with_badge).await;
    let mut conn = server.database().await;
    // As a server has written it that did not know documents yet.
    sqlx::query("UPDATE resources SET search = NULL WHERE id = $1::text::uuid")
        .bind(&id)
        .execute(&mut conn)
        .await
        .unwrap();
    acme.admin.post("/plugins/badge/deactivate", json!({})).await.expect(200);
    acme.admin.post("/plugins/badge/activate", json!({ "digest": digest })).await.expect(200);
    let search = "SELECT search FROM resources WHERE id = $1::text::uuid AND search IS NOT NULL";
    let document: String = tenon_tests::until("the document is rewritten", async || {
        let_time_pass(&mut conn, &acme).await;
        sqlx::query_scalar(search).bind(&id).fetch_optional(&mut conn).await.unwrap()
    })
    .await;
    let document: Value = serde_json::from_str(&document).unwrap();
    assert!(document[BADGE]["number"].as_str().is_some_and(|key| key.starts_with('p')));
}

/// A build that waits for a lock of the test, at the user before which it stops.
async fn held_at(conn: &mut PgConnection, tenant: &Tenant, n: i64) {
    sqlx::query("BEGIN").execute(&mut *conn).await.unwrap();
    sqlx::query(
        "INSERT INTO attr_index (tenant_id, type, attr, val, id, elem, substrings) VALUES \
         ($1::text::uuid, 'User', 'title', 'title ' || $2::bigint, lpad(to_hex($2), 32, '0')::uuid, 0, false)",
    )
    .bind(&tenant.id)
    .bind(n)
    .execute(conn)
    .await
    .unwrap();
}

#[tokio::test]
async fn a_build_whose_server_is_killed_goes_on_where_it_was() {
    const USERS: i32 = 4_000;
    let dir = new_data_dir();
    let over = |dir: &std::path::Path| {
        Server::start(Options { data_dir: Some(dir.to_owned()), ..Options::default() })
    };
    let mut first = over(dir.path());
    let acme = first.tenant("acme").await;
    fill(&first, &acme, USERS).await;
    let mut conn = first.database().await;
    // The batch with this user cannot be committed as long as the test does not let it.
    held_at(&mut conn, &acme, 2_100).await;
    acme.admin.put("/indexes/User/title", json!({})).await.expect(201);
    let mut other = first.database().await;
    let before = tenon_tests::until("2,000 users are indexed", async || {
        let_time_pass(&mut other, &acme).await;
        let index = index(&acme, "title").await;
        (index["done"].as_i64().unwrap() >= 2_000).then_some(index)
    })
    .await;
    assert_eq!((&before["state"], &before["done"]), (&json!("building"), &json!(2_000)));
    first.kill();
    sqlx::query("ROLLBACK").execute(&mut conn).await.unwrap();

    let second = over(dir.path());
    let at = |client: &Client| client.at(client.base.replace(&first.url, &second.url));
    let acme = Tenant { admin: at(&acme.admin), scim: at(&acme.scim), ..acme };
    until(&second, &acme, "title", Some("ready")).await;
    let line = second.log.wait_for("the line of the build", |line| {
        line["message"] == "index" && line["attribute"] == "title" && line["state"] == "checking"
    });
    assert_eq!(line["done"], USERS, "it went on: none was counted twice");
    assert_eq!(entries(&second, &acme, "title").await.len(), USERS as usize);
}

#[tokio::test]
async fn two_servers_share_what_is_to_be_built() {
    let first = Server::start(Options::default());
    let url = ("TENON_DATABASE_URL".to_owned(), first.database_url());
    let second = Server::start(Options { environment: vec![url], ..Options::default() });
    let (acme, globex) = (first.tenant("acme").await, first.tenant("globex").await);
    // One server is held in the index of one tenant; the index of the other is ready all the same.
    let mut conn = first.database().await;
    for tenant in [&acme, &globex] {
        fill(&first, tenant, 10).await;
    }
    held_at(&mut conn, &acme, 5).await;
    acme.admin.put("/indexes/User/title", json!({})).await.expect(201);
    let mut other = first.database().await;
    let_time_pass(&mut other, &acme).await;
    globex.admin.put("/indexes/User/title", json!({})).await.expect(201);
    until(&first, &globex, "title", Some("ready")).await;
    assert_eq!(entries(&first, &globex, "title").await.len(), 10);
    assert_eq!(index(&acme, "title").await["state"], "building");
    sqlx::query("ROLLBACK").execute(&mut conn).await.unwrap();
    until(&first, &acme, "title", Some("ready")).await;
    assert_eq!(entries(&first, &acme, "title").await.len(), 10);
    drop(second);
}

/// What a writer does until it is told to stop: it changes, removes, adds. It counts its rounds.
async fn write(acme: Tenant, ids: Vec<String>, rounds: Arc<AtomicUsize>, stop: Arc<AtomicBool>) {
    while !stop.load(Relaxed) {
        let round = rounds.load(Relaxed);
        let path = format!("/Users/{}", ids[round % ids.len()]);
        let operation = match round % 3 {
            2 => json!({ "op": "remove", "path": "title" }),
            _ => json!({ "op": "replace", "path": "title", "value": format!("T{}", round % 5) }),
        };
        acme.scim.patch(&path, patch(json!([operation]))).await.expect(200);
        let mut new = user(&format!("{}-{round}", ids[0]));
        new["title"] = json!("New");
        let new = acme.create("/Users", new).await;
        if round.is_multiple_of(2) {
            acme.scim.delete(&format!("/Users/{new}")).await.expect(204);
        }
        rounds.store(round + 1, Relaxed);
    }
}

#[tokio::test]
async fn what_is_written_while_an_index_is_built_is_in_it() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    fill(&server, &acme, 2_000).await;
    let (stop, mut writers, mut rounds) = (Arc::new(AtomicBool::new(false)), vec![], vec![]);
    for writer in 0..4 {
        let mut ids = Vec::new();
        for n in 0..3 {
            ids.push(acme.create("/Users", user(&format!("w{writer}-{n}"))).await);
        }
        let round = Arc::new(AtomicUsize::new(0));
        rounds.push(Arc::clone(&round));
        writers.push(tokio::spawn(write(acme.clone(), ids, round, Arc::clone(&stop))));
    }
    // Every request that is under way now has ended after this.
    let others_have_ended = async || {
        let before: Vec<usize> = rounds.iter().map(|it| it.load(Relaxed)).collect();
        while rounds.iter().zip(&before).any(|(now, before)| now.load(Relaxed) < before + 2) {
            index(&acme, "title").await;
        }
    };
    let mut conn = server.database().await;
    acme.admin.put("/indexes/User/title", json!({})).await.expect(201);
    // The server knows of the index, as writes keep it up.
    tenon_tests::until("writes keep the index up", async || {
        (!entries(&server, &acme, "title").await.is_empty()).then_some(())
    })
    .await;
    for state in ["checking", "ready"] {
        others_have_ended().await;
        let_time_pass(&mut conn, &acme).await;
        tenon_tests::until(state, async || {
            (index(&acme, "title").await["state"] == state).then_some(())
        })
        .await;
    }
    others_have_ended().await;
    stop.store(true, Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let bodies = sqlx::query(
        "SELECT lower(body::jsonb ->> 'title') COLLATE \"C\" AS val, id::text AS id FROM resources \
         WHERE tenant_id = $1::text::uuid AND body::jsonb ->> 'title' IS NOT NULL ORDER BY val, id",
    )
    .bind(&acme.id)
    .fetch_all(&mut conn)
    .await
    .unwrap();
    let expected: Vec<(String, String)> =
        bodies.iter().map(|row| (row.get("val"), row.get("id"))).collect();
    assert!(expected.len() > 2_000);
    assert_eq!(entries(&server, &acme, "title").await, expected);
}

#[tokio::test]
async fn a_tenant_from_before_there_were_indexes_gets_those_of_the_core() {
    let dir = new_data_dir();
    let over =
        || Server::start(Options { data_dir: Some(dir.path().to_owned()), ..Options::default() });
    let mut first = over();
    let acme = first.tenant("acme").await;
    let mut body = user("a");
    body["displayName"] = json!("Ada");
    let id = acme.create("/Users", body).await;
    let mut conn = first.database().await;
    for statement in [
        "DELETE FROM index_builds",
        "DELETE FROM attr_index",
        "UPDATE tenants SET core_indexes = ''",
    ] {
        sqlx::query(statement).execute(&mut conn).await.unwrap();
    }
    first.stop();

    let second = over();
    let at = |client: &Client| client.at(client.base.replace(&first.url, &second.url));
    let acme = Tenant { admin: at(&acme.admin), scim: at(&acme.scim), ..acme };
    let index = "displayName";
    let entries = loop {
        until(&second, &acme, "emails.value", Some("ready")).await;
        let entries = entries(&second, &acme, index).await;
        if !entries.is_empty() {
            break entries;
        }
    };
    assert_eq!(entries, [("ada".to_owned(), id)]);
}
