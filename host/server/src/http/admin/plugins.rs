//! `/admin/v1/tenants/{tenant}/plugins`.

mod impact;
mod life_cycle;
mod logs;
mod recordings;
mod shadow;

pub(crate) use self::impact::{begin_impact, cancel_impact, impacts};
pub(crate) use self::life_cycle::{
    activate, deactivate, get_order, put_order, put_settings, rollback,
};
pub(crate) use self::logs::logs;
pub(crate) use self::recordings::{
    begin_recording, delete_recorded_call, delete_recordings, recorded_call, recordings,
};
pub(crate) use self::shadow::{get_shadow, shadow, stop_shadow};

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tenon_plugin::{BreakerState, Digest};
use tenon_scim::value::timestamp;

use super::super::body::{self, WASM_TYPES};
use super::super::{App, error::Problem};
use super::{Administrator, ForTenant, Members, check_name, page};
use crate::service::plugins::{PluginError, Told};
use crate::store::plugins::{self, Plugin, Version};
use crate::store::tenants::Tenant;
use crate::tenant::failure_policy::FailurePolicies;
use crate::tenant::limits::Limits;
use crate::tenant::plugin_secrets;

type Answer = Result<Response, Problem>;

/// The plugin that the path names; 404 where no plugin can have that name.
pub(crate) struct PluginName(pub(super) String);

impl FromRequestParts<Arc<App>> for PluginName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, app).await;
        let name = path.map_or_else(|_| String::new(), |Path((_, name))| name);
        if check_name("plugin", &name).is_err() {
            return Err(PluginError::NoPlugin { name }.into());
        }
        Ok(Self(name))
    }
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    RawQuery(query): RawQuery,
) -> Answer {
    let part = page::part(query.as_deref())?;
    let mut conn = app.services.database.read().await?;
    let all = plugins::list(&mut conn, tenant.tenant_id()).await?;
    let page = part.taken_from(all, |it: &Plugin| it.name.clone());
    page::in_order(&page, |it| it.name.clone(), |it| Ok(shown(it)))
}

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    PluginName(name): PluginName,
) -> Answer {
    let plugin = plugin_of(&app, &tenant, name).await?;
    let mut shown = shown(&plugin);
    let breakers = app.services.plugins.breakers(&tenant.id.to_string(), &plugin.name);
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("breakers".to_owned(), breakers.iter().map(breaker).collect());
        let problem = app.services.config_problem(tenant.tenant_id(), &plugin);
        shown.insert("configProblem".to_owned(), problem.into());
    }
    Ok(Json(shown).into_response())
}

/// Takes the component through the upload gate. A new version is not active yet.
pub(crate) async fn upload(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    check_name("plugin", &name)?;
    let tier = Limits::of_stored(&tenant.limits)?.plugins.tier;
    let limit = app.services.plugins.limits().upload_of(tier).component_bytes;
    let component = body::bytes(&headers, body, WASM_TYPES, limit).await?;
    let uploaded = app
        .services
        .upload_plugin(administrator.by(), (tenant.tenant_id(), tier), &name, &component)
        .await?;
    let status = if uploaded.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let mut shown = shown_version(&uploaded.version, uploaded.state);
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("name".to_owned(), name.into());
    }
    Ok((status, Json(shown)).into_response())
}

pub(crate) async fn config(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    PluginName(name): PluginName,
) -> Answer {
    let plugin = plugin_of(&app, &tenant, name).await?;
    Ok(Json(Value::Object(plugin_secrets::shown(&plugin.config))).into_response())
}

pub(crate) async fn configure(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    PluginName(name): PluginName,
    Members(config): Members,
) -> Answer {
    let tenant = tenant.tenant_id();
    let shown = app.services.configure_plugin(administrator.by(), tenant, &name, config).await?;
    Ok(Json(Value::Object(shown)).into_response())
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    PluginName(name): PluginName,
) -> Answer {
    app.services.delete_plugin(administrator.by(), tenant.tenant_id(), &name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn plugin_of(app: &App, tenant: &Tenant, name: String) -> Result<Plugin, Problem> {
    let mut conn = app.services.database.read().await?;
    let plugin = plugins::get(&mut conn, tenant.tenant_id(), &name).await?;
    Ok(plugin.ok_or(PluginError::NoPlugin { name })?)
}

/// The configuration is not part of it: it may hold secrets, and has a route of its own.
fn shown(plugin: &Plugin) -> Value {
    let digest = |digest: Option<Digest>| digest.map(|it| it.to_string());
    let versions = plugin.versions.iter().map(|it| shown_version(it, plugin.state_of(it)));
    json!({
        "name": plugin.name,
        "position": plugin.position,
        "activeDigest": digest(plugin.active),
        "shadowDigest": digest(plugin.shadow),
        "settings": FailurePolicies::of_settings(&plugin.settings).unwrap_or_default().shown(),
        "created": timestamp(plugin.created),
        "modified": timestamp(plugin.modified),
        "versions": versions.collect::<Vec<_>>(),
    })
}

fn shown_version(version: &Version, state: plugins::State) -> Value {
    let capabilities: Vec<&str> = version.capabilities.iter().map(|it| it.as_str()).collect();
    json!({
        "digest": version.digest.to_string(),
        "state": state.name(),
        "capabilities": capabilities,
        "schemas": version.described,
        "created": timestamp(version.created),
    })
}

/// How a hook stands whose last call failed, at the server that answers.
fn breaker(state: &BreakerState) -> Value {
    json!({
        "hook": state.hook.as_str(),
        "digest": state.digest.to_string(),
        "state": match state.open_for {
            None => "closed",
            Some(Duration::ZERO) => "half-open",
            Some(_) => "open",
        },
        "faults": state.faults,
        "lastFault": state.last_fault,
        "openSeconds": state.open_for.map_or(0, |left| left.as_secs()),
    })
}

/// A change that stored resources have to do with.
pub(in crate::http) fn schema_change(told: &Told) -> Value {
    json!({
        "resourceType": told.change.resource_type,
        "attribute": told.path(),
        "change": told.change.kind.name(),
        "effect": told.change.kind.effect(),
        "resources": told.resources,
        "lookedAt": told.looked_at,
    })
}
