//! `/admin/v1/tenants/{tenant}/move`: a tenant's data goes to other tables while it is in use.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::{App, error::Problem};
use super::tenants::placement;
use super::{Administrator, ForTenant, Members, invalid};
use crate::service::moves::MoveError;
use crate::store::moves::Move;
use crate::store::tenants::Tenant;

type Answer = Result<Response, Problem>;

/// 202 where it begins, 200 where the data is there already, 409 where the tenant is moving.
pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    mut members: Members,
) -> Answer {
    if !members.has("placement") {
        return Err(invalid("\"placement\" is required: where the data is to be".to_owned()));
    }
    let target = placement(&mut members)?;
    members.finish()?;
    let is_moving =
        || Problem::new(StatusCode::CONFLICT, "the tenant is moving already").kind("tenant-moving");
    if app.services.tenants_move(tenant.tenant_id()).await?.is_some() {
        return Err(is_moving());
    }
    if target == tenant.placement {
        return Ok(Json(shown(&tenant, None)).into_response());
    }
    let begun = app.services.move_tenant(administrator.by(), tenant.tenant_id(), target).await;
    let begun = begun.map_err(|error| match error {
        MoveError::HasShares => {
            Problem::new(StatusCode::CONFLICT, error.to_string()).kind("tenant-shares")
        }
        MoveError::Store(error) => error.into(),
    })?;
    let begun = begun.ok_or_else(is_moving)?;
    Ok((StatusCode::ACCEPTED, Json(shown(&tenant, Some(&begun)))).into_response())
}

/// How far it is, and where the data is.
pub(crate) async fn get(State(app): State<Arc<App>>, ForTenant(tenant): ForTenant) -> Answer {
    let moving = app.services.tenants_move(tenant.tenant_id()).await?;
    Ok(Json(shown(&tenant, moving.as_ref())).into_response())
}

fn shown(tenant: &Tenant, moving: Option<&Move>) -> Value {
    let placement = json!({ "kind": tenant.placement.name() });
    match moving {
        None => json!({ "placement": placement, "state": "settled" }),
        Some(moving) => {
            let mut shown = json!(moving);
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("placement".to_owned(), placement);
                shown.insert("target".to_owned(), json!({ "kind": moving.target }));
                shown.insert("state".to_owned(), "moving".into());
            }
            shown
        }
    }
}
