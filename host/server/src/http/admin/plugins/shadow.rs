//! A version that is run beside the active one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tenon_scim::value::timestamp;

use super::super::super::App;
use super::super::{Administrator, ForTenant, Members};
use super::life_cycle::digest;
use super::{Answer, PluginName, plugin_of, shown};
use crate::service::plugins::PluginError;
use crate::store::plugins::Difference;

pub(crate) async fn shadow(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    PluginName(name): PluginName,
    mut members: Members,
) -> Answer {
    let digest = Some(digest(&mut members)?);
    members.finish()?;
    let services = &app.services;
    let plugin =
        services.shadow_plugin(administrator.by(), tenant.tenant_id(), &name, digest).await?;
    Ok(Json(shown(&plugin)).into_response())
}

pub(crate) async fn stop_shadow(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    PluginName(name): PluginName,
) -> Answer {
    let services = &app.services;
    let plugin =
        services.shadow_plugin(administrator.by(), tenant.tenant_id(), &name, None).await?;
    Ok(Json(shown(&plugin)).into_response())
}

/// What it came to, and where it said something else than the active version.
pub(crate) async fn get_shadow(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    PluginName(name): PluginName,
) -> Answer {
    let plugin = plugin_of(&app, &tenant, name).await?;
    let found = app.services.plugin_shadow(tenant.tenant_id(), &plugin.name).await?;
    let (shadowed, differences) =
        found.ok_or_else(|| PluginError::NoShadow { name: plugin.name.clone() })?;
    let sums = shadowed.sums;
    let mean = sums.fuel_sum.checked_div(sums.calls).unwrap_or_default();
    let shown = json!({
        "digest": shadowed.digest.to_string(),
        "isRunning": plugin.shadow == Some(shadowed.digest),
        "since": timestamp(shadowed.since),
        "calls": sums.calls,
        "different": sums.different,
        "failed": sums.failed,
        "dropped": sums.dropped,
        "fuel": { "mean": mean, "max": sums.fuel_max },
        "differences": differences.iter().map(difference).collect::<Vec<_>>(),
    });
    Ok(Json(shown).into_response())
}

fn difference(difference: &Difference) -> Value {
    json!({
        "at": timestamp(difference.at),
        "requestId": difference.request_id,
        "hook": difference.hook,
        "resourceType": difference.resource_type,
        "operation": difference.operation,
        "active": difference.active,
        "shadow": difference.shadow,
    })
}
