//! What becomes of a request on a SCIM route that cannot be carried out (RFC 7644 §3.12).

use axum::http::StatusCode;
use tenon_plugin::CallError;
use tenon_scim::ScimType;

use super::store::store_error;
use super::{RETRY_AFTER, ScimError, body_status, internal};
use crate::http::body::BodyError;
use crate::service::Error;
use crate::service::resolver::NotResolved;
use crate::tenant::attempts::Slowed;
use crate::tenant::credentials::NotAuthenticated;
use crate::tenant::runtime::RuntimeError;

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
