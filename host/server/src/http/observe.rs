//! Around every request: its id, its span, one line in the log, a bound on its time.
//!
//! The query string is not logged: filters hold personal data (RFC 7644 §7.5.2).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{Extensions, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, timeout};
use tracing::{Instrument, field};
use uuid::Uuid;

use super::drain::AwaitsBody;
use super::error::{Problem, ScimError};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_ID_LENGTH: usize = 64;

/// How long a request may take, its body included.
const MAX_DURATION: Duration = Duration::from_secs(60);

/// Identifies a request in the log: the client's `X-Request-Id`, or a new one.
#[derive(Debug, Clone)]
pub(super) struct RequestId(Arc<str>);

impl RequestId {
    /// The id of the request with these extensions.
    pub(super) fn of(extensions: &Extensions) -> Arc<str> {
        extensions.get::<Self>().map_or_else(new_id, |id| Arc::clone(&id.0))
    }
}

pub(super) async fn observe<F>(mut request: Request, next: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let id = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| is_plain(id))
        .map_or_else(new_id, Arc::from);
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let span = tracing::info_span!(
        "request",
        id = &*id,
        method = %request.method(),
        path = request.uri().path(),
        tenant = field::Empty,
        client = field::Empty,
    );
    let awaits_body = AwaitsBody::default();
    request.extensions_mut().insert(awaits_body.clone());
    let is_scim = is_scim(&request);
    async move {
        let started = Instant::now();
        let mut response = match timeout(MAX_DURATION, next(request)).await {
            Ok(response) => response,
            Err(_) => too_slow(is_scim, awaits_body.get()),
        };
        tracing::info!(
            status = response.status().as_u16(),
            ms = started.elapsed().as_millis(),
            "answered"
        );
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response
    }
    .instrument(span)
    .await
}

/// Whether errors are told in SCIM's form.
pub(super) fn is_scim(request: &Request) -> bool {
    !request.uri().path().starts_with("/admin/")
}

fn too_slow(is_scim: bool, awaits_body: bool) -> Response {
    let seconds = MAX_DURATION.as_secs();
    let (status, detail) = if awaits_body {
        let detail = format!("the body did not arrive whole within {seconds} seconds");
        (StatusCode::REQUEST_TIMEOUT, detail)
    } else {
        let detail = format!("the request took longer than {seconds} seconds");
        (StatusCode::SERVICE_UNAVAILABLE, detail)
    };
    if is_scim {
        ScimError::new(status, detail).into_response()
    } else {
        Problem::new(status, detail).into_response()
    }
}

fn is_plain(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !id.is_empty() && id.len() <= MAX_ID_LENGTH && id.bytes().all(plain)
}

fn new_id() -> Arc<str> {
    Uuid::now_v7().simple().to_string().into()
}
