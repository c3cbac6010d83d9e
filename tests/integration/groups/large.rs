//! Groups with more members than anybody wants to load.

use sqlx::Connection;
use tenon_tests::{Options, Server, Tenant, new_data_dir, patch, user};

use super::*;

const MEMBERS: usize = 200_001;

/// A group with as many members as that, who are put into the database without asking the server.
async fn everyone(server: &Server, acme: &Tenant, members: usize) -> String {
    let id = acme.create("/Groups", group("Everyone", &[])).await;
    let mut conn = server.database().await;
    sqlx::query(
        "INSERT INTO resources (tenant_id, id, type, version, created, modified, body, display) \
         SELECT $1::uuid, lpad(to_hex(n), 32, '0')::uuid, 'User', 1, now(), now(), '{}', 'user ' || n \
         FROM generate_series(1, $2) AS n",
    )
    .bind(&acme.id)
    .bind(i32::try_from(members).unwrap())
    .execute(&mut conn)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO group_members (tenant_id, group_id, member_id) \
         SELECT tenant_id, $2::uuid, id FROM resources WHERE tenant_id = $1::uuid AND type = 'User'",
    )
    .bind(&acme.id)
    .bind(&id)
    .execute(&mut conn)
    .await
    .unwrap();
    conn.close().await.unwrap();
    id
}

fn member(number: usize) -> String {
    format!("00000000-0000-0000-0000-{number:012x}")
}

/// Rows of memberships that were inserted, deleted, and looked at. What a backend has counted is
/// there for others when it has ended.
async fn rows(server: &Server) -> [i64; 3] {
    let mut conn = server.database().await;
    let rows: (i64, i64, i64) = sqlx::query_as(
        "SELECT n_tup_ins, n_tup_del, seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables \
         WHERE relname = 'group_members'",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    conn.close().await.unwrap();
    rows.into()
}

#[tokio::test]
async fn a_change_of_members_touches_what_changes_however_many_there_are() {
    let dir = new_data_dir();
    let start =
        || Server::start(Options { data_dir: Some(dir.path().to_owned()), ..Options::default() });
    let mut server = start();
    let acme = server.tenant("acme").await;
    let id = everyone(&server, &acme, MEMBERS).await;
    let strangers = users(&acme, ["a", "b", "c"]).await;
    server.stop();

    let mut server = start();
    let before = rows(&server).await;
    let scim = acme.scim.at(acme.scim.base.replacen(
        &acme.scim.base[..acme.scim.base.find("/tenants").unwrap()],
        &server.url,
        1,
    ));
    let path = format!("/Groups/{id}?excludedAttributes=members");
    let [a, b, c] = &strangers;
    let (few, more) = ([member(1), member(2)], [member(3), member(4)]);
    let few: Vec<&str> = few.iter().map(String::as_str).collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    for operations in [
        json!([{ "op": "add", "path": "members", "value": values(&[a, b]) }]),
        json!([{ "op": "remove", "path": "members", "value": values(&few) }]),
        json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", more[0]) },
               { "op": "replace", "path": "displayName", "value": "All" }]),
        json!([{ "op": "add", "value": { "members": values(&[c]) } }]),
        json!([{ "op": "add", "path": "members", "value": values(&more[1..]) }]),
    ] {
        let patched = scim.patch(&path, patch(operations)).await.expect(200);
        assert_eq!(patched.body.get("members"), None);
    }
    let group = scim.get(&path).await.expect(200);
    assert_eq!(group.body["displayName"], "All");
    assert_eq!(group.header("etag"), "W/\"5\"", "the last one changed nothing");
    server.stop();

    let mut server = start();
    let after = rows(&server).await;
    let [inserted, deleted, looked_at] = [0, 1, 2].map(|kind| after[kind] - before[kind]);
    assert_eq!([inserted, deleted], [3, 3]);
    assert!(looked_at < 100, "{looked_at}");
    server.stop();
}

#[tokio::test]
async fn all_members_are_shown_and_none_are_loaded_to_leave_them_out() {
    let server = Server::start(Options::default());
    let acme = server.tenant("acme").await;
    let id = everyone(&server, &acme, MEMBERS).await;
    let path = format!("/Groups/{id}");

    let whole = acme.scim.get(&path).await.expect(200);
    assert_eq!(whole.header("content-length"), "", "it is made while it is sent");
    let members = whole.body["members"].as_array().unwrap();
    assert_eq!(members.len(), MEMBERS);
    for number in [1, 1_000, 1_001, MEMBERS] {
        let base = &acme.scim.base;
        let (id, display) = (member(number), format!("user {number}"));
        let uri = format!("{base}/Users/{id}");
        let expected = json!({ "value": id, "$ref": uri, "type": "User", "display": display });
        assert_eq!(members[number - 1], expected);
    }
    assert_eq!(whole.body["meta"]["version"], whole.header("etag"));
    let parts = [("attributes", "members.value")];
    let parts = acme.scim.query(&path, &parts).await.expect(200).body;
    assert_eq!(parts["members"].as_array().unwrap().len(), MEMBERS);
    assert_eq!(parts["members"][MEMBERS - 1], json!({ "value": member(MEMBERS) }));
    let mut without = whole.body;
    without.as_object_mut().unwrap().remove("members");
    let excluded = [("excludedAttributes", "members")];
    assert_eq!(acme.scim.query(&path, &excluded).await.expect(200).body, without);

    // Who looks at more than who a member is would load them all.
    let by_name = json!([{ "op": "remove", "path": "members[display eq \"user 7\"]" }]);
    let refused = patch_group(&acme, &id, by_name).await.expect(400);
    assert_eq!(refused.body["scimType"], "tooMany");
    assert!(refused.detail().contains("\"value\""), "{}", refused.detail());

    // A replacement is by what differs, whoever sends it.
    let two = [member(1), member(2)];
    let two: Vec<&str> = two.iter().map(String::as_str).collect();
    let replace = json!([{ "op": "replace", "path": "members", "value": values(&two) }]);
    let replaced = patch_group(&acme, &id, replace.clone()).await.expect(200);
    assert_eq!(each(&replaced.body["members"], "value"), two);
    assert_eq!(replaced.header("etag"), "W/\"2\"");
    assert_eq!(patch_group(&acme, &id, replace).await.expect(200).header("etag"), "W/\"2\"");
}

#[tokio::test]
async fn a_large_group_is_replaced_and_deleted_whole() {
    let server = Server::start(Options::default());
    let acme = server.tenant("acme").await;
    let id = everyone(&server, &acme, 20_000).await;
    let outer = acme.create("/Groups", group("Outer", &[&id])).await;
    let few = [member(1), member(20_000)];
    let few: Vec<&str> = few.iter().map(String::as_str).collect();
    let path = format!("/Groups/{id}");
    let replaced = acme.scim.put(&path, group("Few", &few)).await.expect(200);
    assert_eq!(each(&replaced.body["members"], "value"), few);
    assert_eq!(replaced.header("etag"), "W/\"2\"");
    assert_eq!(
        acme.scim.put(&path, group("Few", &few)).await.expect(200).header("etag"),
        "W/\"2\""
    );

    acme.scim.delete(&path).await.expect(204);
    let outer = read(&acme, "/Groups", &outer).await;
    assert_eq!((outer.get("members"), &outer["meta"]["version"]), (None, &json!("W/\"2\"")));
    let mut conn = server.database().await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM group_members")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

/// Who adds members one by one in a bulk request pays for one transaction.
#[tokio::test]
async fn members_that_a_bulk_request_adds_one_by_one_are_added_together() {
    let server = Server::start(Options::default());
    let acme = server.tenant("acme").await;
    let id = everyone(&server, &acme, 500).await;
    let groups = [
        acme.create("/Groups", group("A", &[])).await,
        acme.create("/Groups", group("B", &[&id])).await,
    ];
    let mut operations: Vec<Value> = (0..500)
        .map(|number| {
            let add = json!([{ "op": "add", "path": "members", "value": values(&[&member(number + 1)]) }]);
            let path = format!("/Groups/{}", groups[number % 2]);
            json!({ "method": "PATCH", "path": path, "data": patch(add) })
        })
        .collect();
    let nobody = json!([{ "op": "add", "path": "members", "value": values(&["nobody"]) }]);
    operations[7]["data"] = patch(nobody);
    operations[8]["path"] = json!("/Groups/nothing");
    operations[9]["version"] = json!("W/\"77\"");
    let gone = json!([{ "op": "replace", "path": format!("members[value eq \"{}\"]", member(1)),
                        "value": { "value": member(1) } }]);
    operations[11]["data"] = patch(gone);
    let bulk = |operations: &[Value], fail_on_errors: usize| {
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                "failOnErrors": fail_on_errors, "Operations": operations })
    };
    let answer = acme.scim.post("/Bulk", bulk(&operations, 100)).await.expect(200);
    let results = answer.body["Operations"].as_array().unwrap();
    let failed: Vec<_> = results
        .iter()
        .enumerate()
        .filter(|(_, it)| it["status"] != "200")
        .map(|(place, it)| {
            (place, it["status"].as_str().unwrap(), it["response"]["scimType"].as_str())
        })
        .collect();
    let expected = [
        (7, "400", Some("invalidValue")),
        (8, "404", None),
        (9, "412", None),
        (11, "400", Some("noTarget")),
    ];
    assert_eq!(failed, expected);
    assert_eq!(results[0]["version"], "W/\"2\"");
    assert_eq!(results[2]["version"], "W/\"3\"");
    assert_eq!(results[499]["version"], "W/\"248\"");
    let shown = read(&acme, "/Groups", &groups[0]).await;
    assert_eq!(each(&shown["members"], "value").len(), 249);
    assert_eq!(shown["meta"]["version"], "W/\"250\"");

    let mut conn = server.database().await;
    let (events, statements): (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(DISTINCT xmin::text || ' ' || cmin::text) FROM outbox \
         WHERE operation = 'patch'",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert_eq!(events, 496);
    // The path of one operation is wrong: those before and those after it are two batches.
    assert_eq!(statements, 2);

    let answer = acme.scim.post("/Bulk", bulk(&operations, 2)).await.expect(200);
    assert_eq!(answer.body["Operations"].as_array().unwrap().len(), 9);
}

#[tokio::test]
async fn no_membership_outlives_its_resources() {
    let server = Server::start(Options::default());
    let acme = server.tenant("acme").await;
    let mut ids = Vec::new();
    for number in 0..30 {
        ids.push(acme.create("/Users", user(&format!("u{number}"))).await);
    }
    let mut groups = Vec::new();
    for name in ["A", "B", "C", "D"] {
        groups.push(acme.create("/Groups", group(name, &[])).await);
    }
    let deleted = ids.iter().map(|id| format!("/Users/{id}"));
    let deleted = deleted.chain(groups[2..].iter().map(|id| format!("/Groups/{id}")));
    let deleted = deleted.map(|path| {
        let scim = acme.scim.clone();
        tokio::spawn(async move { scim.delete(&path).await.expect(204) })
    });
    let added = groups.iter().flat_map(|group| {
        ids.chunks(3)
            .chain(std::iter::once(&groups[..2]))
            .map(move |ids| (group.clone(), ids.to_vec()))
    });
    let added = added.map(|(group, members)| {
        let acme = acme.clone();
        tokio::spawn(async move {
            let members: Vec<&str> = members.iter().map(String::as_str).collect();
            let answer = change(&acme, &group, ADD, &members).await;
            assert!([200, 400, 404].contains(&answer.status), "{:#}", answer.body);
        })
    });
    let (added, deleted): (Vec<_>, Vec<_>) = (added.collect(), deleted.collect());
    for task in added {
        task.await.unwrap();
    }
    for task in deleted {
        task.await.unwrap();
    }
    let mut conn = server.database().await;
    let (left, orphans): (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE g.id IS NULL OR r.id IS NULL) \
         FROM group_members AS m \
         LEFT JOIN resources AS g ON g.tenant_id = m.tenant_id AND g.id = m.group_id \
         LEFT JOIN resources AS r ON r.tenant_id = m.tenant_id AND r.id = m.member_id",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    // A and B are left, and members of each other and of themselves.
    assert_eq!((left, orphans), (4, 0));
}
