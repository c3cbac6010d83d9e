//! `/admin/v1/issuers`: whose JWTs are credentials of the tenant that a claim of theirs names.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::{App, error::Problem};
use super::issuers::{fetch_keys, read};
use super::{Administrator, Members, changed, invalid, issuers, page};
use crate::clock;
use crate::store::audit::{self, Act, NO_TENANT};
use crate::store::issuers::StoredIssuer;
use crate::store::operator_issuers::{self, OperatorIssuer};
use crate::store::realms::{self, Realm};
use crate::store::{Database, StoreError};
use crate::tenant::jwt::issuer::Issuer;

type Answer = Result<Response, Problem>;

/// At the most: a JWT may be tried with each.
const MAX_ISSUERS: i64 = 100;

pub(crate) async fn list(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer {
    let part = page::part(query.as_deref())?;
    let mut conn = app.services.database.read().await?;
    let page = operator_issuers::page(&mut conn, &part).await?;
    page::in_order(&page, |it| it.stored.id, |it| Ok(shown(it)?))
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    administrator: Administrator,
    mut members: Members,
) -> Answer {
    let realm = members.optional_string("realm")?;
    let (config, _) = read(&app, members.0, Issuer::of_operator)?;
    let now = clock::now();
    let mut transaction = app.services.database.begin().await?;
    if operator_issuers::count(&mut transaction).await? >= MAX_ISSUERS {
        let detail = format!("there are {MAX_ISSUERS} issuers, which is the limit");
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    let realm = held(&mut transaction, realm).await?;
    let issuer = OperatorIssuer {
        realm_id: realm.as_ref().map(|it| it.id),
        realm: realm.map(|it| it.name),
        stored: StoredIssuer {
            id: Uuid::now_v7(),
            issuer: config.issuer.clone(),
            config: json!(config).to_string(),
            anywhere: false,
            created: now,
            modified: now,
        },
    };
    operator_issuers::insert(&mut transaction, &issuer).await?;
    let act = Act { action: "issuer.create", subject: &issuer.stored.id.to_string(), at: now };
    let details = shown(&issuer)?;
    audit::insert_with(&mut transaction, NO_TENANT, administrator.by(), act, &details).await?;
    transaction.commit().await?;
    tracing::info!(issuer = %issuer.stored.id, "issuer of several tenants created");
    Ok((StatusCode::CREATED, Json(details)).into_response())
}

pub(crate) async fn replace(
    State(app): State<Arc<App>>,
    administrator: Administrator,
    Path(id): Path<String>,
    mut members: Members,
) -> Answer {
    let realm = members.optional_string("realm")?;
    let (config, _) = read(&app, members.0, Issuer::of_operator)?;
    let now = clock::now();
    let mut transaction = app.services.database.begin().await?;
    let before = operator_issuers::lock(&mut transaction, uuid(&id)?).await?;
    let before = before.ok_or_else(|| unknown(&id))?;
    let realm = held(&mut transaction, realm).await?;
    let issuer = OperatorIssuer {
        realm_id: realm.as_ref().map(|it| it.id),
        realm: realm.map(|it| it.name),
        stored: StoredIssuer {
            issuer: config.issuer.clone(),
            config: json!(config).to_string(),
            modified: now,
            ..before.stored.clone()
        },
    };
    operator_issuers::update(&mut transaction, &issuer).await?;
    let act = Act { action: "issuer.update", subject: &issuer.stored.id.to_string(), at: now };
    let (by, after) = (administrator.by(), shown(&issuer)?);
    let details = changed(&shown(&before)?, &after);
    audit::insert_with(&mut transaction, NO_TENANT, by, act, &details).await?;
    transaction.commit().await?;
    tracing::info!(issuer = %issuer.stored.id, "issuer of several tenants changed");
    Ok(Json(after).into_response())
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    administrator: Administrator,
    Path(id): Path<String>,
) -> Answer {
    let uuid = uuid(&id)?;
    let mut transaction = app.services.database.begin().await?;
    if !operator_issuers::delete(&mut transaction, uuid).await? {
        return Err(unknown(&id));
    }
    let act = Act { action: "issuer.delete", subject: &uuid.to_string(), at: clock::now() };
    audit::insert(&mut transaction, NO_TENANT, administrator.by(), act).await?;
    transaction.commit().await?;
    tracing::info!(issuer = %uuid, "issuer of several tenants deleted");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Fetches the keys of an issuer now, for JWTs that come to this server.
pub(crate) async fn refresh(
    State(app): State<Arc<App>>,
    administrator: Administrator,
    Path(id): Path<String>,
) -> Answer {
    let issuer = find(&app.services.database, &id).await?;
    fetch_keys(&app, &issuer.stored).await?;
    let act = Act { action: "issuer.refresh", subject: &id, at: clock::now() };
    let mut conn = app.services.database.autocommit().await?;
    let told = audit::insert(&mut conn, NO_TENANT, administrator.by(), act).await;
    conn.finish(told).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn find(database: &Database, id: &str) -> Result<OperatorIssuer, Problem> {
    let mut conn = database.read().await?;
    let issuer = operator_issuers::get(&mut conn, uuid(id)?).await?;
    issuer.ok_or_else(|| unknown(id))
}

/// The realm of that name or id, which stays until the transaction ends.
async fn held(conn: &mut PgConnection, realm: Option<String>) -> Result<Option<Realm>, Problem> {
    let Some(name) = realm else { return Ok(None) };
    let realm = realms::get(conn, &name).await?;
    match realm {
        Some(realm) if realms::hold(conn, realm.id).await? => Ok(Some(realm)),
        _ => Err(invalid(format!("\"realm\": there is no realm \"{name}\""))),
    }
}

fn shown(issuer: &OperatorIssuer) -> Result<Value, StoreError> {
    let mut shown = issuers::shown(&issuer.stored)?;
    if let Value::Object(members) = &mut shown {
        members.insert("realm".to_owned(), json!(issuer.realm));
    }
    Ok(shown)
}

fn uuid(id: &str) -> Result<Uuid, Problem> {
    Uuid::parse_str(id).map_err(|_| unknown(id))
}

fn unknown(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no issuer \"{id}\" of the operator"))
}
