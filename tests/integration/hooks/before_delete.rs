//! Plugins refuse deletions.

use serde_json::json;
use tenon_tests::{Server, user};

use super::{script, with_script};

#[tokio::test]
async fn a_deletion_that_is_refused_leaves_the_resource_and_one_that_is_not_goes_through() {
    let server = Server::shared();
    let acme =
        with_script(&server, json!({ "before-delete": { "reject": "kept for audit" } })).await;
    let id = acme.create("/Users", user("ada")).await;
    let path = format!("/Users/{id}");
    let refused = acme.scim.delete(&path).await.expect(400);
    assert!(refused.detail().contains("kept for audit"), "{}", refused.detail());
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{ "method": "DELETE", "path": path }],
    });
    let done = acme.scim.post("/Bulk", bulk).await.expect(200).body;
    assert_eq!(done["Operations"][0]["status"], "400", "{done}");
    acme.scim.get(&path).await.expect(200);

    script(&acme, json!({ "before-delete": { "trap": true } })).await;
    acme.scim.delete(&path).await.expect(502);
    acme.scim.get(&path).await.expect(200);

    script(&acme, json!({ "resourceType": "Group", "before-delete": { "reject": "no" } })).await;
    acme.scim.delete(&path).await.expect(204);
    acme.scim.get(&path).await.expect(404);
    acme.scim.delete(&path).await.expect(404);
}
