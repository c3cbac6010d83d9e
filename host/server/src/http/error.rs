//! Errors on the wire: SCIM bodies (RFC 7644 §3.12) on SCIM routes, problem details (RFC 9457)
//! elsewhere. What the client reads is decided here; causes go to the log.

mod admin;
mod routes;
mod scim;
mod store;

use std::any::Any;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tenon_scim::{ScimType, error};

use super::body::BodyError;

pub(super) use self::routes::{
    method_not_allowed, scim_method_not_allowed, unknown_route, unknown_scim_route,
};

/// Seconds after which a client may try again when the server is busy or the database away.
const RETRY_AFTER: u64 = 1;

/// An error on a SCIM route.
#[derive(Debug)]
pub(super) struct ScimError {
    status: StatusCode,
    scim_type: Option<ScimType>,
    detail: String,
    /// Seconds after which the request may be sent again, where that is known.
    retry_after: Option<u64>,
}

/// An error on any other route.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    /// A stable name of what is wrong, where the status alone does not say it.
    kind: Option<&'static str>,
    detail: String,
    /// Further members of the body.
    members: Vec<(&'static str, Value)>,
    /// Seconds after which the request may be sent again, where that is known.
    retry_after: Option<u64>,
}

impl ScimError {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into(), retry_after: None }
    }

    pub(super) fn with_type(mut self, scim_type: ScimType) -> Self {
        self.scim_type = Some(scim_type);
        self
    }

    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The error as a client reads it (RFC 7644 §3.12).
    pub(super) fn body(&self) -> Value {
        error::body(self.status.as_u16(), self.scim_type, &self.detail)
    }

    /// RFC 6750 §3: no word about which part of the credential is wrong.
    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "a valid token of this tenant is required: Authorization: Bearer <token>",
        )
    }
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, kind: None, detail: detail.into(), members: Vec::new(), retry_after: None }
    }

    pub(super) fn kind(mut self, kind: &'static str) -> Self {
        self.kind = Some(kind);
        self
    }

    fn member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }
}

/// The same error in the other form.
impl From<Problem> for ScimError {
    fn from(problem: Problem) -> Self {
        let retry_after = problem.retry_after;
        Self { retry_after, ..Self::new(problem.status, problem.detail) }
    }
}

impl From<ScimError> for Problem {
    fn from(error: ScimError) -> Self {
        let retry_after = error.retry_after;
        Self { retry_after, ..Self::new(error.status, error.detail) }
    }
}

fn internal() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the server failed; its log has the cause under the id in X-Request-Id",
    )
}

const fn body_status(error: &BodyError) -> StatusCode {
    match error {
        BodyError::MediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        BodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::Interrupted
        | BodyError::Syntax { .. }
        | BodyError::NameTwice { .. }
        | BodyError::NotAnObject { .. } => StatusCode::BAD_REQUEST,
    }
}

impl IntoResponse for ScimError {
    fn into_response(self) -> axum::response::Response {
        let mut response =
            respond(self.status, "application/scim+json", &self.body(), self.retry_after);
        // For the log of requests.
        if let Some(scim_type) = self.scim_type {
            response.extensions_mut().insert(scim_type);
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        let kind =
            self.kind.map_or("about:blank".to_owned(), |it| format!("urn:tenon:problem:{it}"));
        let mut body = json!({
            "type": kind,
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(body) = body.as_object_mut() {
            body.extend(self.members.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        respond(self.status, "application/problem+json", &body, self.retry_after)
    }
}

fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: &Value,
    retry_after: Option<u64>,
) -> axum::response::Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    let when_busy = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER);
    if let Some(seconds) = retry_after.or(when_busy) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The answer where a handler has panicked: a bug, of which the log has more.
pub(super) fn panicked(panic: &(dyn Any + Send), is_scim: bool) -> Response<Body> {
    log_panic(panic);
    if is_scim { ScimError::from(internal()).into_response() } else { internal().into_response() }
}

fn log_panic(panic: &(dyn Any + Send)) {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    tracing::error!(message, "a handler panicked; this is a bug");
}
