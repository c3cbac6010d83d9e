//! `/admin/v1/tenants/{tenant}/move`: a tenant's data goes to other tables while it is in use.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::{App, error::Problem};
use super::placement::{self, shown_of};
use super::{Administrator, ForTenant, Members, invalid};
use crate::service::moves::{MoveError, Target};
use crate::store::moves::Move;
use crate::store::place::Placement;
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
    let target = placement::take(&mut members)?;
    members.finish()?;
    let id = tenant.tenant_id();
    let is_moving =
        || Problem::new(StatusCode::CONFLICT, "the tenant is moving already").kind("tenant-moving");
    if app.services.tenants_move(id).await?.is_some() {
        return Err(is_moving());
    }
    let by = administrator.by();
    let is_there = match (&target, tenant.placement) {
        (Target::Shared, Placement::Shared) | (Target::Schema, Placement::Schema) => true,
        (Target::Database(url), Placement::Database(_)) => {
            app.services.replace_database_url(by, id, url).await.map_err(not_moved)?
        }
        _ => false,
    };
    if is_there {
        let settled = json!({ "placement": target.shown(), "state": "settled" });
        return Ok(Json(settled).into_response());
    }
    let begun = app.services.move_tenant(by, id, &target).await.map_err(not_moved)?;
    let begun = begun.ok_or_else(is_moving)?;
    Ok((StatusCode::ACCEPTED, Json(shown(&tenant, Some(&begun)))).into_response())
}

/// How far it is, and where the data is.
pub(crate) async fn get(State(app): State<Arc<App>>, ForTenant(tenant): ForTenant) -> Answer {
    let moving = app.services.tenants_move(tenant.tenant_id()).await?;
    Ok(Json(shown(&tenant, moving.as_ref())).into_response())
}

fn not_moved(error: MoveError) -> Problem {
    match error {
        MoveError::HasShares => {
            Problem::new(StatusCode::CONFLICT, error.to_string()).kind("tenant-shares")
        }
        MoveError::Database(error) => placement::not_usable(error),
        MoveError::Store(error) => error.into(),
    }
}

/// Where the data is, and how far its move is.
pub(super) fn shown(tenant: &Tenant, moving: Option<&Move>) -> Value {
    let placement = shown_of(tenant);
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
