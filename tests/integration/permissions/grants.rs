//! Who gives permissions, and to what extent.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use tenon_tests::{Answer, Server, artifacts, user};

use super::client;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

#[tokio::test]
async fn a_token_without_permissions_is_a_provisioner() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let tokens = acme.admin.get("/tokens").await.expect(200).body;
    assert_eq!(tokens["items"][0]["permissions"], json!(["scim:*"]));
    for (body, permissions) in [
        (json!({ "role": "reader" }), json!(["scim:read", "scim:list"])),
        (json!({ "permissions": ["scim:read", "reader"] }), json!(["scim:read", "scim:list"])),
        (json!({ "permissions": [] }), json!([])),
        (json!({ "permissions": ["plugins:write"] }), json!(["plugins:read", "plugins:write"])),
        (json!({ "permissions": ["scim:*:User"] }), json!(["scim:*:User"])),
        (json!({ "mayExplain": true }), json!(["scim:*", "scim:explain"])),
    ] {
        let mut body = body;
        body["name"] = json!("x");
        let created = acme.admin.post("/tokens", body).await.expect(201).body;
        assert_eq!(created["permissions"], permissions);
    }
    for (body, detail) in [
        (json!({ "role": "operator" }), "\"role\" must be one of \"provisioner\""),
        (json!({ "role": "reader", "permissions": [] }), "exclude each other"),
        (json!({ "permissions": ["scim:write"] }), "no permission or role \"scim:write\""),
        (json!({ "permissions": ["scim:read:Robot"] }), "no resource type \"Robot\""),
        (json!({ "permissions": "scim:read" }), "must be an array of strings"),
        (json!({ "permissions": [1] }), "must be an array of strings"),
        (json!({ "hidden": ["colour"] }), "no resource type has an attribute \"colour\""),
        (json!({ "hidden": ["emails[type pr]"] }), "no resource type has an attribute"),
        (json!({ "hidden": ["meta.created"] }), "is part of every answer"),
        (json!({ "hidden": [USER] }), "is part of every answer"),
    ] {
        let mut body = body;
        body["name"] = json!("x");
        let refused = acme.admin.post("/tokens", body).await.expect(400);
        assert!(refused.detail().contains(detail), "{}", refused.detail());
    }
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_have() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let issuer = json!({ "permissions": ["tokens:write", "scim:read", "scim:list:User"] });
    let issuer = acme.admin.with_token(&client(&acme, issuer).await.token);
    for permissions in
        [json!(["scim:read"]), json!(["scim:read:Group", "scim:list:User"]), json!([])]
    {
        let body = json!({ "name": "x", "permissions": permissions });
        issuer.post("/tokens", body).await.expect(201);
    }
    for body in [
        json!({ "name": "x" }),
        json!({ "name": "x", "role": "reader" }),
        json!({ "name": "x", "role": "tenant-admin" }),
        json!({ "name": "x", "permissions": ["scim:list"] }),
        json!({ "name": "x", "permissions": ["scim:list:Group"] }),
        json!({ "name": "x", "permissions": ["scim:read"], "mayExplain": true }),
    ] {
        let refused = issuer.post("/tokens", body).await.expect(403);
        assert!(refused.detail().contains("that you do not have"), "{}", refused.detail());
    }
    // Nor does anybody show what is hidden from them.
    let half_blind = json!({ "role": "tenant-admin", "hidden": ["phoneNumbers"] });
    let half_blind = acme.admin.with_token(&client(&acme, half_blind).await.token);
    let body = json!({ "name": "x", "role": "reader" });
    let refused = half_blind.post("/tokens", body).await.expect(403);
    assert!(refused.detail().contains("may not read: phoneNumbers"), "{}", refused.detail());
    let body = json!({ "name": "x", "role": "reader", "hidden": ["title", "phoneNumbers"] });
    let given = half_blind.post("/tokens", body).await.expect(201).body;
    assert_eq!(given["hidden"], json!(["title", "phoneNumbers"]));
    let admin = client(&acme, json!({ "role": "tenant-admin" })).await;
    let admin = acme.admin.with_token(&admin.token);
    let made = admin.post("/tokens", json!({ "name": "x", "role": "tenant-admin" })).await;
    let made = made.expect(201).body;
    admin.delete(&format!("/tokens/{}", made["id"].as_str().unwrap())).await.expect(204);
    admin.with_token(made["token"].as_str().unwrap()).get("/tokens").await.expect(401);
    // The name is part of the tenant's URL, and the operator's.
    let refused = admin.patch("", json!({ "name": "other" })).await.expect(403);
    assert!(refused.detail().contains("\"name\""), "{}", refused.detail());
    admin.patch("", json!({ "dialect": "okta" })).await.expect(200);
}

#[tokio::test]
async fn a_tenant_uploads_its_plugin_without_the_operator() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let developer = client(&acme, json!({ "role": "plugin-developer" })).await;
    let admin = acme.admin.with_token(&developer.token);
    let upload = async |admin: &tenon_tests::Client| {
        let request = admin.request(Method::PUT, "/plugins/cost-center");
        let request = request.header(CONTENT_TYPE, "application/wasm");
        Answer::of(request.body(artifacts::cost_center().to_vec())).await
    };
    let uploaded = upload(&admin).await.expect(201);
    admin.put("/plugins/cost-center/config", json!({})).await.expect(200);
    let digest = json!({ "digest": uploaded.body["digest"] });
    admin.post("/plugins/cost-center/activate", digest).await.expect(200);
    let active = admin.get("/plugins/cost-center").await.expect(200).body;
    assert_eq!(active["activeDigest"], uploaded.body["digest"]);
    // The schema is there at once, and writing resources is another permission.
    let schemas = developer.get("/Schemas").await.expect(200).body;
    assert!(schemas.to_string().contains("costCenter"), "{schemas:#}");
    developer.post("/Users", user("bjensen")).await.expect(403);
    admin.post("/tokens", json!({ "name": "x" })).await.expect(403);

    let globex = server.tenant("globex").await;
    let elsewhere = globex.admin.with_token(&developer.token);
    assert_eq!(upload(&elsewhere).await.status, 401);
    assert_eq!(upload(&acme.admin.with_token(&acme.scim.token)).await.status, 403);
}

#[tokio::test]
async fn who_acted_is_in_the_record() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let body = json!({ "name": "admin", "role": "tenant-admin" });
    let made = acme.admin.post("/tokens", body).await.expect(201).body;
    let admin = acme.admin.with_token(made["token"].as_str().unwrap());
    let given = admin.post("/tokens", json!({ "name": "given" })).await.expect(201).body;
    let database = sqlx::PgPool::connect(&server.database_url()).await.unwrap();
    let actor: String = sqlx::query_scalar("SELECT actor FROM audit WHERE subject = $1")
        .bind(given["id"].as_str().unwrap())
        .fetch_one(&database)
        .await
        .unwrap();
    assert_eq!(actor, format!("token:{}", made["id"].as_str().unwrap()));
}
