//! Whatever `/Schemas` says of an attribute is what happens to it. Every attribute of every
//! resource type is written, read, searched, replaced and removed by what is advertised alone.

mod attribute;
mod part;
mod samples;

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, artifacts};

use attribute::Walk;

const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";

#[tokio::test]
async fn what_is_advertised_of_users_is_what_happens() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    assert!(walk(&acme, "User").await > 20);
}

#[tokio::test]
async fn what_is_advertised_of_groups_is_what_happens() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    assert!(walk(&acme, "Group").await > 2);
}

#[tokio::test]
async fn what_is_advertised_of_an_extension_and_a_type_of_a_plugin_is_what_happens() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("everything", &artifacts::describing(&documents()), json!({})).await;
    let attributes = attributes_of_all_kinds().as_array().unwrap().len();
    assert!(walk(&acme, "Device").await > attributes);
    acme.activate("cost-center", artifacts::cost_center(), json!({ "pattern": "." })).await;
    assert!(walk(&acme, "User").await > 20 + attributes);
}

/// Goes through all attributes of a resource type; the answer is how many there were.
async fn walk(tenant: &Tenant, resource_type: &str) -> usize {
    let path = format!("/ResourceTypes/{resource_type}");
    let resource_type = tenant.scim.get(&path).await.expect(200).body;
    let base = resource_type["schema"].as_str().unwrap();
    let extensions = resource_type["schemaExtensions"].as_array().unwrap();
    let mut schemas = vec![schema(tenant, base).await];
    for extension in extensions {
        schemas.push(schema(tenant, extension["schema"].as_str().unwrap()).await);
    }
    // RFC 7643 §3.1: part of every resource, and of no schema.
    let external_id = json!({
        "name": "externalId", "type": "string", "multiValued": false, "required": false,
        "caseExact": true, "mutability": "readWrite", "returned": "default", "uniqueness": "none"
    });
    schemas[0]["attributes"].as_array_mut().unwrap().push(external_id);
    let mut seen = 0;
    for (index, schema) in schemas.iter().enumerate() {
        for attribute in schema["attributes"].as_array().unwrap() {
            let extension = (index > 0).then(|| schema["id"].as_str().unwrap());
            let endpoint = resource_type["endpoint"].as_str().unwrap();
            Walk { tenant, endpoint, schemas: &schemas, extension, attribute }.all().await;
            seen += 1;
        }
    }
    seen
}

async fn schema(tenant: &Tenant, urn: &str) -> Value {
    tenant.scim.get(&format!("/Schemas/{urn}")).await.expect(200).body
}

/// The same attributes as an extension of User, and as a resource type of its own.
fn documents() -> [Value; 4] {
    let schema = |urn: &str, attributes: &Value| json!({ "schemas": [SCHEMA], "id": urn, "attributes": attributes });
    let (extension, device) =
        ("urn:example:everything:2.0:User", "urn:example:everything:2.0:Device");
    let mut of_device = attributes_of_all_kinds();
    of_device.as_array_mut().unwrap().push(json!({
        "name": "serialNumber", "required": true, "uniqueness": "server", "caseExact": true
    }));
    [
        schema(extension, &attributes_of_all_kinds()),
        schema(device, &of_device),
        json!({
            "schemas": [RESOURCE_TYPE], "name": "User",
            "schemaExtensions": [{ "schema": extension }]
        }),
        json!({
            "schemas": [RESOURCE_TYPE], "name": "Device", "endpoint": "/Devices", "schema": device
        }),
    ]
}

fn attributes_of_all_kinds() -> Value {
    let subs = json!([
        { "name": "value", "caseExact": true },
        { "name": "kind", "canonicalValues": ["a", "b"] },
        { "name": "size", "type": "integer" },
        { "name": "seen", "type": "dateTime", "mutability": "readOnly" },
        { "name": "hint", "returned": "request" },
        { "name": "pin", "returned": "never" },
        { "name": "label", "returned": "always", "required": true }
    ]);
    json!([
        { "name": "exact", "caseExact": true },
        { "name": "folded" },
        { "name": "flag", "type": "boolean" },
        { "name": "whole", "type": "integer" },
        { "name": "fraction", "type": "decimal" },
        { "name": "moment", "type": "dateTime" },
        { "name": "bytes", "type": "binary" },
        { "name": "link", "type": "reference", "referenceTypes": ["external"] },
        { "name": "texts", "multiValued": true },
        { "name": "numbers", "type": "integer", "multiValued": true },
        { "name": "fixed", "mutability": "immutable" },
        { "name": "fixedNumber", "type": "integer", "mutability": "immutable" },
        { "name": "servers", "mutability": "readOnly" },
        { "name": "secret", "mutability": "writeOnly", "returned": "never" },
        { "name": "hidden", "returned": "never" },
        { "name": "asked", "returned": "request" },
        { "name": "always", "returned": "always" },
        { "name": "unique", "uniqueness": "server" },
        { "name": "uniqueExact", "uniqueness": "global", "caseExact": true },
        { "name": "uniqueNumber", "type": "integer", "uniqueness": "server" },
        { "name": "single", "type": "complex", "subAttributes": subs },
        { "name": "many", "type": "complex", "multiValued": true, "subAttributes": subs },
        { "name": "fixedMany", "type": "complex", "multiValued": true, "mutability": "immutable",
          "subAttributes": [{ "name": "value" }] },
        { "name": "parts", "type": "complex",
          "subAttributes": [{ "name": "once", "mutability": "immutable" }, { "name": "free" }] }
    ])
}
