//! Many operations in one request (RFC 7644 §3.7).

mod interrupted;
mod limits;
mod references;

use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{Answer, Server, Tenant, artifacts, patch, user};

const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

fn request(operations: Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations
    })
}

/// The results of a bulk request that is carried out.
async fn bulk(tenant: &Tenant, operations: Value) -> Vec<Value> {
    results(tenant.scim.post("/Bulk", request(operations)).await)
}

#[track_caller]
fn results(answer: Answer) -> Vec<Value> {
    let answer = answer.expect(200);
    assert_eq!(answer.header("content-type"), "application/scim+json");
    let schema = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
    assert_eq!(answer.body["schemas"], json!([schema]));
    answer.body["Operations"].as_array().unwrap().clone()
}

fn statuses(results: &[Value]) -> Vec<&str> {
    results.iter().map(|it| it["status"].as_str().unwrap()).collect()
}

fn post_user(bulk_id: &str, user_name: &str) -> Value {
    json!({ "method": "POST", "path": "/Users", "bulkId": bulk_id, "data": user(user_name) })
}

fn post_group(bulk_id: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|it| json!({ "value": it })).collect();
    json!({ "method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": bulk_id,
        "members": members
    } })
}

/// The id in the location of a result.
fn id(result: &Value) -> &str {
    result["location"].as_str().unwrap_or_else(|| panic!("{result:#}")).rsplit('/').next().unwrap()
}

/// The resource at the location of a result, whose version has to be that of the result.
async fn resource(tenant: &Tenant, result: &Value) -> Value {
    let location = result["location"].as_str().unwrap_or_else(|| panic!("{result:#}"));
    let resource = tenant.scim.at(location.to_owned()).get("").await.expect(200).body;
    assert_eq!(resource["meta"]["location"], result["location"]);
    assert_eq!(resource["meta"]["version"], result["version"]);
    resource
}

async fn members(tenant: &Tenant, result: &Value) -> Vec<String> {
    let group = resource(tenant, result).await;
    let members = group["members"].as_array().cloned().unwrap_or_default();
    let mut members: Vec<String> =
        members.iter().map(|it| it["value"].as_str().unwrap().to_owned()).collect();
    members.sort_unstable();
    members
}

async fn total(tenant: &Tenant, path: &str) -> Value {
    tenant.scim.get(path).await.expect(200).body["totalResults"].clone()
}

#[tokio::test]
async fn every_method_is_carried_out_and_answered_in_the_order_of_the_request() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let ids = [
        acme.create("/Users", user("put")).await,
        acme.create("/Users", user("patch")).await,
        acme.create("/Users", user("delete")).await,
    ];
    let set_title = patch(json!([{ "op": "add", "path": "title", "value": "Dr" }]));
    let results = bulk(
        &acme,
        json!([
            post_user("qwerty", "post"),
            { "method": "put", "path": format!("/Users/{}", ids[0]), "data": user("new") },
            { "method": "PATCH", "path": format!("/Users/{}", ids[1]), "data": set_title },
            { "method": "DELETE", "path": format!("/Users/{}", ids[2]), "bulkId": "x" }
        ]),
    )
    .await;
    let location = |id: &str| format!("{}/Users/{id}", acme.scim.base);
    let expected = json!([
        { "location": location(id(&results[0])), "method": "POST", "bulkId": "qwerty",
            "version": "W/\"1\"", "status": "201" },
        { "location": location(&ids[0]), "method": "PUT", "version": "W/\"2\"", "status": "200" },
        { "location": location(&ids[1]), "method": "PATCH", "version": "W/\"2\"", "status": "200" },
        { "location": location(&ids[2]), "method": "DELETE", "bulkId": "x", "status": "204" }
    ]);
    assert_eq!(json!(results), expected);
    assert_eq!(resource(&acme, &results[0]).await["userName"], "post");
    assert_eq!(resource(&acme, &results[1]).await["userName"], "new");
    assert_eq!(resource(&acme, &results[2]).await["title"], "Dr");
    acme.scim.get(&format!("/Users/{}", ids[2])).await.expect(404);
}

#[tokio::test]
async fn one_broken_operation_leaves_the_others_alone() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let taken = acme.create("/Users", user("taken")).await;
    let absent = "/Users/2819c223-7f76-453a-919d-413861904646";
    let results = bulk(
        &acme,
        json!([
            post_user("a", "a"),
            post_user("b", "Taken"),
            { "method": "POST", "path": "/Users", "bulkId": "c", "data": { "userName": 5 } },
            { "method": "PUT", "path": absent, "data": user("x") },
            { "method": "PATCH", "path": format!("/Users/{taken}"), "data": {} },
            { "method": "DELETE", "path": "/Robots/1" },
            { "method": "GET", "path": absent },
            { "method": "POST", "path": "/Users/1", "bulkId": "d", "data": user("d") },
            "nonsense",
            post_user("e", "e"),
        ]),
    )
    .await;
    let expected = ["201", "409", "400", "404", "400", "404", "400", "400", "400", "201"];
    assert_eq!(statuses(&results), expected);
    assert_eq!(total(&acme, "/Users").await, 3);

    // What a request of its own is told.
    let alone = [
        acme.scim.post("/Users", user("Taken")).await,
        acme.scim.post("/Users", json!({ "userName": 5 })).await,
        acme.scim.put(absent, user("x")).await,
        acme.scim.patch(&format!("/Users/{taken}"), json!({})).await,
        acme.scim.delete("/Robots/1").await,
    ];
    for (result, alone) in results[1..].iter().zip(alone) {
        assert_eq!(result["response"], alone.body);
        assert_eq!(result["status"], json!(alone.status.to_string()));
    }
    for result in &results[6..9] {
        assert_eq!(result["response"]["schemas"], json!([ERROR]));
        assert_eq!(result["response"]["status"], "400");
        assert_eq!(result["response"]["scimType"], "invalidSyntax");
    }
}

#[tokio::test]
async fn a_failed_operation_has_its_location_unless_it_is_a_post() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let results = bulk(
        &acme,
        json!([
            { "method": "POST", "path": "/Users", "bulkId": "a", "data": {} },
            { "method": "POST", "path": "/Users/1", "bulkId": "b", "data": {} },
            { "method": "PUT", "path": "/Users/1" },
            { "method": "PATCH", "path": "/Users/1", "data": {} },
            { "method": "DELETE", "path": "/Users/1" },
            { "method": "DELETE", "path": "/Users/bulkId:a" },
            { "method": "DELETE", "path": "/Users" },
            { "method": "DELETE", "path": "Users/1/2?3" },
            { "method": "GET", "path": "/Schemas" },
            { "method": "DELETE" }
        ]),
    )
    .await;
    let expected = ["400", "400", "400", "400", "404", "409", "400", "400", "400", "400"];
    assert_eq!(statuses(&results), expected);
    let at = |path: &str| json!(format!("{}{path}", acme.scim.base));
    let paths = [
        "/Users/1",
        "/Users/1",
        "/Users/1",
        "/Users/bulkId:a",
        "/Users",
        "/Users/1/2?3",
        "/Schemas",
    ];
    for (result, path) in results[2..].iter().zip(paths) {
        assert_eq!(result["location"], at(path), "{result:#}");
    }
    for result in [&results[0], &results[1], &results[9]] {
        assert_eq!(result.get("location"), None, "{result:#}");
    }
    assert!(results.iter().all(|it| it.get("version").is_none()), "{results:#?}");
}

#[tokio::test]
async fn after_fail_on_errors_no_operation_is_begun() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let wrong = json!({ "method": "DELETE", "path": "/Users/1" });
    let mut body = request(json!([
        post_user("a", "a"),
        wrong,
        post_user("b", "b"),
        wrong,
        post_user("c", "c"),
        wrong
    ]));
    body["failOnErrors"] = json!(2);
    let stopped = results(acme.scim.post("/Bulk", body.clone()).await);
    assert_eq!(statuses(&stopped), ["201", "404", "201", "404"]);
    assert_eq!(total(&acme, "/Users").await, 2);

    body["failOnErrors"] = json!(4);
    body["Operations"][0] = wrong.clone();
    body["Operations"][2] = wrong;
    let whole = results(acme.scim.post("/Bulk", body).await);
    assert_eq!(statuses(&whole), ["404"; 4]);
    assert_eq!(total(&acme, "/Users").await, 2);
}

#[tokio::test]
async fn the_version_of_an_operation_is_its_if_match() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let path = format!("/Users/{}", acme.create("/Users", user("a")).await);
    let with = |method: &str, version: Value| {
        let data = if method == "PATCH" {
            patch(json!([{ "op": "add", "path": "title", "value": "Dr" }]))
        } else {
            user("b")
        };
        json!({ "method": method, "path": path, "version": version, "data": data })
    };
    let results = bulk(
        &acme,
        json!([
            with("PUT", json!("W/\"9\"")),
            with("PUT", json!("W/\"1\"")),
            with("PATCH", json!("W/\"1\"")),
            with("PATCH", json!("\"2\"")),
            with("DELETE", json!("2")),
            with("DELETE", json!(3)),
            with("DELETE", json!("W/\"2\"")),
            with("DELETE", json!("W/\"3\"")),
            with("DELETE", json!("W/\"3\""))
        ]),
    )
    .await;
    let expected = ["412", "200", "412", "200", "400", "400", "412", "204", "404"];
    assert_eq!(statuses(&results), expected);
    let detail = results[2]["response"]["detail"].as_str().unwrap();
    assert!(detail.contains("at version W/\"2\""), "{detail}");
    assert_eq!(results[4]["response"]["scimType"], "invalidValue");
}

#[tokio::test]
async fn the_protocols_own_endpoints_are_no_paths_of_operations() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let paths =
        ["/Bulk", "/Me", "/Users/.search", "/.search", "/Schemas", "/ServiceProviderConfig"];
    let operations: Vec<Value> = paths
        .iter()
        .map(|path| json!({ "method": "POST", "path": path, "bulkId": path, "data": {} }))
        .collect();
    let results = bulk(&acme, json!(operations)).await;
    assert_eq!(statuses(&results), ["400"; 6]);
    for (result, path) in results.iter().zip(paths) {
        let detail = result["response"]["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("\"path\" must not be \"{path}\"")), "{detail}");
    }
}

#[tokio::test]
async fn only_post_is_possible_at_bulk_and_only_with_a_token() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        let refused = Answer::of(acme.scim.request(method, "/Bulk")).await.expect(405);
        assert_eq!(refused.header("allow"), "POST");
        assert_eq!(refused.body["schemas"], json!([ERROR]));
    }
    let body = request(json!([post_user("a", "a")]));
    acme.scim.with_token("wrong").post("/Bulk", body).await.expect(401);
}

#[tokio::test]
async fn a_bulk_request_reaches_its_own_tenant_only() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let other = server.tenant("other").await;
    let path = format!("/Users/{}", other.create("/Users", user("theirs")).await);
    let results = bulk(
        &acme,
        json!([
            { "method": "PUT", "path": path, "data": user("mine") },
            { "method": "PATCH", "path": path,
                "data": patch(json!([{ "op": "add", "path": "title", "value": "Dr" }])) },
            { "method": "DELETE", "path": path }
        ]),
    )
    .await;
    assert_eq!(statuses(&results), ["404"; 3]);
    assert_eq!(other.scim.get(&path).await.expect(200).header("etag"), "W/\"1\"");
}

#[tokio::test]
async fn a_plugin_judges_each_operation() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    let urn = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";
    let with_code = |bulk_id: &str, code: &str| {
        let mut operation = post_user(bulk_id, bulk_id);
        operation["data"][urn] = json!({ "costCenter": code });
        operation
    };
    let operations = json!([with_code("a", "nonsense"), with_code("b", "CC-1234")]);
    let results = bulk(&acme, operations).await;
    assert_eq!(statuses(&results), ["400", "201"]);
    let alone = acme.scim.post("/Users", with_code("a", "nonsense")["data"].clone()).await;
    assert_eq!(results[0]["response"], alone.expect(400).body);
}

#[tokio::test]
async fn the_log_has_one_line_with_counts_and_nothing_of_the_payload() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    bulk(
        &acme,
        json!([
            post_user("a", "name-of-somebody-in-a-bulk"),
            { "method": "DELETE", "path": "/Users/1" },
            post_user("bulk-id-of-somebody", "b")
        ]),
    )
    .await;
    let line = server.log.wait_for("line of the bulk request", |line| {
        line["message"] == "bulk request carried out" && line["span"]["tenant"] == json!(acme.name)
    });
    assert_eq!(
        (&line["operations"], &line["answered"], &line["failed"]),
        (&json!(3), &json!(3), &json!(1))
    );
    let log = server.log.text();
    assert!(!log.contains("of-somebody"), "the log has the payload");
}
