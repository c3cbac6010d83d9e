//! Lists: no filter, no sort and no page shows what another tenant has.

use serde_json::{Value, json};
use tenon_tests::{Client, Tenant};

use super::world::{World, filled};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// Each finds something at Globex.
const FILTERS: [(&str, &str); 14] = [
    ("/Users", r#"id eq "<user>""#),
    ("/Users", r#"userName eq "<user-name>""#),
    ("/Users", r#"userName sw "person-of""#),
    ("/Users", r#"userName co "of-globex""#),
    ("/Users", r#"userName ew "globex""#),
    ("/Users", r#"userName gt "person""#),
    ("/Users", r#"nickName eq "nick-of-globex""#),
    ("/Users", "nickName pr"),
    ("/Users", r#"not (nickName ne "nick-of-globex") and nickName pr"#),
    ("/Users", r#"groups.value eq "<group>""#),
    ("/Users", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager pr"),
    ("/Groups", r#"members.value eq "<user>""#),
    ("/Groups", r#"members[display eq "nobody"] or displayName eq "of globex""#),
    ("/", r#"id eq "<group>""#),
];

async fn total(client: &Client, endpoint: &str, filter: &str) -> Vec<Value> {
    let list = client.query(endpoint, &[("filter", filter)]).await.expect(200).body;
    let search = json!({ "schemas": [SEARCH], "filter": filter });
    let path = format!("{}/.search", endpoint.trim_end_matches('/'));
    let searched = client.post(&path, search).await.expect(200).body;
    vec![list["totalResults"].clone(), searched["totalResults"].clone()]
}

#[tokio::test]
async fn no_filter_finds_what_another_tenant_has() {
    let world = World::new().await;
    let there = world.globex.moved(&world.servers[0], &world.servers[1]);
    let here = world.acme.moved(&world.servers[0], &world.servers[1]);
    for (endpoint, filter) in FILTERS {
        let filter = filled(filter, &[&world.of_globex]);
        for globex in [&world.globex, &there] {
            for found in total(&globex.scim, endpoint, &filter).await {
                assert!(found.as_u64().is_some_and(|found| found > 0), "{endpoint} {filter}");
            }
        }
        for acme in [&world.acme, &here] {
            assert_eq!(total(&acme.scim, endpoint, &filter).await, [0, 0], "{endpoint} {filter}");
        }
    }
}

/// The names of all users, page by page.
async fn walked(tenant: &Tenant, sort: &str) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let query = [("sortBy", sort), ("count", "1"), ("cursor", cursor.as_str())];
        let page = tenant.scim.query("/Users", &query).await.expect(200).body;
        let resources = page["Resources"].as_array().unwrap().iter();
        names.extend(resources.map(|it| it["userName"].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return names,
        }
    }
}

#[tokio::test]
async fn sorted_pages_lead_through_the_own_resources_alone() {
    let world = World::new().await;
    let here = world.acme.moved(&world.servers[0], &world.servers[1]);
    for sort in ["userName", "nickName", "meta.created", "id"] {
        for acme in [&world.acme, &here] {
            let mut names = walked(acme, sort).await;
            names.sort_unstable();
            assert_eq!(names, ["administrator", "own"], "{sort}");
        }
        assert_eq!(walked(&world.globex, sort).await.len(), 2, "{sort}");
    }
}
