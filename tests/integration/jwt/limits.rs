//! Limits that a JWT claims.

use serde_json::{Value, json};
use tenon_tests::{Client, Options, Server, Tenant, user};

use super::{Idp, claims, issuer, with};
use tenon_tests::until_status;

/// A client with a JWT that claims limits.
fn claiming(idp: &Idp, tenant: &Tenant, subject: &str, limits: Value) -> Client {
    let mut claims = claims("scim:*");
    claims["sub"] = json!(subject);
    claims["app"] = json!({ "limits": limits });
    with(&idp.sign(&idp.header(), &claims), tenant)
}

#[tokio::test]
async fn claimed_limits_only_lower() {
    let first = Server::start(Options::default());
    let second = Server::start(Options::on(&first.database_url()));
    let (acme, idp) = (first.tenant("acme").await, Idp::new("a"));
    let members = json!({ "jwks": idp.jwks(), "limitsClaim": "/app/limits" });
    issuer(&acme, members).await.expect(201);
    for name in ["a", "b", "c"] {
        acme.create("/Users", user(name)).await;
    }
    for server in [&first, &second] {
        let tenant = acme.moved(&first, server);
        let more = json!({ "requestsPerSecond": 1_000_000, "maxPageSize": 5_000_000_000_u64 });
        let more = claiming(&idp, &tenant, "more", more);
        until_status(&more, "/Users", 200).await;
        let all = more.get("/Users?count=10").await.expect(200);
        assert_eq!(all.body["itemsPerPage"], 3);
        assert_eq!(all.header("ratelimit-policy"), "\"tenant\";q=1000000;w=1");

        let less = json!({ "maxPageSize": 2, "another": true });
        let less = claiming(&idp, &tenant, "less", less);
        let page = less.get("/Users?count=10").await.expect(200).body;
        assert_eq!((&page["itemsPerPage"], &page["totalResults"]), (&json!(2), &json!(3)));
        let config = less.get("/ServiceProviderConfig").await.expect(200).body;
        assert_eq!(config["pagination"]["maxPageSize"], 2);

        let slow = json!({ "requestsPerSecond": 1 });
        let slow = claiming(&idp, &tenant, "slow", slow);
        let answer = slow.get("/Users").await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"credential\";q=2;w=2");
        assert_eq!(answer.header("ratelimit"), "\"credential\";r=1;t=1");
        let mut refused = answer;
        while refused.status == 200 {
            refused = slow.get("/Users").await;
        }
        assert_eq!(refused.status, 429, "{:#}", refused.body);
        assert_eq!(refused.header("retry-after"), "1");
        assert!(refused.header("ratelimit").starts_with("\"credential\";r=0;t="));
        // With another JWT, it is the same subject; others go on.
        let slow = json!({ "requestsPerSecond": 1, "maxPageSize": 7 });
        let again = claiming(&idp, &tenant, "slow", slow.clone());
        while again.get("/Users").await.status == 200 {}
        claiming(&idp, &tenant, "another", slow).get("/Users").await.expect(200);
        tenant.scim.get("/Users").await.expect(200);
    }
}

#[tokio::test]
async fn operations_of_a_bulk_request_count_for_a_jwt_too() {
    let server = Server::shared();
    let (acme, idp) = (server.tenant("acme").await, Idp::new("a"));
    let members = json!({ "jwks": idp.jwks(), "limitsClaim": "/app/limits" });
    issuer(&acme, members).await.expect(201);
    let create = |number: usize| {
        json!({ "method": "POST", "path": "/Users", "bulkId": number.to_string(),
                "data": user(&format!("u{number}")) })
    };
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
    let operations: Vec<_> = (0..50).map(create).collect();
    let slow = claiming(&idp, &acme, "slow", json!({ "requestsPerSecond": 1 }));
    let bulk = json!({ "schemas": schemas, "Operations": operations });
    slow.post("/Bulk", bulk).await.expect(200);
    let refused = slow.get("/Users").await.expect(429);
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!(seconds > 1, "{seconds}");
    acme.scim.get("/Users").await.expect(200);
}

#[tokio::test]
async fn a_jwt_whose_limits_cannot_be_read_is_refused() {
    let server = Server::shared();
    let (acme, idp) = (server.tenant("acme").await, Idp::new("a"));
    let members = json!({ "jwks": idp.jwks(), "limitsClaim": "/app/limits" });
    issuer(&acme, members).await.expect(201);
    for limits in [
        json!(5),
        json!(null),
        json!([1]),
        json!({ "requestsPerSecond": 0 }),
        json!({ "requestsPerSecond": "5" }),
        json!({ "maxPageSize": -1 }),
        json!({ "maxPageSize": null }),
    ] {
        let client = claiming(&idp, &acme, "hr", limits.clone());
        assert_eq!(client.get("/Users").await.status, 401, "{limits}");
    }
    claiming(&idp, &acme, "hr", json!({})).get("/Users").await.expect(200);
    with(&idp.jwt("scim:*"), &acme).get("/Users").await.expect(200);
}
