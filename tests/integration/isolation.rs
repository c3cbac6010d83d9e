//! One tenant is nothing to another.

use serde_json::json;
use tenon_tests::{Server, patch, user};

#[tokio::test]
async fn a_token_opens_its_own_tenant_alone() {
    let server = Server::shared();
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    for path in ["/Users", "/Schemas", "/Users/1", "/nowhere", "/Me"] {
        let foreign = globex.scim.with_token(&acme.scim.token).get(path).await.expect(401);
        assert_eq!(foreign.header("www-authenticate"), "Bearer");
        let unknown = globex.scim.with_token("tenon_AAAA").get(path).await.expect(401);
        let none = globex.scim.with_token("").get(path).await.expect(401);
        // No hint whether the tenant or the token exists.
        assert_eq!((&foreign.body, &none.body), (&unknown.body, &unknown.body));
    }
    let nobody = acme.scim.base.replace(&acme.name, "nobody");
    acme.scim.at(nobody).get("/Users").await.expect(401);
}

#[tokio::test]
async fn a_foreign_resource_does_not_exist() {
    let server = Server::shared();
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let id = acme.create("/Users", user("bjensen")).await;
    let path = format!("/Users/{id}");
    let title = patch(json!([{ "op": "add", "path": "title", "value": "mine" }]));
    for answer in [
        globex.scim.get(&path).await,
        globex.scim.put(&path, user("bjensen")).await,
        globex.scim.patch(&path, title).await,
        globex.scim.delete(&path).await,
    ] {
        assert_eq!(answer.status, 404);
    }
    let filter = format!("id eq \"{id}\"");
    let found = globex.scim.query("/Users", &[("filter", &filter)]).await.expect(200);
    assert_eq!(found.body["totalResults"], 0);
    // The name is free at another tenant, and what happened there changed nothing here.
    globex.create("/Users", user("bjensen")).await;
    let still = acme.scim.get(&path).await.expect(200);
    assert_eq!(still.body["meta"]["version"], "W/\"1\"");
}

#[tokio::test]
async fn the_same_id_of_another_type_does_not_exist() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("bjensen")).await;
    acme.scim.get(&format!("/Groups/{id}")).await.expect(404);
    acme.scim.delete(&format!("/Groups/{id}")).await.expect(404);
    acme.scim.get(&format!("/Users/{id}")).await.expect(200);
}

#[tokio::test]
async fn a_tenants_token_is_none_of_the_operators() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for path in ["/tenants", "/nowhere"] {
        for token in [acme.scim.token.as_str(), "", "wrong"] {
            let refused = server.admin().with_token(token).get(path).await.expect(401);
            assert_eq!(refused.header("content-type"), "application/problem+json");
        }
    }
    let operator = acme.scim.with_token(&acme.admin.token).get("/Users").await;
    assert_eq!(operator.status, 401);
}
