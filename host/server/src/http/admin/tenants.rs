//! `/admin/v1/tenants`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tenon_scim::Dialect;
use uuid::Uuid;

use super::super::body::{self, JSON_TYPES};
use super::super::{App, error::Problem};
use super::{Administrator, ForTenant, Members, check_name, invalid, items};
use crate::clock;
use crate::store::audit::{self, Act, NO_TENANT};
use crate::store::tenants::{self, NameTaken, Tenant};
use crate::tenant::indexes;

type Answer = Result<Response, Problem>;

pub(crate) async fn list(State(app): State<Arc<App>>) -> Answer {
    let mut conn = app.services.database.read().await?;
    let all = tenants::list(&mut conn).await?;
    let shown: Vec<Value> = all.iter().map(|tenant| shown(&app, tenant)).collect();
    Ok(Json(items(shown)).into_response())
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    administrator: Administrator,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let mut members = Members(body::object(&headers, body, JSON_TYPES).await?);
    let name = members.string("name")?;
    let dialect = dialect(&mut members)?.unwrap_or_default();
    members.finish()?;
    check_name("tenant", &name)?;
    let now = clock::now();
    let tenant = Tenant { id: Uuid::now_v7(), name, dialect, created: now, modified: now };
    let mut transaction = app.services.database.begin().await?;
    tenants::insert(&mut transaction, &tenant).await?.map_err(|NameTaken| taken(&tenant.name))?;
    indexes::insert_for_new_tenant(&mut transaction, tenant.tenant_id()).await?;
    let act = Act { action: "tenant.create", subject: &tenant.id.to_string(), at: now };
    audit::insert(&mut transaction, tenant.tenant_id(), administrator.by(), act).await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, id = %tenant.id, "tenant created");
    let location = format!("{}/admin/v1/tenants/{}", app.public_url, tenant.id);
    let headers = [(header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, Json(shown(&app, &tenant))).into_response())
}

pub(crate) async fn get(State(app): State<Arc<App>>, ForTenant(tenant): ForTenant) -> Answer {
    Ok(Json(shown(&app, &tenant)).into_response())
}

pub(crate) async fn update(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let mut members = Members(body::object(&headers, body, JSON_TYPES).await?);
    let name = members.optional_string("name")?.filter(|name| *name != tenant.name);
    let dialect = dialect(&mut members)?.filter(|dialect| *dialect != tenant.dialect);
    members.finish()?;
    if let Some(name) = &name {
        check_name("tenant", name)?;
        if !administrator.is_operator() {
            return Err(for_the_operator("name"));
        }
    }
    let mut transaction = app.services.database.begin().await?;
    if name.is_some() || dialect.is_some() {
        let (id, now) = (tenant.tenant_id(), clock::now());
        tenants::update(&mut transaction, id, name.as_deref(), dialect, now)
            .await?
            .map_err(|NameTaken| taken(name.as_deref().unwrap_or_default()))?;
        let act = Act { action: "tenant.update", subject: &tenant.id.to_string(), at: now };
        audit::insert(&mut transaction, id, administrator.by(), act).await?;
        let dialect = dialect.map(|dialect| dialect.name);
        tracing::info!(tenant = tenant.name, id = %tenant.id, name, dialect, "tenant updated");
    }
    let updated = tenants::get(&mut transaction, &tenant.id.to_string()).await?;
    transaction.commit().await?;
    let updated = updated.unwrap_or(tenant);
    Ok(Json(shown(&app, &updated)).into_response())
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
) -> Answer {
    let mut transaction = app.services.database.begin().await?;
    tenants::delete(&mut transaction, tenant.tenant_id()).await?;
    let act = Act { action: "tenant.delete", subject: &tenant.id.to_string(), at: clock::now() };
    audit::insert(&mut transaction, NO_TENANT, administrator.by(), act).await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, id = %tenant.id, "tenant deleted");
    app.services.delete_unused_components().await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A dialect by its name, where the body has one.
fn dialect(members: &mut Members) -> Result<Option<Dialect>, Problem> {
    let Some(name) = members.optional_string("dialect")? else { return Ok(None) };
    Dialect::named(&name).map(Some).ok_or_else(|| {
        let known = Dialect::ALL.map(|dialect| format!("\"{}\"", dialect.name));
        invalid(format!("\"dialect\" must be one of {}, not \"{name}\"", known.join(", ")))
    })
}

fn shown(app: &App, tenant: &Tenant) -> Value {
    let mut shown = json!(tenant);
    if let Some(shown) = shown.as_object_mut() {
        let url = format!("{}/tenants/{}/scim/v2", app.public_url, tenant.name);
        shown.insert("scimUrl".to_owned(), url.into());
    }
    shown
}

fn for_the_operator(member: &str) -> Problem {
    let detail = format!("the operator alone may change \"{member}\"");
    Problem::new(StatusCode::FORBIDDEN, detail).kind("permission-required")
}

fn taken(name: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, format!("another tenant is called \"{name}\""))
        .kind("name-taken")
}
