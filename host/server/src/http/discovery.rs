//! The discovery endpoints (RFC 7644 §4), for this tenant with its plugins.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;
use tenon_scim::discovery::{self, Features};
use tenon_scim::list;

use super::error::ScimError;
use super::extract::Scim;
use super::resources::scim_json;
use crate::service::read::MAX_PAGE;

type Answer = Result<Response, ScimError>;

pub(super) async fn service_provider_config(scim: Scim) -> Answer {
    let features = Features { max_results: MAX_PAGE };
    let document = discovery::service_provider_config(features, &scim.request.base_url);
    one(&scim, Some(document))
}

pub(super) async fn schemas(scim: Scim) -> Answer {
    let registry = &scim.request.tenant.registry;
    all(&scim, discovery::schemas(registry, &scim.request.base_url))
}

pub(super) async fn schema(scim: Scim, Path((_, id)): Path<(String, String)>) -> Answer {
    let schema = scim.request.tenant.registry.schema(&id);
    let document = schema.map(|it| discovery::schema_document(it, &scim.request.base_url));
    one(&scim, document)
}

pub(super) async fn resource_types(scim: Scim) -> Answer {
    let registry = &scim.request.tenant.registry;
    all(&scim, discovery::resource_types(registry, &scim.request.base_url))
}

pub(super) async fn resource_type(scim: Scim, Path((_, name)): Path<(String, String)>) -> Answer {
    let found = scim.request.tenant.registry.resource_type(&name);
    let document = found.map(|it| discovery::resource_type_document(it, &scim.request.base_url));
    one(&scim, document)
}

/// RFC 7644 §4: sorting, paging and projection are ignored here, and a filter is refused.
fn all(scim: &Scim, documents: Vec<Value>) -> Answer {
    refuse_filter(scim)?;
    let documents: Vec<_> = documents
        .into_iter()
        .filter_map(|document| match document {
            Value::Object(document) => Some(document),
            _ => None,
        })
        .collect();
    Ok(scim_json(StatusCode::OK, list::response(documents.len(), 1, documents)))
}

fn one(scim: &Scim, document: Option<Value>) -> Answer {
    refuse_filter(scim)?;
    let not_found =
        || ScimError::new(StatusCode::NOT_FOUND, "the tenant has no such schema or resource type");
    Ok(scim_json(StatusCode::OK, document.ok_or_else(not_found)?))
}

/// RFC 7644 §4: "If a "filter" is provided, the service provider SHOULD respond with HTTP status
/// code 403 (Forbidden)".
fn refuse_filter(scim: &Scim) -> Result<(), ScimError> {
    if scim.query.filter.is_none() {
        return Ok(());
    }
    Err(ScimError::new(StatusCode::FORBIDDEN, "discovery endpoints take no filter"))
}
