//! `/admin/v1/tenants/{tenant}/shares`: what a tenant has of others. The tenant is the child.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tenon_scim::value::timestamp;

use super::super::{App, error::Problem};
use super::{Administrator, ForTenant, Members, invalid, page};
use crate::service::shares::ShownShare;
use crate::store::TenantId;
use crate::store::tenants::{self, Tenant};

type Answer = Result<Response, Problem>;
/// The child and the parent, by name or id.
type Both = Path<(String, String)>;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    RawQuery(query): RawQuery,
) -> Answer {
    let part = page::part(query.as_deref())?;
    let shares = app.services.shares(tenant.tenant_id(), &part).await?;
    page::in_order(&shares, |it| it.share.parent, |it| Ok(shown(it)))
}

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    Path((_, parent)): Both,
) -> Answer {
    let parent_id = id_of(&app, &parent).await?;
    let share = app.services.shared(tenant.tenant_id(), parent_id).await?;
    let share = share.ok_or_else(|| not_shared(&parent))?;
    Ok(Json(shown(&share)).into_response())
}

/// The copies are made in the background; the answer tells how far they are.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    ForTenant(child): ForTenant,
    administrator: Administrator,
    Path((_, parent)): Both,
    mut members: Members,
) -> Answer {
    let types = members.optional_strings("resourceTypes")?;
    let types = types
        .ok_or_else(|| invalid("\"resourceTypes\" is required, an array of strings".to_owned()))?;
    members.finish()?;
    let parent = named(&app, &parent).await?.ok_or_else(|| no_tenant(&parent))?;
    let (share, is_new) = app.services.share(administrator.by(), &child, &parent, types).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shown(&share))).into_response())
}

/// 204 where no copy is left; 202 where they are still being deleted.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, parent)): Both,
) -> Answer {
    let parent_id = id_of(&app, &parent).await?;
    let (services, by) = (&app.services, administrator.by());
    let (was_shared, left) = services.unshare(by, tenant.tenant_id(), parent_id).await?;
    if !was_shared {
        return Err(not_shared(&parent));
    }
    tracing::info!(tenant = tenant.name, %parent_id, is_gone = left.is_none(), "shared no more");
    Ok(match left {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(left) => (StatusCode::ACCEPTED, Json(shown(&left))).into_response(),
    })
}

async fn named(app: &App, name_or_id: &str) -> Result<Option<Tenant>, Problem> {
    let mut conn = app.services.database.read().await?;
    Ok(tenants::get(&mut conn, name_or_id).await?)
}

/// Also of a parent that is gone, as long as there are copies: then by its id.
async fn id_of(app: &App, name_or_id: &str) -> Result<TenantId, Problem> {
    if let Some(tenant) = named(app, name_or_id).await? {
        return Ok(tenant.tenant_id());
    }
    tenants::id_in_path(name_or_id).map(TenantId).ok_or_else(|| no_tenant(name_or_id))
}

fn no_tenant(name: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no tenant \"{name}\""))
}

fn not_shared(parent: &str) -> Problem {
    let detail = format!("the tenant has nothing of \"{parent}\": PUT shares resource types");
    Problem::new(StatusCode::NOT_FOUND, detail)
}

fn shown(shown: &ShownShare) -> Value {
    let ShownShare { share, conflicts, conflicts_in_all } = shown;
    let conflicts = conflicts.iter().map(|it| {
        json!({
            "resourceType": it.resource_type,
            "id": it.resource_id,
            "attribute": it.attr,
            "since": timestamp(it.since),
        })
    });
    json!({
        "parent": share.parent,
        "resourceTypes": share.types,
        "state": share.state.as_str(),
        "problem": share.problem,
        "conflicts": { "total": conflicts_in_all, "first": conflicts.collect::<Vec<_>>() },
        "created": timestamp(share.created),
    })
}
