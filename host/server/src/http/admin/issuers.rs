//! `/admin/v1/tenants/{tenant}/issuers`: whose JWTs are credentials of the tenant.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tenon_scim::Object;
use tenon_scim::value::timestamp;
use uuid::Uuid;

use super::super::{App, error::Problem};
use super::tokens::{check_given, check_types};
use super::{Administrator, ForTenant, Members, changed, invalid, page};
use crate::clock;
use crate::store::audit::{self, Act};
use crate::store::issuers::{self, StoredIssuer};
use crate::store::{StoreError, removal, tenants};
use crate::tenant::jwt::issuer::{Issuer, IssuerConfig, IssuerError, Keys};

type Answer = Result<Response, Problem>;

/// Issuers of a tenant at the most: a JWT may be tried with each.
const MAX_ISSUERS: usize = 50;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    RawQuery(query): RawQuery,
) -> Answer {
    let part = page::part(query.as_deref())?;
    let mut conn = app.services.database.read().await?;
    let page = issuers::page(&mut conn, tenant.tenant_id(), &part).await?;
    page::in_order(&page, |it| it.id, |it| Ok(shown(it)?))
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Members(body): Members,
) -> Answer {
    let (config, issuer) = read(&app, body, Issuer::of)?;
    check_given(&administrator, &issuer.ceiling, None)?;
    check_anywhere(&administrator, config.anywhere)?;
    let (id, now) = (tenant.tenant_id(), clock::now());
    let stored = StoredIssuer {
        id: Uuid::now_v7(),
        issuer: config.issuer.clone(),
        config: json!(config).to_string(),
        anywhere: config.anywhere,
        created: now,
        modified: now,
    };
    let mut transaction = app.services.database.begin_at(id).await?;
    // Who creates another one meanwhile waits, and is counted.
    tenants::advance_epoch(&mut transaction, id).await?;
    check_types(&mut transaction, id, &issuer.ceiling).await?;
    if issuers::list(&mut transaction, id, None).await?.len() >= MAX_ISSUERS {
        let detail = format!("the tenant has {MAX_ISSUERS} issuers, which is the limit");
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    issuers::insert(&mut transaction, id, &stored).await?;
    let act = Act { action: "issuer.create", subject: &stored.id.to_string(), at: now };
    audit::insert_with(&mut transaction, id, administrator.by(), act, &json!(config)).await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, issuer = %stored.id, "issuer created");
    Ok((StatusCode::CREATED, Json(shown(&stored)?)).into_response())
}

pub(crate) async fn replace(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, id)): Path<(String, String)>,
    Members(body): Members,
) -> Answer {
    let (config, issuer) = read(&app, body, Issuer::of)?;
    check_given(&administrator, &issuer.ceiling, None)?;
    check_anywhere(&administrator, config.anywhere)?;
    let (tenant_id, now) = (tenant.tenant_id(), clock::now());
    let mut transaction = app.services.database.begin_at(tenant.tenant_id()).await?;
    check_types(&mut transaction, tenant_id, &issuer.ceiling).await?;
    let uuid = Uuid::parse_str(&id).map_err(|_| unknown(&id))?;
    let before = issuers::lock(&mut transaction, tenant_id, uuid).await?;
    let before = before.ok_or_else(|| unknown(&id))?;
    check_anywhere(&administrator, before.anywhere)?;
    // Who may not give what it gives is not to change who gets it.
    check_given(&administrator, &Issuer::of_stored(&before.config)?.ceiling, None)?;
    let details = changed(&shown(&before)?, &json!(config));
    let stored = StoredIssuer {
        issuer: config.issuer.clone(),
        config: json!(config).to_string(),
        anywhere: config.anywhere,
        modified: now,
        ..before
    };
    issuers::update(&mut transaction, tenant_id, &stored).await?;
    let act = Act { action: "issuer.update", subject: &stored.id.to_string(), at: now };
    audit::insert_with(&mut transaction, tenant_id, administrator.by(), act, &details).await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, issuer = %stored.id, "issuer changed");
    Ok(Json(shown(&stored)?).into_response())
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, id)): Path<(String, String)>,
) -> Answer {
    let uuid = Uuid::parse_str(&id).map_err(|_| unknown(&id))?;
    let tenant_id = tenant.tenant_id();
    let mut transaction = app.services.database.begin_at(tenant.tenant_id()).await?;
    let issuer = issuers::lock(&mut transaction, tenant_id, uuid).await?;
    let details = shown(&issuer.ok_or_else(|| unknown(&id))?)?;
    issuers::delete(&mut transaction, tenant_id, uuid).await?;
    let act = Act { action: "issuer.delete", subject: &uuid.to_string(), at: clock::now() };
    audit::insert_with(&mut transaction, tenant_id, administrator.by(), act, &details).await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, issuer = %uuid, "issuer deleted");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Fetches the keys of an issuer now, for JWTs that come to this server.
pub(crate) async fn refresh(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, id)): Path<(String, String)>,
) -> Answer {
    let mut conn = app.services.database.read().await?;
    let all = issuers::list(&mut conn, tenant.tenant_id(), None).await?;
    drop(conn);
    let stored = all.iter().find(|it| it.id.to_string() == id).ok_or_else(|| unknown(&id))?;
    fetch_keys(&app, stored).await?;
    let act = Act { action: "issuer.refresh", subject: &id, at: clock::now() };
    let mut transaction = app.services.database.begin_at(tenant.tenant_id()).await?;
    // No record is left behind a tenant that was removed meanwhile.
    if !removal::hold(&mut transaction, tenant.tenant_id()).await? {
        return Err(StoreError::Gone(sqlx::Error::RowNotFound).into());
    }
    audit::insert(&mut transaction, tenant.tenant_id(), administrator.by(), act).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Two tenants may name the same issuer; where nothing else names a tenant, the operator says whose its
/// JWTs are.
fn check_anywhere(administrator: &Administrator, anywhere: bool) -> Result<(), Problem> {
    if !anywhere || administrator.is_operator() {
        return Ok(());
    }
    let detail = "an issuer that is taken \"anywhere\" is the operator's to make and to change";
    Err(Problem::new(StatusCode::FORBIDDEN, detail).kind("permission-required"))
}

/// Fetches its keys now, if they are at a URL.
pub(super) async fn fetch_keys(app: &App, stored: &StoredIssuer) -> Result<(), Problem> {
    let Keys::At(url) = &Issuer::of_stored(&stored.config)?.keys else { return Ok(()) };
    app.services.credentials.jwks.refresh(url).await.map_err(|error| {
        let detail = format!("the keys of the issuer cannot be fetched: {error}");
        Problem::new(StatusCode::BAD_GATEWAY, detail).kind("issuer-unreachable")
    })
}

/// The issuer that a body describes, if it is right.
pub(super) fn read(
    app: &App,
    body: Object,
    of: impl FnOnce(IssuerConfig) -> Result<Issuer, IssuerError>,
) -> Result<(IssuerConfig, Issuer), Problem> {
    let config: IssuerConfig = serde_json::from_value(Value::Object(body))
        .map_err(|error| invalid(format!("the issuer cannot be read: {error}")))?;
    let issuer = of(config.clone()).map_err(|error| invalid(error.to_string()))?;
    if let Keys::At(url) = &issuer.keys
        && !app.services.credentials.jwks.may_ask(url)
    {
        return Err(invalid(
            "\"jwksUrl\" must be https and at a public address; the operator opens others with the \
             setting outbound_allow"
                .to_owned(),
        ));
    }
    Ok((config, issuer))
}

pub(super) fn shown(issuer: &StoredIssuer) -> Result<Value, StoreError> {
    let config = serde_json::from_str(&issuer.config).map_err(|error| StoreError::Unknown {
        what: "configuration of an issuer",
        found: error.to_string(),
    })?;
    let mut shown = json!({ "id": issuer.id });
    if let (Value::Object(shown), Value::Object(config)) = (&mut shown, config) {
        shown.extend(config);
        shown.insert("created".to_owned(), timestamp(issuer.created).into());
        shown.insert("modified".to_owned(), timestamp(issuer.modified).into());
    }
    Ok(shown)
}

fn unknown(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("the tenant has no issuer \"{id}\""))
}
