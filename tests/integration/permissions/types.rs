//! Permissions for one type of resources.

use serde_json::{Value, json};
use tenon_tests::{Server, patch, user};

use super::client;

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

#[tokio::test]
async fn a_permission_on_one_type_opens_no_other() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let group = json!({ "schemas": [GROUP], "displayName": "staff" });
    let group_id = acme.create("/Groups", group.clone()).await;
    let users = client(&acme, json!({ "permissions": ["scim:*:User"] })).await;
    let created = users.post("/Users", user("bjensen")).await.expect(201);
    let of_user = format!("/Users/{}", created.body["id"].as_str().unwrap());
    users.get(&of_user).await.expect(200);
    users.get("/Users?filter=userName%20eq%20%22bjensen%22").await.expect(200);
    let of_group = format!("/Groups/{group_id}");
    let rename = patch(json!([{ "op": "replace", "path": "displayName", "value": "x" }]));
    for refused in [
        users.get(&of_group).await,
        users.get("/Groups").await,
        users.post("/Groups/.search", json!({})).await,
        users.post("/Groups", group.clone()).await,
        users.put(&of_group, group).await,
        users.patch(&of_group, rename).await,
        users.delete(&of_group).await,
    ] {
        assert_eq!(refused.status, 403, "{:#}", refused.body);
        assert_eq!(refused.header("content-type"), "application/scim+json");
        assert!(refused.detail().contains("for Group resources"), "{}", refused.detail());
    }
    // What is at no endpoint is told as ever.
    users.get("/Robots").await.expect(404);
    let untouched = acme.scim.get(&of_group).await.expect(200).body;
    assert_eq!(untouched["displayName"], "staff");
    users.delete(&of_user).await.expect(204);
}

#[tokio::test]
async fn root_lists_show_the_types_that_may_be_listed() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.create("/Users", user("bjensen")).await;
    acme.create("/Groups", json!({ "schemas": [GROUP], "displayName": "staff" })).await;
    let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"] });
    assert_eq!(acme.scim.get("").await.expect(200).body["totalResults"], 2);
    let users = client(&acme, json!({ "permissions": ["scim:read:User", "scim:list:User"] })).await;
    for list in [users.get("").await, users.post("/.search", search.clone()).await] {
        let list = list.expect(200).body;
        assert_eq!(list["totalResults"], 1, "{list:#}");
        assert_eq!(list["Resources"][0]["userName"], "bjensen");
    }
    let by_name = "?filter=displayName%20eq%20%22staff%22";
    assert_eq!(users.get(by_name).await.expect(200).body["totalResults"], 0);
    let none = client(&acme, json!({ "permissions": ["scim:read"] })).await;
    none.get("").await.expect(403);
    none.post("/.search", search).await.expect(403);
}

#[tokio::test]
async fn who_may_list_and_not_read_is_told_ids_alone() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("bjensen")).await;
    let lister = client(&acme, json!({ "permissions": ["scim:list", "scim:create"] })).await;
    let seen =
        |resource: &Value| resource.as_object().unwrap().keys().cloned().collect::<Vec<String>>();
    let list = lister.get("/Users").await.expect(200).body;
    assert_eq!(list["Resources"][0]["id"], json!(id));
    assert_eq!(seen(&list["Resources"][0]), ["schemas", "id", "meta"]);
    let created = lister.post("/Users", user("other")).await.expect(201).body;
    assert_eq!(seen(&created), ["schemas", "id", "meta"]);
    lister.get(&format!("/Users/{id}")).await.expect(403);
    for query in [
        "filter=userName%20sw%20%22b%22",
        "sortBy=userName",
        "attributes=userName",
        "filter=id%20pr",
    ] {
        let refused = lister.get(&format!("/Users?{query}")).await.expect(403);
        assert!(refused.detail().contains("scim:read"), "{}", refused.detail());
    }
}

#[tokio::test]
async fn me_is_of_the_type_that_the_credential_speaks_for() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("bjensen")).await;
    let own =
        |permissions: Value| client(&acme, json!({ "permissions": permissions, "userId": id }));
    own(json!(["scim:read:User"])).await.get("/Me").await.expect(200);
    let groups = own(json!(["scim:*:Group"])).await;
    groups.get("/Me").await.expect(403);
    groups.delete("/Me").await.expect(403);
    own(json!(["scim:read"])).await.delete("/Me").await.expect(403);
}
