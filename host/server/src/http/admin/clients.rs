//! `/admin/v1/tenants/{tenant}/clients`: who is given access tokens of the tenant.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{App, error::Problem};
use super::tokens::{check_given, check_label, check_types, grants, overlap};
use super::{Administrator, ForTenant, Members, page};
use crate::clock;
use crate::store::TenantId;
use crate::store::audit::{self, Act};
use crate::store::clients::{self, OAuthClient};
use crate::store::credentials::{self, Kind, Usage};
use crate::tenant::access::Grants;
use crate::tenant::access_token::ClientId;
use crate::tenant::auth::{SecretHash, random};

type Answer = Result<Response, Problem>;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    RawQuery(query): RawQuery,
) -> Answer {
    let part = page::part(query.as_deref())?;
    let mut conn = app.services.database.read().await?;
    let page = clients::page(&mut conn, tenant.tenant_id(), &part).await?;
    page::in_order(&page, |it| it.id, |it| Ok(shown(tenant.tenant_id(), it)))
}

/// The answer has the secret, this once.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    mut members: Members,
) -> Answer {
    let name = members.string("name")?;
    let grants = grants(&mut members)?;
    members.finish()?;
    check_label(&name)?;
    check_given(&administrator, &grants, None)?;
    let secret = new_secret()?;
    let (id, now) = (tenant.tenant_id(), clock::now());
    let client = OAuthClient {
        id: Uuid::now_v7(),
        name,
        created: now,
        grants: grants.stored(),
        usage: Usage::default(),
    };
    let mut transaction = app.services.database.begin_at(tenant.tenant_id()).await?;
    check_types(&mut transaction, id, &grants).await?;
    let hash = SecretHash::of(secret.as_bytes());
    clients::insert(&mut transaction, id, &client, hash.as_bytes()).await?;
    let act = Act { action: "client.create", subject: &client.id.to_string(), at: now };
    let details = shown(id, &client);
    audit::insert_with(&mut transaction, id, administrator.by(), act, &details).await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, client = %client.id, "client created");
    Ok((StatusCode::CREATED, Json(with_secret(id, &client, secret))).into_response())
}

/// Gives the client another secret; the one that it had is accepted for a while.
pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, id)): Path<(String, String)>,
    mut members: Members,
) -> Answer {
    let (tenant_id, now) = (tenant.tenant_id(), clock::now());
    let overlap = overlap(&mut members)?;
    let until = now + overlap;
    members.finish()?;
    let mut transaction = app.services.database.begin_at(tenant.tenant_id()).await?;
    let uuid = Uuid::parse_str(&id).map_err(|_| unknown(&id))?;
    let client = clients::lock(&mut transaction, tenant_id, uuid).await?;
    let mut client = client.ok_or_else(|| unknown(&id))?;
    check_given(&administrator, &Grants::of_stored(client.grants.clone())?, None)?;
    let secret = new_secret()?;
    let hash = SecretHash::of(secret.as_bytes());
    let kind = Kind::Client;
    credentials::rotate(&mut transaction, tenant_id, kind, uuid, hash.as_bytes(), until).await?;
    let act = Act { action: "client.rotate", subject: &uuid.to_string(), at: now };
    let details = json!({ "overlapSeconds": overlap.whole_seconds() });
    audit::insert_with(&mut transaction, tenant_id, administrator.by(), act, &details).await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, client = %uuid, "secret of a client replaced");
    client.usage.previous_until = Some(until);
    Ok(Json(with_secret(tenant_id, &client, secret)).into_response())
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, id)): Path<(String, String)>,
) -> Answer {
    let (tenant_id, uuid) = (tenant.tenant_id(), Uuid::parse_str(&id).map_err(|_| unknown(&id))?);
    let mut transaction = app.services.database.begin_at(tenant.tenant_id()).await?;
    let client = clients::lock(&mut transaction, tenant_id, uuid).await?;
    let details = shown(tenant_id, &client.ok_or_else(|| unknown(&id))?);
    clients::delete(&mut transaction, tenant_id, uuid).await?;
    let act = Act { action: "client.delete", subject: &uuid.to_string(), at: clock::now() };
    audit::insert_with(&mut transaction, tenant_id, administrator.by(), act, &details).await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, client = %uuid, "client deleted");
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn unknown(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("the tenant has no client \"{id}\""))
}

fn new_secret() -> Result<String, Problem> {
    let secret = random().map_err(|error| {
        tracing::error!(%error, "no secret can be made");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no secret can be made at present")
    })?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(secret))
}

/// A client with its secret, which is shown this once.
fn with_secret(tenant: TenantId, client: &OAuthClient, secret: String) -> Value {
    let mut shown = shown(tenant, client);
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("clientSecret".to_owned(), secret.into());
    }
    shown
}

/// A client without its secret.
fn shown(tenant: TenantId, client: &OAuthClient) -> Value {
    let mut shown = json!(client);
    if let Some(shown) = shown.as_object_mut() {
        let client_id = ClientId { tenant, id: client.id }.to_string();
        shown.insert("clientId".to_owned(), client_id.into());
    }
    shown
}
