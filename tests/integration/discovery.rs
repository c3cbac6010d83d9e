//! What a tenant's service says of itself.

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, artifacts};

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
