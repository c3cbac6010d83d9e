//! What an import and an export tell of values and members that are hidden.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Server, Tenant, user};

use super::{GROUP, SECRET, person};

/// An administrator who may import, with these further members.
async fn importer(tenant: &Tenant, read: &str, hidden: &[&str]) -> Client {
    let permissions = ["config:write", "scim:create", "scim:update", read];
    let token = json!({ "name": "importer", "permissions": permissions, "hidden": hidden });
    let made = tenant.admin.post("/tokens", token).await.expect(201).body;
    tenant.admin.with_token(made["token"].as_str().unwrap())
}

/// What a client is told of one line.
async fn told(client: &Client, query: &str, line: &Value) -> Value {
    let request = client.request(Method::POST, &format!("/import{query}"));
    let request = request.header(CONTENT_TYPE, "application/x-ndjson").body(line.to_string());
    Answer::of(request).await.expect(200).body["results"][0].clone()
}

#[tokio::test]
async fn no_import_tells_whether_a_guess_of_a_hidden_value_is_right() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", person()).await;
    let path = format!("/Users/{id}");
    let before = acme.scim.get(&path).await.expect(200).body;
    let line = |phone: &str| {
        let mut line = person();
        line["id"] = json!(id);
        line["phoneNumbers"] = json!([{ "type": "work", "value": phone }]);
        line
    };
    let (right, wrong) = (line(SECRET), line("guess"));
    let mut silent = right.clone();
    silent.as_object_mut().unwrap().remove("phoneNumbers");
    let blind = importer(&acme, "scim:read", &["phoneNumbers"]).await;
    let mute = importer(&acme, "scim:bulk", &[]).await;
    for query in ["?dryRun=true", ""] {
        assert_eq!(told(&acme.admin, query, &right).await["outcome"], "unchanged");
        assert_eq!(told(&blind, query, &silent).await["outcome"], "unchanged");
        for client in [&blind, &mute] {
            let answers = (told(client, query, &right).await, told(client, query, &wrong).await);
            assert_eq!(answers.0, answers.1, "{query}");
        }
    }
    assert_eq!(acme.scim.get(&path).await.expect(200).body["meta"], before["meta"]);
}

#[tokio::test]
async fn neither_an_import_nor_an_export_tells_who_the_hidden_members_are() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let member = acme.create("/Users", user("member")).await;
    let other = acme.create("/Users", user("other")).await;
    let group = json!({ "schemas": [GROUP], "displayName": "Staff",
        "members": [{ "value": member }] });
    let group = acme.create("/Groups", group).await;
    let line = |user: &str| {
        let values = [json!({ "value": user, "type": "User" })];
        json!({ "members": { "group": group, "values": values } })
    };
    for hidden in ["members", "members.value"] {
        let token = json!({ "name": "blind", "hidden": [hidden],
            "permissions": ["config:write", "scim:*"] });
        let made = acme.admin.post("/tokens", token).await.expect(201).body;
        let blind = acme.admin.with_token(made["token"].as_str().unwrap());
        for user in [&member, &other] {
            let told = told(&blind, "?dryRun=true", &line(user)).await;
            assert_eq!(told["outcome"], "updated", "{hidden}");
        }
        let page = blind.query("/export", &[("position", &*first_members())]).await.expect(200);
        assert!(!page.body.to_string().contains("\"members\""), "{hidden}: {}", page.body);
    }
    let seen = told(&acme.admin, "?dryRun=true", &line(&member)).await;
    assert_eq!(seen["outcome"], "unchanged");
}

/// Where the members of an export begin.
fn first_members() -> String {
    let nil = uuid::Uuid::nil();
    format!("members/{nil}/{nil}")
}
