//! `/admin/v1/realms/{realm}/entry-points`, `/admin/v1/tenants/{tenant}/entry-points`: hosts, prefixes
//! of paths and values of headers, and to what they are bound.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::super::{App, error::Problem};
use super::realms::named;
use super::{Administrator, ForTenant, Members, invalid, page};
use crate::clock;
use crate::store::audit::{self, Act, NO_TENANT};
use crate::store::entry_points::{self, Bound, EntryPoint, Kind, Taken};
use crate::store::page::Part;
use crate::store::{TenantId, realms, removal};
use crate::tenant::resolve::EntrySettings;
use crate::tenant::resolve::template::{is_host, is_prefix};

type Answer = Result<Response, Problem>;

pub(crate) async fn list_of_realm(
    State(app): State<Arc<App>>,
    Path(realm): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let part = page::part(query.as_deref())?;
    let mut conn = app.services.database.read().await?;
    let realm = named(&mut conn, &realm).await?;
    list(&mut conn, Bound::Realm(realm.id), &part).await
}

pub(crate) async fn list_of_tenant(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    RawQuery(query): RawQuery,
) -> Answer {
    let part = page::part(query.as_deref())?;
    let mut conn = app.services.database.read().await?;
    list(&mut conn, Bound::Tenant(tenant.tenant_id()), &part).await
}

pub(crate) async fn bind_to_realm(
    State(app): State<Arc<App>>,
    Path(realm): Path<String>,
    administrator: Administrator,
    members: Members,
) -> Answer {
    let wanted = Wanted::of(members, &app.resolver.settings)?;
    let mut conn = app.services.database.read().await?;
    let realm = named(&mut conn, &realm).await?;
    drop(conn);
    bind(&app, &administrator, Bound::Realm(realm.id), wanted).await
}

pub(crate) async fn bind_to_tenant(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    members: Members,
) -> Answer {
    let wanted = Wanted::of(members, &app.resolver.settings)?;
    bind(&app, &administrator, Bound::Tenant(tenant.tenant_id()), wanted).await
}

pub(crate) async fn unbind_from_realm(
    State(app): State<Arc<App>>,
    Path((realm, kind, value)): Path<(String, String, String)>,
    administrator: Administrator,
) -> Answer {
    let mut conn = app.services.database.read().await?;
    let realm = named(&mut conn, &realm).await?;
    drop(conn);
    unbind(&app, &administrator, Bound::Realm(realm.id), &kind, &value).await
}

pub(crate) async fn unbind_from_tenant(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    Path((_, kind, value)): Path<(String, String, String)>,
    administrator: Administrator,
) -> Answer {
    unbind(&app, &administrator, Bound::Tenant(tenant.tenant_id()), &kind, &value).await
}

/// An entry point that is to be bound, as it is compared.
struct Wanted {
    kind: Kind,
    value: String,
}

impl Wanted {
    fn of(mut members: Members, settings: &EntrySettings) -> Result<Self, Problem> {
        let (kind, value) = (members.string("kind")?, members.string("value")?);
        members.finish()?;
        let kind = kind_of(&kind).ok_or_else(|| {
            invalid(format!("\"kind\" must be \"host\", \"path\" or \"header\", not \"{kind}\""))
        })?;
        let checked = match kind {
            Kind::Host => host(&value),
            Kind::Path => path(&value, settings),
            Kind::Header => header(&value, settings),
        };
        let value = checked.map_err(|expected| {
            invalid(format!("\"value\" must be {expected}, not \"{value}\""))
        })?;
        Ok(Self { kind, value })
    }
}

fn kind_of(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == name)
}

fn host(value: &str) -> Result<String, &'static str> {
    let host = value.to_ascii_lowercase();
    if is_host(&host) { Ok(host) } else { Err("a host name without a port") }
}

/// A prefix below which paths were found until now would take them away.
fn path(value: &str, settings: &EntrySettings) -> Result<String, &'static str> {
    const TAKEN: [&str; 6] = ["/admin", "/health", "/ready", "/metrics", "/.well-known", "/scim"];
    let begins = |it: &str| value == it || value.starts_with(&format!("{it}/"));
    let is_taken =
        TAKEN.iter().any(|it| begins(it)) || settings.paths.iter().any(|it| it.has_below(value));
    if is_prefix(value) && !is_taken {
        return Ok(value.to_owned());
    }
    Err("what paths begin with, such as /eu, and neither a path of the server nor below one of \
         tenants' services")
}

fn header(value: &str, settings: &EntrySettings) -> Result<String, &'static str> {
    const EXPECTED: &str =
        "one of the headers of tenant_headers with a value, such as x-tenant-id: eu";
    let (name, value) = value.split_once(':').ok_or(EXPECTED)?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| EXPECTED)?;
    let value = value.trim();
    let is_header = settings.headers.iter().any(|it| it == name.as_str())
        && (1..=256).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if is_header { Ok(format!("{name}: {value}")) } else { Err(EXPECTED) }
}

async fn list(conn: &mut PgConnection, of: Bound, part: &Part<String>) -> Answer {
    let page = entry_points::page(conn, of, part).await?;
    page::in_order(&page, EntryPoint::key, |it| Ok(json!(it)))
}

async fn bind(app: &App, administrator: &Administrator, to: Bound, wanted: Wanted) -> Answer {
    let Wanted { kind, value } = wanted;
    let now = clock::now();
    let mut transaction = app.services.database.begin_at(recorded_with(to)).await?;
    let is_there = match to {
        Bound::Realm(realm) => realms::hold(&mut transaction, realm).await?,
        Bound::Tenant(tenant) => removal::hold(&mut transaction, tenant).await?,
    };
    if !is_there {
        return Err(Problem::new(StatusCode::NOT_FOUND, "it has been removed meanwhile"));
    }
    let bound = entry_points::insert(&mut transaction, to, kind, &value, now).await?;
    bound.map_err(|Taken| {
        let detail = format!("the {} \"{value}\" is bound already", kind.name());
        Problem::new(StatusCode::CONFLICT, detail).kind("entry-point-taken")
    })?;
    tell(&mut transaction, administrator, to, "entry-point.bind", kind, &value).await?;
    transaction.commit().await?;
    let shown = EntryPoint { kind: kind.name().to_owned(), value, created: now };
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

async fn unbind(
    app: &App,
    administrator: &Administrator,
    from: Bound,
    kind: &str,
    value: &str,
) -> Answer {
    let unknown =
        || Problem::new(StatusCode::NOT_FOUND, format!("no {kind} \"{value}\" is bound here"));
    let kind = kind_of(kind).filter(|_| !value.contains('\0')).ok_or_else(unknown)?;
    let mut transaction = app.services.database.begin_at(recorded_with(from)).await?;
    if !entry_points::delete(&mut transaction, from, kind, value).await? {
        return Err(unknown());
    }
    tell(&mut transaction, administrator, from, "entry-point.unbind", kind, value).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// In whose audit log it is.
fn recorded_with(whose: Bound) -> TenantId {
    match whose {
        Bound::Realm(_) => NO_TENANT,
        Bound::Tenant(tenant) => tenant,
    }
}

/// Puts it on record: a tenant's with the tenant's.
async fn tell(
    conn: &mut PgConnection,
    administrator: &Administrator,
    whose: Bound,
    action: &str,
    kind: Kind,
    value: &str,
) -> Result<(), Problem> {
    let tenant = recorded_with(whose);
    let details = match whose {
        Bound::Realm(realm) => json!({ "realm": realm }),
        Bound::Tenant(_) => Value::Null,
    };
    let subject = format!("{} {value}", kind.name());
    let act = Act { action, subject: &subject, at: clock::now() };
    Ok(audit::insert_with(conn, tenant, administrator.by(), act, &details).await?)
}
