//! How many resources there may be.

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::{Value, json};
use tenon_tests::{Options, Postgres, Server, Tenant, user};
use tokio::task::JoinSet;

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// Creates one user, in one of the ways there are; the status.
async fn create(tenant: Tenant, number: usize) -> String {
    let name = format!("w{number}");
    match number % 3 {
        0 => {
            let operations = json!([{ "method": "POST", "path": "/Users", "bulkId": "u",
                                      "data": user(&name) }]);
            let bulk = json!({ "schemas": [BULK], "Operations": operations });
            let done = tenant.scim.post("/Bulk", bulk).await.expect(200).body;
            done["Operations"][0]["status"].as_str().unwrap().to_owned()
        }
        1 => {
            let key = [(HeaderName::from_static("idempotency-key"), name.as_str())];
            let body = user(&name);
            tenant.scim.send(Method::POST, "/Users", &body, &key).await.status.to_string()
        }
        _ => tenant.scim.post("/Users", user(&name)).await.status.to_string(),
    }
}

#[tokio::test]
async fn fifty_writers_at_the_edge_land_on_the_limit() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let here = one.tenant("acme").await;
    let there = here.moved(&one, &two);
    for number in 0..5 {
        here.create("/Users", user(&format!("before{number}"))).await;
    }
    here.admin.patch("", json!({ "limits": { "maxUsers": 25 } })).await.expect(200);
    let mut writers = JoinSet::new();
    for number in 0..50 {
        let tenant = if number % 2 == 0 { here.clone() } else { there.clone() };
        writers.spawn(create(tenant, number));
    }
    let statuses = writers.join_all().await;
    let of = |status: &str| statuses.iter().filter(|it| *it == status).count();
    assert_eq!((of("201"), of("403")), (20, 30), "{statuses:?}");
    assert_eq!(there.scim.get("/Users").await.expect(200).body["totalResults"], 25);

    // One goes, and one may come.
    let list = here.scim.get("/Users?count=1").await.expect(200).body;
    let path = format!("/Users/{}", list["Resources"][0]["id"].as_str().unwrap());
    there.scim.delete(&path).await.expect(204);
    here.scim.post("/Users", user("one-more")).await.expect(201);
    let refused = there.scim.post("/Users", user("too-many")).await.expect(403);
    assert!(refused.detail().contains("may have 25"), "{}", refused.detail());
}

#[tokio::test]
async fn a_limit_is_changed_while_the_server_runs() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.create("/Users", user("a")).await;
    let set = async |limits: Value| {
        acme.admin.patch("", json!({ "limits": limits })).await.expect(200).body["limits"].clone()
    };
    let limits = set(json!({ "maxUsers": 1, "maxResources": { "Group": 0 } })).await;
    assert_eq!(
        limits,
        json!({ "maxUsers": 1, "maxResources": { "Group": 0 }, "requestsPerSecond": 1_000_000 })
    );
    acme.scim.post("/Users", user("b")).await.expect(403);
    let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
                        "displayName": "g" });
    acme.scim.post("/Groups", group.clone()).await.expect(403);
    // What is not named stays; null takes a limit away.
    set(json!({ "maxUsers": 2 })).await;
    acme.create("/Users", user("b")).await;
    acme.scim.post("/Users", user("c")).await.expect(403);
    acme.scim.post("/Groups", group.clone()).await.expect(403);
    assert_eq!(
        set(json!({ "maxResources": { "Group": null } })).await["maxResources"],
        Value::Null
    );
    acme.create("/Groups", group).await;
    // Below what there is: nothing is taken away, and nothing is added.
    set(json!({ "maxUsers": 1 })).await;
    acme.scim.post("/Users", user("c")).await.expect(403);
    assert_eq!(acme.scim.get("/Users").await.expect(200).body["totalResults"], 2);
    acme.admin.patch("", json!({ "limits": null })).await.expect(200);
    acme.create("/Users", user("c")).await;
}

#[tokio::test]
async fn a_tenant_begins_with_its_limits() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let name = format!("{}-small", acme.name);
    let body = json!({ "name": name, "limits": { "maxUsers": 0 } });
    let made = server.admin().post("/tenants", body).await.expect(201).body;
    assert_eq!(made["limits"], json!({ "maxUsers": 0 }));
    let tokens = format!("/tenants/{name}/tokens");
    let token = server.admin().post(&tokens, json!({ "name": "x" })).await.expect(201).body;
    let scim = acme.scim.at(acme.scim.base.replace(&acme.name, &name));
    let scim = scim.with_token(token["token"].as_str().unwrap());
    scim.post("/Users", user("a")).await.expect(403);
}

#[tokio::test]
async fn wrong_limits_are_refused_with_the_member_named() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for (limits, detail) in [
        (json!({ "maxUsres": 1 }), "unknown field `maxUsres`"),
        (json!({ "plugins": { "fule": 1 } }), "unknown field `fule`, expected one of `fuel`, "),
        (json!({ "plugins": { "cuont": 1 } }), "`logBytes`, `count`, `runtimeTier`, `byName`"),
        (json!({ "plugins": { "count": "few" } }), "\"limits\": invalid type: string \"few\""),
        (json!({ "plugins": { "byName": { "a": { "fule": 1 } } } }), "unknown field `fule`"),
        (json!({ "maxUsers": -1 }), "\"limits\": invalid value"),
        (json!({ "maxUsers": "many" }), "\"limits\": invalid type"),
        (json!({ "maxPageSize": 1001 }), "\"maxPageSize\" must be between 1 and 1000"),
        (json!({ "maxUsers": 1, "maxResources": { "User": 2 } }), "\"maxUsers\""),
        (json!({ "maxResources": { "Robot": 2 } }), "no resource type \"Robot\""),
        (json!(5), "\"limits\" must be an object"),
    ] {
        let refused = acme.admin.patch("", json!({ "limits": limits })).await.expect(400);
        assert!(refused.detail().contains(detail), "{}", refused.detail());
    }
    let unchanged = acme.admin.get("").await.expect(200).body;
    assert_eq!(unchanged["limits"], json!({ "requestsPerSecond": 1_000_000 }));
    // A tenant does not set its own.
    let body = json!({ "name": "admin", "role": "tenant-admin" });
    let admin = acme.admin.post("/tokens", body).await.expect(201).body;
    let admin = acme.admin.with_token(admin["token"].as_str().unwrap());
    let refused = admin.patch("", json!({ "limits": { "maxUsers": 5 } })).await.expect(403);
    assert!(refused.detail().contains("\"limits\""), "{}", refused.detail());
}
