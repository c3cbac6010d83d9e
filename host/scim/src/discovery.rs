//! The discovery documents (RFC 7644 §4), generated from the tenant's registry: what is
//! advertised is what is enforced.

use serde_json::{Value, json};

use crate::Registry;
use crate::schema::describe::{RESOURCE_TYPE_SCHEMA, SCHEMA_SCHEMA};
use crate::schema::{Indexed, ResourceType, Schema};

/// The `schemas` URI of the ServiceProviderConfig document (RFC 7643 §5).
pub const SERVICE_PROVIDER_CONFIG_SCHEMA: &str =
    "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";

/// The numbers of what the service supports (RFC 7643 §5, RFC 9865 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Resources of a page when the client names no `count`.
    pub default_page_size: usize,
    /// The largest page of a list.
    pub max_page_size: usize,
    /// Seconds for which a cursor is good.
    pub cursor_timeout: u64,
    /// Operations of a bulk request at the most.
    pub max_bulk_operations: usize,
    /// Bytes of a bulk request at the most.
    pub max_bulk_bytes: usize,
}

/// The ServiceProviderConfig document; with the token endpoint, where clients of the tenant have one.
#[must_use]
pub fn service_provider_config(
    features: Features,
    token_endpoint: Option<&str>,
    base_url: &str,
) -> Value {
    json!({
        "schemas": [SERVICE_PROVIDER_CONFIG_SCHEMA],
        "patch": { "supported": true },
        "bulk": {
            "supported": true,
            "maxOperations": features.max_bulk_operations,
            "maxPayloadSize": features.max_bulk_bytes
        },
        "filter": { "supported": true, "maxResults": features.max_page_size },
        "changePassword": { "supported": true },
        "sort": { "supported": true },
        "etag": { "supported": true },
        // RFC 9865 §2.4: who had index paging first "should use index as the default pagination
        // method".
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": features.default_page_size,
            "maxPageSize": features.max_page_size,
            "cursorTimeout": features.cursor_timeout
        },
        "authenticationSchemes": authentication_schemes(token_endpoint),
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base_url}/ServiceProviderConfig")
        }
    })
}

fn authentication_schemes(token_endpoint: Option<&str>) -> Vec<Value> {
    let mut schemes = vec![json!({
        "type": "oauthbearertoken",
        "name": "Bearer token",
        "description": "A token of the tenant, or a JWT of an issuer that the tenant names, in the \
                        Authorization header (RFC 6750)",
        "specUri": "https://www.rfc-editor.org/info/rfc6750",
        "primary": true
    })];
    if let Some(token_endpoint) = token_endpoint {
        schemes.push(json!({
            "type": "oauth2",
            "name": "OAuth 2.0 client credentials",
            "description": format!("Access tokens for clients of the tenant, from {token_endpoint}"),
            "specUri": "https://www.rfc-editor.org/info/rfc6749",
            "documentationUri": token_endpoint
        }));
    }
    schemes
}

/// All Schema documents.
pub fn schemas(registry: &Registry, base_url: &str) -> Vec<Value> {
    registry.schemas().iter().map(|schema| schema_document(schema, base_url)).collect()
}

/// One Schema document.
#[must_use]
pub fn schema_document(schema: &Schema, base_url: &str) -> Value {
    let meta = json!({
        "resourceType": "Schema",
        "location": format!("{base_url}/Schemas/{}", schema.id)
    });
    document(SCHEMA_SCHEMA, json!(advertised(schema)), meta)
}

/// The schema as it is enforced: references and binary data are compared as they are written,
/// whatever their `caseExact` says (RFC 7643 §2.3.6, §2.3.7). What is indexed is of no concern to clients.
fn advertised(schema: &Schema) -> Schema {
    let mut schema = schema.clone();
    for attribute in &mut schema.attributes {
        attribute.case_exact = attribute.compares_exactly();
        attribute.indexed = Indexed::None;
        for sub in &mut attribute.sub_attributes {
            sub.case_exact = sub.compares_exactly();
            sub.indexed = Indexed::None;
        }
    }
    schema
}

/// All ResourceType documents.
pub fn resource_types(registry: &Registry, base_url: &str) -> Vec<Value> {
    registry.resource_types().iter().map(|it| resource_type_document(it, base_url)).collect()
}

/// One ResourceType document.
#[must_use]
pub fn resource_type_document(resource_type: &ResourceType, base_url: &str) -> Value {
    let extensions: Vec<Value> = resource_type
        .extensions
        .iter()
        .map(|it| json!({ "schema": it.schema.id, "required": it.required }))
        .collect();
    let members = json!({
        "id": resource_type.name,
        "name": resource_type.name,
        "endpoint": resource_type.endpoint,
        "description": resource_type.description,
        "schema": resource_type.schema.id,
        "schemaExtensions": extensions,
    });
    let meta = json!({
        "resourceType": "ResourceType",
        "location": format!("{base_url}/ResourceTypes/{}", resource_type.name)
    });
    document(RESOURCE_TYPE_SCHEMA, members, meta)
}

fn document(schema: &str, members: Value, meta: Value) -> Value {
    let mut document = json!({ "schemas": [schema] });
    if let (Value::Object(document), Value::Object(members)) = (&mut document, members) {
        document.extend(members);
        document.insert("meta".to_owned(), meta);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::describe::Description;

    #[test]
    fn an_advertised_schema_can_be_read_back() {
        let registry = Registry::core();
        let documents = schemas(&registry, "https://t.example");
        let description = Description::parse(&documents).unwrap();
        let core: Vec<_> = registry.schemas().iter().map(|schema| advertised(schema)).collect();
        assert_eq!(description.schemas, core);
    }

    #[test]
    fn a_resource_type_names_its_extensions() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let document = resource_type_document(user, "https://t.example");
        assert_eq!(document["schemaExtensions"][0]["required"], false);
        assert_eq!(document["meta"]["location"], "https://t.example/ResourceTypes/User");
    }
}
