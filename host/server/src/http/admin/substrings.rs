//! `/admin/v1/substrings`: the accelerator for parts of values, of all tenants.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::{App, error::Problem};
use super::{Administrator, Members, invalid};

type Answer = Result<Response, Problem>;

pub(crate) async fn get(State(app): State<Arc<App>>) -> Answer {
    Ok(Json(json!({ "state": app.services.substrings().await? })).into_response())
}

/// Building goes on after the answer (202); `get` tells when it has ended.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    administrator: Administrator,
    mut members: Members,
) -> Answer {
    let on = members.optional_bool("on")?;
    members.finish()?;
    let on = on.ok_or_else(|| invalid("\"on\" is required, a boolean".to_owned()))?;
    let state = app.services.turn_substrings(administrator.by(), on).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "state": state }))).into_response())
}
