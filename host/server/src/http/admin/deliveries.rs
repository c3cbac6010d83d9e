//! `/admin/v1/tenants/{tenant}/plugins/{name}/deliveries`: events that a plugin is still to be told of.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tenon_scim::value::timestamp;
use uuid::Uuid;

use super::super::{App, error::Problem};
use super::page::{self, Parameters};
use super::plugins::PluginName;
use super::{Administrator, ForTenant};
use crate::service::plugins::PluginError;
use crate::store::deliveries::{self, Delivery};

type Answer = Result<Response, Problem>;
/// The tenant, the plugin and the event.
type One = Path<(String, String, String)>;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    PluginName(name): PluginName,
    RawQuery(query): RawQuery,
) -> Answer {
    let parameters = Parameters::of(query.as_deref(), &["limit", "cursor", "state"])?;
    let state = parameters.read("state", "\"waiting\" or \"parked\"", |text| match text {
        "waiting" => Some(deliveries::State::Waiting),
        "parked" => Some(deliveries::State::Parked),
        _ => None,
    })?;
    let part = parameters.part()?;
    let found = app.services.deliveries(tenant.tenant_id(), &name, state, &part).await?;
    page::in_order(&found, |it| it.event, |it| Ok(shown(it)))
}

pub(crate) async fn retry(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, name, event)): One,
) -> Answer {
    let event = event_of(&name, event)?;
    app.services.retry_delivery(administrator.by(), tenant.tenant_id(), &name, event).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn discard(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, name, event)): One,
) -> Answer {
    let event = event_of(&name, event)?;
    app.services.discard_delivery(administrator.by(), tenant.tenant_id(), &name, event).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What is no id is that of no event.
fn event_of(name: &str, event: String) -> Result<Uuid, Problem> {
    let parsed = Uuid::parse_str(&event);
    let name = name.to_owned();
    Ok(parsed.map_err(|_| PluginError::NoDelivery { name, event })?)
}

fn shown(delivery: &Delivery) -> Value {
    json!({
        "event": delivery.event,
        "operation": delivery.operation,
        "resourceType": delivery.resource_type,
        "resourceId": delivery.resource_id,
        "version": delivery.version,
        "actor": delivery.actor,
        "requestId": delivery.request_id,
        "created": timestamp(delivery.created),
        "state": if delivery.due.is_some() { "waiting" } else { "parked" },
        "attempts": delivery.attempts,
        "due": delivery.due.map(timestamp),
        "problem": delivery.problem,
    })
}
