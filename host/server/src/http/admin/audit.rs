//! `/admin/v1/tenants/{tenant}/audit`, and `/admin/v1/audit` of what the operator does to no tenant.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::super::App;
use super::super::error::{Problem, ScimError};
use super::page::{self, Parameters};
use super::{ForTenant, audit_export};
use crate::store::TenantId;
use crate::store::audit::{NO_TENANT, Wanted};

type Answer = Result<Response, Problem>;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    RawQuery(query): RawQuery,
) -> Answer {
    page_of(&app, tenant.tenant_id(), query.as_deref()).await
}

pub(crate) async fn list_of_operator(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Answer {
    page_of(&app, NO_TENANT, query.as_deref()).await
}

/// JSON Lines; `after` is the number of a seal, for those who have what was until then.
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    RawQuery(query): RawQuery,
) -> Answer {
    export_of(&app, tenant.tenant_id(), query.as_deref()).await
}

pub(crate) async fn export_of_operator(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Answer {
    export_of(&app, NO_TENANT, query.as_deref()).await
}

/// Where it takes long, the answer is not `complete`, and the next request has its `head` as `after`.
pub(crate) async fn verify(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    RawQuery(query): RawQuery,
) -> Answer {
    verification_of(&app, tenant.tenant_id(), query.as_deref()).await
}

pub(crate) async fn verify_of_operator(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Answer {
    verification_of(&app, NO_TENANT, query.as_deref()).await
}

async fn page_of(app: &App, tenant: TenantId, query: Option<&str>) -> Answer {
    const KNOWN: [&str; 7] = ["limit", "cursor", "since", "until", "actor", "action", "resourceId"];
    let parameters = Parameters::of(query, &KNOWN)?;
    let until = parameters.id_at("until")?;
    let text = |name: &str| parameters.text(name).map(str::to_owned);
    let wanted = Wanted {
        from: parameters.id_at("since")?.unwrap_or_default(),
        before: until.into_iter().chain(parameters.cursor()?).min(),
        actor: text("actor"),
        action: text("action"),
        resource_id: parameters
            .read("resourceId", "the id of a resource", |text| Uuid::parse_str(text).ok())?,
    };
    let page = app.services.audit(tenant, &wanted, parameters.limit()?).await?;
    Ok(Json(page::shown(&page)).into_response())
}

async fn export_of(app: &App, tenant: TenantId, query: Option<&str>) -> Answer {
    let after = after(query)?;
    let log = app.services.export_audit(tenant, after).await?;
    let log = log.ok_or_else(|| no_seal(after))?;
    Ok(audit_export::answer(app.services.database.clone(), tenant, log))
}

async fn verification_of(app: &App, tenant: TenantId, query: Option<&str>) -> Answer {
    let after = after(query)?;
    let found = app.services.verify_audit(tenant, after).await.map_err(ScimError::from)?;
    Ok(Json(found.ok_or_else(|| no_seal(after))?).into_response())
}

fn after(query: Option<&str>) -> Result<i64, Problem> {
    let parameters = Parameters::of(query, &["after"])?;
    let read = |text: &str| text.parse().ok().filter(|n| *n >= 0);
    Ok(parameters.read("after", "the number of a seal", read)?.unwrap_or(0))
}

fn no_seal(n: i64) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("the audit log has no seal {n}"))
}
