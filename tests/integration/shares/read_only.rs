//! What is shared is not written at the child, by whatever route.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tenon_tests::{Answer, patch, user};

use super::{Family, group};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

#[tokio::test]
async fn no_route_writes_a_shared_resource() {
    let family = Family::new().await;
    let super::Family { parent, child, .. } = &family;
    let ada = parent.create("/Users", user("ada")).await;
    let team = parent.create("/Groups", group("team", &[&ada])).await;
    family.share(&["User", "Group"]).await.expect(201);
    family.copied().await;
    let own = child.create("/Users", user("own")).await;
    let (ada_path, team_path) = (format!("/Users/{ada}"), format!("/Groups/{team}"));
    let before = (
        child.scim.get(&ada_path).await.expect(200).body,
        child.scim.get(&team_path).await.expect(200).body,
    );

    let nick = patch(json!([{ "op": "add", "path": "nickName", "value": "n" }]));
    let add = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": own }] }]));
    let rename = patch(json!([{ "op": "replace", "path": "displayName", "value": "other" }]));
    let empty = patch(json!([{ "op": "remove", "path": "members" }]));
    for answer in [
        child.scim.put(&ada_path, user("other")).await,
        child.scim.patch(&ada_path, nick.clone()).await,
        child.scim.delete(&ada_path).await,
        child.scim.put(&team_path, group("other", &[])).await,
        child.scim.patch(&team_path, add.clone()).await,
        child.scim.patch(&team_path, rename).await,
        child.scim.patch(&team_path, empty).await,
        child.scim.delete(&team_path).await,
    ] {
        let answer = answer.expect(403);
        assert!(answer.detail().contains("is shared by another tenant"), "{}", answer.detail());
    }

    let me = child.admin.post("/tokens", json!({ "name": "ada", "userId": ada })).await.expect(201);
    let me = child.scim.with_token(me.body["token"].as_str().unwrap());
    assert_eq!(me.get("/Me").await.expect(200).body["userName"], "ada");
    me.put("/Me", user("other")).await.expect(403);
    me.patch("/Me", nick.clone()).await.expect(403);
    me.delete("/Me").await.expect(403);

    let operations = json!([
        { "method": "PUT", "path": ada_path, "data": user("other") },
        { "method": "PATCH", "path": ada_path, "data": nick },
        { "method": "DELETE", "path": ada_path },
        { "method": "PATCH", "path": team_path, "data": add },
        { "method": "PATCH", "path": team_path, "data": add },
        { "method": "DELETE", "path": team_path },
    ]);
    let bulk = json!({ "schemas": [BULK], "Operations": operations });
    let bulk = child.scim.post("/Bulk", bulk).await.expect(200).body;
    let statuses: Vec<&Value> =
        bulk["Operations"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
    assert_eq!(statuses, ["403"; 6], "{bulk:#}");

    let mut line = user("other");
    line["id"] = json!(ada);
    let lines = [
        json!({ "resource": line, "resourceType": "User" }),
        json!({ "members": { "group": team, "values": [{ "value": own }] } }),
    ];
    for query in ["", "?overwrite=true"] {
        let body: String = lines.iter().map(|it| format!("{it}\n")).collect();
        let request = child.admin.request(Method::POST, &format!("/import{query}"));
        let request = request.header(CONTENT_TYPE, "application/x-ndjson").body(body);
        let results = Answer::of(request).await.expect(200).body;
        assert!(!results.to_string().contains("updated"), "{query}: {results:#}");
        assert!(results.to_string().contains("is shared by another tenant"), "{results:#}");
    }
    assert_eq!(child.scim.get(&ada_path).await.expect(200).body, before.0);
    assert_eq!(child.scim.get(&team_path).await.expect(200).body, before.1);
}

#[tokio::test]
async fn copies_count_for_no_limit_of_the_child() {
    let family = Family::new().await;
    let Family { parent, child, .. } = &family;
    for number in 0..5 {
        parent.create("/Users", user(&format!("shared{number}"))).await;
    }
    let limits = json!({ "limits": { "maxUsers": 2, "requestsPerSecond": 1_000_000 } });
    child.admin.patch("", limits).await.expect(200);
    family.share(&["User"]).await.expect(201);
    family.copied().await;
    let list = child.scim.get("/Users?count=0").await.expect(200).body;
    assert_eq!(list["totalResults"], 5);
    child.create("/Users", user("one")).await;
    let second = child.create("/Users", user("two")).await;
    let refused = child.scim.post("/Users", user("three")).await.expect(403);
    assert!(refused.detail().contains("has 2 resources"), "{}", refused.detail());
    child.scim.delete(&format!("/Users/{second}")).await.expect(204);
    child.create("/Users", user("three")).await;
    let list = child.scim.get("/Users?count=0").await.expect(200).body;
    assert_eq!(list["totalResults"], 7);
}
