//! The operator's API: tenants and tokens.

use serde_json::json;
use sqlx::{Connection, PgConnection};
use tenon_tests::{Server, artifacts, user};

#[tokio::test]
async fn a_tenant_is_found_by_name_and_id_renamed_and_listed() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let by_name = acme.admin.get("").await.expect(200).body;
    let by_id = server.admin().get(&format!("/tenants/{}", acme.id)).await.expect(200).body;
    assert_eq!(by_name, by_id);
    assert_eq!(by_name["scimUrl"], json!(acme.scim.base));

    let name = format!("{}-new", acme.name);
    let renamed = acme.admin.patch("", json!({ "name": name })).await.expect(200).body;
    assert_eq!((&renamed["name"], &renamed["id"]), (&json!(name), &json!(acme.id)));
    acme.admin.get("").await.expect(404);
    acme.scim.get("/Users").await.expect(401);
    let list = server.admin().query("/tenants", &[("name", &name)]).await.expect(200).body;
    assert_eq!(list, json!({ "items": [renamed] }));
    let list = server.admin().query("/tenants", &[("name", &acme.name)]).await.expect(200).body;
    assert_eq!(list, json!({ "items": [] }));
}

#[tokio::test]
async fn a_tenants_name_is_unique_and_fit_for_urls() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let taken = server.admin().post("/tenants", json!({ "name": acme.name })).await.expect(409);
    assert_eq!(taken.body["type"], "urn:tenon:problem:name-taken");
    for name in ["", "Acme", "a b", "-a", "a/b", &"a".repeat(64), &acme.id] {
        let refused = server.admin().post("/tenants", json!({ "name": name })).await.expect(400);
        assert!(refused.detail().contains("1 to 63 characters"), "{}", refused.detail());
    }
    for (body, detail) in [
        (json!({}), "\"name\" is required"),
        (json!({ "name": 1 }), "\"name\" must be a string, not a number"),
        (json!({ "name": "x", "nmae": "y" }), "\"nmae\" is not known here"),
    ] {
        let refused = server.admin().post("/tenants", body).await.expect(400);
        assert!(refused.detail().contains(detail), "{}", refused.detail());
    }
}

#[tokio::test]
async fn everything_of_a_deleted_tenant_is_gone() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    let id = acme.create("/Users", user("bjensen")).await;
    acme.admin.delete("").await.expect(204);
    acme.admin.get("").await.expect(404);
    acme.admin.get("/plugins").await.expect(404);
    acme.scim.get(&format!("/Users/{id}")).await.expect(401);
    // A new tenant of that name has nothing of the old one.
    server.admin().post("/tenants", json!({ "name": acme.name })).await.expect(201);
    acme.scim.get("/Users").await.expect(401);
    let token = acme.admin.post("/tokens", json!({ "name": "new" })).await.expect(201);
    let token = token.body["token"].as_str().unwrap();
    let users = acme.scim.with_token(token).get("/Users").await.expect(200);
    assert_eq!(users.body["totalResults"], 0);
}

#[tokio::test]
async fn requests_to_a_tenant_that_is_being_deleted_find_it_or_do_not() {
    let server = Server::shared();
    for _ in 0..3 {
        let acme = server.tenant("acme").await;
        let writers = (0..4).map(|writer| {
            let acme = acme.clone();
            tokio::spawn(async move {
                let mut number = 0;
                loop {
                    number += 1;
                    let name = format!("u{writer}-{number}");
                    let users = acme.scim.post("/Users", user(&name)).await;
                    let tokens = acme.admin.post("/tokens", json!({ "name": "x" })).await;
                    assert!(matches!(users.status, 201 | 401 | 404), "{:#}", users.body);
                    assert!(matches!(tokens.status, 201 | 404), "{:#}", tokens.body);
                    if users.status == 401 && tokens.status == 404 {
                        return;
                    }
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        acme.create("/Users", user("one-more")).await;
        acme.admin.delete("").await.expect(204);
        for writer in writers {
            writer.await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_tokens_secret_is_shown_once_and_revoked_at_once() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let body = json!({ "name": "okta", "expiresAt": "2099-01-01T00:00:00Z" });
    let created = acme.admin.post("/tokens", body).await.expect(201).body;
    let secret = created["token"].as_str().unwrap();
    acme.scim.with_token(secret).get("/Users").await.expect(200);

    let list = acme.admin.get("/tokens").await.expect(200).body;
    assert_eq!(list["items"].as_array().unwrap().len(), 2, "tokens overlap");
    assert_eq!(list["items"][1]["expiresAt"], "2099-01-01T00:00:00Z");
    assert!(!list.to_string().contains(secret));
    assert!(!server.log.text().contains(secret));

    let path = format!("/tokens/{}", created["id"].as_str().unwrap());
    acme.admin.delete(&path).await.expect(204);
    acme.scim.with_token(secret).get("/Users").await.expect(401);
    acme.scim.get("/Users").await.expect(200);
    acme.admin.delete(&path).await.expect(404);
}

#[tokio::test]
async fn a_token_is_accepted_until_it_expires() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let body = json!({ "name": "brief", "expiresAt": "2099-01-01T00:00:00Z" });
    let created = acme.admin.post("/tokens", body).await.expect(201).body;
    let scim = acme.scim.with_token(created["token"].as_str().unwrap());
    scim.get("/Users").await.expect(200);
    // The server still remembers the end that it had; another change has it look again.
    let mut database = PgConnection::connect(&server.database_url()).await.unwrap();
    sqlx::query("UPDATE tokens SET expires = now() WHERE id = $1::uuid")
        .bind(created["id"].as_str().unwrap())
        .execute(&mut database)
        .await
        .unwrap();
    acme.admin.patch("", json!({ "dialect": "okta" })).await.expect(200);
    scim.get("/Users").await.expect(401);
}

#[tokio::test]
async fn a_token_cannot_be_made_for_the_past() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for (expires, detail) in [
        ("2001-01-01T00:00:00Z", "is in the past"),
        ("tomorrow", "must be a date and time such as"),
        ("9999-12-31T23:59:59-23:59", "must be a date and time such as"),
    ] {
        let body = json!({ "name": "okta", "expiresAt": expires });
        let refused = acme.admin.post("/tokens", body).await.expect(400);
        assert!(refused.detail().contains(detail), "{}", refused.detail());
    }
}

#[tokio::test]
async fn names_that_cannot_be_are_names_of_nothing() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let admin = server.admin();
    admin.get("/tenants/a%00b").await.expect(404);
    admin.get(&format!("/tenants/urn:uuid:{}", acme.id)).await.expect(404);
    acme.admin.put("/plugins/a%00b/config", json!({})).await.expect(404);
    acme.admin.delete("/plugins/a%00b").await.expect(404);
    acme.admin.post("/plugins/a%00b/deactivate", json!({})).await.expect(404);
    let nul = acme.scim.base.replace(&acme.name, "a%00b");
    acme.scim.at(nul).get("/Users").await.expect(401);
}

#[tokio::test]
async fn health_is_public_and_says_nothing_else() {
    let server = Server::shared();
    let anonymous = server.anonymous();
    assert_eq!(anonymous.get("/health").await.expect(200).body, json!({ "status": "ok" }));
    let ready = anonymous.get("/ready").await.expect(200).body;
    assert_eq!(ready, json!({ "status": "ready", "database": "ok", "migrations": "current" }));
}
