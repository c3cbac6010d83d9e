//! Calls of plugins that are recorded.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tenon_plugin::Capability;
use tenon_scim::value::timestamp;
use uuid::Uuid;

use super::super::super::App;
use super::super::super::error::{Problem, ScimError};
use super::super::{Administrator, ForTenant, Members, invalid};
use super::{Answer, PluginName};
use crate::clock;
use crate::service::Error;
use crate::service::plugins::{PluginError, Wanted};
use crate::store::plugins::Recording;
use crate::store::recorded_calls::RecordedCall;
use crate::tenant::access::{Grants, Permission};

/// Calls of a recording.
const MOST_CALLS: i64 = 100;

/// The tenant, the plugin and the call.
type One = Path<(String, String, String)>;

pub(crate) async fn begin_recording(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    PluginName(name): PluginName,
    mut members: Members,
) -> Answer {
    let wanted = Wanted {
        hook: hook(&mut members)?,
        calls: calls(&mut members)?,
        redact: members.optional_strings("redact")?.unwrap_or_default(),
        headers: members.optional_strings("headers")?.unwrap_or_default(),
    };
    members.finish()?;
    let (services, id) = (&app.services, tenant.tenant_id());
    let begun = services.begin_recording(administrator.by(), id, &name, wanted).await?;
    Ok((StatusCode::CREATED, Json(shown(&begun, &[]))).into_response())
}

pub(crate) async fn recordings(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    PluginName(name): PluginName,
) -> Answer {
    let (recordings, calls) = app.services.recordings(tenant.tenant_id(), &name).await?;
    let items: Vec<Value> = recordings.iter().map(|it| shown(it, &calls)).collect();
    Ok(Json(json!({ "items": items })).into_response())
}

/// The file. It holds resources: so it is for who may read all of them.
pub(crate) async fn recorded_call(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, name, id)): One,
) -> Answer {
    check_reads_all(&administrator)?;
    let id = id_of(&name, &id)?;
    let (services, tenant) = (&app.services, tenant.tenant_id());
    let file = services.recorded_call(administrator.by(), tenant, &name, id).await?;
    Ok(([(CONTENT_TYPE, "application/json")], file).into_response())
}

pub(crate) async fn delete_recorded_call(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, name, id)): One,
) -> Answer {
    let id = id_of(&name, &id)?;
    let (services, tenant) = (&app.services, tenant.tenant_id());
    services.delete_recorded_call(administrator.by(), tenant, &name, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn delete_recordings(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    PluginName(name): PluginName,
) -> Answer {
    app.services.delete_recordings(administrator.by(), tenant.tenant_id(), &name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn hook(members: &mut Members) -> Result<Capability, Problem> {
    let name = members.string("hook")?;
    let known = || Capability::ALL.into_iter().filter(|it| *it != Capability::Schema);
    known().find(|it| it.as_str() == name).ok_or_else(|| {
        let known: Vec<&str> = known().map(Capability::as_str).collect();
        invalid(format!("\"hook\" must be one of {}, not \"{name}\"", known.join(", ")))
    })
}

fn calls(members: &mut Members) -> Result<i32, Problem> {
    let calls = members.take("calls").and_then(|it| it.as_i64());
    let calls = calls.filter(|calls| (1..=MOST_CALLS).contains(calls));
    calls
        .and_then(|calls| i32::try_from(calls).ok())
        .ok_or_else(|| invalid(format!("\"calls\" is required, a number from 1 to {MOST_CALLS}")))
}

/// What hides nothing: a recording shows resources as they are.
fn check_reads_all(administrator: &Administrator) -> Result<(), Problem> {
    let read = Permission::Read.name();
    let all = Grants::parse(&[read.to_owned()], Vec::new());
    if all.is_ok_and(|all| administrator.principal.grants.covers(&all)) {
        return Ok(());
    }
    let forbidden = Error::Forbidden { permission: read, resource_type: None };
    Err(ScimError::from(forbidden).into())
}

fn id_of(name: &str, id: &str) -> Result<Uuid, PluginError> {
    id.parse().map_err(|_| PluginError::NoRecordedCall { name: name.to_owned(), id: id.to_owned() })
}

fn shown(recording: &Recording, calls: &[RecordedCall]) -> Value {
    let state = match recording.left() {
        0 => "done",
        _ if recording.is_running(clock::now()) => "running",
        _ => "ended",
    };
    let calls = calls.iter().filter(|it| it.recording == recording.id);
    json!({
        "hook": recording.hook,
        "digest": recording.digest.to_string(),
        "state": state,
        "asked": recording.asked,
        "recorded": recording.recorded,
        "dropped": recording.dropped,
        "left": recording.left(),
        "bytes": recording.bytes,
        "redact": recording.redaction.paths(),
        "headers": recording.redaction.headers(),
        "started": timestamp(recording.started),
        "ends": timestamp(recording.ends),
        "calls": calls.map(shown_call).collect::<Vec<_>>(),
    })
}

fn shown_call(call: &RecordedCall) -> Value {
    json!({
        "id": call.id,
        "at": timestamp(call.at),
        "requestId": call.request_id,
        "outcome": call.outcome,
    })
}
