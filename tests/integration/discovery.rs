//! What a tenant's service says of itself.

use reqwest::Method;
use reqwest::header::IF_NONE_MATCH;
use serde_json::{Value, json};
use tenon_tests::{Answer, Server, Tenant, artifacts, user};

const COST_CENTER: &str = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";

async fn schema_ids(tenant: &Tenant) -> Vec<String> {
    let list = tenant.scim.get("/Schemas").await.expect(200).body;
    let schemas = list["Resources"].as_array().unwrap();
    schemas.iter().map(|schema| schema["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn tenants_with_different_plugins_advertise_different_schemas() {
    let server = Server::shared();
    let (with, without) = (server.tenant("with").await, server.tenant("without").await);
    with.activate("cost-center", artifacts::cost_center(), json!({})).await;
    assert!(schema_ids(&with).await.contains(&COST_CENTER.to_owned()));
    assert_eq!(schema_ids(&without).await.len(), 3);

    let extensions = async |tenant: &Tenant| -> Value {
        tenant.scim.get("/ResourceTypes/User").await.expect(200).body["schemaExtensions"].clone()
    };
    let advertised = json!({ "schema": COST_CENTER, "required": false });
    assert!(extensions(&with).await.as_array().unwrap().contains(&advertised));
    assert!(!extensions(&without).await.as_array().unwrap().contains(&advertised));
    with.scim.get(&format!("/Schemas/{COST_CENTER}")).await.expect(200);
    without.scim.get(&format!("/Schemas/{COST_CENTER}")).await.expect(404);
}

#[tokio::test]
async fn the_documents_have_the_form_of_the_rfc() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let config = acme.scim.get("/ServiceProviderConfig").await.expect(200).body;
    for (feature, supported) in
        [("patch", true), ("bulk", true), ("filter", true), ("sort", true), ("etag", true)]
    {
        assert_eq!(config[feature]["supported"], supported, "{feature}");
    }
    let user =
        acme.scim.get("/Schemas/urn:ietf:params:scim:schemas:core:2.0:User").await.expect(200);
    assert_eq!(user.body["attributes"][0]["name"], "userName");
    assert_eq!(user.body["attributes"][0]["uniqueness"], "server");
    let group = acme.scim.get("/ResourceTypes/Group").await.expect(200);
    assert_eq!(group.body["meta"]["location"], format!("{}/ResourceTypes/Group", acme.scim.base));
    for path in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig"] {
        let filtered = acme.scim.query(path, &[("filter", "id pr")]).await;
        assert_eq!(filtered.status, 403, "{path}");
    }
    acme.scim.get("/ResourceTypes/Robot").await.expect(404);
}

#[tokio::test]
async fn the_configuration_tells_the_numbers_that_hold() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let config = acme.scim.get("/ServiceProviderConfig").await.expect(200).body;
    assert_eq!(
        config["pagination"],
        json!({
            "cursor": true, "index": true, "defaultPaginationMethod": "index",
            "defaultPageSize": 100, "maxPageSize": 1000, "cursorTimeout": 600
        })
    );
    assert_eq!(
        config["bulk"],
        json!({ "supported": true, "maxOperations": 1000, "maxPayloadSize": 1_048_576 })
    );
    let location = format!("{}/ServiceProviderConfig", acme.scim.base);
    assert_eq!(config["meta"]["location"], json!(location));
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let known = async |path: &str, etag: &str| {
        Answer::of(acme.scim.request(Method::GET, path).header(IF_NONE_MATCH, etag)).await
    };
    let id = acme.create("/Users", user("bjensen")).await;
    let mut etags = Vec::new();
    for path in [
        "/Schemas",
        "/ResourceTypes",
        "/ServiceProviderConfig",
        "/ResourceTypes/User",
        "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User",
        &format!("/Users/{id}"),
    ] {
        let first = acme.scim.get(path).await.expect(200);
        let etag = first.header("etag").to_owned();
        assert_eq!(first.header("cache-control"), "private, no-cache", "{path}");
        for header in [etag.clone(), format!("\"x\", {etag}"), "*".to_owned()] {
            let same = known(path, &header).await.expect(304);
            assert_eq!((same.header("etag"), &same.body), (etag.as_str(), &Value::Null), "{path}");
            assert_eq!(same.header("cache-control"), "private, no-cache", "{path}");
        }
        assert_eq!(known(path, "\"another\"").await.expect(200).body, first.body);
        etags.push((path.to_owned(), etag));
    }
    // A plugin changes the schemas and the type that it extends, and nothing else.
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    for (path, etag) in etags {
        let changed = ["/Schemas", "/ResourceTypes", "/ResourceTypes/User"].contains(&&*path);
        assert_eq!(known(&path, &etag).await.status, if changed { 200 } else { 304 }, "{path}");
    }
}

#[tokio::test]
async fn paging_sorting_and_projection_do_not_apply_to_discovery() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for path in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/ResourceTypes/User"] {
        let plain = acme.scim.get(path).await.expect(200).body;
        for parameters in [
            "count=abc",
            "count=0&startIndex=9",
            "sortBy=colour&sortOrder=up",
            "attributes=id&excludedAttributes=name",
            "cursor=x",
        ] {
            let asked = acme.scim.get(&format!("{path}?{parameters}")).await.expect(200).body;
            assert_eq!(asked, plain, "{path}?{parameters}");
        }
        let filtered = acme.scim.get(&format!("{path}?filter=")).await.expect(403);
        assert_eq!(filtered.body["status"], "403");
    }
}

#[tokio::test]
async fn schemas_and_types_are_found_by_their_names_in_any_case() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for path in [
        "/Schemas/URN:ietf:params:scim:schemas:core:2.0:USER",
        "/Schemas/urn%3Aietf%3Aparams%3Ascim%3Aschemas%3Acore%3A2.0%3AUser",
        "/ResourceTypes/user",
    ] {
        let found = acme.scim.get(path).await.expect(200).body;
        // The document says how the name is written.
        let location = found["meta"]["location"].as_str().unwrap().to_owned();
        assert!(location.ends_with(":User") || location.ends_with("/User"), "{location}");
        assert_eq!(acme.scim.at(location).get("").await.expect(200).body, found);
    }
    for path in ["/Schemas/urn:x", "/Schemas/User", "/ResourceTypes/Users"] {
        let missing = acme.scim.get(path).await.expect(404);
        assert!(missing.detail().contains("no such schema or resource type"));
    }
}
