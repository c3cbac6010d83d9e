//! `/admin/v1/tenants/{tenant}/tokens`.

use std::fmt::Display;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_scim::path::{self, Target};
use tenon_scim::schema::ResourceType;
use tenon_scim::schema::core::USER;
use tenon_scim::{Registry, value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::{App, error::Problem};
use super::{Administrator, ForTenant, Members, invalid, page};
use crate::clock;
use crate::service::plugins::PluginError;
use crate::store::audit::{self, Act};
use crate::store::credentials::Usage;
use crate::store::database::Administration;
use crate::store::tokens::{self, CertificateTaken, Token};
use crate::store::{StoreError, TenantId, plugins, resources};
use crate::tenant::access::{Grants, PROVISIONER, Permission, ROLES};
use crate::tenant::auth::{SecretHash, TokenParts};
use crate::tenant::certificate;
use crate::tenant::runtime::registry_of;

mod change;

pub(super) use self::change::overlap;
use self::change::unknown;
pub(crate) use self::change::{rotate, update};

type Answer = Result<Response, Problem>;

/// Bytes of a token's name at the most.
const MAX_NAME: usize = 200;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    RawQuery(query): RawQuery,
) -> Answer {
    let part = page::part(query.as_deref())?;
    let mut conn = app.services.database.read().await?;
    let page = tokens::page(&mut conn, tenant.tenant_id(), &part).await?;
    page::in_order(&page, |it| it.id, |it| Ok(shown(it)?))
}

/// The answer has the secret, this once.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    mut members: Members,
) -> Answer {
    let name = members.string("name")?;
    let expires = members.optional_string("expiresAt")?;
    let user_id = members.optional_string("userId")?;
    let certificate = members.optional_string("certificate")?;
    let grants = grants(&mut members)?;
    members.finish()?;
    let certificate = certificate.map(|text| certificate_in(&text)).transpose()?;
    check_label(&name)?;
    let now = clock::now();
    let expires = expires.map(|text| future(&text, now)).transpose()?;
    check_given(&administrator, &grants, expires)?;
    let mut transaction = app.services.database.begin_at(tenant.tenant_id()).await?;
    check_types(&mut transaction, tenant.tenant_id(), &grants).await?;
    let user_id = match user_id {
        None => None,
        Some(id) => Some(existing_user(&mut transaction, tenant.tenant_id(), &id).await?),
    };
    let grants = grants.stored();
    let (id, usage) = (Uuid::now_v7(), Usage::default());
    let parts = new_secret(tenant.tenant_id(), id)?;
    let hash = certificate.clone().unwrap_or_else(|| parts.secret_hash());
    let certificate = certificate.map(|digest| format!("{digest:x}"));
    let token = Token { id, name, created: now, expires, user_id, grants, usage, certificate };
    let inserted = tokens::insert(&mut transaction, tenant.tenant_id(), &token, hash.as_bytes());
    inserted.await?.map_err(|CertificateTaken| {
        let detail = "the certificate is a credential of the tenant already";
        Problem::new(StatusCode::CONFLICT, detail).kind("certificate-taken")
    })?;
    let act = Act { action: "token.create", subject: &token.id.to_string(), at: now };
    let details = shown(&token)?;
    audit::insert_with(&mut transaction, tenant.tenant_id(), administrator.by(), act, &details)
        .await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, token = %token.id, "token created");
    // Who has a certificate has its key.
    let shown = match token.certificate {
        Some(_) => details,
        None => with_secret(&token, &parts)?,
    };
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

/// The digest of a certificate in PEM.
fn certificate_in(text: &str) -> Result<SecretHash, Problem> {
    certificate::of_pem(text)
        .ok_or_else(|| invalid("\"certificate\" must be one certificate in PEM".to_owned()))
}

/// When a credential is to expire.
fn future(text: &str, now: OffsetDateTime) -> Result<OffsetDateTime, Problem> {
    match value::instant(text) {
        Some(expires) if expires > now => Ok(expires),
        Some(_) => Err(invalid("\"expiresAt\" is in the past".to_owned())),
        None => Err(invalid(format!(
            "\"expiresAt\" must be a date and time such as 2030-01-31T12:00:00Z, not \"{text}\""
        ))),
    }
}

fn new_secret(tenant: TenantId, id: Uuid) -> Result<TokenParts, Problem> {
    TokenParts::generate(tenant, id).map_err(|error| {
        tracing::error!(%error, "no token can be made");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no token can be made at present")
    })
}

/// A token with its secret, which is shown this once.
fn with_secret(token: &Token, parts: &TokenParts) -> Result<Value, StoreError> {
    let mut shown = shown(token)?;
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("token".to_owned(), parts.reveal().into());
    }
    Ok(shown)
}

/// A name for people.
pub(super) fn check_label(name: &str) -> Result<(), Problem> {
    if name.is_empty() || name.len() > MAX_NAME || name.contains('\0') {
        return Err(invalid(format!("\"name\" must have 1 to {MAX_NAME} bytes")));
    }
    Ok(())
}

/// What the token is to be allowed: the permissions of a `role`, or `permissions`; that of a
/// provisioner where nothing is said. `mayExplain` adds one permission.
pub(super) fn grants(members: &mut Members) -> Result<Grants, Problem> {
    let role = members.optional_string("role")?;
    let permissions = members.optional_strings("permissions")?;
    let hidden = members.optional_strings("hidden")?.unwrap_or_default();
    let may_explain = members.optional_bool("mayExplain")?.unwrap_or(false);
    let mut permissions = match (role, permissions) {
        (Some(_), Some(_)) => {
            return Err(invalid("\"role\" and \"permissions\" exclude each other".to_owned()));
        }
        (Some(role), None) => {
            let known = ROLES.map(|(name, _)| format!("\"{name}\""));
            if !ROLES.iter().any(|(name, _)| *name == role) {
                let known = known.join(", ");
                return Err(invalid(format!("\"role\" must be one of {known}, not \"{role}\"")));
            }
            vec![role]
        }
        (None, Some(permissions)) => permissions,
        (None, None) => vec![PROVISIONER.to_owned()],
    };
    if may_explain {
        permissions.push(Permission::Explain.name().to_owned());
    }
    Grants::parse(&permissions, hidden).map_err(|unknown| {
        let known = Permission::ALL.map(Permission::name).join(", ");
        invalid(format!("\"permissions\": {unknown}; there are {known}, and \"scim:*\""))
    })
}

/// Nobody gives what they do not have, nor for longer than they have it.
pub(super) fn check_given(
    administrator: &Administrator,
    grants: &Grants,
    until: Option<OffsetDateTime>,
) -> Result<(), Problem> {
    let own = &administrator.principal;
    if own.may_give(grants, until) {
        return Ok(());
    }
    let detail = match own.ends.filter(|_| own.grants.covers(grants)) {
        Some(ends) => format!(
            "the credential would hold longer than yours, which expires at {}",
            value::timestamp(ends)
        ),
        None => {
            let own = own.grants.stored();
            let hidden = match &*own.hidden.join(", ") {
                "" => String::new(),
                hidden => format!(", and may not read: {hidden}"),
            };
            format!(
                "the credential has, or would have, permissions that you do not have; you have: \
                 {}{hidden}",
                own.permissions.join(", ")
            )
        }
    };
    Err(Problem::new(StatusCode::FORBIDDEN, detail).kind("permission-required"))
}

/// A permission for a type that the tenant does not have would silently be none, and an attribute that
/// no type has would silently not be hidden.
pub(super) async fn check_types(
    conn: &mut PgConnection,
    tenant: TenantId,
    grants: &Grants,
) -> Result<(), Problem> {
    if grants.types().next().is_none() && grants.hidden().is_empty() {
        return Ok(());
    }
    let registry = registry_of(&plugins::list(conn, tenant).await?).map_err(PluginError::from)?;
    if let Some(name) = grants.types().find(|it| registry.resource_type(it).is_none()) {
        let detail = format!("\"permissions\": the tenant has no resource type \"{name}\"");
        return Err(invalid(detail));
    }
    grants.hidden().iter().try_for_each(|path| check_hidden(&registry, path))
}

/// What is hidden has to be an attribute of some type, and none that every answer needs.
fn check_hidden(registry: &Registry, path: &str) -> Result<(), Problem> {
    let can_be_hidden = |resource_type: &ResourceType| match path::resolve(resource_type, path) {
        Err(_) => None,
        Ok(Target::Extension(schema)) => Some(schema.id != resource_type.schema.id),
        Ok(Target::Attribute(target)) => {
            let name = target.attribute.name.as_str();
            Some(target.extension.is_some() || !matches!(name, "id" | "schemas" | "meta"))
        }
    };
    let types: Vec<bool> =
        registry.resource_types().iter().filter_map(|it| can_be_hidden(it)).collect();
    if types.is_empty() {
        let detail = format!("\"hidden\": no resource type has an attribute \"{path}\"");
        return Err(invalid(detail));
    }
    if types.contains(&false) {
        return Err(invalid(format!("\"hidden\": \"{path}\" is part of every answer")));
    }
    Ok(())
}

/// A token without its secret.
fn shown(token: &Token) -> Result<Value, StoreError> {
    let may_explain = Grants::of_stored(token.grants.clone())?.allow(Permission::Explain);
    let mut shown = json!(token);
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("mayExplain".to_owned(), may_explain.into());
    }
    Ok(shown)
}

/// The id of a user of the tenant, a resource of a type over the core User schema, which is not deleted before
/// this transaction has ended.
async fn existing_user(
    transaction: &mut Administration,
    tenant: TenantId,
    id: &str,
) -> Result<Uuid, Problem> {
    let unknown = || unknown_user(id);
    // An id is compared as it is written (RFC 7643 §3.1, caseExact).
    let uuid = Uuid::parse_str(id).ok().filter(|it| it.to_string() == id).ok_or_else(unknown)?;
    let held = resources::hold(transaction.data().await?, tenant, uuid).await?;
    let name = held.ok_or_else(unknown)?;
    let registry =
        registry_of(&plugins::list(transaction, tenant).await?).map_err(PluginError::from)?;
    let is_user = registry.resource_type(&name).is_some_and(|it| it.schema.id == USER);
    if is_user { Ok(uuid) } else { Err(unknown()) }
}

fn unknown_user(id: impl Display) -> Problem {
    invalid(format!("\"userId\": the tenant has no user \"{id}\""))
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, id)): Path<(String, String)>,
) -> Answer {
    let (tenant_id, uuid) = (tenant.tenant_id(), Uuid::parse_str(&id).map_err(|_| unknown(&id))?);
    let mut transaction = app.services.database.begin_at(tenant.tenant_id()).await?;
    let token = tokens::lock(&mut transaction, tenant_id, uuid).await?;
    let details = shown(&token.ok_or_else(|| unknown(&id))?)?;
    tokens::delete(&mut transaction, tenant_id, uuid).await?;
    let act = Act { action: "token.revoke", subject: &uuid.to_string(), at: clock::now() };
    audit::insert_with(&mut transaction, tenant_id, administrator.by(), act, &details).await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, token = %uuid, "token revoked");
    Ok(StatusCode::NO_CONTENT.into_response())
}
