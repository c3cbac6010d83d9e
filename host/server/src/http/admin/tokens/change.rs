//! What is changed of a token while it is in use.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::super::super::{App, error::Problem};
use super::super::{Administrator, ForTenant, Members, changed, invalid};
use super::{Answer, check_given, check_label, check_types, future, grants, new_secret, shown};
use crate::clock;
use crate::store::audit::{self, Act};
use crate::store::credentials::{self, Kind};
use crate::store::tokens;
use crate::tenant::access::{Grants, PrincipalKind};

/// How long a secret is accepted beside the next one, where nothing is said.
const OVERLAP: i64 = 24 * 60 * 60;
const LONGEST_OVERLAP: i64 = 30 * OVERLAP;

/// RFC 7396: what is not there stays, and `null` for `expiresAt` is never.
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    Path((_, id)): Path<(String, String)>,
    mut members: Members,
) -> Answer {
    let (tenant_id, now) = (tenant.tenant_id(), clock::now());
    let mut transaction = app.services.database.begin_at(tenant.tenant_id()).await?;
    let uuid = Uuid::parse_str(&id).map_err(|_| unknown(&id))?;
    let token = tokens::lock(&mut transaction, tenant_id, uuid).await?;
    let mut token = token.ok_or_else(|| unknown(&id))?;
    let (before, told_before) = (Grants::of_stored(token.grants.clone())?, shown(&token)?);
    // Who may not give what it has is not to change who has it.
    check_given(&administrator, &before, token.expires)?;
    if let Some(name) = members.optional_string("name")? {
        check_label(&name)?;
        token.name = name;
    }
    if let Some(expires) = members.take("expiresAt") {
        token.expires = expiry(expires, now)?;
    }
    let after = grants_after(&mut members, &before)?;
    members.finish()?;
    if after != before && administrator.principal.kind == PrincipalKind::Token(uuid) {
        let detail = "a token cannot change what it may do itself; ask another administrator";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail).kind("permission-required"));
    }
    check_given(&administrator, &after, token.expires)?;
    check_types(&mut transaction, tenant_id, &after).await?;
    token.grants = after.stored();
    tokens::update(&mut transaction, tenant_id, &token).await?;
    let act = Act { action: "token.update", subject: &uuid.to_string(), at: now };
    let details = changed(&told_before, &shown(&token)?);
    audit::insert_with(&mut transaction, tenant_id, administrator.by(), act, &details).await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, token = %uuid, "token changed");
    Ok(Json(shown(&token)?).into_response())
}

/// Gives the token another secret; the one that it had is accepted for a while.
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
    let token = tokens::lock(&mut transaction, tenant_id, uuid).await?;
    let mut token = token.ok_or_else(|| unknown(&id))?;
    if token.certificate.is_some() {
        return Err(invalid("a certificate has no secret: add the one that follows it".to_owned()));
    }
    // Who gets the secret has what the token has.
    check_given(&administrator, &Grants::of_stored(token.grants.clone())?, token.expires)?;
    let parts = new_secret(tenant_id, uuid)?;
    let (kind, hash) = (Kind::Token, parts.secret_hash());
    credentials::rotate(&mut transaction, tenant_id, kind, uuid, hash.as_bytes(), until).await?;
    let act = Act { action: "token.rotate", subject: &uuid.to_string(), at: now };
    let details = json!({ "overlapSeconds": overlap.whole_seconds() });
    audit::insert_with(&mut transaction, tenant_id, administrator.by(), act, &details).await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, token = %uuid, "secret of a token replaced");
    token.usage.previous_until = Some(until);
    Ok(Json(super::with_secret(&token, &parts)?).into_response())
}

/// How long the secret that is replaced is accepted: `overlapSeconds`.
pub(crate) fn overlap(members: &mut Members) -> Result<Duration, Problem> {
    let seconds = match members.take("overlapSeconds") {
        None => Some(OVERLAP),
        Some(value) => value.as_i64().filter(|it| (0..=LONGEST_OVERLAP).contains(it)),
    };
    seconds.map(Duration::seconds).ok_or_else(|| {
        invalid(format!("\"overlapSeconds\" must be a whole number from 0 to {LONGEST_OVERLAP}"))
    })
}

fn expiry(value: Value, now: OffsetDateTime) -> Result<Option<OffsetDateTime>, Problem> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => future(&text, now).map(Some),
        _ => Err(invalid("\"expiresAt\" must be a string, or null for never".to_owned())),
    }
}

/// What the token may do from now on. Of the members that say so, those that are not there are as they
/// were.
fn grants_after(members: &mut Members, before: &Grants) -> Result<Grants, Problem> {
    if members.has("mayExplain") {
        return Err(invalid(
            "\"mayExplain\" is for new tokens; name all \"permissions\"".to_owned(),
        ));
    }
    if let Some(name) = ["permissions", "role"].into_iter().find(|name| members.is_null(name)) {
        return Err(invalid(format!(
            "\"{name}\" must not be null: name what the token may do, or leave it out to keep that"
        )));
    }
    let stored = before.stored();
    if !members.has("role") {
        members.or_insert("permissions", json!(stored.permissions));
    }
    members.or_insert("hidden", json!(stored.hidden));
    grants(members)
}

pub(super) fn unknown(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("the tenant has no token \"{id}\""))
}
