//! The discovery endpoints (RFC 7644 §4), for this tenant with its plugins.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tenon_scim::discovery::{self, Features};
use tenon_scim::list::{self, Place};

use super::error::ScimError;
use super::extract::Scim;
use super::resources::{REVALIDATE, is_known, not_modified, set_header};
use super::routes::TOKEN;
use crate::service::cursor::CURSOR_TIMEOUT;
use crate::service::list::DEFAULT_PAGE;
use crate::store::clients;

type Answer = Result<Response, ScimError>;

pub(super) async fn service_provider_config(scim: Scim, headers: HeaderMap) -> Answer {
    let limits = &scim.request.tenant.limits;
    let max_page_size = scim.request.max_page_size();
    let features = Features {
        default_page_size: DEFAULT_PAGE.min(max_page_size),
        max_page_size,
        cursor_timeout: CURSOR_TIMEOUT.whole_seconds().unsigned_abs(),
        max_bulk_operations: limits.max_bulk_operations,
        max_bulk_bytes: limits.max_bulk_bytes,
    };
    let base_url = &scim.request.base_url;
    let mut conn = scim.app.services.database.read().await?;
    let has_clients = clients::exist(&mut conn, scim.request.tenant.id).await?;
    drop(conn);
    let token_endpoint = has_clients.then(|| format!("{base_url}{TOKEN}"));
    let document =
        discovery::service_provider_config(features, token_endpoint.as_deref(), base_url);
    one(&scim, &headers, Some(document))
}

pub(super) async fn schemas(scim: Scim, headers: HeaderMap) -> Answer {
    let registry = &scim.request.tenant.registry;
    all(&scim, &headers, discovery::schemas(registry, &scim.request.base_url))
}

pub(super) async fn schema(scim: Scim, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let schema = scim.request.tenant.registry.schema(&id);
    let document = schema.map(|it| discovery::schema_document(it, &scim.request.base_url));
    one(&scim, &headers, document)
}

pub(super) async fn resource_types(scim: Scim, headers: HeaderMap) -> Answer {
    let registry = &scim.request.tenant.registry;
    all(&scim, &headers, discovery::resource_types(registry, &scim.request.base_url))
}

pub(super) async fn resource_type(
    scim: Scim,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answer {
    // RFC 7643 §8.7.2: "name" and "id" of a ResourceType are not caseExact.
    let mut types = scim.request.tenant.registry.resource_types().iter();
    let found = types.find(|it| it.name.eq_ignore_ascii_case(&name));
    let document = found.map(|it| discovery::resource_type_document(it, &scim.request.base_url));
    one(&scim, &headers, document)
}

/// RFC 7644 §4: sorting, paging and projection are ignored here, and a filter is refused.
fn all(scim: &Scim, headers: &HeaderMap, documents: Vec<Value>) -> Answer {
    refuse_filter(scim)?;
    let documents: Vec<String> = documents.iter().map(Value::to_string).collect();
    cached(headers, list::response(documents.len(), &Place::Index(1), &documents))
}

fn one(scim: &Scim, headers: &HeaderMap, document: Option<Value>) -> Answer {
    refuse_filter(scim)?;
    let not_found =
        || ScimError::new(StatusCode::NOT_FOUND, "the tenant has no such schema or resource type");
    cached(headers, document.ok_or_else(not_found)?.to_string())
}

/// The document with an ETag, which stands for its text; 304 where the client has it.
fn cached(headers: &HeaderMap, text: String) -> Answer {
    let etag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&text)));
    if is_known(headers, &etag)? {
        return Ok(not_modified(&etag));
    }
    let mut response = ([(header::CONTENT_TYPE, "application/scim+json")], text).into_response();
    set_header(&mut response, header::ETAG, &etag);
    set_header(&mut response, header::CACHE_CONTROL, REVALIDATE);
    Ok(response)
}

/// RFC 7644 §4: "If a "filter" is provided, the service provider SHOULD respond with HTTP status
/// code 403 (Forbidden)".
fn refuse_filter(scim: &Scim) -> Result<(), ScimError> {
    if scim.parameters().iter().all(|(name, _)| name != "filter") {
        return Ok(());
    }
    Err(ScimError::new(StatusCode::FORBIDDEN, "discovery endpoints take no filter"))
}
