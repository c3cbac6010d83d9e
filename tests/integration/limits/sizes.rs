//! How large a request or an answer may be: enforced, and told beforehand.

use serde_json::json;
use tenon_tests::{Options, Postgres, Server, user};

use super::{until, with_limits};

#[tokio::test]
async fn body_filter_page_and_bulk_limits_are_enforced_and_advertised() {
    let server = Server::shared();
    let limits = json!({
        "maxBodyBytes": 2_000, "maxFilterTerms": 2, "maxPageSize": 3, "maxBulkOperations": 2,
        "maxBulkBytes": 1_500, "requestsPerSecond": 1_000
    });
    let acme = with_limits(&server, limits).await;
    let config = acme.scim.get("/ServiceProviderConfig").await.expect(200).body;
    assert_eq!(config["bulk"]["maxOperations"], 2);
    assert_eq!(config["bulk"]["maxPayloadSize"], 1_500);
    assert_eq!(config["filter"]["maxResults"], 3);
    assert_eq!(config["pagination"]["maxPageSize"], 3);
    assert_eq!(config["pagination"]["defaultPageSize"], 3);

    let mut large = user("large");
    large["nickName"] = json!("x".repeat(2_000));
    let refused = acme.scim.post("/Users", large.clone()).await.expect(413);
    assert!(refused.detail().contains("2000 bytes"), "{}", refused.detail());
    for number in 0..4 {
        acme.create("/Users", user(&format!("u{number}"))).await;
    }
    for query in ["", "?count=1000"] {
        let list = acme.scim.get(&format!("/Users{query}")).await.expect(200).body;
        assert_eq!((&list["itemsPerPage"], &list["totalResults"]), (&json!(3), &json!(4)));
    }
    let terms = |n: usize| vec!["userName pr"; n].join(" and ");
    acme.scim.query("/Users", &[("filter", &terms(2))]).await.expect(200);
    let refused = acme.scim.query("/Users", &[("filter", &terms(3))]).await.expect(400);
    assert!(refused.detail().contains("more than 2 terms"), "{}", refused.detail());

    let bulk = |operations: usize, padding: usize| {
        let create = |number: usize| {
            json!({ "method": "POST", "path": "/Users", "bulkId": format!("{number}"),
                    "data": { "userName": "x".repeat(padding) } })
        };
        let operations: Vec<_> = (0..operations).map(create).collect();
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
        json!({ "schemas": schemas, "Operations": operations })
    };
    let refused = acme.scim.post("/Bulk", bulk(3, 1)).await.expect(413);
    assert!(refused.detail().contains("maxOperations (2)"), "{}", refused.detail());
    let refused = acme.scim.post("/Bulk", bulk(1, 1_500)).await.expect(413);
    assert!(refused.detail().contains("maxPayloadSize (1500)"), "{}", refused.detail());

    // More than the default is possible, too.
    let more = json!({ "limits": { "maxBodyBytes": 4_000_000 } });
    acme.admin.patch("", more).await.expect(200);
    large["nickName"] = json!("x".repeat(2_000_000));
    acme.scim.post("/Users", large).await.expect(201);
}

#[tokio::test]
async fn another_server_keeps_to_a_changed_limit() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    let there = here.moved(&one, &two);
    there.scim.get("/Users").await.expect(200);
    here.admin.patch("", json!({ "limits": { "maxPageSize": 7 } })).await.expect(200);
    let shown = |answer: &tenon_tests::Answer| answer.body["pagination"]["maxPageSize"] == 7;
    let path = "/ServiceProviderConfig";
    assert!(shown(&here.scim.get(path).await.expect(200)));
    until(&there.scim, path, shown).await.expect(200);
}
