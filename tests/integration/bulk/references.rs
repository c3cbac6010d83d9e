//! Operations that refer to what others create (RFC 7644 §3.7.1, §3.7.2).

use serde_json::{Value, json};
use tenon_tests::{Server, patch, user};

use super::{bulk, id, members, post_group, post_user, resource, statuses, total};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn post_managed(bulk_id: &str, manager: &str) -> Value {
    let mut operation = post_user(bulk_id, bulk_id);
    operation["data"]["schemas"] =
        json!(["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE]);
    operation["data"][ENTERPRISE] = json!({ "manager": { "value": manager } });
    operation
}

fn sorted<const N: usize>(mut ids: [&str; N]) -> [&str; N] {
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_reference_may_point_backward_and_forward() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let results = bulk(
        &acme,
        json!([
            post_group("forward", &["bulkId:alice", "bulkId:inner"]),
            post_user("alice", "alice"),
            post_group("backward", &["bulkId:alice"]),
            post_group("inner", &["bulkId:alice"]),
            post_managed("bob", "bulkId:alice"),
        ]),
    )
    .await;
    assert_eq!(statuses(&results), ["201"; 5]);
    let alice = id(&results[1]);
    let expected = sorted([alice, id(&results[3])]);
    assert_eq!(members(&acme, &results[0]).await, expected);
    assert_eq!(members(&acme, &results[2]).await, [alice]);
    assert_eq!(resource(&acme, &results[4]).await[ENTERPRISE]["manager"]["value"], alice);
    assert!(results.iter().all(|it| it["version"] == "W/\"1\""), "{results:#?}");
}

#[tokio::test]
async fn a_path_and_a_patch_may_refer() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let patch_group = |operations| json!({ "method": "PATCH", "path": "/Groups/bulkId:g", "data": patch(operations) });
    let results = bulk(
        &acme,
        json!([
            patch_group(
                json!([{ "op": "add", "path": "members", "value": [{ "value": "bulkId:carol" }] }])
            ),
            post_group("g", &["bulkId:alice", "bulkId:bob"]),
            patch_group(json!([
                { "op": "remove", "path": "members[value eq \"bulkId:alice\"]" },
                { "op": "remove", "path": "members", "value": [{ "value": "bulkId:bob" }] }
            ])),
            post_user("alice", "alice"),
            post_user("bob", "bob"),
            post_user("carol", "carol"),
            { "method": "PUT", "path": "/Users/bulkId:alice", "data": user("alicia") },
            { "method": "DELETE", "path": "/Users/bulkId:bob" }
        ]),
    )
    .await;
    assert_eq!(statuses(&results), ["200", "201", "200", "201", "201", "201", "200", "204"]);
    for result in [&results[0], &results[2]] {
        assert_eq!(id(result), id(&results[1]));
    }
    let group = acme.scim.get(&format!("/Groups/{}", id(&results[1]))).await.expect(200).body;
    let members: Vec<_> =
        group["members"].as_array().unwrap().iter().map(|it| &it["value"]).collect();
    assert_eq!(members, [id(&results[5])]);
    assert_eq!(resource(&acme, &results[6]).await["userName"], "alicia");
    assert_eq!(id(&results[6]), id(&results[3]));
    acme.scim.get(&format!("/Users/{}", id(&results[4]))).await.expect(404);
}

#[tokio::test]
async fn two_groups_that_contain_each_other_are_created() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let results = bulk(
        &acme,
        json!([
            post_user("alice", "alice"),
            post_group("a", &["bulkId:alice", "bulkId:b"]),
            post_group("b", &["bulkId:a"])
        ]),
    )
    .await;
    assert_eq!(statuses(&results), ["201"; 3]);
    let expected = sorted([id(&results[0]), id(&results[2])]);
    assert_eq!(members(&acme, &results[1]).await, expected);
    assert_eq!(members(&acme, &results[2]).await, [id(&results[1])]);
}

#[tokio::test]
async fn three_groups_in_a_ring_and_what_refers_to_them_are_created() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let results = bulk(
        &acme,
        json!([
            post_group("outside", &["bulkId:b", "bulkId:c"]),
            post_group("a", &["bulkId:b"]),
            post_group("b", &["bulkId:c"]),
            post_group("c", &["bulkId:a"])
        ]),
    )
    .await;
    assert_eq!(statuses(&results), ["201"; 4]);
    let expected = sorted([id(&results[2]), id(&results[3])]);
    assert_eq!(members(&acme, &results[0]).await, expected);
    for (group, member) in [(1, 2), (2, 3), (3, 1)] {
        assert_eq!(members(&acme, &results[group]).await, [id(&results[member])]);
    }
}

#[tokio::test]
async fn users_that_manage_each_other_and_themselves_are_created() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let results = bulk(
        &acme,
        json!([
            post_managed("a", "bulkId:b"),
            post_managed("b", "bulkId:a"),
            post_managed("self", "bulkId:self"),
        ]),
    )
    .await;
    assert_eq!(statuses(&results), ["201"; 3]);
    for (user, manager) in [(0, 1), (1, 0), (2, 2)] {
        let user = resource(&acme, &results[user]).await;
        assert_eq!(user[ENTERPRISE]["manager"]["value"], id(&results[manager]));
        assert_eq!(user["schemas"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_required_reference_is_created_after_what_it_refers_to() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    // No core type has a required reference: the name stands for one.
    let results = bulk(
        &acme,
        json!([post_user("named-after-b", "bulkId:b"), post_managed("b", "bulkId:named-after-b")]),
    )
    .await;
    assert_eq!(statuses(&results), ["201"; 2]);
    assert_eq!(resource(&acme, &results[0]).await["userName"], id(&results[1]));
    let managed = resource(&acme, &results[1]).await;
    assert_eq!(managed[ENTERPRISE]["manager"]["value"], id(&results[0]));
}

#[tokio::test]
async fn a_circular_reference_that_cannot_be_resolved_is_a_conflict() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let results = bulk(
        &acme,
        json!([
            post_user("a", "bulkId:b"),
            post_user("b", "bulkId:a"),
            post_group("g", &["bulkId:b"]),
            post_user("c", "c")
        ]),
    )
    .await;
    assert_eq!(statuses(&results), ["409", "409", "409", "201"]);
    let detail = |result: &Value| result["response"]["detail"].as_str().unwrap().to_owned();
    assert!(detail(&results[0]).contains("attribute \"userName\" is required"));
    assert_eq!(detail(&results[1]), "\"bulkId:a\" refers to an operation that failed");
    assert_eq!(detail(&results[2]), "\"bulkId:b\" refers to an operation that failed");
    assert_eq!(total(&acme, "/Users").await, 1);
    assert_eq!(total(&acme, "/Groups").await, 0);
}

#[tokio::test]
async fn of_a_circle_in_which_one_fails_nothing_is_left() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.create("/Users", user("taken")).await;
    let mut taken = post_managed("b", "bulkId:c");
    taken["data"]["userName"] = json!("taken");
    let results =
        bulk(&acme, json!([post_managed("a", "bulkId:b"), taken, post_managed("c", "bulkId:a")]))
            .await;
    assert_eq!(statuses(&results), ["409"; 3]);
    assert_eq!(results[1]["response"]["scimType"], "uniqueness");
    for result in [&results[0], &results[2]] {
        let detail = result["response"]["detail"].as_str().unwrap();
        assert_eq!(detail, "\"bulkId:b\" refers to an operation that failed");
        assert_eq!(result.get("location"), None);
    }
    assert_eq!(total(&acme, "/Users").await, 1);
}

#[tokio::test]
async fn what_refers_to_an_operation_that_failed_fails_too() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let results = bulk(
        &acme,
        json!([
            post_group("outer", &["bulkId:inner"]),
            post_group("inner", &["bulkId:nameless"]),
            { "method": "POST", "path": "/Users", "bulkId": "nameless", "data": {} },
            { "method": "POST", "path": "/Users", "bulkId": "without-data" },
            { "method": "DELETE", "path": "/Users/bulkId:without-data" }
        ]),
    )
    .await;
    assert_eq!(statuses(&results), ["409", "409", "400", "400", "409"]);
    for (result, bulk_id) in [(0, "inner"), (1, "nameless"), (4, "without-data")] {
        let detail = results[result]["response"]["detail"].as_str().unwrap();
        assert_eq!(detail, format!("\"bulkId:{bulk_id}\" refers to an operation that failed"));
    }
    assert_eq!(total(&acme, "/Groups").await, 0);
}

#[tokio::test]
async fn a_password_is_no_reference_whatever_it_begins_with() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut alice = post_user("alice", "Alice");
    alice["data"]["password"] = json!("bulkId:nobody");
    let password = json!([{ "op": "replace", "path": "password", "value": "bulkId: a secret" }]);
    let results = bulk(
        &acme,
        json!([
            alice,
            { "method": "PATCH", "path": "/Users/bulkId:alice", "data": patch(password) }
        ]),
    )
    .await;
    assert_eq!(statuses(&results), ["201", "200"]);
    let mut bob = post_user("bob", "bulkId: dear diary");
    bob["data"]["password"] = json!("bulkId:nobody");
    let results = bulk(&acme, json!([bob])).await;
    let expected = "a value that begins with \"bulkId:\" refers to no operation";
    let response = &results[0]["response"];
    assert!(response["detail"].as_str().unwrap().starts_with(expected), "{response:#}");
}

#[tokio::test]
async fn a_reference_to_nothing_is_an_error_and_no_value() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("a")).await;
    let path = format!("/Users/{id}");
    let remove = json!([{ "op": "remove", "path": "emails[value eq \"bulkId:nobody\"]" }]);
    let results = bulk(
        &acme,
        json!([
            post_group("g", &["bulkId:nobody"]),
            { "method": "PATCH", "path": path, "data": patch(remove) },
            { "method": "DELETE", "path": "/Users/bulkId:nobody" },
            // What is not created has no bulkId to refer to.
            { "method": "PUT", "path": path, "bulkId": "put", "data": user("a") },
            post_group("h", &["bulkId:put"])
        ]),
    )
    .await;
    assert_eq!(statuses(&results), ["400", "400", "400", "200", "400"]);
    for (result, bulk_id) in [(0, "nobody"), (1, "nobody"), (2, "nobody"), (4, "put")] {
        let response = &results[result]["response"];
        assert_eq!(response["scimType"], "invalidValue");
        let expected = format!("\"bulkId:{bulk_id}\" refers to no operation");
        assert!(response["detail"].as_str().unwrap().contains(&expected), "{response:#}");
    }
}
