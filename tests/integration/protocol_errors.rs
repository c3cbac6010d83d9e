//! What is wrong with a request is said in the protocol's own form, on every route.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use tenon_tests::{Answer, Server, user};

const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

fn assert_scim_error(answer: &Answer, status: u16, detail: &str) {
    assert_eq!(answer.status, status, "{:#}", answer.body);
    assert_eq!(answer.header("content-type"), "application/scim+json");
    assert_eq!(answer.body["schemas"], json!([ERROR]));
    assert_eq!(answer.body["status"], json!(status.to_string()));
    assert!(answer.detail().contains(detail), "{}", answer.detail());
}

#[tokio::test]
async fn a_body_that_cannot_be_read_says_why() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let post = async |content_type: &str, body: String| {
        let request = acme.scim.request(Method::POST, "/Users");
        Answer::of(request.header(CONTENT_TYPE, content_type).body(body)).await
    };
    let broken = post("application/scim+json", "{\n  \"userName\": }".to_owned()).await;
    assert_scim_error(&broken, 400, "line 2, column 15: expected value");
    assert_eq!(broken.body["scimType"], "invalidSyntax");
    let array = post("application/json", "[]".to_owned()).await;
    assert_scim_error(&array, 400, "must be a JSON object, not an array");
    let form = post("application/x-www-form-urlencoded", "a=b".to_owned()).await;
    assert_scim_error(&form, 415, "send application/scim+json or application/json");
    let large = post("application/json", format!("{{\"a\":\"{}\"}}", "x".repeat(2 << 20))).await;
    assert_scim_error(&large, 413, "more than 1048576 bytes");
    let deep = post("application/json", "[".repeat(100_000)).await;
    assert_scim_error(&deep, 400, "recursion limit");
    post("application/json; charset=utf-8", user("ok").to_string()).await.expect(201);
}

#[tokio::test]
async fn a_value_that_breaks_its_schema_is_named() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut wrong = user("bjensen");
    wrong["emails"] = json!([{ "value": 5 }]);
    wrong["active"] = json!("yes");
    let refused = acme.scim.post("/Users", wrong).await;
    assert_scim_error(
        &refused,
        400,
        "attribute \"emails[0].value\" must be a string, not a number",
    );
    assert!(refused.detail().contains("attribute \"active\" must be a boolean, not a string"));
    assert_eq!(refused.body["scimType"], "invalidValue");
}

#[tokio::test]
async fn a_unique_value_that_no_index_can_hold_is_refused() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let long: String = (0..3_000).map(|n| char::from(b'a' + (n * n % 26) as u8)).collect();
    let refused = acme.scim.post("/Users", user(&long)).await;
    assert_scim_error(&refused, 400, "attribute \"userName\" must have at most 1024 bytes");
}

#[tokio::test]
async fn unknown_routes_and_methods_are_scim_errors() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let scim = &acme.scim;
    assert_scim_error(&scim.get("/Robots").await, 404, "no resource type at /Robots");
    assert_scim_error(&scim.get("/Users/a/b").await, 404, "there is nothing at /tenants/");
    assert_scim_error(
        &scim.get("/Users/not-an-id").await,
        404,
        "User \"not-an-id\" does not exist",
    );
    let method = scim.post("/Schemas", json!({})).await;
    assert_scim_error(&method, 405, "POST is not possible at /tenants/");
    assert_eq!(method.header("allow"), "GET,HEAD");
    for path in ["/.search", "/Users/.search", "/Bulk"] {
        assert_scim_error(&scim.get(path).await, 405, "GET is not possible");
    }
    for path in ["", "/"] {
        assert_scim_error(&scim.post(path, json!({})).await, 405, "POST is not possible");
    }
    assert_scim_error(&scim.get("/Users/%ff").await, 404, "not UTF-8");
    assert_scim_error(&scim.get("/Users?sortBy=password").await, 400, "\"sortBy\"");
    assert_scim_error(&scim.get("/Users?count=ten").await, 400, "\"count\" must be a whole number");
    // What is said of lists is not said of a resource.
    let id = acme.create("/Users", user("bjensen")).await;
    scim.get(&format!("/Users/{id}?count=ten&sortOrder=up")).await.expect(200);
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let server = Server::shared();
    let anonymous = server.anonymous();
    let given = anonymous.request(Method::GET, "/health").header("x-request-id", "abc-123");
    assert_eq!(Answer::of(given).await.header("x-request-id"), "abc-123");
    let strange = anonymous.request(Method::GET, "/nowhere").header("x-request-id", "a b");
    let strange = Answer::of(strange).await.expect(404);
    assert_eq!(strange.header("content-type"), "application/problem+json");
    let id = strange.header("x-request-id").to_owned();
    assert_eq!(id.len(), 32, "{id}");
    server.log.wait_for("the line of the request", |line| line["span"]["id"] == json!(id));
}

#[tokio::test]
async fn a_name_that_a_body_has_twice_is_told_with_its_place() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let body = "{\"schemas\": [\"urn:ietf:params:scim:schemas:core:2.0:User\"],\n\
                \"userName\": \"a\", \"name\": {\"givenName\": \"a\", \"givenName\": \"b\"}}";
    let request = acme.scim.request(Method::POST, "/Users");
    let request = request.header(CONTENT_TYPE, "application/scim+json").body(body);
    let answer = Answer::of(request).await;
    assert_scim_error(
        &answer,
        400,
        "line 2, column 55: the object has the name \"givenName\" twice",
    );
    assert_eq!(answer.body["scimType"], "invalidSyntax");
    assert_eq!(acme.scim.get("/Users").await.expect(200).body["totalResults"], 0);

    let request = acme.admin.request(Method::PATCH, "");
    let request = request.header(CONTENT_TYPE, "application/json");
    let answer = Answer::of(request.body("{\"dialect\":\"okta\",\"dialect\":\"entra\"}")).await;
    assert_eq!(answer.status, 400, "{:#}", answer.body);
    assert!(answer.detail().contains("the name \"dialect\" twice"), "{}", answer.detail());
}
