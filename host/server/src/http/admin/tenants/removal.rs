//! The deletion of a tenant, and how far it is.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::super::super::{App, error::Problem};
use super::super::{Administrator, ForTenant};
use super::Answer;
use crate::store::TenantId;
use crate::store::removal::{self, Progress};
use crate::store::tenants::State as TenantState;

/// 204 where all that the tenant had is gone; 202 where that goes on, and `get` tells how far it is.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    tenant: Result<ForTenant, Problem>,
    Path(name_or_id): Path<String>,
    administrator: Administrator,
) -> Answer {
    let (id, name) = match tenant {
        Ok(ForTenant(tenant)) => (tenant.tenant_id(), tenant.name),
        Err(problem) => {
            let progress = in_progress(&app, &name_or_id).await?.ok_or(problem)?;
            (TenantId(progress.id), name_or_id)
        }
    };
    let left = app.services.delete_tenant(administrator.by(), id, &name).await?;
    tracing::info!(%id, is_gone = left.is_none(), "tenant deleted");
    let Some(left) = left else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let headers = [(header::LOCATION, format!("{}/admin/v1/tenants/{id}", app.public_url))];
    Ok((StatusCode::ACCEPTED, headers, Json(shown(&left))).into_response())
}

pub(super) async fn in_progress(app: &App, id: &str) -> Result<Option<Progress>, Problem> {
    let mut conn = app.services.database.read().await?;
    Ok(removal::of_id(&mut conn, id).await?)
}

/// A tenant that has been deleted, as long as something is left of it.
pub(super) fn shown(progress: &Progress) -> Value {
    let mut shown = json!(progress);
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("state".to_owned(), TenantState::Deleting.name().into());
    }
    shown
}
