//! Plugins change and refuse what is written.

use serde_json::{Value, json};
use tenon_tests::{Server, artifacts, patch, user};

use super::{replace, script, with_script};

#[tokio::test]
async fn edits_are_stored_shown_and_found_and_are_on_record_with_their_plugin() {
    let server = Server::shared();
    let edits = json!([replace("title", "Engineer"), replace("name.familyName", "Lovelace")]);
    let acme = with_script(&server, json!({ "before-write": { "edits": edits } })).await;
    let created = acme.scim.post("/Users", user("ada")).await.expect(201).body;
    assert_eq!(created["title"], "Engineer");
    assert_eq!(created["name"]["familyName"], "Lovelace");
    let path = format!("/Users/{}", created["id"].as_str().unwrap());
    let stored = acme.scim.get(&path).await.expect(200).body;
    assert_eq!(stored["title"], "Engineer");
    let filter = [("filter", "title eq \"Engineer\"")];
    assert_eq!(acme.scim.query("/Users", &filter).await.expect(200).body["totalResults"], 1);

    let records = acme.admin.query("/audit", &[("action", "create")]).await.expect(200).body;
    let edits = json!([{ "plugin": "scripted", "paths": ["title", "name.familyName"] }]);
    assert_eq!(records["items"][0]["details"], json!({ "edits": edits }), "{records}");
    assert!(!records.to_string().contains("Lovelace"), "{records}");
}

#[tokio::test]
async fn replacements_patches_and_bulk_requests_are_edited_too() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    let id = acme.create("/Users", user("ada")).await;
    script(&acme, json!({ "before-write": { "edits": [replace("title", "T1")] } })).await;
    let path = format!("/Users/{id}");
    let replaced = acme.scim.put(&path, user("ada2")).await.expect(200).body;
    assert_eq!((&replaced["title"], &replaced["userName"]), (&json!("T1"), &json!("ada2")));
    script(&acme, json!({ "before-write": { "edits": [replace("title", "T2")] } })).await;
    let rename = patch(json!([replace("nickName", "A")]));
    let patched = acme.scim.patch(&path, rename.clone()).await.expect(200).body;
    assert_eq!((&patched["title"], &patched["nickName"]), (&json!("T2"), &json!("A")));
    // What changes nothing is no write: nobody is asked, and there is no version.
    let version = patched["meta"]["version"].clone();
    let again = acme.scim.patch(&path, rename).await.expect(200).body;
    assert_eq!(again["meta"]["version"], version);

    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "b", "data": user("bob") }],
    });
    let done = acme.scim.post("/Bulk", bulk).await.expect(200).body;
    assert_eq!(done["Operations"][0]["status"], "201", "{done}");
    let filter = [("filter", "userName eq \"bob\" and title eq \"T2\"")];
    assert_eq!(acme.scim.query("/Users", &filter).await.expect(200).body["totalResults"], 1);
}

#[tokio::test]
async fn the_later_plugin_wins_and_validation_sees_what_is_left() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let edits = |title: &str| json!({ "before-write": { "edits": [replace("title", title)] } });
    acme.activate("a-first", artifacts::scripted(), edits("first")).await;
    acme.activate("b-second", artifacts::scripted(), edits("second")).await;
    let created = acme.scim.post("/Users", user("ada")).await.expect(201).body;
    assert_eq!(created["title"], "second");
    let records = acme.admin.query("/audit", &[("action", "create")]).await.expect(200).body;
    let edits = json!([
        { "plugin": "a-first", "paths": ["title"] },
        { "plugin": "b-second", "paths": ["title"] },
    ]);
    assert_eq!(records["items"][0]["details"]["edits"], edits, "{records}");

    let order = json!({ "order": ["b-second", "a-first"] });
    acme.admin.put("/plugins/order", order).await.expect(200);
    let created = acme.scim.post("/Users", user("cy")).await.expect(201).body;
    assert_eq!(created["title"], "first");
    let order = json!({ "order": ["a-first", "b-second"] });
    acme.admin.put("/plugins/order", order).await.expect(200);

    // The first plugin judges what the second has made.
    let judge = json!({
        "before-write": { "edits": [replace("title", "first")] },
        "validation": { "rejectTitle": "second" },
    });
    acme.admin.put("/plugins/a-first/config", judge.clone()).await.expect(200);
    let refused = acme.scim.post("/Users", user("bob")).await.expect(400);
    assert!(refused.detail().contains("this title is refused"), "{}", refused.detail());
    let other = json!({ "before-write": { "edits": [] }, "validation": { "rejectTitle": "x" } });
    acme.admin.put("/plugins/a-first/config", other).await.expect(200);
    acme.scim.post("/Users", user("bob")).await.expect(201);
}

#[tokio::test]
async fn a_rejection_is_the_clients_and_a_failure_the_plugins_and_neither_writes() {
    let server = Server::shared();
    let acme = with_script(&server, json!({ "before-write": { "reject": "not today" } })).await;
    let refused = acme.scim.post("/Users", user("ada")).await.expect(400);
    assert!(refused.detail().contains("not today"), "{}", refused.detail());
    for broken in [json!({ "fail": "secret reason" }), json!({ "trap": true })] {
        script(&acme, json!({ "before-write": broken })).await;
        let failed = acme.scim.post("/Users", user("ada")).await.expect(502);
        assert!(!failed.detail().contains("secret reason"), "{}", failed.detail());
    }
    script(&acme, json!({})).await;
    assert_eq!(acme.scim.get("/Users").await.expect(200).body["totalResults"], 0);
}

#[tokio::test]
async fn members_of_groups_can_be_edited_and_have_to_exist() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    let ada = acme.create("/Users", user("ada")).await;
    let member = |id: &str| {
        let edit = json!({ "op": "add", "path": "members", "value": [{ "value": id }] });
        json!({ "resourceType": "Group", "before-write": { "edits": [edit] } })
    };
    script(&acme, member(&ada)).await;
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "G",
    });
    let created = acme.scim.post("/Groups", group.clone()).await.expect(201).body;
    assert_eq!(created["members"][0]["value"], json!(ada), "{created}");
    let path = format!("/Users/{ada}");
    let groups = acme.scim.get(&path).await.expect(200).body["groups"].clone();
    assert_eq!(groups.as_array().map(Vec::len), Some(1), "{groups}");

    script(&acme, member("00000000-0000-7000-8000-000000000000")).await;
    let refused: Value = acme.scim.post("/Groups", group).await.expect(400).body;
    assert!(refused["detail"].as_str().unwrap().contains("members"), "{refused}");
}
