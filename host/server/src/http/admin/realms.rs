//! `/admin/v1/realms`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::{App, error::Problem};
use super::{Administrator, Members, check_name, page};
use crate::clock;
use crate::store::audit::{self, Act, NO_TENANT};
use crate::store::realms::{self, InUse, Realm};
use crate::store::tenants::NameTaken;

type Answer = Result<Response, Problem>;

pub(crate) async fn list(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer {
    let part = page::part(query.as_deref())?;
    let mut conn = app.services.database.read().await?;
    let page = realms::page(&mut conn, &part).await?;
    page::in_order(&page, |it| it.name.clone(), |it| Ok(json!(it)))
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    administrator: Administrator,
    mut members: Members,
) -> Answer {
    let name = members.string("name")?;
    members.finish()?;
    check_name("realm", &name)?;
    let now = clock::now();
    let realm = Realm { id: Uuid::now_v7(), name, created: now, modified: now };
    let mut transaction = app.services.database.begin().await?;
    realms::insert(&mut transaction, &realm).await?.map_err(|NameTaken| {
        let detail = format!("another realm is called \"{}\"", realm.name);
        Problem::new(StatusCode::CONFLICT, detail).kind("name-taken")
    })?;
    let act = Act { action: "realm.create", subject: &realm.id.to_string(), at: now };
    let (by, details) = (administrator.by(), json!({ "name": realm.name }));
    audit::insert_with(&mut transaction, NO_TENANT, by, act, &details).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Json(realm)).into_response())
}

pub(crate) async fn get(State(app): State<Arc<App>>, Path(realm): Path<String>) -> Answer {
    let mut conn = app.services.database.read().await?;
    Ok(Json(named(&mut conn, &realm).await?).into_response())
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path(realm): Path<String>,
    administrator: Administrator,
) -> Answer {
    let mut transaction = app.services.database.begin().await?;
    let realm = named(&mut transaction, &realm).await?;
    realms::delete(&mut transaction, realm.id).await?.map_err(|InUse| {
        let detail =
            "tenants, entry points or issuers belong to the realm: give them to another first";
        Problem::new(StatusCode::CONFLICT, detail).kind("realm-in-use")
    })?;
    let act = Act { action: "realm.delete", subject: &realm.id.to_string(), at: clock::now() };
    let (by, details) = (administrator.by(), json!({ "name": realm.name }));
    audit::insert_with(&mut transaction, NO_TENANT, by, act, &details).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The realm of that name or id; 404 where there is none.
pub(super) async fn named(conn: &mut PgConnection, name_or_id: &str) -> Result<Realm, Problem> {
    let realm = realms::get(conn, name_or_id).await?;
    realm.ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, format!("there is no realm \"{name_or_id}\""))
    })
}
