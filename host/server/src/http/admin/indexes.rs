//! `/admin/v1/tenants/{tenant}/indexes`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tenon_scim::Object;
use tenon_scim::value::timestamp;

use super::super::body::{self, JSON_TYPES};
use super::super::{App, error::Problem};
use super::{Administrator, ForTenant, Members, page};
use crate::service::indexes::{ShownIndex, WantedBy};

type Answer = Result<Response, Problem>;
/// The tenant, the name of the type and the path of the attribute.
type Index = Path<(String, String, String)>;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    RawQuery(query): RawQuery,
) -> Answer {
    let part = page::part(query.as_deref())?;
    let all = app.services.indexes(tenant.tenant_id()).await?;
    let key = |it: &ShownIndex| format!("{} {}", it.build.resource_type, it.build.attr);
    let page = part.taken_from(all, key);
    page::in_order(&page, key, |it| Ok(shown(it)))
}

/// It is built in the background; the answer tells how far it is.
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, resource_type, path)): Index,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let mut members = Members(wishes(&headers, body).await?);
    let substrings = members.optional_bool("substrings")?.unwrap_or(false);
    members.finish()?;
    let (services, by) = (&app.services, administrator.by());
    let (index, is_new) =
        services.add_index(by, tenant.tenant_id(), &resource_type, &path, substrings).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shown(&index))).into_response())
}

pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, resource_type, path)): Index,
) -> Answer {
    let by = administrator.by();
    app.services.remove_index(by, tenant.tenant_id(), &resource_type, &path).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Nothing need be said of an index, so there need not be a body.
async fn wishes(headers: &HeaderMap, body: Body) -> Result<Object, Problem> {
    if headers.contains_key(axum::http::header::CONTENT_TYPE) {
        return Ok(body::object(headers, body, JSON_TYPES).await?);
    }
    Ok(Object::new())
}

fn shown(index: &ShownIndex) -> Value {
    let wanted_by = index.wanted_by.iter().map(|who| match who {
        WantedBy::Core => "core".to_owned(),
        WantedBy::Plugin(name) => format!("plugin:{name}"),
        WantedBy::Administrator => "administrator".to_owned(),
    });
    let build = &index.build;
    json!({
        "resourceType": build.resource_type,
        "attribute": build.attr,
        "substrings": index.substrings,
        "wantedBy": wanted_by.collect::<Vec<_>>(),
        "state": build.state.as_str(),
        "since": timestamp(build.since),
        "done": build.done,
        "total": build.total,
        "started": timestamp(build.started),
        "finished": build.finished.map(timestamp),
    })
}
