//! The log of requests: who asked for what, and what came of it, and nothing of what was in it.

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tenon_tests::{Client, Options, Postgres, Server, artifacts, patch, printed, user};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const COST_CENTER: &str = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";

/// The log, as soon as it has the request with that id: it is written a second later.
async fn until(admin: &Client, request_id: &str) -> Vec<Value> {
    let begun = std::time::Instant::now();
    loop {
        let page = admin.query("/requests", &[("limit", "1000")]).await.expect(200).body;
        let items = page["items"].as_array().unwrap();
        if items.iter().any(|it| it["requestId"] == request_id) {
            return items.clone();
        }
        assert!(begun.elapsed().as_secs() < 30, "{request_id} never is in the log: {page:#}");
        tokio::task::yield_now().await;
    }
}

fn of<'a>(log: &'a [Value], request_id: &str) -> &'a Value {
    let found = log.iter().find(|it| it["requestId"] == request_id);
    found.unwrap_or_else(|| panic!("no {request_id} in {log:#?}"))
}

#[tokio::test]
async fn a_request_is_told_with_its_outcome_coercions_and_plugins_and_without_its_payload() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    acme.admin.patch("", json!({ "dialect": "entra" })).await.expect(200);
    let send = async |method, path: &str, body: Value, id: &str| {
        acme.scim.send(method, path, &body, &[(REQUEST_ID, id)]).await
    };
    let mut ada = user("ada-secret-name");
    ada["active"] = json!("True");
    ada[COST_CENTER] = json!({ "costCenter": "CC-1234" });
    let created = send(Method::POST, "/Users", ada.clone(), "create").await.expect(201);
    let id = created.body["id"].as_str().unwrap().to_owned();
    ada["active"] = json!(true);
    send(Method::POST, "/Users", ada.clone(), "taken").await.expect(409);
    ada[COST_CENTER] = json!({ "costCenter": "secret-center" });
    send(Method::PUT, &format!("/Users/{id}"), ada, "refused").await.expect(400);
    let filter = [("filter", "userName eq \"ada-secret-name\" and")];
    acme.scim.query("/Users", &filter).await.expect(400);
    acme.admin.post("/tokens", json!({ "name": "t" })).await.expect(201);
    send(Method::DELETE, &format!("/Users/{id}"), json!({}), "delete").await.expect(204);

    let log = until(&acme.admin, "delete").await;
    let create = of(&log, "create");
    for (name, value) in [
        ("operation", json!("createResource")),
        ("method", json!("POST")),
        ("type", json!("User")),
        ("resourceId", json!(id)),
        ("status", json!(201)),
        ("address", json!("127.0.0.1")),
        ("scimType", json!(null)),
    ] {
        assert_eq!(create[name], value, "{create:#}");
    }
    assert!(create["actor"].as_str().unwrap().starts_with("token:"), "{create:#}");
    assert!(create["micros"].as_i64().unwrap() > 0, "{create:#}");
    let notes = &create["notes"];
    assert_eq!(notes["coercions"], json!(["active: string boolean read as true"]));
    assert_eq!(notes["plugins"], json!([{ "name": "cost-center", "outcome": "passed" }]));
    assert_eq!(of(&log, "taken")["scimType"], "uniqueness");
    let refused = of(&log, "refused");
    assert_eq!(refused["notes"]["plugins"][0]["outcome"], "refused");
    assert_eq!(refused["resourceId"], *id);
    let list = log.iter().find(|it| it["operation"] == "listResources").unwrap();
    assert_eq!((&list["status"], &list["scimType"]), (&json!(400), &json!("invalidFilter")));
    let token = log.iter().find(|it| it["operation"] == "createToken").unwrap();
    assert_eq!((&token["actor"], &token["status"]), (&json!("operator"), &json!(201)));
    let text = json!(log).to_string();
    assert!(!text.contains("secret") && !text.contains("CC-1234"), "{text}");
}

#[tokio::test]
async fn a_tenant_has_writes_logged_or_all_or_nothing() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let shown = acme.admin.get("").await.expect(200).body;
    assert_eq!(shown["requestLog"], "writes");
    let read = async |id: &str| {
        let headers = [(REQUEST_ID, id)];
        acme.scim.send(Method::GET, "/Users", &json!({}), &headers).await.expect(200);
    };
    let write = async |id: &str| {
        acme.scim.send(Method::POST, "/Users", &user(id), &[(REQUEST_ID, id)]).await.expect(201);
    };
    read("read-1").await;
    write("write-1").await;
    acme.admin.patch("", json!({ "requestLog": "off" })).await.expect(200);
    write("write-2").await;
    acme.admin.patch("", json!({ "requestLog": "all" })).await.expect(200);
    read("read-3").await;
    write("write-3").await;
    acme.scim.with_token("wrong").get("/Users").await.expect(401);
    write("last").await;

    let log = until(&acme.admin, "last").await;
    let logged = |id: &str| log.iter().any(|it| it["requestId"] == id);
    assert!(logged("write-1") && logged("read-3") && logged("write-3"), "{log:#?}");
    assert!(!logged("read-1") && !logged("write-2"), "{log:#?}");
    // Nobody's request is nobody's to read.
    assert!(log.iter().all(|it| it["status"] != 401), "{log:#?}");
    let wrong = acme.admin.patch("", json!({ "requestLog": "some" })).await.expect(400);
    assert!(wrong.detail().contains("\"off\", \"writes\", \"all\""), "{}", wrong.detail());
}

#[tokio::test]
async fn requests_are_found_by_status_operation_and_actor_and_by_the_command() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for name in ["a", "b", "c", "a"] {
        acme.scim.post("/Users", user(name)).await;
    }
    let rename = patch(json!([{ "op": "replace", "path": "title", "value": "x" }]));
    let none = format!("/Users/{}", uuid::Uuid::nil());
    acme.scim.send(Method::PATCH, &none, &rename, &[(REQUEST_ID, "last")]).await.expect(404);
    until(&acme.admin, "last").await;
    let count = async |filters: &[(&str, &str)]| {
        let page = acme.admin.query("/requests", filters).await.expect(200).body;
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(count(&[("operation", "createResource")]).await, 4);
    assert_eq!(count(&[("operation", "createResource"), ("status", "409")]).await, 1);
    assert_eq!(count(&[("status", "4xx")]).await, 2);
    assert_eq!(count(&[("actor", "operator"), ("operation", "createToken")]).await, 1);
    assert_eq!(count(&[("since", "2999-01-01T00:00:00Z")]).await, 0);
    acme.admin.query("/requests", &[("status", "6xx")]).await.expect(400);

    let of = ["requests", "--tenant", &*acme.name];
    let words = printed(&server.run(&[&of[..], &["--status", "409"]].concat()));
    assert!(words.contains("createResource User 409 uniqueness"), "{words}");
    let lines = printed(&server.run(&[&of[..], &["--json", "--limit", "2"]].concat()));
    let ids: Vec<Value> = lines.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!((ids.len(), &ids[0]["requestId"]), (2, &json!("last")));
}

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_no_request_and_a_server_that_stops_writes_the_rest() {
    let postgres = Postgres::start(&[]);
    let mut one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let acme = one.tenant("acme").await;
    let mut conn = PgConnection::connect(&postgres.url()).await.unwrap();
    sqlx::query("BEGIN").execute(&mut conn).await.unwrap();
    sqlx::query("LOCK TABLE requests IN EXCLUSIVE MODE").execute(&mut conn).await.unwrap();
    for number in 0..20 {
        acme.create("/Users", user(&format!("u{number}"))).await;
    }
    sqlx::query("ROLLBACK").execute(&mut conn).await.unwrap();
    let last = [(REQUEST_ID, "last-of-all")];
    acme.scim.send(Method::POST, "/Users", &user("last"), &last).await.expect(201);
    assert!(one.stop().success());
    let there = acme.moved(&one, &two);
    let page = there.admin.query("/requests", &[("limit", "1000")]).await.expect(200).body;
    of(page["items"].as_array().unwrap(), "last-of-all");
}
