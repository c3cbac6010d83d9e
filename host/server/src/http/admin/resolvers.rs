//! `/admin/v1/realms/{realm}/resolver`: the plugin that says which tenant of a realm a request is for.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_plugin::Capability;
use tenon_scim::value::timestamp;

use super::super::{App, error::Problem};
use super::realms::named;
use super::{Administrator, Members, invalid};
use crate::clock;
use crate::store::audit::{self, Act, NO_TENANT};
use crate::store::realm_resolvers::{self, RealmResolver};
use crate::store::tenants::Tenant;
use crate::store::{plugins, realms, tenants};
use crate::tenant::access::Grants;

type Answer = Result<Response, Problem>;

/// Headers that a resolver sees at the most.
const MAX_HEADERS: usize = 16;

pub(crate) async fn get(State(app): State<Arc<App>>, Path(realm): Path<String>) -> Answer {
    let mut conn = app.services.database.read().await?;
    let realm = named(&mut conn, &realm).await?;
    let resolver = realm_resolvers::get(&mut conn, realm.id).await?;
    let resolver = resolver.ok_or_else(|| none(&realm.name))?;
    Ok(Json(shown(&resolver)).into_response())
}

pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Path(realm): Path<String>,
    administrator: Administrator,
    mut members: Members,
) -> Answer {
    let (tenant, plugin) = (members.string("tenant")?, members.string("plugin")?);
    let permissions = members.optional_strings("permissions")?;
    let permissions = permissions.ok_or_else(|| {
        invalid("\"permissions\" is required: what it may give at the most".to_owned())
    })?;
    let headers = members.optional_strings("headers")?;
    members.finish()?;
    let grants = Grants::parse(&permissions, Vec::new());
    let grants = grants.map_err(|error| invalid(format!("\"permissions\": {error}")))?;
    let headers = headers.map_or_else(|| Ok(vec![header::AUTHORIZATION.to_string()]), names)?;

    let mut transaction = app.services.database.begin().await?;
    let realm = named(&mut transaction, &realm).await?;
    realms::hold(&mut transaction, realm.id).await?;
    let tenant = that_has(&mut transaction, &tenant, &plugin).await?;
    let resolver = RealmResolver {
        realm_id: realm.id,
        tenant_id: tenant.tenant_id().0,
        plugin,
        permissions: grants.stored().permissions,
        headers,
        created: clock::now(),
    };
    realm_resolvers::put(&mut transaction, &resolver).await?;
    let (subject, at) = (realm.id.to_string(), resolver.created);
    let act = Act { action: "realm.resolver.put", subject: &subject, at };
    let (by, details) = (administrator.by(), shown(&resolver));
    audit::insert_with(&mut transaction, NO_TENANT, by, act, &details).await?;
    transaction.commit().await?;
    Ok(Json(shown(&resolver)).into_response())
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path(realm): Path<String>,
    administrator: Administrator,
) -> Answer {
    let mut transaction = app.services.database.begin().await?;
    let realm = named(&mut transaction, &realm).await?;
    if !realm_resolvers::delete(&mut transaction, realm.id).await? {
        return Err(none(&realm.name));
    }
    let subject = realm.id.to_string();
    let act = Act { action: "realm.resolver.delete", subject: &subject, at: clock::now() };
    audit::insert_with(&mut transaction, NO_TENANT, administrator.by(), act, &Value::Null).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The tenant, if its plugin has a version that resolves.
async fn that_has(conn: &mut PgConnection, tenant: &str, plugin: &str) -> Result<Tenant, Problem> {
    let found = tenants::get(conn, tenant).await?;
    let found = found.ok_or_else(|| invalid(format!("there is no tenant \"{tenant}\"")))?;
    let versions = plugins::get(conn, found.tenant_id(), plugin).await?.map(|it| it.versions);
    let resolves = versions
        .is_some_and(|it| it.iter().any(|it| it.capabilities.contains(&Capability::Resolver)));
    if !resolves {
        let detail = format!(
            "the tenant \"{tenant}\" has no plugin \"{plugin}\" with a version that exports `resolver`"
        );
        return Err(invalid(detail));
    }
    Ok(found)
}

/// Names of headers, in lower case.
fn names(given: Vec<String>) -> Result<Vec<String>, Problem> {
    if given.len() > MAX_HEADERS {
        return Err(invalid(format!("\"headers\" may name {MAX_HEADERS} at the most")));
    }
    let name = |text: String| {
        let name = HeaderName::try_from(&text).map(|name| name.as_str().to_owned());
        name.map_err(|_| invalid(format!("\"headers\": \"{text}\" is not the name of a header")))
    };
    given.into_iter().map(name).collect()
}

fn none(realm: &str) -> Problem {
    let detail = format!("the realm \"{realm}\" has no resolver; PUT attaches one");
    Problem::new(StatusCode::NOT_FOUND, detail)
}

fn shown(resolver: &RealmResolver) -> Value {
    json!({
        "tenant": resolver.tenant_id,
        "plugin": resolver.plugin,
        "permissions": resolver.permissions,
        "headers": resolver.headers,
        "created": timestamp(resolver.created),
    })
}
