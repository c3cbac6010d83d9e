//! What a bulk request may be, and how large (RFC 7644 §3.7.4).

use serde_json::{Value, json};
use tenon_tests::{Server, user};

use super::{ERROR, bulk, members, post_group, post_user, request, statuses, total};

#[tokio::test]
async fn a_request_that_is_no_bulk_request_is_refused_as_a_whole() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let with = |name: &str, value: Value| {
        let mut body = request(json!([post_user("a", "a")]));
        body[name] = value;
        body
    };
    let twice = json!([post_user("a", "a"), post_user("a", "b")]);
    for (body, detail) in [
        (with("schemas", json!([ERROR])), "\"schemas\" must be"),
        (with("Operations", json!({})), "\"Operations\" must be an array"),
        (with("Operations", json!([])), "\"Operations\" must be an array"),
        (with("failOnErrors", json!(0)), "\"failOnErrors\" must be a whole number of at least 1"),
        (with("failOnErrors", json!("1")), "\"failOnErrors\" must be a whole number"),
        (with("Operations", twice), "the bulkId \"a\" is that of two operations"),
    ] {
        let refused = acme.scim.post("/Bulk", body).await.expect(400);
        assert_eq!(refused.body["scimType"], "invalidSyntax");
        assert!(refused.detail().contains(detail), "{}", refused.detail());
    }
    assert_eq!(total(&acme, "/Users").await, 0);
}

#[tokio::test]
async fn a_limit_that_is_exceeded_is_named() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let delete = json!({ "method": "DELETE", "path": "/Users/1" });
    let many = acme.scim.post("/Bulk", request(json!(vec![delete; 1_001]))).await.expect(413);
    let detail = "the number of operations (1001) exceeds the maxOperations (1000)";
    assert_eq!(many.body, json!({ "schemas": [ERROR], "status": "413", "detail": detail }));

    let mut large = request(json!([post_user("a", "a")]));
    large["Operations"][0]["data"]["title"] = json!("x".repeat(1 << 20));
    let large = acme.scim.post("/Bulk", large).await.expect(413);
    let detail = "the size of the bulk operation exceeds the maxPayloadSize (1048576)";
    assert_eq!(large.body, json!({ "schemas": [ERROR], "status": "413", "detail": detail }));
    assert_eq!(total(&acme, "/Users").await, 0);
}

#[tokio::test]
async fn a_bulk_request_of_the_largest_size_does_not_hold_up_others() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let other = server.tenant("other").await;
    let ids: Vec<String> = (0..999).map(|number| format!("bulkId:u{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    // The group comes first, and waits for all of them.
    let mut operations = vec![post_group("all", &ids)];
    operations.extend((0..999).map(|n| post_user(&format!("u{n}"), &format!("user-{n}"))));
    let large = {
        let acme = acme.clone();
        tokio::spawn(async move { bulk(&acme, json!(operations)).await })
    };
    // Others are answered all the time, each before the next is asked for.
    let mut meanwhile = 0;
    while !large.is_finished() {
        other.create("/Users", user(&format!("meanwhile-{meanwhile}"))).await;
        meanwhile += 1;
    }
    assert!(meanwhile > 1, "the other tenant's request waited for all of the bulk request");

    let results = large.await.unwrap();
    assert_eq!(statuses(&results), ["201"; 1_000]);
    assert_eq!(members(&acme, &results[0]).await.len(), 999);
    assert_eq!(total(&acme, "/Users?count=0").await, 999);
}
