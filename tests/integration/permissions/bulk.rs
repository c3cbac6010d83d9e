//! Operations that are sent together need what they need alone.

use serde_json::json;
use tenon_tests::{Server, patch, user};

use super::client;

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

#[tokio::test]
async fn bulk_operations_need_their_own_permissions() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let kept = acme.create("/Users", user("kept")).await;
    let one = json!({ "schemas": [GROUP], "displayName": "one" });
    let (first, second) = (acme.create("/Groups", one).await, {
        acme.create("/Groups", json!({ "schemas": [GROUP], "displayName": "two" })).await
    });
    let add = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": kept }] }]));
    let group =
        json!({ "schemas": [GROUP], "displayName": "g", "members": [{ "value": "bulkId:u" }] });
    let operations = json!({ "schemas": [BULK], "Operations": [
        { "method": "POST", "path": "/Users", "bulkId": "u", "data": user("bjensen") },
        { "method": "POST", "path": "/Groups", "bulkId": "g", "data": group },
        { "method": "DELETE", "path": format!("/Users/{kept}") },
        { "method": "PATCH", "path": format!("/Groups/{first}"), "data": add },
        { "method": "PATCH", "path": format!("/Groups/{second}"), "data": add },
        { "method": "PATCH", "path": format!("/Users/{kept}"),
          "data": patch(json!([{ "op": "add", "path": "title", "value": "clerk" }])) },
    ]});
    let permissions = ["scim:bulk", "scim:create:User", "scim:update:User", "scim:list"];
    let some = client(&acme, json!({ "permissions": permissions })).await;
    let done = some.post("/Bulk", operations.clone()).await.expect(200).body;
    let statuses: Vec<_> =
        done["Operations"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
    assert_eq!(statuses, ["201", "403", "403", "403", "403", "200"], "{done:#}");
    let detail = done["Operations"][1]["response"]["detail"].as_str().unwrap();
    assert!(detail.contains("scim:create") && detail.contains("Group"), "{detail}");
    for group in [first, second] {
        let group = acme.scim.get(&format!("/Groups/{group}")).await.expect(200).body;
        assert_eq!(group.get("members"), None, "{group:#}");
    }

    let without = client(&acme, json!({ "permissions": ["scim:create", "scim:update"] })).await;
    without.post("/Bulk", operations.clone()).await.expect(403);
    let of_groups = json!({ "permissions": ["scim:bulk:Group", "scim:update"] });
    let of_groups = client(&acme, of_groups).await;
    let done = of_groups.post("/Bulk", operations).await.expect(200).body;
    assert_eq!(done["Operations"][5]["status"], "403", "{done:#}");
    assert_eq!(done["Operations"][3]["status"], "200", "{done:#}");
}
