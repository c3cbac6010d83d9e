//! A version that is run over the stored resources, before it is activated.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tenon_scim::value::timestamp;

use super::super::super::App;
use super::super::{Administrator, ForTenant, Members};
use super::life_cycle::digest;
use super::{Answer, PluginName, plugin_of};
use crate::store::plugins::Impact;

pub(crate) async fn begin_impact(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    PluginName(name): PluginName,
    mut members: Members,
) -> Answer {
    let digest = digest(&mut members)?;
    members.finish()?;
    let (services, id) = (&app.services, tenant.tenant_id());
    let base_url = app.resolver.service_url(&tenant.name);
    services.begin_impact(administrator.by(), id, (&name, digest), &base_url).await?;
    let impacts = services.impacts(id, &name).await?;
    let begun = impacts.iter().find(|it| it.digest == digest).map(shown);
    Ok((StatusCode::ACCEPTED, Json(begun)).into_response())
}

pub(crate) async fn impacts(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    PluginName(name): PluginName,
) -> Answer {
    let plugin = plugin_of(&app, &tenant, name).await?;
    let impacts = app.services.impacts(tenant.tenant_id(), &plugin.name).await?;
    let items: Vec<Value> = impacts.iter().map(shown).collect();
    Ok(Json(json!({ "items": items })).into_response())
}

pub(crate) async fn cancel_impact(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    PluginName(name): PluginName,
) -> Answer {
    let plugin = plugin_of(&app, &tenant, name).await?;
    app.services.cancel_impact(administrator.by(), tenant.tenant_id(), &plugin.name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn shown(impact: &Impact) -> Value {
    let counts = impact.counts;
    let called = counts.passed + counts.refused + counts.amended + counts.failed;
    let mean = |sum: i64| sum.checked_div(called).unwrap_or_default();
    json!({
        "digest": impact.digest.to_string(),
        "state": impact.state,
        "problem": impact.problem,
        "started": timestamp(impact.started),
        "finished": impact.finished.map(timestamp),
        "total": impact.total,
        "done": counts.done,
        "passed": counts.passed,
        "refused": counts.refused,
        "amended": counts.amended,
        "failed": counts.failed,
        "fuel": { "mean": mean(counts.fuel_sum), "max": counts.fuel_max },
        "micros": { "mean": mean(counts.micros_sum), "max": counts.micros_max },
        "examples": impact.examples,
    })
}
