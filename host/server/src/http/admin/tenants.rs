//! `/admin/v1/tenants`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::body::{self, JSON_TYPES};
use super::super::{App, error::Problem};
use super::{ForTenant, Members, check_name, items};
use crate::clock;
use crate::store::tenants::{self, NameTaken, Tenant};

type Answer = Result<Response, Problem>;

pub(crate) async fn list(State(app): State<Arc<App>>) -> Answer {
    let mut conn = app.services.pool.acquire().await?;
    let all = tenants::list(&mut conn).await?;
    let shown: Vec<Value> = all.iter().map(|tenant| shown(&app, tenant)).collect();
    Ok(Json(items(shown)).into_response())
}

pub(crate) async fn create(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Answer {
    let mut members = Members(body::object(&headers, body, JSON_TYPES).await?);
    let name = members.string("name")?;
    members.finish()?;
    check_name("tenant", &name)?;
    let now = clock::now();
    let tenant = Tenant { id: Uuid::now_v7(), name, created: now, modified: now };
    let mut conn = app.services.pool.acquire().await?;
    tenants::insert(&mut conn, &tenant).await?.map_err(|NameTaken| taken(&tenant.name))?;
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
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let mut members = Members(body::object(&headers, body, JSON_TYPES).await?);
    let name = members.optional_string("name")?;
    members.finish()?;
    let mut conn = app.services.pool.acquire().await?;
    if let Some(name) = name.filter(|name| *name != tenant.name) {
        check_name("tenant", &name)?;
        tenants::rename(&mut conn, tenant.tenant_id(), &name, clock::now())
            .await?
            .map_err(|NameTaken| taken(&name))?;
        tracing::info!(tenant = tenant.name, id = %tenant.id, name, "tenant renamed");
    }
    let renamed = tenants::get(&mut conn, &tenant.id.to_string()).await?.unwrap_or(tenant);
    Ok(Json(shown(&app, &renamed)).into_response())
}

pub(crate) async fn delete(State(app): State<Arc<App>>, ForTenant(tenant): ForTenant) -> Answer {
    let mut conn = app.services.pool.acquire().await?;
    tenants::delete(&mut conn, tenant.tenant_id()).await?;
    drop(conn);
    tracing::info!(tenant = tenant.name, id = %tenant.id, "tenant deleted");
    app.services.delete_unused_components().await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn shown(app: &App, tenant: &Tenant) -> Value {
    let mut shown = json!(tenant);
    if let Some(shown) = shown.as_object_mut() {
        let url = format!("{}/tenants/{}/scim/v2", app.public_url, tenant.name);
        shown.insert("scimUrl".to_owned(), url.into());
    }
    shown
}

fn taken(name: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, format!("another tenant is called \"{name}\""))
        .kind("name-taken")
}
