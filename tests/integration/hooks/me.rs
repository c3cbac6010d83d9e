//! `/Me` of a user whom plugins leave out.

use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{Client, Server, Tenant, patch, user};

use super::{replace, script, with_script};

/// A user with this title, and a client whose token speaks for it.
async fn titled(acme: &Tenant, title: &str) -> (String, Client) {
    let mut person = user(title);
    person["title"] = json!(title);
    let id = acme.create("/Users", person).await;
    let body = json!({ "name": title, "userId": id });
    let token = acme.admin.post("/tokens", body).await.expect(201);
    (id, acme.scim.with_token(token.body["token"].as_str().unwrap()))
}

fn narrow(filter: &str) -> Value {
    json!({ "resourceType": "User", "before-query": { "narrow": filter } })
}

#[tokio::test]
async fn who_is_left_out_is_not_there_by_me_either() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    let (seen, theirs) = titled(&acme, "seen").await;
    let (hidden, hers) = titled(&acme, "hidden").await;
    script(&acme, narrow("title eq \"seen\"")).await;
    assert_eq!(theirs.get("/Me").await.expect(200).body["id"], json!(seen));
    let rename = patch(json!([replace("nickName", "N")]));
    for (method, body) in [
        (Method::GET, json!({})),
        (Method::PUT, user("hidden")),
        (Method::PATCH, rename.clone()),
        (Method::DELETE, json!({})),
    ] {
        let refused = hers.send(method.clone(), "/Me", &body, &[]).await.expect(404);
        assert!(refused.detail().contains(&hidden), "{method}: {}", refused.detail());
    }
    script(&acme, json!({})).await;
    let left = hers.get("/Me").await.expect(200).body;
    assert_eq!((&left["title"], &left["meta"]["version"]), (&json!("hidden"), &json!("W/\"1\"")));
}

#[tokio::test]
async fn a_user_may_change_themselves_out_of_sight_and_not_back() {
    let server = Server::shared();
    let acme = with_script(&server, narrow("title eq \"seen\"")).await;
    let (id, theirs) = titled(&acme, "seen").await;
    theirs.patch("/Me", patch(json!([replace("title", "gone")]))).await.expect(200);
    theirs.get("/Me").await.expect(404);
    theirs.patch("/Me", patch(json!([replace("title", "seen")]))).await.expect(404);
    theirs.delete("/Me").await.expect(404);
    script(&acme, json!({})).await;
    assert_eq!(acme.scim.get(&format!("/Users/{id}")).await.expect(200).body["title"], "gone");
}

#[tokio::test]
async fn a_query_that_is_refused_or_fails_is_so_by_me() {
    let server = Server::shared();
    let acme = with_script(&server, json!({})).await;
    let (_, theirs) = titled(&acme, "seen").await;
    script(&acme, json!({ "before-query": { "reject": "not today" } })).await;
    let refused = theirs.get("/Me").await.expect(400);
    assert!(refused.detail().contains("not today"), "{}", refused.detail());
    script(&acme, json!({ "before-query": { "trap": true } })).await;
    theirs.get("/Me").await.expect(502);
    theirs.delete("/Me").await.expect(502);
    script(&acme, json!({})).await;
    theirs.get("/Me").await.expect(200);
}
