//! Errors on the wire: SCIM bodies (RFC 7644 §3.12) on SCIM routes, problem details (RFC 9457)
//! elsewhere. What the client reads is decided here; causes go to the log.

use std::any::Any;

use axum::body::Body;
use axum::extract::OriginalUri;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tenon_plugin::{CallError, Refusal};
use tenon_scim::{ScimType, error};

use super::admin::plugins::schema_change;
use super::body::BodyError;
use super::extract::Scim;
use crate::service::Error;
use crate::service::indexes::IndexError;
use crate::service::plugins::PluginError;
use crate::service::resolver::NotResolved;
use crate::service::shares::ShareError;
use crate::service::substrings::SubstringsError;
use crate::store::StoreError;
use crate::tenant::attempts::Slowed;
use crate::tenant::credentials::NotAuthenticated;
use crate::tenant::plugin_secrets::SecretError;
use crate::tenant::runtime::RuntimeError;

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

impl From<Error> for ScimError {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Protocol(error) => {
                Self::new(StatusCode::BAD_REQUEST, detail).with_type(error.scim_type())
            }
            Error::Rejected { plugin, issues } => rejected(&plugin, &issues),
            Error::NoResourceType { .. } | Error::NotFound { .. } => {
                Self::new(StatusCode::NOT_FOUND, detail)
            }
            Error::NotUnique { .. } => {
                Self::new(StatusCode::CONFLICT, detail).with_type(ScimType::Uniqueness)
            }
            Error::KeyOfAnother => Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail),
            Error::KeyInUse => Self::new(StatusCode::CONFLICT, detail),
            // RFC 7644 §3.12 has no keyword for a limit; of the statuses, 403 is the one of what a
            // client may not do.
            Error::LimitReached { .. }
            | Error::MembersLimit { .. }
            | Error::Forbidden { .. }
            | Error::HiddenAttribute { .. }
            | Error::NarrowedExport { .. }
            | Error::ReadOnlyShared { .. }
            | Error::Suspended => Self::new(StatusCode::FORBIDDEN, detail),
            Error::TooManyRequests { retry_after } => {
                let error = Self::new(StatusCode::TOO_MANY_REQUESTS, detail);
                Self { retry_after: Some(retry_after), ..error }
            }
            Error::PreconditionFailed(_) => Self::new(StatusCode::PRECONDITION_FAILED, detail),
            Error::Contended
            | Error::ScansBusy
            | Error::VerificationsBusy
            | Error::DocumentsNotRewritten { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            }
            Error::TooManyMemberships { .. }
            | Error::TooManyCandidates { .. }
            | Error::GroupTooLarge { .. } => {
                Self::new(StatusCode::BAD_REQUEST, detail).with_type(ScimType::TooMany)
            }
            Error::PluginFailed { plugin, error } => {
                tracing::warn!(%plugin, kind = error.kind(), %error, "request refused: its plugin failed");
                let status = match error {
                    CallError::Busy { .. }
                    | CallError::BreakerOpen { .. }
                    | CallError::DirectoryUnavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
                    CallError::FuelRateExceeded { .. } => StatusCode::TOO_MANY_REQUESTS,
                    CallError::DeadlineExceeded { .. } => StatusCode::GATEWAY_TIMEOUT,
                    _ => StatusCode::BAD_GATEWAY,
                };
                Self { retry_after: retry_after(&error), ..Self::new(status, detail) }
            }
            Error::PluginNotLoaded { plugin, reason } => {
                tracing::error!(%plugin, reason, "request refused: its plugin does not load");
                Self::new(StatusCode::BAD_GATEWAY, detail)
            }
            Error::Store(error) => store_error(error).into(),
            Error::Internal(cause) => {
                tracing::error!(cause, "internal error");
                internal().into()
            }
        }
    }
}

/// What the plugin says to the client, issue by issue.
fn rejected(plugin: &str, issues: &[tenon_plugin::Issue]) -> ScimError {
    tracing::info!(plugin, issues = issues.len(), "request refused by a plugin");
    let scim_type = issues.first().and_then(|issue| issue.scim_type);
    let details: Vec<String> = issues
        .iter()
        .map(|issue| match &issue.path {
            Some(path) => format!("attribute \"{path}\": {}", issue.detail),
            None => issue.detail.clone(),
        })
        .collect();
    ScimError::new(StatusCode::BAD_REQUEST, details.join("; "))
        .with_type(scim_type.unwrap_or(ScimType::InvalidValue))
}

impl From<Slowed> for ScimError {
    fn from(error: Slowed) -> Self {
        let retry_after = Some(error.retry_after);
        Self { retry_after, ..Self::new(StatusCode::TOO_MANY_REQUESTS, error.to_string()) }
    }
}

impl From<NotAuthenticated> for ScimError {
    fn from(error: NotAuthenticated) -> Self {
        match error {
            NotAuthenticated::Nobody => Self::unauthorized(),
            NotAuthenticated::Slowed(error) => error.into(),
            NotAuthenticated::Failed(error) => error.into(),
        }
    }
}

impl From<NotResolved> for ScimError {
    fn from(error: NotResolved) -> Self {
        match error {
            NotResolved::Nobody => Self::unauthorized(),
            NotResolved::Slowed(error) => error.into(),
            NotResolved::Runtime(error) => error.into(),
            NotResolved::Service(Error::Store(error)) => error.into(),
            failed @ (NotResolved::Failed(_) | NotResolved::Service(_)) => {
                tracing::warn!(error = %failed, "whose request it is could not be resolved");
                let detail = "it cannot be said at present whose request this is; try again";
                let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
                Self { retry_after: Some(RETRY_AFTER), ..error }
            }
        }
    }
}

impl From<tenon_scim::Error> for ScimError {
    fn from(error: tenon_scim::Error) -> Self {
        Error::Protocol(error).into()
    }
}

impl From<StoreError> for ScimError {
    fn from(error: StoreError) -> Self {
        store_error(error).into()
    }
}

impl From<sqlx::Error> for ScimError {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<RuntimeError> for ScimError {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Store(error) => error.into(),
            RuntimeError::Misfit(misfit) => {
                tracing::error!(%misfit, "the tenant's plugins do not fit together");
                internal().into()
            }
        }
    }
}

impl From<BodyError> for ScimError {
    fn from(error: BodyError) -> Self {
        let scim_error = Self::new(body_status(&error), error.to_string());
        match error {
            BodyError::Syntax { .. }
            | BodyError::NameTwice { .. }
            | BodyError::NotAnObject { .. } => scim_error.with_type(ScimType::InvalidSyntax),
            _ => scim_error,
        }
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

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        Self::new(body_status(&error), error.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        store_error(error)
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

/// Seconds after which a plugin may be called again that cannot be called now.
fn retry_after(error: &CallError) -> Option<u64> {
    match error {
        CallError::Busy { .. } => Some(1),
        CallError::FuelRateExceeded { retry_after, .. }
        | CallError::BreakerOpen { retry_after, .. } => {
            Some(retry_after.as_secs().saturating_add(1))
        }
        _ => None,
    }
}

impl From<PluginError> for Problem {
    fn from(error: PluginError) -> Self {
        let detail = error.to_string();
        match error {
            PluginError::Refused(refusal) if refusal.is_internal() => {
                tracing::error!(?refusal, "a plugin could not be checked");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
            PluginError::Refused(Refusal::Busy { .. }) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            }
            PluginError::Refused(refusal) => {
                tracing::info!(check = refusal.check(), %refusal, "plugin refused");
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
                    .kind("plugin-refused")
                    .member("check", refusal.check())
            }
            PluginError::Described(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
                .kind("plugin-refused")
                .member("check", "describe"),
            PluginError::NoPlugin { .. }
            | PluginError::NoVersion { .. }
            | PluginError::NoShadow { .. }
            | PluginError::NoDelivery { .. }
            | PluginError::NoImpact { .. } => Self::new(StatusCode::NOT_FOUND, detail),
            PluginError::NothingBefore { .. }
            | PluginError::NothingActive { .. }
            | PluginError::ActiveAlready { .. } => Self::new(StatusCode::CONFLICT, detail),
            PluginError::NotAnOrder { .. } | PluginError::Settings(_) => {
                Self::new(StatusCode::BAD_REQUEST, detail).kind("invalid-request")
            }
            PluginError::Breaking { confirm, changes } => {
                let changes: Vec<Value> = changes.iter().map(schema_change).collect();
                Self::new(StatusCode::CONFLICT, detail)
                    .kind("breaking-schema-change")
                    .member("confirm", confirm)
                    .member("changes", changes)
            }
            PluginError::TooManyActive { .. } => {
                Self::new(StatusCode::CONFLICT, detail).kind("too-many-plugins")
            }
            PluginError::Misfit(_) => {
                Self::new(StatusCode::CONFLICT, detail).kind("plugins-do-not-fit")
            }
            PluginError::Secret(SecretError::Keyring(_)) => {
                Self::new(StatusCode::CONFLICT, detail).kind("no-encryption-key")
            }
            PluginError::Secret(_) => Self::new(StatusCode::BAD_REQUEST, detail),
            PluginError::Store(error) => store_error(error),
        }
    }
}

impl From<IndexError> for Problem {
    fn from(error: IndexError) -> Self {
        let detail = error.to_string();
        match error {
            IndexError::NoResourceType { .. } | IndexError::NotAdded { .. } => {
                Self::new(StatusCode::NOT_FOUND, detail)
            }
            IndexError::Path(_) | IndexError::NotIndexable { .. } => {
                Self::new(StatusCode::BAD_REQUEST, detail).kind("not-indexable")
            }
            IndexError::TooMany => Self::new(StatusCode::CONFLICT, detail).kind("too-many-indexes"),
            IndexError::Declared { .. } => {
                Self::new(StatusCode::CONFLICT, detail).kind("declared-by-a-schema")
            }
            IndexError::Misfit(misfit) => PluginError::Misfit(misfit).into(),
            IndexError::Store(error) => store_error(error),
        }
    }
}

impl From<ShareError> for Problem {
    fn from(error: ShareError) -> Self {
        let detail = error.to_string();
        match error {
            ShareError::Itself | ShareError::Types => {
                Self::new(StatusCode::BAD_REQUEST, detail).kind("invalid-request")
            }
            ShareError::NoResourceType { .. } => {
                Self::new(StatusCode::CONFLICT, detail).kind("no-such-resource-type")
            }
            ShareError::OwnTables { .. } => {
                Self::new(StatusCode::CONFLICT, detail).kind("own-tables")
            }
            ShareError::BeingRemoved => {
                Self::new(StatusCode::CONFLICT, detail).kind("being-removed")
            }
            ShareError::Misfit(misfit) => PluginError::Misfit(misfit).into(),
            ShareError::Store(error) => store_error(error),
        }
    }
}

impl From<SubstringsError> for Problem {
    fn from(error: SubstringsError) -> Self {
        let detail = error.to_string();
        let conflict = |kind| Self::new(StatusCode::CONFLICT, detail).kind(kind);
        match error {
            SubstringsError::Store(error) => store_error(error),
            SubstringsError::NotOffered => conflict("extension-not-offered"),
            SubstringsError::NotPermitted => conflict("extension-not-permitted"),
            SubstringsError::Building => conflict("being-built"),
        }
    }
}

fn store_error(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) => {
            tracing::error!(%error, "the database is not available");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the database is not available; try again",
            )
        }
        StoreError::Undecided(_) => {
            tracing::error!(%error, "the connection to the database was lost during a commit");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the connection to the database was lost before it said whether the request was \
                 carried out: it may have been; look before you send it again, or send POST \
                 requests with an Idempotency-Key, which makes repeating them safe",
            )
        }
        StoreError::LostRace(_) => {
            tracing::warn!(%error, "a transaction lost its races against others");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "others changed the same data at the same time; try again",
            )
        }
        StoreError::Gone(_) => {
            tracing::info!(%error, "the tenant or the plugin was removed during the request");
            Problem::new(StatusCode::NOT_FOUND, "the tenant or the plugin has been removed")
        }
        StoreError::Failed(_) | StoreError::Corrupt { .. } | StoreError::Unknown { .. } => {
            tracing::error!(%error, "the database failed");
            internal()
        }
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

pub(super) async fn unknown_route(OriginalUri(uri): OriginalUri) -> axum::response::Response {
    let detail = format!("there is nothing at {}", uri.path());
    // The base URL itself, with and without a slash, is no route of the nested router.
    if uri.path().starts_with("/tenants/") {
        return ScimError::new(StatusCode::NOT_FOUND, detail).into_response();
    }
    Problem::new(StatusCode::NOT_FOUND, detail).into_response()
}

pub(super) async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{method} is not possible at {}; Allow names what is", uri.path()),
    )
}

/// Takes the tenant's credential like every SCIM route.
pub(super) async fn unknown_scim_route(_scim: Scim, OriginalUri(uri): OriginalUri) -> ScimError {
    ScimError::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

pub(super) async fn scim_method_not_allowed(
    _scim: Scim,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> ScimError {
    ScimError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{method} is not possible at {}; Allow names what is", uri.path()),
    )
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
