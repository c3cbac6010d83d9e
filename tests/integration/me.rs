//! `/Me`: the user that a token speaks for (RFC 7644 §3.11).

use reqwest::Method;
use reqwest::header::{IF_MATCH, IF_NONE_MATCH};
use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Server, Tenant, patch, user};

/// A user, and a client whose token speaks for it.
async fn bjensen(tenant: &Tenant) -> (String, Client) {
    let id = tenant.create("/Users", user("bjensen")).await;
    let body = json!({ "name": "hers", "userId": id });
    let token = tenant.admin.post("/tokens", body).await.expect(201);
    (id, tenant.scim.with_token(token.body["token"].as_str().unwrap()))
}

fn title(title: &str) -> Value {
    patch(json!([{ "op": "replace", "path": "title", "value": title }]))
}

#[tokio::test]
async fn me_is_the_user_of_the_token() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let (id, hers) = bjensen(&acme).await;
    let location = format!("{}/Users/{id}", acme.scim.base);
    let me = hers.get("/Me").await.expect(200);
    let user_by_id = acme.scim.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(me.body, user_by_id.body);
    assert_eq!((me.header("location"), me.header("etag")), (location.as_str(), "W/\"1\""));
    assert_eq!(me.body["meta"]["location"], json!(location));

    let patched = hers.patch("/Me?attributes=title", title("Dr")).await.expect(200);
    assert_eq!((&patched.body["title"], patched.header("location")), (&json!("Dr"), &*location));
    assert_eq!(patched.body.get("userName"), None, "attributes are chosen as elsewhere");
    let mut replaced = user("bjensen");
    replaced["nickName"] = json!("Babs");
    let replaced = hers.put("/Me", replaced).await.expect(200);
    assert_eq!(
        (&replaced.body["nickName"], replaced.header("location")),
        (&json!("Babs"), &*location)
    );
    assert_eq!(replaced.body.get("title"), None);
    // The token is one of the tenant's all the same.
    hers.get("/Users").await.expect(200);
}

#[tokio::test]
async fn preconditions_hold_for_me() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let (id, hers) = bjensen(&acme).await;
    let stale = [(IF_MATCH, "W/\"7\"")];
    let refused = hers.send(Method::PATCH, "/Me", &title("Dr"), &stale).await.expect(412);
    let location = format!("{}/Users/{id}", acme.scim.base);
    assert_eq!(refused.header("location"), location, "in any response");
    let known = hers.request(Method::GET, "/Me").header(IF_NONE_MATCH, "W/\"1\"");
    let known = Answer::of(known).await.expect(304);
    assert_eq!(known.header("location"), location);
    hers.patch("/Me", patch(json!([{ "op": "add", "path": "colour", "value": 1 }])))
        .await
        .expect(400);
}

#[tokio::test]
async fn a_token_goes_with_its_user() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let (id, hers) = bjensen(&acme).await;
    hers.delete("/Me").await.expect(204);
    acme.scim.get(&format!("/Users/{id}")).await.expect(404);
    hers.get("/Users").await.expect(401);
    let tokens = acme.admin.get("/tokens").await.expect(200).body;
    assert_eq!(tokens["items"].as_array().unwrap().len(), 1, "the tenant's own is left");
}

#[tokio::test]
async fn a_token_of_nobody_has_no_me() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let (_, hers) = bjensen(&acme).await;
    let answers = [
        acme.scim.get("/Me").await,
        acme.scim.put("/Me", user("x")).await,
        acme.scim.patch("/Me", title("Dr")).await,
        acme.scim.delete("/Me").await,
    ];
    for answer in answers {
        let refused = answer.expect(501);
        assert!(refused.detail().contains("this token has none"), "{}", refused.detail());
        assert_eq!(refused.body["status"], "501");
    }
    for scim in [&acme.scim, &hers] {
        let refused = scim.post("/Me", user("x")).await.expect(501);
        assert!(refused.detail().contains("nothing can be created"), "{}", refused.detail());
    }
}

#[tokio::test]
async fn a_token_speaks_for_a_user_of_its_tenant_alone() {
    let server = Server::shared();
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let (id, hers) = bjensen(&acme).await;
    let group =
        json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g" });
    let group = acme.create("/Groups", group).await;
    let foreign = globex.create("/Users", user("bjensen")).await;
    let nobody = "018f0000-0000-7000-8000-000000000000".to_owned();
    for user_id in [group, foreign, nobody, "bjensen".to_owned(), id.to_uppercase()] {
        let body = json!({ "name": "x", "userId": user_id });
        let refused = acme.admin.post("/tokens", body).await.expect(400);
        assert!(refused.detail().contains(&user_id), "{}", refused.detail());
    }
    let tokens = acme.admin.get("/tokens").await.expect(200).body;
    let shown: Vec<&Value> =
        tokens["items"].as_array().unwrap().iter().map(|token| &token["userId"]).collect();
    assert_eq!(shown, [&Value::Null, &json!(id)]);
    hers.at(globex.scim.base.clone()).get("/Me").await.expect(401);
}

#[tokio::test]
async fn a_token_of_a_user_that_is_deleted_meanwhile_is_refused_by_the_users_name() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for round in 0..20 {
        let id = acme.create("/Users", user(&format!("user-{round}"))).await;
        let path = format!("/Users/{id}");
        let create = acme.admin.post("/tokens", json!({ "name": "x", "userId": id }));
        let (created, deleted) = tokio::join!(create, acme.scim.delete(&path));
        deleted.expect(204);
        if created.status != 201 {
            let refused = created.expect(400);
            assert!(refused.detail().contains(&id), "{}", refused.detail());
        }
    }
    let tokens = acme.admin.get("/tokens").await.expect(200).body;
    assert_eq!(tokens["items"].as_array().unwrap().len(), 1, "no token of a user is left");
}
