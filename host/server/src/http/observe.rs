//! Around every request: its id, its span, one line in the log, its metrics, a bound on its time.
//!
//! The query string is not logged: filters hold personal data (RFC 7644 §7.5.2).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{Extensions, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tenon_scim::ScimType;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, field};
use uuid::Uuid;

use super::App;
use super::arrival::Peer;
use super::drain::AwaitsBody;
use super::error::{Problem, ScimError};
use super::routes::UNKNOWN;
use crate::clock;
use crate::service::facts::{Facts, Noted};
use crate::store::requests::{Entry, Logged};

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

/// What is noted of the request with these extensions.
pub(super) fn facts_of(extensions: &Extensions) -> Facts {
    extensions.get::<Facts>().cloned().unwrap_or_default()
}

pub(super) async fn observe<F>(
    app: &App,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    let facts = Facts::default();
    if let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() {
        facts.note(|noted| noted.client = Some(peer));
    }
    request.extensions_mut().insert(facts.clone());
    let method = request.method().clone();
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
        let (took, noted) = (started.elapsed(), facts.take());
        let status = response.status().as_u16();
        tracing::info!(status, ms = took.as_millis(), "answered");
        app.services.metrics.answered(noted.operation.unwrap_or(UNKNOWN), status, took);
        log(app, &noted, &method, &id, &response, took);
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

/// Adds the request to the log of its tenant, where it is to be there.
fn log(app: &App, noted: &Noted, method: &Method, id: &str, answer: &Response, took: Duration) {
    let Some((tenant, logged)) = noted.tenant else { return };
    let is_wanted = match logged {
        Logged::Off => false,
        Logged::Writes => !method.is_safe() || answer.status().as_u16() >= 400,
        Logged::All => true,
    };
    if !is_wanted {
        return;
    }
    let resource_type = noted.resource_type.as_ref();
    let resource_id = noted.resource_id.or_else(|| resource_type.and_then(|_| created(answer)));
    let entry = Entry {
        id: Uuid::now_v7(),
        at: clock::now(),
        request_id: id.to_owned(),
        actor: noted.actor.as_deref().unwrap_or_default().to_owned(),
        address: noted.client.map(|client| client.to_string()),
        method: method.to_string(),
        operation: noted.operation.unwrap_or_default().to_owned(),
        resource_type: resource_type.map(|it| it.name.clone()),
        resource_id,
        status: i16::try_from(answer.status().as_u16()).unwrap_or_default(),
        scim_type: answer.extensions().get::<ScimType>().map(|it| it.as_str().to_owned()),
        micros: i64::try_from(took.as_micros()).unwrap_or(i64::MAX),
        notes: noted.notes(),
    };
    app.services.request_log.add(tenant, entry);
}

/// The resource that was created: the answer says where it is.
fn created(answer: &Response) -> Option<Uuid> {
    let location = answer.headers().get(header::LOCATION)?.to_str().ok()?;
    Uuid::parse_str(location.rsplit('/').next()?).ok()
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
