//! Plugins change what is shown.

use serde_json::{Value, json};
use tenon_tests::{Client, Server, Tenant, patch, user};

use super::{replace, script, with_script};

fn shows(edits: Value) -> Value {
    json!({ "resourceType": "User", "after-read": { "edits": edits } })
}

/// A client from which these attributes are hidden.
async fn blind_to(tenant: &Tenant, hidden: &[&str]) -> Client {
    let token = json!({ "name": "blind", "permissions": ["scim:*"], "hidden": hidden });
    let token = tenant.admin.post("/tokens", token).await.expect(201).body;
    tenant.scim.with_token(token["token"].as_str().unwrap())
}

#[tokio::test]
async fn every_answer_shows_the_edits_and_nothing_of_them_is_stored() {
    let server = Server::shared();
    let acme = with_script(&server, shows(json!([replace("title", "shown")]))).await;
    let mut ada = user("ada");
    ada["title"] = json!("stored");
    let created = acme.scim.post("/Users", ada).await.expect(201).body;
    assert_eq!(created["title"], "shown");
    let path = format!("/Users/{}", created["id"].as_str().unwrap());
    assert_eq!(acme.scim.get(&path).await.expect(200).body["title"], "shown");
    let patched = acme.scim.patch(&path, patch(json!([replace("nickName", "A")]))).await;
    assert_eq!(patched.expect(200).body["title"], "shown");
    for parameters in [vec![], vec![("filter", "userName eq \"ada\"")], vec![("sortBy", "title")]] {
        let list = acme.scim.query("/Users", &parameters).await.expect(200).body;
        assert_eq!(list["Resources"][0]["title"], "shown", "{parameters:?}");
    }
    // Filters go by what is stored.
    for (title, found) in [("stored", 1), ("shown", 0)] {
        let filter = format!("title eq \"{title}\"");
        let list = acme.scim.query("/Users", &[("filter", &filter)]).await.expect(200).body;
        assert_eq!(list["totalResults"], found, "{title}");
    }
    script(&acme, json!({})).await;
    assert_eq!(acme.scim.get(&path).await.expect(200).body["title"], "stored");
}

#[tokio::test]
async fn what_is_hidden_or_not_asked_for_does_not_come_back() {
    let server = Server::shared();
    let edits = json!([replace("title", "shown"), replace("nickName", "shown")]);
    let acme = with_script(&server, shows(edits)).await;
    let id = acme.create("/Users", user("ada")).await;
    let path = format!("/Users/{id}");
    let blind = blind_to(&acme, &["title"]).await;
    for answer in [blind.get(&path).await, blind.get("/Users").await] {
        let body = answer.expect(200).body;
        let shown = body["Resources"].get(0).unwrap_or(&body);
        assert_eq!(shown.get("title"), None, "{body}");
        assert_eq!(shown["nickName"], "shown");
    }
    let asked = acme.scim.query(&path, &[("attributes", "userName")]).await.expect(200).body;
    assert_eq!((asked.get("title"), &asked["userName"]), (None, &json!("ada")));
}

#[tokio::test]
async fn a_plugin_that_fails_or_may_not_leaves_the_answer_as_it_is_stored() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    let mut ada = user("ada");
    ada["password"] = json!("correct horse");
    let id = acme.create("/Users", ada).await;
    let path = format!("/Users/{id}");
    let stored = acme.scim.get(&path).await.expect(200).body;
    let evil = [
        json!([replace("id", "other")]),
        json!([replace("meta.version", "W/\"9\"")]),
        json!([replace("schemas", "urn:other")]),
        json!([replace("password", "shown")]),
        json!([replace("active", "no boolean")]),
        json!([{ "op": "replace", "value": { "id": "other", "title": "x" } }]),
        json!([{ "op": "explode", "path": "title" }]),
    ];
    for edits in evil {
        script(&acme, shows(edits.clone())).await;
        let shown = acme.scim.get(&path).await.expect(200).body;
        assert_eq!(shown, stored, "{edits}");
        let list = acme.scim.get("/Users").await.expect(200).body;
        assert_eq!(list["Resources"][0], stored, "{edits}");
    }
    script(&acme, json!({ "after-read": { "trap": true } })).await;
    assert_eq!(acme.scim.get(&path).await.expect(200).body, stored);
}

#[tokio::test]
async fn more_resources_than_a_plugin_is_shown_at_a_time_are_all_edited() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    let operation = |n: usize| {
        let data = user(&format!("u{n}"));
        json!({ "method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": data })
    };
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": (0..120).map(operation).collect::<Vec<_>>(),
    });
    acme.scim.post("/Bulk", bulk).await.expect(200);
    script(&acme, shows(json!([replace("title", "shown")]))).await;
    let list = acme.scim.query("/Users", &[("count", "120")]).await.expect(200).body;
    let titles = list["Resources"].as_array().unwrap().iter().filter(|it| it["title"] == "shown");
    assert_eq!(titles.count(), 120);
}

#[tokio::test]
async fn members_of_a_group_are_shown_beside_the_edits() {
    let server = Server::shared();
    let edits = json!([replace("displayName", "shown")]);
    let acme = with_script(&server, json!({ "after-read": { "edits": edits } })).await;
    let ada = acme.create("/Users", user("ada")).await;
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "stored", "members": [{ "value": ada }],
    });
    let id = acme.create("/Groups", group).await;
    let shown = acme.scim.get(&format!("/Groups/{id}")).await.expect(200).body;
    assert_eq!(
        (&shown["displayName"], &shown["members"][0]["value"]),
        (&json!("shown"), &json!(ada))
    );
    let list = acme.scim.get("/Groups").await.expect(200).body;
    assert_eq!(list["Resources"][0]["members"][0]["value"], json!(ada), "{list}");
}
