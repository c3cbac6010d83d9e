//! What filters see of resources that were written under other schemas: as it should be, or nothing
//! until it is.

use serde_json::{Value, json};
use tenon_tests::{Answer, Options, Server, Tenant, artifacts, user};

use super::indexes::let_time_pass;

const BADGE: &str = "urn:example:2.0:Badge";

/// An extension of User with attributes that no index has.
fn badge() -> Vec<u8> {
    artifacts::describing(&[
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": BADGE,
            "name": "Badge",
            "attributes": [
                { "name": "number", "type": "integer" },
                { "name": "since", "type": "dateTime" },
                { "name": "label", "type": "string" }
            ]
        }),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "name": "User", "schemaExtensions": [{ "schema": BADGE }]
        }),
    ])
}

fn with_badge(name: &str) -> Value {
    let mut body = user(name);
    body[BADGE] = json!({ "number": 42, "since": "2011-05-13T04:42:34+02:00", "label": "ÉLAN" });
    body
}

async fn filtered(acme: &Tenant, filter: &str) -> Answer {
    acme.scim.query("/Users", &[("filter", &filter.replace('@', BADGE))]).await
}

/// A user with data of a plugin that is not active, and another without; both as filters see them.
async fn with_hidden_data(server: &Server) -> (Tenant, String) {
    let acme = server.tenant("acme").await;
    let digest = acme.activate("badge", &badge(), json!({})).await;
    let id = acme.create("/Users", with_badge("a")).await;
    let mut other = user("b");
    other["title"] = json!("Ünal");
    acme.create("/Users", other).await;
    acme.admin.post("/plugins/badge/deactivate", json!({})).await.expect(200);
    let mut conn = server.database().await;
    let search = "SELECT search IS NULL FROM resources WHERE id = $1::text::uuid";
    let is_hidden = async |conn: &mut _| -> bool {
        sqlx::query_scalar(search).bind(&id).fetch_one(conn).await.unwrap()
    };
    while !is_hidden(&mut conn).await {
        let_time_pass(&mut conn, &acme).await;
    }
    (acme, digest)
}

const OF_A: [&str; 5] = [
    "@:number eq 42",
    "@:number gt 7 and active ne true",
    "@:since lt \"2011-05-13T03:00:00Z\"",
    "@:label eq \"élan\"",
    "@:label co \"LAN\" or userName eq \"nobody\"",
];

#[tokio::test]
async fn nothing_is_missed_in_what_was_written_before_its_schema_came() {
    let server = Server::shared();
    let (acme, digest) = with_hidden_data(&server).await;
    // Nothing is rewritten before all requests have ended that began before this.
    acme.admin.post("/plugins/badge/activate", json!({ "digest": digest })).await.expect(200);
    for filter in OF_A {
        let refused = filtered(&acme, filter).await.expect(503);
        assert!(refused.headers.contains_key("retry-after"));
        assert!(refused.detail().contains("User: about to begin"), "{}", refused.detail());
    }
    let by_number = format!("/Users?sortBy={BADGE}:number");
    acme.scim.get(&by_number).await.expect(503);
    let asked = [("endpoint", "/Users"), ("filter", &OF_A[0].replace('@', BADGE))];
    let explained = acme.admin.query("/explain", &asked).await.expect(200).body;
    assert!(explained["refused"].as_str().unwrap().contains("prepared"), "{explained}");

    let mut conn = server.database().await;
    for filter in OF_A {
        let list = loop {
            let list = filtered(&acme, filter).await;
            if list.status != 503 {
                break list.expect(200).body;
            }
            let_time_pass(&mut conn, &acme).await;
        };
        assert_eq!(list["totalResults"], 1, "{filter}: {list}");
        assert_eq!(list["Resources"][0]["userName"], "a");
    }
    let sorted = acme.scim.get(&by_number).await.expect(200).body;
    assert_eq!(sorted["Resources"][0]["userName"], "a");
}

#[tokio::test]
async fn what_no_schema_has_changed_is_found_meanwhile() {
    let server = Server::start(Options::default());
    let (acme, digest) = with_hidden_data(&server).await;
    acme.admin.post("/plugins/badge/activate", json!({ "digest": digest })).await.expect(200);
    acme.create("/Users", with_badge("c")).await;
    for (filter, total) in [
        ("title eq \"ünal\"", 1),
        ("title ne \"x\"", 3),
        ("userName eq \"a\"", 1),
        ("@:number pr", 2),
        ("@:number eq null", 1),
        // Neither has such a value that was written before.
        ("userName eq \"b\" and @:number eq 42", 0),
        ("userName eq \"c\" and @:number eq 42 and @:label eq \"élan\"", 1),
    ] {
        let list = filtered(&acme, filter).await.expect(200).body;
        assert_eq!(list["totalResults"], total, "{filter}: {list}");
    }
    filtered(&acme, "@:number eq 42").await.expect(503);
}

#[tokio::test]
async fn a_document_that_was_rewritten_is_not_taken_for_the_one_that_was_written() {
    let server = Server::start(Options::default());
    let acme = server.tenant("acme").await;
    let digest = acme.activate("badge", &badge(), json!({})).await;
    let id = acme.create("/Users", with_badge("a")).await;
    let shape = "SELECT shape FROM resources WHERE id = $1::text::uuid";
    let mut conn = server.database().await;
    let shape = async |conn: &mut _| -> i64 {
        sqlx::query_scalar(shape).bind(&id).fetch_one(conn).await.unwrap()
    };
    let written = shape(&mut conn).await;
    acme.admin.post("/plugins/badge/deactivate", json!({})).await.expect(200);
    while shape(&mut conn).await == written {
        let_time_pass(&mut conn, &acme).await;
    }
    acme.admin.post("/plugins/badge/activate", json!({ "digest": digest })).await.expect(200);
    filtered(&acme, "@:number eq 42").await.expect(503);
}
