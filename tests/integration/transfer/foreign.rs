//! A SCIM service that is no Tenon: it pages by index alone, ten at a time, and numbers users and
//! groups alike.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use serde_json::{Value, json};
use tenon_tests::{Server, user};
use tokio::net::TcpListener;

use super::{ENTERPRISE, GROUP, command, summary};

const TOKEN: &str = "the-token-of-the-source";
const PAGE: usize = 10;

#[derive(Default)]
struct Service {
    users: Mutex<Vec<Value>>,
    groups: Vec<Value>,
}

type Answer = Result<Json<Value>, StatusCode>;

/// `startIndex` and `count`.
fn paging(RawQuery(query): &RawQuery) -> (usize, usize) {
    let number = |name: &str| {
        let parameters = query.as_deref().unwrap_or_default().split('&');
        let (_, value) = parameters.filter_map(|it| it.split_once('=')).find(|it| it.0 == name)?;
        value.parse().ok()
    };
    (number("startIndex").unwrap(), number("count").unwrap())
}

fn page(resources: &[Value], (start, count): (usize, usize)) -> Value {
    let shown: Vec<&Value> = resources.iter().skip(start - 1).take(count.min(PAGE)).collect();
    json!({ "totalResults": resources.len(), "startIndex": start, "Resources": shown })
}

fn check(headers: &HeaderMap) -> Result<(), StatusCode> {
    let shown = headers.get("authorization").and_then(|it| it.to_str().ok());
    if shown == Some(&format!("Bearer {TOKEN}")) { Ok(()) } else { Err(StatusCode::UNAUTHORIZED) }
}

async fn users(State(service): State<Arc<Service>>, headers: HeaderMap, query: RawQuery) -> Answer {
    check(&headers)?;
    let mut users = service.users.lock().unwrap();
    let list = page(&users, paging(&query));
    // While the third page is on its way, somebody leaves: all others are one place further on.
    if paging(&query).0 == 21 && users[0]["id"] == "1" {
        users.remove(0);
    }
    Ok(Json(list))
}

async fn groups(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    query: RawQuery,
) -> Answer {
    check(&headers)?;
    Ok(Json(page(&service.groups, paging(&query))))
}

async fn group(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Answer {
    let group = service.groups.iter().find(|it| it["id"] == id.as_str());
    group.cloned().map(Json).ok_or(StatusCode::NOT_FOUND)
}

/// Starts the service; its URL.
async fn serve(service: Service) -> String {
    let config = json!({ "filter": { "supported": true, "maxResults": 50 } });
    let app = axum::Router::new()
        .route("/v2/ServiceProviderConfig", get(async || Json(config)))
        .route("/v2/Users", get(users))
        .route("/v2/Groups", get(groups))
        .route("/v2/Groups/{id}", get(group))
        .with_state(Arc::new(service));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}/v2/")
}

fn service() -> Service {
    let users = (1..=45).map(|n| {
        let mut user = user(&format!("user-{n}"));
        user["id"] = json!(n.to_string());
        user["schemas"] = json!([user["schemas"][0], ENTERPRISE]);
        user[ENTERPRISE] = json!({ "manager": { "value": "2" } });
        user
    });
    let members: Vec<Value> =
        (1..=45).map(|n| json!({ "value": n.to_string(), "type": "User" })).collect();
    let group = |id: &str, members: Value| {
        json!({ "schemas": [GROUP], "id": id, "displayName": format!("Group {id}"),
                "meta": { "resourceType": "Group" }, "members": members })
    };
    let nested = json!([{ "value": "1", "$ref": "https://idp.example.com/v2/Groups/1" }]);
    let users = Mutex::new(users.collect());
    Service { users, groups: vec![group("1", json!(members)), group("2", nested)] }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_from_a_service_with_an_index_and_numbers() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let files = tempfile::tempdir().unwrap();
    let from = serve(service()).await;
    let args = ["import", "--tenant", &acme.name, "--from", &from, "--json"];
    let import = || {
        let mut import = command(&server, files.path(), &args);
        import.env("TENON_SOURCE_TOKEN", TOKEN);
        import
    };
    let first = summary(import());
    assert_eq!(first["resources"]["created"], 47, "{first}");
    assert_eq!(first["members"], json!({ "taken": 46, "refused": 0 }));
    let page = acme.scim.get("/Users?count=100").await.expect(200).body;
    let users = page["Resources"].as_array().unwrap();
    assert_eq!(users.len(), 45);
    let second = users.iter().find(|it| it["userName"] == "user-2").unwrap();
    assert!(users.iter().all(|it| it[ENTERPRISE]["manager"]["value"] == second["id"]));
    let groups = acme.scim.get("/Groups").await.expect(200).body;
    let named = |name: &str| {
        let mut groups = groups["Resources"].as_array().unwrap().iter();
        groups.find(|it| it["displayName"] == name).unwrap()
    };
    let (inner, outer) = (named("Group 1"), named("Group 2"));
    assert_eq!(inner["members"].as_array().unwrap().len(), 45);
    assert_eq!(outer["members"][0]["value"], inner["id"]);

    // Once more: one user is not in the source any more, and stays.
    let again = summary(import());
    assert_eq!(again["resources"]["created"], 0, "{again}");
    assert_eq!(again["resources"]["unchanged"], 46, "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_says_instead_of_an_answer_is_one_line() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let from = serve(service()).await;
    let files = tempfile::tempdir().unwrap();
    let complaint = |from: &str| {
        let args = ["import", "--tenant", &acme.name, "--from", from];
        let output = command(&server, files.path(), &args).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        std::fs::remove_file(files.path().join(format!("tenon-import-{}.state", acme.name))).ok();
        String::from_utf8(output.stderr).unwrap()
    };
    let without_token = complaint(&from);
    assert!(without_token.contains("the source wants another token"), "{without_token}");
    let no_file = complaint("nowhere");
    assert!(no_file.contains("nowhere: No such file"), "{no_file}");
    for complaint in [without_token, no_file] {
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
}
