//! How fast requests may come.

use serde_json::json;
use tenon_tests::{Server, until_status, user};

use super::with_limits;
use crate::oauth;

#[tokio::test]
async fn a_tenant_over_its_rate_is_told_when_to_come_back_and_its_neighbour_is_not() {
    let server = Server::shared();
    let slow = json!({ "requestsPerSecond": 1, "burst": 3 });
    let (acme, globex) =
        (with_limits(&server, slow.clone()).await, with_limits(&server, slow).await);
    let first = acme.scim.get("/Users").await.expect(200);
    assert_eq!(first.header("ratelimit-policy"), "\"tenant\";q=3;w=3");
    assert_eq!(first.header("ratelimit"), "\"tenant\";r=2;t=1");
    // However long it takes: of so many, some come too fast.
    let refused = until_status(&acme.scim, "/Users", 429).await;
    assert_eq!(refused.header("content-type"), "application/scim+json");
    assert_eq!(refused.header("retry-after"), "1");
    assert!(refused.header("ratelimit").starts_with("\"tenant\";r=0;t="));
    // The tenant's own administrators share its rate; the operator and others do not.
    globex.scim.get("/Users").await.expect(200);
    acme.admin.get("").await.expect(200);
    // Without a valid credential, nothing is told of the tenant.
    let unknown = acme.scim.with_token("wrong").get("/Users").await.expect(401);
    assert_eq!(unknown.headers.get("ratelimit"), None);
    acme.admin.patch("", json!({ "limits": null })).await.expect(200);
    until_status(&acme.scim, "/Users", 200).await;
}

#[tokio::test]
async fn a_clients_requests_for_access_tokens_count_too() {
    let server = Server::shared();
    let acme = with_limits(&server, json!({ "requestsPerSecond": 1, "burst": 3 })).await;
    let hr = oauth::client(&acme, json!({ "permissions": ["scim:read"] })).await;
    let ask = async |secret: &str| oauth::ask(&acme, &[oauth::GRANT], Some((&hr.id, secret))).await;
    let mut refused = ask(&hr.secret).await.expect(200);
    while refused.status == 200 {
        refused = ask(&hr.secret).await;
    }
    assert_eq!(refused.status, 429, "{:#}", refused.body);
    assert_eq!(refused.header("retry-after"), "1");
    // Who does not have the secret is told nothing of the tenant.
    ask("wrong").await.expect(401);
}

#[tokio::test]
async fn twenty_five_requests_a_second_pass_under_the_defaults() {
    let server = Server::shared();
    let acme = with_limits(&server, json!({})).await;
    for number in 0..25 {
        acme.scim.get("/Users").await.expect(200);
        if number == 0 {
            let answer = acme.scim.get("/Users").await.expect(200);
            assert_eq!(answer.header("ratelimit-policy"), "\"tenant\";q=200;w=2");
        }
    }
}

#[tokio::test]
async fn bulk_operations_count() {
    let server = Server::shared();
    let acme = with_limits(&server, json!({ "requestsPerSecond": 1, "burst": 5 })).await;
    let create = |number: usize| {
        json!({ "method": "POST", "path": "/Users", "bulkId": number.to_string(),
                "data": user(&format!("u{number}")) })
    };
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
    let operations: Vec<_> = (0..100).map(create).collect();
    let bulk = json!({ "schemas": schemas, "Operations": operations });
    // It is carried out, and those after it wait.
    let done = acme.scim.post("/Bulk", bulk).await.expect(200).body;
    let created = done["Operations"].as_array().unwrap().iter().filter(|it| it["status"] == "201");
    assert_eq!(created.count(), 100);
    let refused = acme.scim.get("/Users").await.expect(429);
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!(seconds > 1, "{seconds}");
}
