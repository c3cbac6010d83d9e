//! Whether the process lives, and whether it can serve.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::timeout;

use super::App;
use super::error::Problem;
use crate::store::migrations;

/// How long the database may take to answer before the server is not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process lives.
pub(super) async fn health() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// The database answers, and has the schema of this server.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let not_ready = |detail: &str| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail.to_owned()).kind("not-ready")
    };
    let asked = timeout(PATIENCE, async {
        let mut conn = app.services.database.read().await.map_err(|error| error.to_string())?;
        migrations::is_current(&mut conn).await.map_err(|error| error.to_string())
    });
    match asked.await {
        Ok(Ok(true)) => {
            Ok(Json(json!({ "status": "ready", "database": "ok", "migrations": "current" }))
                .into_response())
        }
        Ok(Ok(false)) => {
            Err(not_ready("the database has the schema of another version of the server"))
        }
        Ok(Err(error)) => {
            tracing::warn!(error, "not ready: the database does not answer");
            Err(not_ready("the database does not answer"))
        }
        Err(_) => Err(not_ready("the database does not answer in time")),
    }
}
