//! Sharing is within the tables that tenants share.

use serde_json::json;
use tenon_tests::Postgres;

use super::database::at;
use super::two_servers;

#[tokio::test]
async fn a_tenant_with_shares_does_not_move_and_one_with_own_tables_does_not_share() {
    let (postgres, other) = (Postgres::start(&[]), Postgres::start(&[]));
    let (one, two, _) = two_servers(&postgres).await;
    let (parent, child) =
        (one.tenant_in("shared", "parent").await, one.tenant_in("shared", "child").await);
    let share = json!({ "resourceTypes": ["User"] });
    let put = child.admin.put(&format!("/shares/{}", parent.name), share.clone()).await;
    assert!(put.status == 200 || put.status == 201, "{:#}", put.body);
    for tenant in [&parent, &child] {
        let there = tenant.moved(&one, &two);
        for place in [json!({ "kind": "schema" }), at(&other)] {
            let refused =
                there.admin.post("/move", json!({ "placement": place })).await.expect(409);
            assert!(
                refused.body["type"].as_str().unwrap().ends_with("tenant-shares"),
                "{:#}",
                refused.body
            );
            assert_eq!(there.admin.get("/move").await.expect(200).body["state"], "settled");
        }
    }
    let apart = [one.tenant_in("schema", "schema").await, one.tenant_in("database", "own").await];
    for tenant in &apart {
        for (child, parent) in [(tenant, &parent), (&parent, tenant)] {
            let path = format!("/shares/{}", parent.name);
            let refused = child.moved(&one, &two).admin.put(&path, share.clone()).await.expect(409);
            assert!(
                refused.body["type"].as_str().unwrap().ends_with("own-tables"),
                "{:#}",
                refused.body
            );
        }
    }
}
