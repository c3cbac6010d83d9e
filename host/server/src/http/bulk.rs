//! `POST /Bulk` (RFC 7644 §3.7).

use std::sync::Arc;

use axum::extract::Request as HttpRequest;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;
use tenon_scim::ScimType;
use tenon_scim::bulk::{BulkError, BulkRequest, OperationResponse, response};

use super::body::{self, BodyError, SCIM_TYPES};
use super::error::ScimError;
use super::extract::Scim;
use super::idempotency;
use super::resources::scim_json;
use crate::service::bulk::{Done, Failure, OperationResult};
use crate::service::idempotency::Answer;

pub(super) async fn bulk(scim: Scim, request: HttpRequest) -> Result<Response, ScimError> {
    let tenant = Arc::clone(&scim.request.tenant);
    let limits = &tenant.limits;
    let (parts, body) = request.into_parts();
    let body = body::object_within(&parts.headers, body, SCIM_TYPES, limits.max_bulk_bytes);
    let body = body.await.map_err(unreadable)?;
    let keyed = idempotency::keyed(&scim, &parts.headers, "Bulk", &body)?;
    let bulk = BulkRequest::parse(body, &tenant.registry, limits.max_bulk_operations)?;
    let services = &scim.app.services;
    // The request itself has been counted as one.
    let further = u64::try_from(bulk.entries.len()).unwrap_or(u64::MAX).saturating_sub(1);
    services.owe(&tenant, &scim.request.principal, further);
    if let Some(keyed) = keyed {
        let (services, request) = (services.clone(), scim.request.clone());
        let work = async move {
            let body = answer(services.bulk(request, bulk).await?).to_string();
            let status = StatusCode::OK.as_u16();
            Ok(Answer { status, location: None, etag: None, body, is_replayed: false })
        };
        let answer = scim.app.services.once(&scim.request, keyed, work).await?;
        return Ok(idempotency::respond(answer));
    }
    let results = services.bulk(scim.request, bulk).await?;
    Ok(scim_json(StatusCode::OK, &answer(results)))
}

fn answer(results: Vec<OperationResult>) -> Value {
    let operations: Vec<_> = results.into_iter().map(on_the_wire).collect();
    response(&operations)
}

/// RFC 7644 §3.7.4: "The returned response MUST specify the limit exceeded in the body of the
/// error response."
fn unreadable(error: BodyError) -> ScimError {
    match error {
        BodyError::TooLarge { limit } => ScimError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the size of the bulk operation exceeds the maxPayloadSize ({limit})"),
        ),
        error => error.into(),
    }
}

impl From<BulkError> for ScimError {
    fn from(error: BulkError) -> Self {
        let detail = error.to_string();
        match error {
            BulkError::TooManyOperations { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail),
            _ => Self::new(StatusCode::BAD_REQUEST, detail).with_type(ScimType::InvalidSyntax),
        }
    }
}

impl From<Failure> for ScimError {
    fn from(failure: Failure) -> Self {
        let detail = failure.to_string();
        match failure {
            Failure::Request(error) => (*error).into(),
            Failure::ReferenceFailed { .. } | Failure::Circular { .. } => {
                Self::new(StatusCode::CONFLICT, detail)
            }
            Failure::OutOfTime => Self::new(StatusCode::SERVICE_UNAVAILABLE, detail),
        }
    }
}

fn on_the_wire(result: OperationResult) -> OperationResponse {
    let OperationResult { label, location, outcome } = result;
    let (status, version, response) = match outcome {
        Ok(Done::Created(version)) => (StatusCode::CREATED, Some(version), None),
        Ok(Done::Changed(version)) => (StatusCode::OK, Some(version), None),
        Ok(Done::Deleted) => (StatusCode::NO_CONTENT, None, None),
        Err(failure) => {
            let error = ScimError::from(failure);
            (error.status(), None, Some(error.body()))
        }
    };
    let (method, bulk_id) = (label.method, label.bulk_id);
    let status = status.as_str().to_owned();
    OperationResponse { location, method, bulk_id, version, status, response }
}
