//! Several servers on one database, which know nothing of each other.

mod pooler;
mod replicas;

use serde_json::{Value, json};
use tenon_tests::{Options, Postgres, Server, Tenant, artifacts, patch, user};
use tokio::task::JoinSet;

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const COST_CENTER: &str = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";

/// A server's tenant, and the same tenant at the server beside it.
async fn tenant_at_both(one: &Server, two: &Server) -> (Tenant, Tenant) {
    let here = one.tenant("acme").await;
    let there = here.moved(one, two);
    (here, there)
}

fn person(name: &str) -> Value {
    let mut person = user(name);
    person["name"] = json!({ "familyName": format!("Family of {name}") });
    person["emails"] = json!([{ "value": format!("{name}@example.com"), "type": "work" }]);
    person
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|it| json!({ "value": it })).collect();
    json!({ "schemas": [GROUP], "displayName": name, "members": members })
}

/// The names of the users that a filter finds.
async fn found(tenant: &Tenant, filter: &str) -> Vec<String> {
    let list = tenant.scim.query("/Users", &[("filter", filter)]).await.expect(200).body;
    let resources = list["Resources"].as_array().unwrap();
    resources.iter().map(|it| it["userName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_one_server_writes_the_other_reads_and_guards() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let (here, there) = tenant_at_both(&one, &two).await;
    shared_work(&here, &there).await;
    concurrent_patches(&here, &there).await;
    one_name_at_the_same_time(&here, &there).await;
    pages_continue(&here, &there).await;
    plugins_reach_the_other(&here, &there).await;
    drop((one, two));
}

/// Reads, versions, unique values, filters, memberships, bulk requests and deletions.
async fn shared_work(here: &Tenant, there: &Tenant) {
    let ada = here.create("/Users", person("ada")).await;
    let read = there.scim.get(&format!("/Users/{ada}")).await.expect(200);
    assert_eq!(read.body["userName"], "ada");
    let taken = there.scim.post("/Users", person("ADA")).await.expect(409);
    assert_eq!(taken.body["scimType"], "uniqueness");

    let etag = read.header("etag").to_owned();
    let rename = patch(json!([{ "op": "replace", "path": "nickName", "value": "A" }]));
    here.scim.patch(&format!("/Users/{ada}"), rename.clone()).await.expect(200);
    let path = format!("/Users/{ada}");
    let headers = [(reqwest::header::IF_MATCH, etag.as_str())];
    let stale = there.scim.send(reqwest::Method::PATCH, &path, &rename, &headers).await;
    stale.expect(412);

    let bert = there.create("/Users", person("bert")).await;
    for filter in [
        "userName eq \"bert\"",
        "emails[type eq \"work\"].value eq \"bert@example.com\"",
        "name.familyName sw \"Family of b\"",
        "userName co \"ert\" and not (nickName pr)",
    ] {
        assert_eq!(found(here, filter).await, ["bert"], "{filter}");
        assert_eq!(found(there, filter).await, ["bert"], "{filter}");
    }

    let team = here.create("/Groups", group("Team", &[&ada])).await;
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": bert }] }]);
    there.scim.patch(&format!("/Groups/{team}"), patch(add)).await.expect(200);
    let read = here.scim.get(&format!("/Groups/{team}")).await.expect(200).body;
    assert_eq!(read["members"].as_array().unwrap().len(), 2, "{read:#}");
    let read = here.scim.get(&format!("/Users/{bert}")).await.expect(200).body;
    assert_eq!(read["groups"][0]["value"], *team);

    let operations = json!([
        { "method": "POST", "path": "/Users", "bulkId": "c", "data": person("cleo") },
        { "method": "POST", "path": "/Groups", "bulkId": "d", "data": group("New", &["bulkId:c"]) },
        { "method": "DELETE", "path": format!("/Users/{bert}") }
    ]);
    let done = there.scim.post("/Bulk", json!({ "schemas": [BULK], "Operations": operations }));
    let done = done.await.expect(200).body;
    let statuses: Vec<_> =
        done["Operations"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
    assert_eq!(statuses, ["201", "201", "204"], "{done:#}");
    here.scim.get(&format!("/Users/{bert}")).await.expect(404);
    assert_eq!(found(here, "groups.display eq \"New\"").await, ["cleo"]);
    let read = here.scim.get(&format!("/Groups/{team}")).await.expect(200).body;
    assert_eq!(read["members"].as_array().unwrap().len(), 1, "{read:#}");
}

/// Each adds a value of its own; none of them is lost.
async fn concurrent_patches(here: &Tenant, there: &Tenant) {
    let path = format!("/Users/{}", here.create("/Users", user("many")).await);
    let mut patches = JoinSet::new();
    for number in 0..12 {
        let (tenant, path) = (if number % 2 == 0 { here } else { there }.clone(), path.clone());
        let email = json!({ "value": format!("{number}@example.com") });
        let add = patch(json!([{ "op": "add", "path": "emails", "value": [email] }]));
        patches.spawn(async move { tenant.scim.patch(&path, add).await });
    }
    let answers = patches.join_all().await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    // One that loses its race again and again is told to come back.
    assert!(answers.iter().all(|it| it.status == 200 || it.header("retry-after") == "1"));
    let read = here.scim.get(&path).await.expect(200).body;
    assert_eq!(read["emails"].as_array().unwrap().len(), done);
    assert_eq!(read["meta"]["version"], format!("W/\"{}\"", done + 1));
}

async fn one_name_at_the_same_time(here: &Tenant, there: &Tenant) {
    let mut posts = JoinSet::new();
    for number in 0..8 {
        let tenant = if number % 2 == 0 { here } else { there }.clone();
        posts.spawn(async move { tenant.scim.post("/Users", user("wanted")).await.status });
    }
    let mut statuses = posts.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

/// A cursor of one server's is good at the other.
async fn pages_continue(here: &Tenant, there: &Tenant) {
    let query = [("sortBy", "userName"), ("count", "2"), ("cursor", "")];
    let first = here.scim.query("/Users", &query).await.expect(200).body;
    let next = first["nextCursor"].as_str().unwrap();
    let query = [("sortBy", "userName"), ("count", "2"), ("cursor", next)];
    let second = there.scim.query("/Users", &query).await.expect(200).body;
    let names = |list: &Value| {
        list["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["userName"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!([names(&first), names(&second)].concat(), ["ada", "cleo", "many", "wanted"]);
}

/// A plugin is compiled by the other server too, and both know when it is active.
async fn plugins_reach_the_other(here: &Tenant, there: &Tenant) {
    here.activate("cost-center", artifacts::cost_center(), json!({})).await;
    let mut bad = user("bad");
    bad[COST_CENTER] = json!({ "costCenter": "bad" });
    here.scim.post("/Users", bad.clone()).await.expect(400);
    // A server asks once a second whether its configuration still holds.
    let begun = std::time::Instant::now();
    loop {
        let answer = there.scim.get("/Schemas").await.expect(200).body;
        if answer.to_string().contains(COST_CENTER) {
            break;
        }
        assert!(begun.elapsed().as_secs() < 30, "the other server never knew");
    }
    there.scim.post("/Users", bad).await.expect(400);
    let mut good = user("good");
    good[COST_CENTER] = json!({ "costCenter": "CC-1234" });
    there.scim.post("/Users", good).await.expect(201);
    here.admin.post("/plugins/cost-center/deactivate", json!({})).await.expect(200);
}

#[tokio::test]
async fn servers_with_one_data_directory_share_its_database_and_its_plugins() {
    let dir = tenon_tests::new_data_dir();
    let over = || Options { data_dir: Some(dir.path().to_owned()), ..Options::default() };
    let mut one = Server::start(over());
    let two = Server::start(over());
    let (here, there) = tenant_at_both(&one, &two).await;
    shared_work(&here, &there).await;
    plugins_reach_the_other(&here, &there).await;
    // The one that started the database goes; the other keeps it.
    assert!(one.stop().success());
    let id = there.create("/Users", user("after")).await;
    there.scim.get(&format!("/Users/{id}")).await.expect(200);
}
