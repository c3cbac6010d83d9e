//! Plugins narrow what is seen and touched.

use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, patch, user};

use super::{names, replace, script, with_script};

/// Six users, of whom three have the title that is seen.
async fn people(acme: &Tenant) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..6 {
        let mut person = user(&format!("u{number}"));
        person["title"] = json!(if number % 2 == 0 { "seen" } else { "hidden" });
        ids.push(acme.create("/Users", person).await);
    }
    ids
}

fn narrow(filter: &str) -> Value {
    json!({ "resourceType": "User", "before-query": { "narrow": filter } })
}

#[tokio::test]
async fn lists_of_every_kind_have_what_is_left_and_no_more() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    people(&acme).await;
    script(&acme, narrow("title eq \"seen\"")).await;
    let list = acme.scim.get("/Users").await.expect(200).body;
    assert_eq!(list["totalResults"], 3);
    assert_eq!(names(&list), ["u0", "u2", "u4"]);
    let filters: [(&str, &[&str]); 4] = [
        ("userName eq \"u0\"", &["u0"]),
        ("userName eq \"u1\"", &[]),
        ("userName sw \"u\" and not (userName eq \"u2\")", &["u0", "u4"]),
        ("title eq \"hidden\" or userName eq \"u1\"", &[]),
    ];
    for (filter, found) in filters {
        let list = acme.scim.query("/Users", &[("filter", filter)]).await.expect(200).body;
        assert_eq!(names(&list), found, "{filter}");
        assert_eq!(list["totalResults"], found.len(), "{filter}");
        let search = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter,
        });
        for path in ["/Users/.search", "/.search"] {
            let list = acme.scim.post(path, search.clone()).await.expect(200).body;
            assert_eq!(names(&list), found, "{path} {filter}");
        }
    }
    let sorted = [("sortBy", "userName"), ("sortOrder", "descending")];
    let list = acme.scim.query("/Users", &sorted).await.expect(200).body;
    assert_eq!(names(&list), ["u4", "u2", "u0"]);
    let root = acme.scim.get("/").await.expect(200).body;
    assert_eq!(root["totalResults"], 3);
}

#[tokio::test]
async fn cursors_lead_through_what_is_left() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    people(&acme).await;
    script(&acme, narrow("title eq \"seen\"")).await;
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = [("count", "1"), ("cursor", cursor.as_str())];
        let list = acme.scim.query("/Users", &page).await.expect(200).body;
        found.extend(names(&list).iter().map(ToString::to_string));
        match list["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(found, ["u0", "u2", "u4"]);
}

#[tokio::test]
async fn what_is_not_seen_is_not_there_for_reading_or_writing() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    let ids = people(&acme).await;
    script(&acme, narrow("title eq \"seen\"")).await;
    let (seen, hidden) = (format!("/Users/{}", ids[0]), format!("/Users/{}", ids[1]));
    acme.scim.get(&seen).await.expect(200);
    let rename = patch(json!([replace("nickName", "N")]));
    let mine = acme.scim.patch(&seen, rename.clone()).await.expect(200).body;
    assert_eq!(mine["nickName"], "N");

    let nothing = "/Users/00000000-0000-7000-8000-000000000000";
    for (method, body) in [
        (Method::GET, json!({})),
        (Method::PUT, user("x")),
        (Method::PATCH, rename),
        (Method::DELETE, json!({})),
    ] {
        let hidden = acme.scim.send(method.clone(), &hidden, &body, &[]).await.expect(404).body;
        let absent = acme.scim.send(method.clone(), nothing, &body, &[]).await.expect(404).body;
        let said = |answer: &Value, id: &str| answer["detail"].as_str().unwrap().replace(id, "");
        assert_eq!(said(&hidden, &ids[1]), said(&absent, nothing.rsplit('/').next().unwrap()));
    }
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{ "method": "DELETE", "path": hidden }],
    });
    let done = acme.scim.post("/Bulk", bulk).await.expect(200).body;
    assert_eq!(done["Operations"][0]["status"], "404", "{done}");

    script(&acme, json!({})).await;
    let left = acme.scim.get(&hidden).await.expect(200).body;
    assert_eq!((&left["userName"], &left["meta"]["version"]), (&json!("u1"), &json!("W/\"1\"")));
}

#[tokio::test]
async fn a_filter_that_would_widen_or_means_nothing_does_not_widen() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    people(&acme).await;
    let mine = [("filter", "userName eq \"u1\"")];
    for widening in ["title eq \"seen\" or userName pr", "userName pr", "not (title eq \"none\")"] {
        script(&acme, narrow(widening)).await;
        let list = acme.scim.query("/Users", &mine).await.expect(200).body;
        assert_eq!(names(&list), ["u1"], "{widening}");
    }
    for wrong in [
        "title eq",
        "no such thing pr",
        "title eq \"seen\") or (userName pr",
        "nothing eq \"1\"",
        "password pr",
    ] {
        script(&acme, narrow(wrong)).await;
        acme.scim.query("/Users", &mine).await.expect(502);
        acme.scim.get("/Users").await.expect(502);
        acme.scim.get("/Groups").await.expect(200);
    }
}

#[tokio::test]
async fn a_query_is_refused_where_the_plugin_refuses_or_fails() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    let ids = people(&acme).await;
    let path = format!("/Users/{}", ids[0]);
    script(&acme, json!({ "before-query": { "reject": "ask the help desk" } })).await;
    for path in ["/Users", &path] {
        let refused = acme.scim.get(path).await.expect(400);
        assert!(refused.detail().contains("ask the help desk"), "{}", refused.detail());
    }
    script(&acme, json!({ "before-query": { "trap": true } })).await;
    for path in ["/Users", "/Users?filter=userName%20eq%20%22u1%22", &path] {
        acme.scim.get(path).await.expect(502);
    }
    acme.scim.delete(&path).await.expect(502);
}

#[tokio::test]
async fn an_export_is_of_everything_and_refused_to_who_sees_less() {
    let server = Server::shared();
    let acme = with_script(&server, narrow("title eq \"seen\"")).await;
    let refused = acme.admin.get("/export").await.expect(403);
    assert!(refused.detail().contains("export is of all"), "{}", refused.detail());
    script(&acme, json!({})).await;
    acme.admin.get("/export").await.expect(200);
}

#[tokio::test]
async fn memberships_are_seen_added_and_taken_away_as_far_as_the_other_side_is_seen() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    let ids = people(&acme).await;
    let group = |members: &[&String]| {
        let members: Vec<Value> = members.iter().map(|it| json!({ "value": it })).collect();
        let schema = "urn:ietf:params:scim:schemas:core:2.0:Group";
        json!({ "schemas": [schema], "displayName": "G", "members": members })
    };
    let id = acme.create("/Groups", group(&[&ids[0], &ids[1], &ids[2]])).await;
    let path = format!("/Groups/{id}");
    let members = |shown: &Value| {
        let members = shown["members"].as_array().cloned().unwrap_or_default();
        members.iter().map(|it| it["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    script(&acme, narrow("title eq \"seen\"")).await;
    let seen = [ids[0].clone(), ids[2].clone()];
    assert_eq!(members(&acme.scim.get(&path).await.expect(200).body), seen);
    let list = acme.scim.get("/Groups").await.expect(200).body;
    assert_eq!(members(&list["Resources"][0]), seen);

    // What is not seen stays, and is not there to be added.
    let replaced = acme.scim.put(&path, group(&[&ids[0]])).await.expect(200).body;
    assert_eq!(members(&replaced), [ids[0].clone()]);
    let all = patch(json!([{ "op": "remove", "path": "members" }]));
    let emptied = acme.scim.patch(&path, all).await.expect(200).body;
    assert!(members(&emptied).is_empty(), "{emptied}");
    acme.scim.put(&path, group(&[&ids[3]])).await.expect(400);
    script(&acme, json!({})).await;
    let left = members(&acme.scim.get(&path).await.expect(200).body);
    assert_eq!(left, [ids[1].clone()]);

    // And the groups of a user.
    let user = format!("/Users/{}", ids[1]);
    assert!(acme.scim.get(&user).await.expect(200).body["groups"].is_array());
    let others = json!({ "narrow": "displayName eq \"H\"" });
    script(&acme, json!({ "resourceType": "Group", "before-query": others })).await;
    assert_eq!(acme.scim.get(&user).await.expect(200).body.get("groups"), None);
}
