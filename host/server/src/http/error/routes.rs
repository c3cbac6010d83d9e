//! Answers where there is no route, or none with the method.

use axum::extract::OriginalUri;
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;

use super::{Problem, ScimError};
use crate::http::extract::Scim;

pub(in crate::http) async fn unknown_route(
    OriginalUri(uri): OriginalUri,
) -> axum::response::Response {
    let detail = format!("there is nothing at {}", uri.path());
    // The base URL itself, with and without a slash, is no route of the nested router.
    if uri.path().starts_with("/tenants/") {
        return ScimError::new(StatusCode::NOT_FOUND, detail).into_response();
    }
    Problem::new(StatusCode::NOT_FOUND, detail).into_response()
}

pub(in crate::http) async fn method_not_allowed(
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{method} is not possible at {}; Allow names what is", uri.path()),
    )
}

/// Takes the tenant's credential like every SCIM route.
pub(in crate::http) async fn unknown_scim_route(
    _scim: Scim,
    OriginalUri(uri): OriginalUri,
) -> ScimError {
    ScimError::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

pub(in crate::http) async fn scim_method_not_allowed(
    _scim: Scim,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> ScimError {
    ScimError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{method} is not possible at {}; Allow names what is", uri.path()),
    )
}
