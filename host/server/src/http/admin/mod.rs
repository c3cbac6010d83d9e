//! The admin API, for the operator and for the administrators of a tenant.

pub(super) mod audit;
mod audit_export;
pub(super) mod clients;
pub(super) mod condition;
pub(super) mod deliveries;
pub(super) mod entry_points;
pub(super) mod explain;
pub(super) mod indexes;
pub(super) mod issuers;
pub(super) mod moves;
pub(super) mod operator_issuers;
mod page;
mod placement;
pub(super) mod plugins;
pub(super) mod realms;
pub(super) mod requests;
pub(super) mod resolvers;
pub(super) mod shares;
pub(super) mod substrings;
pub(super) mod suspension;
pub(super) mod tenants;
pub(super) mod tokens;
pub(super) mod transfer;

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde_json::Value;
use tenon_scim::Object;

use super::App;
use super::body::{self, JSON_TYPES};
use super::error::{Problem, ScimError};
use super::guard::Admitted;
use super::observe::{RequestId, facts_of};
use uuid::Uuid;

use crate::service::facts::Facts;
use crate::service::{self, Error};
use crate::store;
use crate::store::audit::By;
use crate::store::tenants::Tenant;
use crate::tenant::access::{Principal, PrincipalKind};

/// The tenant that the path names, by name or id; 404 where there is none. That of a tenant's
/// administrator is their own.
pub(crate) struct ForTenant(Tenant);

impl FromRequestParts<Arc<App>> for ForTenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let unknown = |name: &str| {
            Problem::new(StatusCode::NOT_FOUND, format!("there is no tenant \"{name}\""))
        };
        let params = RawPathParams::from_request_parts(parts, app).await;
        let params = params.map_err(|_| unknown(""))?;
        let name_or_id = params.iter().find(|(name, _)| *name == "tenant").map_or("", |it| it.1);
        let own = admitted(parts)?.tenant.map(|own| own.to_string());
        let mut conn = app.services.database.read().await?;
        let named = own.as_deref().unwrap_or(name_or_id);
        let tenant = store::tenants::get(&mut conn, named).await?;
        if let Some(tenant) = &tenant {
            let whose = Some((tenant.tenant_id(), tenant.request_log));
            facts_of(&parts.extensions).note(|noted| noted.tenant = whose);
        }
        tenant.map(Self).ok_or_else(|| unknown(name_or_id))
    }
}

/// Who administers, in this request: what is done is told of them.
pub(crate) struct Administrator {
    principal: Arc<Principal>,
    request_id: Arc<str>,
    facts: Facts,
}

impl Administrator {
    /// Whether it is the operator, and not an administrator of a tenant.
    fn is_operator(&self) -> bool {
        self.principal.kind == PrincipalKind::Operator
    }

    fn by(&self) -> By<'_> {
        By { actor: &self.principal.actor, request_id: &self.request_id, told: &[] }
    }
}

impl FromRequestParts<Arc<App>> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &Arc<App>) -> Result<Self, Problem> {
        let Admitted { principal, .. } = admitted(parts)?;
        let request_id = RequestId::of(&parts.extensions);
        Ok(Self { principal, request_id, facts: facts_of(&parts.extensions) })
    }
}

/// A request to a tenant's service that comes over the admin API.
async fn request_to(
    app: &App,
    tenant: &Tenant,
    administrator: Administrator,
) -> Result<service::Request, Problem> {
    let services = &app.services;
    let runtime = services.credentials.runtime(&services.database, tenant.tenant_id()).await;
    Ok(service::Request {
        tenant: runtime.map_err(ScimError::from)?,
        base_url: app.resolver.service_url(&tenant.name).into(),
        request_id: administrator.request_id,
        principal: administrator.principal,
        facts: administrator.facts,
    })
}

fn admitted(parts: &Parts) -> Result<Admitted, Problem> {
    let admitted = parts.extensions.get::<Admitted>().cloned();
    let unguarded = || ScimError::from(Error::Internal("a route without a guard".to_owned()));
    Ok(admitted.ok_or_else(unguarded)?)
}

/// The members of a JSON body, taken one by one; what is left over was not expected.
pub(crate) struct Members(Object);

impl FromRequest<Arc<App>> for Members {
    type Rejection = Problem;

    async fn from_request(request: Request, _app: &Arc<App>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        Ok(Self(body::object(&parts.headers, body, JSON_TYPES).await?))
    }
}

impl Members {
    /// Any value, if it is there.
    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.0.shift_remove(name)
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn is_null(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Value::is_null)
    }

    /// Says what a member is that is not there.
    fn or_insert(&mut self, name: &'static str, value: Value) {
        self.0.entry(name.to_owned()).or_insert(value);
    }

    /// A string that has to be there.
    fn string(&mut self, name: &'static str) -> Result<String, Problem> {
        self.optional_string(name)?
            .ok_or_else(|| invalid(format!("\"{name}\" is required, a string")))
    }

    /// A string that may be there, or be null.
    fn optional_string(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        match self.0.shift_remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => {
                let found = tenon_scim::value::json_type(&other);
                Err(invalid(format!("\"{name}\" must be a string, not {found}")))
            }
        }
    }

    /// An array of strings, which may be left out.
    fn optional_strings(&mut self, name: &'static str) -> Result<Option<Vec<String>>, Problem> {
        let strings = |values: Vec<Value>| {
            let text = |value: Value| match value {
                Value::String(text) => Some(text),
                _ => None,
            };
            values.into_iter().map(text).collect::<Option<Vec<String>>>()
        };
        let found = match self.0.shift_remove(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(values)) => strings(values),
            Some(_) => None,
        };
        let invalid = || invalid(format!("\"{name}\" must be an array of strings"));
        found.map(Some).ok_or_else(invalid)
    }

    /// `true` or `false`, which may be left out.
    fn optional_bool(&mut self, name: &'static str) -> Result<Option<bool>, Problem> {
        match self.0.shift_remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => {
                let found = tenon_scim::value::json_type(&other);
                Err(invalid(format!("\"{name}\" must be a boolean, not {found}")))
            }
        }
    }

    /// A misspelt member would otherwise silently have no effect.
    fn finish(self) -> Result<(), Problem> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(invalid(format!("\"{name}\" is not known here"))),
        }
    }
}

fn invalid(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail).kind("invalid-request")
}

/// The members that differ, as the audit log tells it: `{"name": {"from": "a", "to": "b"}}`.
fn changed(before: &Value, after: &Value) -> Value {
    let (before, after) = (before.as_object(), after.as_object());
    let names = before.into_iter().chain(after).flat_map(|members| members.keys());
    let of = |members: Option<&Object>, name: &str| members.and_then(|it| it.get(name)).cloned();
    let mut changes = Object::new();
    for name in names.filter(|name| *name != "modified") {
        let (from, to) = (of(before, name), of(after, name));
        if from != to {
            changes.insert(name.clone(), serde_json::json!({ "from": from, "to": to }));
        }
    }
    changes.into()
}

/// A name in a URL, and later in a host name: of a tenant or a plugin.
fn check_name(what: &str, name: &str) -> Result<(), Problem> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_name = (1..=63).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with('-')
        && !name.ends_with('-')
        // It could be mistaken for the id of another.
        && Uuid::parse_str(name).is_err();
    if is_name {
        return Ok(());
    }
    Err(invalid(format!(
        "the name of a {what} has 1 to 63 characters: a-z, 0-9 and \"-\", which neither begins nor \
         ends it, and is no UUID; \"{name}\" is not such a name"
    )))
}
