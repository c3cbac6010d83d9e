//! Creating, reading, replacing, patching and deleting resources.

use serde_json::{Value, json};
use tenon_tests::{Server, patch, user};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[tokio::test]
async fn a_created_user_comes_back_with_its_identity() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let created = acme.scim.post("/Users", user("bjensen")).await.expect(201);
    let id = created.body["id"].as_str().unwrap();
    let location = format!("{}/Users/{id}", acme.scim.base);
    assert_eq!(created.header("location"), location);
    assert_eq!(created.header("content-type"), "application/scim+json");
    assert_eq!(created.body["meta"]["location"], json!(location));
    assert_eq!(created.body["meta"]["version"], json!(created.header("etag")));
    assert_eq!(created.body["meta"]["created"], created.body["meta"]["lastModified"]);

    let read = acme.scim.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(read.body, created.body);
}

#[tokio::test]
async fn what_entra_and_okta_send_is_understood() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let entra = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
        "userName": "Test_User_ab6490ee",
        "active": true,
        "addresses": null,
        "displayName": "lennay",
        "emails": [{ "type": "work", "value": "ab@testuser.com", "primary": true }],
        "meta": { "resourceType": "User" },
        "name": { "formatted": "givenName familyName", "familyName": "familyName" },
        "roles": [],
        ENTERPRISE: { "department": "Sales", "manager": { "value": "271" } }
    });
    let created = acme.scim.post("/Users", entra).await.expect(201);
    assert_eq!(created.body[ENTERPRISE]["department"], "Sales");
    assert_eq!(created.body.get("roles"), None);

    let okta = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "test.user@okta.local",
        "name": { "givenName": "Test", "familyName": "User" },
        "emails": [{ "primary": true, "value": "test.user@okta.local", "type": "work" }],
        "displayName": "Test User", "locale": "en-US", "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [], "password": "1mz050nq", "active": true
    });
    let created = acme.scim.post("/Users", okta).await.expect(201);
    assert_eq!(created.body.get("password"), None);
    assert_eq!(created.body["userName"], "test.user@okta.local");
}

#[tokio::test]
async fn a_user_name_is_taken_whatever_its_case_until_its_user_is_gone() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("bjensen")).await;
    let taken = acme.scim.post("/Users", user("BJensen")).await.expect(409);
    assert_eq!(taken.body["scimType"], "uniqueness");
    assert!(taken.detail().contains("userName"), "{}", taken.detail());
    // Its own name is not taken from it.
    acme.scim.put(&format!("/Users/{id}"), user("BJENSEN")).await.expect(200);
    // Another name gives the first one free.
    acme.scim.put(&format!("/Users/{id}"), user("babs")).await.expect(200);
    let other = acme.create("/Users", user("bjensen")).await;
    let renamed = acme.scim.put(&format!("/Users/{id}"), user("bjensen")).await;
    assert_eq!(renamed.status, 409);
    acme.scim.delete(&format!("/Users/{other}")).await.expect(204);
    acme.scim.put(&format!("/Users/{id}"), user("bjensen")).await.expect(200);
}

#[tokio::test]
async fn of_two_users_with_one_name_at_the_same_time_one_is_created() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let posts = (0..8).map(|_| {
        let scim = acme.scim.clone();
        tokio::spawn(async move { scim.post("/Users", user("same")).await.status })
    });
    let mut statuses = Vec::new();
    for post in posts.collect::<Vec<_>>() {
        statuses.push(post.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn put_replaces_and_patch_changes() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut full = user("bjensen");
    full["title"] = json!("Dr");
    full["nickName"] = json!("Babs");
    let id = acme.create("/Users", full).await;
    let path = format!("/Users/{id}");

    let operations = json!([
        { "op": "Replace", "path": "active", "value": false },
        { "op": "add", "path": "emails[type eq \"work\"].value", "value": "b@example.com" },
        { "op": "remove", "path": "title" }
    ]);
    let patched = acme.scim.patch(&path, patch(operations)).await.expect(200);
    assert_eq!(patched.body["active"], false);
    assert_eq!(patched.body["emails"], json!([{ "type": "work", "value": "b@example.com" }]));
    assert_eq!(patched.body.get("title"), None);
    assert_eq!(patched.body["nickName"], "Babs");
    assert_eq!(patched.header("etag"), "W/\"2\"");

    let replaced = acme.scim.put(&path, user("bjensen")).await.expect(200);
    assert_eq!(replaced.body.get("nickName"), None);
    assert_eq!(replaced.body.get("emails"), None);
    assert_eq!(acme.scim.get(&path).await.expect(200).body, replaced.body);
}

#[tokio::test]
async fn a_patch_that_fails_changes_nothing_and_one_that_changes_nothing_is_no_version() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("bjensen")).await;
    let path = format!("/Users/{id}");
    let before = acme.scim.get(&path).await.expect(200).body;

    let half_wrong = json!([
        { "op": "add", "path": "title", "value": "Dr" },
        { "op": "add", "path": "titel", "value": "Dr" }
    ]);
    let refused = acme.scim.patch(&path, patch(half_wrong)).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidPath");
    assert_eq!(acme.scim.get(&path).await.expect(200).body, before);

    let same = json!([{ "op": "replace", "path": "userName", "value": "bjensen" }]);
    let unchanged = acme.scim.patch(&path, patch(same)).await.expect(200);
    assert_eq!(unchanged.body, before);
}

#[tokio::test]
async fn a_deleted_resource_is_gone_everywhere() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("bjensen")).await;
    let path = format!("/Users/{id}");
    assert_eq!(acme.scim.delete(&path).await.expect(204).body, Value::Null);
    for answer in [
        acme.scim.get(&path).await,
        acme.scim.delete(&path).await,
        acme.scim.put(&path, user("bjensen")).await,
        acme.scim.patch(&path, patch(json!([{ "op": "remove", "path": "title" }]))).await,
    ] {
        assert_eq!(answer.status, 404);
    }
    assert_eq!(acme.scim.get("/Users").await.expect(200).body["totalResults"], 0);
}

#[tokio::test]
async fn users_who_exchange_names_get_a_conflict_or_the_name_and_no_error() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let ids = [acme.create("/Users", user("x")).await, acme.create("/Users", user("y")).await];
    for round in 0..20 {
        let names = if round % 2 == 0 { ["y", "x"] } else { ["x", "y"] };
        let renames = ids.iter().zip(names).map(|(id, name)| {
            let (scim, path) = (acme.scim.clone(), format!("/Users/{id}"));
            tokio::spawn(async move { scim.put(&path, user(name)).await })
        });
        for rename in renames.collect::<Vec<_>>() {
            let answer = rename.await.unwrap();
            assert!(matches!(answer.status, 200 | 409), "{:#}", answer.body);
        }
    }
}

#[tokio::test]
async fn an_id_is_compared_as_it_is_written() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("bjensen")).await;
    for other in [id.to_uppercase(), id.replace('-', ""), format!("{{{id}}}")] {
        acme.scim.get(&format!("/Users/{other}")).await.expect(404);
    }
}

#[tokio::test]
async fn concurrent_patches_all_take_effect() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("bjensen")).await;
    let path = format!("/Users/{id}");
    let writers = (0..4).map(|writer| {
        let (scim, path) = (acme.scim.clone(), path.clone());
        tokio::spawn(async move {
            for round in 0..3 {
                let role = json!([{ "value": format!("{writer}-{round}") }]);
                let add = json!([{ "op": "add", "path": "roles", "value": role }]);
                scim.patch(&path, patch(add)).await.expect(200);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let user = acme.scim.get(&path).await.expect(200);
    assert_eq!(user.body["roles"].as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn a_password_is_stored_as_a_hash_and_never_shown() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut with_password = user("bjensen");
    with_password["password"] = json!("correct-horse-battery-staple");
    let id = acme.create("/Users", with_password).await;
    let path = format!("/Users/{id}");
    let named = acme.scim.query(&path, &[("attributes", "password,userName")]).await.expect(200);
    assert_eq!(named.body.get("password"), None);
    let searched = acme.scim.query("/Users", &[("filter", "password sw \"c\"")]).await.expect(400);
    assert_eq!(searched.body["scimType"], "invalidFilter");
    let operations = json!([{ "op": "replace", "path": "password", "value": "another-horse" }]);
    let patched = acme.scim.patch(&path, patch(operations)).await.expect(200);
    assert_eq!(patched.header("etag"), "W/\"2\"");
    assert!(!server.log.text().contains("horse"), "the log has the password");
}

#[tokio::test]
async fn attributes_are_chosen_on_every_method() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut full = user("bjensen");
    full["title"] = json!("Dr");
    let created = acme.scim.post("/Users?attributes=title", full.clone()).await.expect(201);
    assert_eq!(created.body.get("userName"), None);
    assert_eq!(created.body["title"], "Dr");
    let id = created.body["id"].as_str().unwrap();
    let path = format!("/Users/{id}?excludedAttributes=title,meta");
    for answer in [acme.scim.get(&path).await, acme.scim.put(&path, full).await] {
        assert_eq!(answer.body.get("title"), None);
        assert_eq!(answer.body.get("meta"), None);
        assert_eq!(answer.body["userName"], "bjensen");
    }
    let both = acme.scim.get(&format!("/Users/{id}?attributes=a&excludedAttributes=b")).await;
    assert_eq!(both.status, 400);
}
