//! `/admin/v1/tenants/{tenant}/suspend` and `…/resume`: the tenant's credentials are refused, and let in
//! again. What it has stays.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::super::{App, error::Problem};
use super::{Administrator, ForTenant, tenants};
use crate::clock;
use crate::store;
use crate::store::audit::{self, Act};

type Answer = Result<Response, Problem>;

pub(crate) async fn suspend(
    State(app): State<Arc<App>>,
    tenant: ForTenant,
    administrator: Administrator,
) -> Answer {
    set(&app, tenant, &administrator, true).await
}

pub(crate) async fn resume(
    State(app): State<Arc<App>>,
    tenant: ForTenant,
    administrator: Administrator,
) -> Answer {
    set(&app, tenant, &administrator, false).await
}

/// The tenant as it is then, also where it was so before.
async fn set(
    app: &App,
    ForTenant(tenant): ForTenant,
    administrator: &Administrator,
    suspended: bool,
) -> Answer {
    let (id, now) = (tenant.tenant_id(), clock::now());
    let mut transaction = app.services.database.begin_at(tenant.tenant_id()).await?;
    if store::suspension::set(&mut transaction, id, suspended, now).await? {
        let action = if suspended { "tenant.suspend" } else { "tenant.resume" };
        let act = Act { action, subject: &tenant.id.to_string(), at: now };
        audit::insert(&mut transaction, id, administrator.by(), act).await?;
        tracing::info!(tenant = tenant.name, %id, suspended, "tenant suspended or resumed");
    }
    let changed = store::tenants::get(&mut transaction, &tenant.id.to_string()).await?;
    transaction.commit().await?;
    Ok(Json(tenants::shown(app, &changed.unwrap_or(tenant))).into_response())
}
