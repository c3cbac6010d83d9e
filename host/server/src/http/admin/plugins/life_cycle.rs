//! Which versions requests go through, in which order plugins are called, and what they have chosen.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde_json::json;
use tenon_plugin::Digest;

use super::super::super::{App, error::Problem};
use super::super::{Administrator, ForTenant, Members, invalid};
use super::{Answer, PluginName, shown};
use crate::service::plugins::Activation;
use crate::store::plugins;

pub(crate) async fn activate(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    PluginName(name): PluginName,
    mut members: Members,
) -> Answer {
    let activation = Activation::Of(digest(&mut members)?);
    let confirm = members.optional_string("confirm")?;
    members.finish()?;
    let (by, tenant) = (administrator.by(), tenant.tenant_id());
    let plugin =
        app.services.activate_plugin(by, tenant, &name, activation, confirm.as_deref()).await?;
    Ok(Json(shown(&plugin)).into_response())
}

/// Back to the version that was active before.
pub(crate) async fn rollback(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    PluginName(name): PluginName,
    mut members: Members,
) -> Answer {
    let confirm = members.optional_string("confirm")?;
    members.finish()?;
    let (by, tenant, activation) = (administrator.by(), tenant.tenant_id(), Activation::Rollback);
    let plugin =
        app.services.activate_plugin(by, tenant, &name, activation, confirm.as_deref()).await?;
    Ok(Json(shown(&plugin)).into_response())
}

pub(crate) async fn deactivate(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    PluginName(name): PluginName,
) -> Answer {
    let plugin =
        app.services.deactivate_plugin(administrator.by(), tenant.tenant_id(), &name).await?;
    Ok(Json(shown(&plugin)).into_response())
}

pub(crate) async fn get_order(State(app): State<Arc<App>>, ForTenant(tenant): ForTenant) -> Answer {
    let mut conn = app.services.database.read().await?;
    let all = plugins::list(&mut conn, tenant.tenant_id()).await?;
    let names: Vec<String> = all.into_iter().map(|plugin| plugin.name).collect();
    Ok(Json(json!({ "order": names })).into_response())
}

pub(crate) async fn put_order(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    mut members: Members,
) -> Answer {
    let order = members.optional_strings("order")?;
    members.finish()?;
    let order =
        order.ok_or_else(|| invalid("\"order\" is required, an array of names".to_owned()))?;
    app.services.order_plugins(administrator.by(), tenant.tenant_id(), &order).await?;
    Ok(Json(json!({ "order": order })).into_response())
}

pub(crate) async fn put_settings(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    PluginName(name): PluginName,
    Members(settings): Members,
) -> Answer {
    let services = &app.services;
    let plugin = services
        .set_plugin_settings(administrator.by(), tenant.tenant_id(), &name, &settings)
        .await?;
    Ok(Json(shown(&plugin)).into_response())
}

/// The version that the body names.
pub(super) fn digest(members: &mut Members) -> Result<Digest, Problem> {
    let digest = members.string("digest")?;
    digest.parse().map_err(|error| invalid(format!("\"digest\": {error}")))
}
