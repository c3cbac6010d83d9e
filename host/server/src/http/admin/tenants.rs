//! `/admin/v1/tenants`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_scim::Registry;
use tenon_scim::value::timestamp;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::App;
use super::super::error::Problem;
use super::{Administrator, ForTenant, Members, changed, check_name, invalid, moves, placement};
use crate::clock;
use crate::service::plugins::PluginError;
use crate::store::audit::{self, Act, By};
use crate::store::counters::Warning;
use crate::store::database::Administration;
use crate::store::own_databases::DatabaseUrl;
use crate::store::requests::Logged;
use crate::store::tenants::{self, ExternalKeyTaken, NameTaken, State as TenantState, Tenant};
use crate::store::{StoreError, TenantId, counters, plugins, realms};
use crate::tenant::indexes;
use crate::tenant::limits::{ConfiguredLimits, Limits};
use crate::tenant::runtime::registry_of;

mod list;
mod members;
mod removal;

pub(crate) use self::list::list;
use self::members::{Resolution, dialect, external_key, held, public_discovery, request_log};
pub(crate) use self::removal::delete;

type Answer = Result<Response, Problem>;

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    administrator: Administrator,
    mut members: Members,
) -> Answer {
    let name = members.string("name")?;
    let dialect = dialect(&mut members)?.unwrap_or_default();
    let limits = members.take("limits").unwrap_or_default();
    let external_key = external_key(&mut members)?.flatten();
    let target = placement::take(&mut members)?;
    members.finish()?;
    check_name("tenant", &name)?;
    let limits = TenantLimits::merged("{}", limits)?;
    limits.check_types(&Registry::core())?;
    let (id, now) = (Uuid::now_v7(), clock::now());
    let placement = target.placement();
    let (created, modified) = (now, now);
    let (limits_text, suspended) = (limits.text()?, None);
    let request_log = Logged::default();
    let tenant = Tenant {
        id,
        name,
        external_key,
        dialect,
        limits: limits_text,
        request_log,
        public_discovery: false,
        realm: None,
        placement,
        database: target.url().map(DatabaseUrl::shown),
        suspended,
        created,
        modified,
    };
    let mut transaction = app.services.database.begin().await?;
    tenants::insert(&mut transaction, &tenant).await?.map_err(|NameTaken| taken(&tenant.name))?;
    set_external_key(&mut transaction, tenant.tenant_id(), tenant.external_key.as_deref()).await?;
    let (services, id) = (&app.services, tenant.tenant_id());
    let made = services.make_place(&mut transaction, id, &target, placement).await;
    let mut apart = made.map_err(placement::not_made)?;
    indexes::insert_for_new_tenant(&mut transaction, tenant.tenant_id()).await?;
    let request_id = administrator.by().request_id;
    let quotas = limits.quotas();
    let data = apart.as_mut().unwrap_or(&mut transaction);
    counters::set_limits(data, id, &quotas, request_id, now).await?;
    let act = Act { action: "tenant.create", subject: &tenant.id.to_string(), at: now };
    let (by, details) = (administrator.by(), shown(&app, &tenant));
    audit::insert_with(&mut transaction, tenant.tenant_id(), by, act, &details).await?;
    transaction.commit().await?;
    tracing::info!(tenant = tenant.name, id = %tenant.id, "tenant created");
    let location = format!("{}/admin/v1/tenants/{}", app.public_url, tenant.id);
    let headers = [(header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, Json(shown(&app, &tenant))).into_response())
}

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    tenant: Result<ForTenant, Problem>,
    Path(name_or_id): Path<String>,
) -> Answer {
    let shown = match tenant {
        Ok(ForTenant(tenant)) => {
            let mut shown = shown(&app, &tenant);
            let moving = app.services.tenants_move(tenant.tenant_id()).await?;
            if let (Some(moving), Some(shown)) = (moving, shown.as_object_mut()) {
                shown.insert("move".to_owned(), moves::shown(&tenant, Some(&moving)));
            }
            shown
        }
        Err(problem) => {
            removal::shown(&removal::in_progress(&app, &name_or_id).await?.ok_or(problem)?)
        }
    };
    Ok(Json(shown).into_response())
}

pub(crate) async fn update(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    mut members: Members,
) -> Answer {
    if members.has("placement") {
        if !administrator.is_operator() {
            return Err(for_the_operator("placement"));
        }
        return moves::begin(State(app), ForTenant(tenant), administrator, members).await;
    }
    let name = members.optional_string("name")?.filter(|name| *name != tenant.name);
    let dialect = dialect(&mut members)?.filter(|dialect| *dialect != tenant.dialect);
    let limits = members.take("limits");
    let request_log = request_log(&mut members)?.filter(|it| *it != tenant.request_log);
    let discovery = public_discovery(&mut members)?.filter(|it| *it != tenant.public_discovery);
    let resolution = Resolution::take(&mut members)?;
    let external_key = external_key(&mut members)?.filter(|it| *it != tenant.external_key);
    members.finish()?;
    if resolution.is_some() && !administrator.is_operator() {
        return Err(for_the_operator("resolution"));
    }
    if external_key.is_some() && !administrator.is_operator() {
        return Err(for_the_operator("externalKey"));
    }
    if limits.is_some() && !administrator.is_operator() {
        return Err(for_the_operator("limits"));
    }
    if let Some(name) = &name {
        check_name("tenant", name)?;
        if !administrator.is_operator() {
            return Err(for_the_operator("name"));
        }
    }
    let mut warnings = Vec::new();
    let mut transaction = app.services.database.begin_at(tenant.tenant_id()).await?;
    let of_operator =
        [name.is_some(), limits.is_some(), resolution.is_some(), external_key.is_some()];
    let of_tenant = [dialect.is_some(), request_log.is_some(), discovery.is_some()];
    if of_operator.contains(&true) || of_tenant.contains(&true) {
        let (id, now) = (tenant.tenant_id(), clock::now());
        let limits = match limits {
            Some(limits) => {
                let by = administrator.by();
                let (limits, warned) =
                    change_limits(&mut transaction, (id, by, now), limits).await?;
                warnings = warned;
                Some(limits)
            }
            None => None,
        };
        let (name, limits) = (name.as_deref(), limits.as_deref());
        tenants::update(&mut transaction, id, name, dialect, limits, now)
            .await?
            .map_err(|NameTaken| taken(name.unwrap_or_default()))?;
        if let Some(request_log) = request_log {
            tenants::set_request_log(&mut transaction, id, request_log).await?;
        }
        if let Some(is_public) = discovery {
            tenants::set_public_discovery(&mut transaction, id, is_public).await?;
        }
        if let Some(external_key) = external_key {
            set_external_key(&mut transaction, id, external_key.as_deref()).await?;
        }
        if let Some(Resolution { realm }) = resolution {
            let realm = held(&mut transaction, realm.as_deref()).await?;
            realms::set(&mut transaction, id, realm).await?;
        }
        let after = tenants::get(&mut transaction, &tenant.id.to_string()).await?;
        let after = after.map(|after| shown(&app, &after)).unwrap_or_default();
        let details = changed(&shown(&app, &tenant), &after);
        let act = Act { action: "tenant.update", subject: &tenant.id.to_string(), at: now };
        audit::insert_with(&mut transaction, id, administrator.by(), act, &details).await?;
        let dialect = dialect.map(|dialect| dialect.name);
        tracing::info!(tenant = tenant.name, id = %tenant.id, name, dialect, "tenant updated");
    }
    let updated = tenants::get(&mut transaction, &tenant.id.to_string()).await?;
    transaction.commit().await?;
    for warning in &warnings {
        app.services.warn_of_quota(tenant.tenant_id(), warning);
    }
    let updated = updated.unwrap_or(tenant);
    Ok(Json(shown(&app, &updated)).into_response())
}

/// Changes the limits of a tenant, those of the database at once; what is to be stored of them, and of
/// which quotas 80 % are used by that.
async fn change_limits(
    transaction: &mut Administration,
    (tenant, by, now): (TenantId, By<'_>, OffsetDateTime),
    changes: Value,
) -> Result<(String, Vec<Warning>), Problem> {
    let before = tenants::limits_to_change(transaction, tenant).await?;
    let limits = TenantLimits::merged(&before, changes)?;
    let registry = registry_of(&plugins::list(transaction, tenant).await?);
    let registry = registry.map_err(PluginError::from)?;
    limits.check_types(&registry)?;
    let quotas = limits.quotas();
    let data = transaction.data().await?;
    let warnings = counters::set_limits(data, tenant, &quotas, by.request_id, now).await?;
    Ok((limits.text()?, warnings))
}

/// The limits of a tenant, as they are configured and as they hold.
struct TenantLimits {
    configured: ConfiguredLimits,
    limits: Limits,
    /// The types that the request names.
    named: Vec<String>,
}

impl TenantLimits {
    /// With these changes (RFC 7396: what is absent stays, null is the default).
    fn merged(before: &str, changes: Value) -> Result<Self, Problem> {
        let named = changes.get("maxResources").and_then(Value::as_object);
        let named = named.map(|types| types.keys().cloned().collect()).unwrap_or_default();
        if !changes.is_object() && !changes.is_null() {
            return Err(invalid("\"limits\" must be an object".to_owned()));
        }
        let before = json!(ConfiguredLimits::of_stored(before)?);
        let after = if changes.is_null() { json!({}) } else { merge(before, changes) };
        let configured = serde_json::from_value::<ConfiguredLimits>(after);
        let configured = configured.map_err(|error| invalid(format!("\"limits\": {error}")))?;
        let limits =
            Limits::of(&configured).map_err(|error| invalid(format!("\"limits\": {error}")))?;
        Ok(Self { configured, limits, named })
    }

    /// A limit for a type that the tenant does not have would silently be none.
    fn check_types(&self, registry: &Registry) -> Result<(), Problem> {
        match self.named.iter().find(|it| registry.resource_type(it).is_none()) {
            None => Ok(()),
            Some(name) => Err(invalid(format!(
                "\"maxResources\": the tenant has no resource type \"{name}\""
            ))),
        }
    }

    fn quotas(&self) -> Vec<(&str, i64)> {
        let quotas = self.limits.quotas.iter();
        quotas.map(|(name, max)| (name.as_str(), i64::try_from(*max).unwrap_or(i64::MAX))).collect()
    }

    fn text(&self) -> Result<String, Problem> {
        let text = serde_json::to_string(&self.configured);
        Ok(text.map_err(|source| StoreError::Corrupt { what: "limits", source })?)
    }
}

/// RFC 7396 §2.
fn merge(target: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else { return patch };
    let mut merged = match target {
        Value::Object(target) => target,
        _ => serde_json::Map::new(),
    };
    for (name, value) in patch {
        if value.is_null() {
            merged.shift_remove(&name);
        } else {
            let before = merged.get(&name).cloned().unwrap_or_default();
            merged.insert(name, merge(before, value));
        }
    }
    Value::Object(merged)
}

async fn set_external_key(
    conn: &mut PgConnection,
    tenant: TenantId,
    key: Option<&str>,
) -> Result<(), Problem> {
    tenants::set_external_key(conn, tenant, key).await?.map_err(|ExternalKeyTaken| {
        let detail = format!("another tenant has the external key \"{}\"", key.unwrap_or_default());
        Problem::new(StatusCode::CONFLICT, detail).kind("external-key-taken")
    })
}

pub(super) fn shown(app: &App, tenant: &Tenant) -> Value {
    let mut shown = json!(tenant);
    if let Some(shown) = shown.as_object_mut() {
        let is_suspended = tenant.suspended.is_some();
        let state = if is_suspended { TenantState::Suspended } else { TenantState::Active };
        shown.insert("state".to_owned(), state.name().into());
        if let Some(suspended) = tenant.suspended {
            shown.insert("suspendedAt".to_owned(), timestamp(suspended).into());
        }
        // Those of a realm are where its entry points are.
        if tenant.realm.is_none() {
            shown.insert("scimUrl".to_owned(), app.resolver.service_url(&tenant.name).into());
        }
        shown.insert("resolution".to_owned(), json!({ "realm": tenant.realm }));
        let limits: Value = serde_json::from_str(&tenant.limits).unwrap_or_default();
        shown.insert("limits".to_owned(), limits);
        shown.insert("placement".to_owned(), placement::shown_of(tenant));
        shown.insert("discovery".to_owned(), json!({ "public": tenant.public_discovery }));
        shown.insert("requestLog".to_owned(), tenant.request_log.name().into());
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
