//! How many members a group may have.

use serde_json::{Value, json};
use tenon_tests::{Options, Postgres, Server, Tenant, patch, user};
use tokio::task::JoinSet;

use super::with_limits;

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

fn group(members: &[String]) -> Value {
    json!({ "schemas": [GROUP], "displayName": "staff", "members": listed(members) })
}

fn listed(members: &[String]) -> Vec<Value> {
    members.iter().map(|id| json!({ "value": id })).collect()
}

async fn users(tenant: &Tenant, number: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..number {
        ids.push(tenant.create("/Users", user(&format!("u{number}"))).await);
    }
    ids
}

/// Adds a member in one of the ways there are; whether it is one now.
async fn add(tenant: Tenant, group: String, member: String, way: usize) -> bool {
    let add = json!({ "op": "add", "path": "members", "value": [{ "value": member }] });
    let rename = json!({ "op": "replace", "path": "displayName", "value": member });
    loop {
        let status = match way % 3 {
            0 => tenant.scim.patch(&group, patch(json!([add]))).await.status,
            1 => tenant.scim.patch(&group, patch(json!([rename, add]))).await.status,
            _ => {
                let operation =
                    json!({ "method": "PATCH", "path": group, "data": patch(json!([add])) });
                // Two of them are carried out together.
                let bulk = json!({ "schemas": [BULK], "Operations": [operation, operation] });
                let done = tenant.scim.post("/Bulk", bulk).await.expect(200).body;
                done["Operations"][0]["status"].as_str().unwrap().parse().unwrap()
            }
        };
        match status {
            200 => return true,
            403 => return false,
            // Others changed the group each time.
            503 => {}
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn members_of_a_group_end_at_the_limit_under_concurrency() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    let there = here.moved(&one, &two);
    let limits = json!({ "limits": { "maxMembers": 12 } });
    here.admin.patch("", limits).await.expect(200);
    let members = users(&here, 35).await;
    let (first, others) = members.split_at(5);
    let path = format!("/Groups/{}", here.create("/Groups", group(first)).await);
    // The other server knows the limit when it refuses what is beyond.
    let too_many = group(&members[..13]);
    while there.scim.put(&path, too_many.clone()).await.status != 403 {
        there.scim.put(&path, group(first)).await.expect(200);
    }
    let mut writers = JoinSet::new();
    for (number, member) in others.iter().enumerate() {
        let tenant = if number % 2 == 0 { here.clone() } else { there.clone() };
        writers.spawn(add(tenant, path.clone(), member.clone(), number));
    }
    let added = writers.join_all().await.into_iter().filter(|it| *it).count();
    assert_eq!(added, 7);
    let stored = there.scim.get(&path).await.expect(200).body;
    assert_eq!(stored["members"].as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn no_way_leads_past_the_limit_of_members() {
    let server = Server::shared();
    let acme = with_limits(&server, json!({ "maxMembers": 3, "requestsPerSecond": 10_000 })).await;
    let members = users(&acme, 6).await;
    let refused = acme.scim.post("/Groups", group(&members[..4])).await.expect(403);
    assert!(refused.detail().contains("may have 3 members"), "{}", refused.detail());
    let path = format!("/Groups/{}", acme.create("/Groups", group(&members[..2])).await);
    let add = |ids: &[String]| json!({ "op": "add", "path": "members", "value": listed(ids) });
    let remove =
        |id: &str| json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") });
    acme.scim.patch(&path, patch(json!([add(&members[2..4])]))).await.expect(403);
    acme.scim.put(&path, group(&members[..4])).await.expect(403);
    let replace = json!([{ "op": "replace", "path": "members", "value": listed(&members[..4]) }]);
    acme.scim.patch(&path, patch(replace)).await.expect(403);
    // Each operation of a bulk request is on its own, also where all are carried out together.
    let operation =
        |change: Value| json!({ "method": "PATCH", "path": path, "data": patch(json!([change])) });
    let bulk = json!({ "schemas": [BULK], "Operations": [
        operation(add(&members[2..3])), operation(add(&members[3..4])),
        operation(remove(&members[0])), operation(add(&members[4..5]))
    ]});
    let done = acme.scim.post("/Bulk", bulk).await.expect(200).body;
    let statuses: Vec<_> =
        done["Operations"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(statuses, ["200", "403", "200", "200"]);
    // One goes and one comes; what is there already is not counted twice.
    let swap = json!([remove(&members[1]), add(&members[..1]), add(&members[2..3])]);
    acme.scim.patch(&path, patch(swap)).await.expect(200);

    // Below what there is: nothing is taken away, and nothing is added.
    let lower = json!({ "limits": { "maxMembers": 1 } });
    acme.admin.patch("", lower).await.expect(200);
    let mut stored = acme.scim.get(&path).await.expect(200).body;
    assert_eq!(stored["members"].as_array().unwrap().len(), 3);
    stored["displayName"] = json!("everybody");
    acme.scim.put(&path, stored).await.expect(200);
    acme.scim.patch(&path, patch(json!([add(&members[5..])]))).await.expect(403);
    acme.scim.patch(&path, patch(json!([remove(&members[2])]))).await.expect(200);
    acme.admin.patch("", json!({ "limits": { "maxMembers": null } })).await.expect(200);
    acme.scim.patch(&path, patch(json!([add(&members)]))).await.expect(200);
}
