//! `/admin/v1/tenants/{tenant}/tokens`.

use std::fmt::Display;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_scim::schema::core::USER;
use tenon_scim::value;
use uuid::Uuid;

use super::super::body::{self, JSON_TYPES};
use super::super::{App, error::Problem};
use super::{ForTenant, Members, Operator, invalid, items};
use crate::clock;
use crate::service::plugins::PluginError;
use crate::store::audit::{self, Act};
use crate::store::tokens::{self, Token};
use crate::store::{TenantId, plugins, resources};
use crate::tenant::auth::TokenParts;
use crate::tenant::runtime::registry_of;

type Answer = Result<Response, Problem>;

/// Bytes of a token's name at the most.
const MAX_NAME: usize = 200;

pub(crate) async fn list(State(app): State<Arc<App>>, ForTenant(tenant): ForTenant) -> Answer {
    let mut conn = app.services.database.read().await?;
    let all = tokens::list(&mut conn, tenant.tenant_id()).await?;
    let shown: Vec<Value> = all.iter().map(|token| json!(token)).collect();
    Ok(Json(items(shown)).into_response())
}

/// The answer has the secret, this once.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    operator: Operator,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let mut members = Members(body::object(&headers, body, JSON_TYPES).await?);
    let name = members.string("name")?;
    let expires = members.optional_string("expiresAt")?;
    let user_id = members.optional_string("userId")?;
    let may_explain = members.optional_bool("mayExplain")?.unwrap_or(false);
    members.finish()?;
    if name.is_empty() || name.len() > MAX_NAME || name.contains('\0') {
        return Err(invalid(format!("\"name\" must have 1 to {MAX_NAME} bytes")));
    }
    let now = clock::now();
    let expires = match expires {
        None => None,
        Some(text) => match value::instant(&text) {
            Some(expires) if expires > now => Some(expires),
            Some(_) => return Err(invalid("\"expiresAt\" is in the past".to_owned())),
            None => {
                return Err(invalid(format!(
                    "\"expiresAt\" must be a date and time such as 2030-01-31T12:00:00Z, not \"{text}\""
                )));
            }
        },
    };
    let mut transaction = app.services.database.begin().await?;
    let user_id = match user_id {
        None => None,
        Some(id) => Some(existing_user(&mut transaction, tenant.tenant_id(), &id).await?),
    };
    let token = Token { id: Uuid::now_v7(), name, created: now, expires, user_id, may_explain };
    let parts = TokenParts::generate(tenant.tenant_id(), token.id).map_err(|error| {
        tracing::error!(%error, "no token can be made");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no token can be made at present")
    })?;
    let hash = parts.secret_hash();
    if !tokens::insert(&mut transaction, tenant.tenant_id(), &token, hash.as_bytes()).await? {
        return Err(unknown_user(token.user_id.unwrap_or_default()));
    }
    let act = Act { action: "token.create", subject: &token.id.to_string(), at: now };
    audit::insert(&mut transaction, tenant.tenant_id(), operator.by(), act).await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, token = %token.id, "token created");
    let mut shown = json!(token);
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("token".to_owned(), parts.reveal().into());
    }
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

/// The id of a user of the tenant: a resource of a type over the core User schema.
async fn existing_user(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: &str,
) -> Result<Uuid, Problem> {
    let unknown = || unknown_user(id);
    // An id is compared as it is written (RFC 7643 §3.1, caseExact).
    let uuid = Uuid::parse_str(id).ok().filter(|it| it.to_string() == id).ok_or_else(unknown)?;
    let name = resources::type_of(conn, tenant, uuid).await?.ok_or_else(unknown)?;
    let registry = registry_of(&plugins::list(conn, tenant).await?).map_err(PluginError::from)?;
    let is_user = registry.resource_type(&name).is_some_and(|it| it.schema.id == USER);
    if is_user { Ok(uuid) } else { Err(unknown()) }
}

fn unknown_user(id: impl Display) -> Problem {
    invalid(format!("\"userId\": the tenant has no user \"{id}\""))
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    operator: Operator,
    Path((_, id)): Path<(String, String)>,
) -> Answer {
    let unknown =
        || Problem::new(StatusCode::NOT_FOUND, format!("the tenant has no token \"{id}\""));
    let token = Uuid::parse_str(&id).map_err(|_| unknown())?;
    let mut transaction = app.services.database.begin().await?;
    if !tokens::delete(&mut transaction, tenant.tenant_id(), token).await? {
        return Err(unknown());
    }
    let act = Act { action: "token.revoke", subject: &token.to_string(), at: clock::now() };
    audit::insert(&mut transaction, tenant.tenant_id(), operator.by(), act).await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, token = %token, "token revoked");
    Ok(StatusCode::NO_CONTENT.into_response())
}
