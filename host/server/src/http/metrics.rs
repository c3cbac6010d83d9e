//! `GET /metrics`: what this server counts, for Prometheus with the operator's token.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::App;
use super::error::{Problem, ScimError};
use crate::service::Error;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let services = &app.services;
    let text = services.metrics.text(services.database.in_use(), &services.plugins);
    let text = text.map_err(|error| ScimError::from(Error::Internal(error.to_string())))?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}
