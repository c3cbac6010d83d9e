//! What plugins write, and how their calls fail.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;

use super::super::super::App;
use super::super::ForTenant;
use super::super::page::{self, Parameters};
use super::{Answer, PluginName, plugin_of};

pub(crate) async fn logs(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    PluginName(name): PluginName,
    RawQuery(query): RawQuery,
) -> Answer {
    let parameters = Parameters::of(query.as_deref(), &["limit", "cursor"])?;
    let (before, limit) = (parameters.cursor()?, parameters.limit()?);
    let plugin = plugin_of(&app, &tenant, name).await?;
    let services = &app.services;
    let page = services.plugin_log(tenant.tenant_id(), &plugin.name, before, limit).await?;
    Ok(Json(page::shown(&page)).into_response())
}
