//! `/admin/v1/tenants/{tenant}/stats` and `…/health`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::super::App;
use super::super::error::{Problem, ScimError};
use super::ForTenant;

type Answer = Result<Response, Problem>;

/// How much the tenant has and may have: [`crate::service::condition::Stats`].
pub(crate) async fn stats(State(app): State<Arc<App>>, ForTenant(tenant): ForTenant) -> Answer {
    let stats = app.services.stats(tenant.tenant_id()).await.map_err(ScimError::from)?;
    Ok(Json(stats).into_response())
}

/// Whether something of it does not work: [`crate::service::condition::Health`]. That is no error of
/// this request.
pub(crate) async fn health(State(app): State<Arc<App>>, ForTenant(tenant): ForTenant) -> Answer {
    let health = app.services.health(tenant.tenant_id()).await.map_err(ScimError::from)?;
    Ok(Json(health).into_response())
}
