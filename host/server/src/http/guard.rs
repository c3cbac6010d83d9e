//! Who may ask, judged before the handler of a route is asked: the credential, then the permission
//! that the route needs.

use std::sync::Arc;

use axum::RequestExt;
use axum::extract::{OriginalUri, RawPathParams, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tenon_plugin::RequestHead;
use tracing::Span;
use uuid::Uuid;

use super::App;
use super::arrival::{Caller, ClientCertificate};
use super::error::{Problem, ScimError};
use super::observe::{RequestId, facts_of};
use super::rate_headers;
use super::routes::Needs;
use crate::service::resolver::NotResolved;
use crate::service::{self, Services};
use crate::store::TenantId;
use crate::tenant::access::{Permission, Principal};
use crate::tenant::auth::{SecretHash, bearer};
use crate::tenant::credentials::{Authenticated, NotAuthenticated, Resolver};
use crate::tenant::entry::{Claims, EntryPoint, Realm};
use crate::tenant::rate::Standing;
use crate::tenant::runtime::TenantRuntime;
use crate::tenant::shown::Shown;

/// A request that has passed the guard of the SCIM routes; in its extensions. Nobody else makes one.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) request: service::Request,
    /// What the client has shown, and whose that is.
    pub(super) credential: (Arc<Shown>, Arc<Authenticated>),
}

/// Who has passed the guard of the admin API; in the extensions of the request. Nobody else makes one.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    pub(super) principal: Arc<Principal>,
    /// Whose credential it is; none of the operator's. What a path says of the tenant may be out of
    /// date: its name may be another's meanwhile.
    pub(super) tenant: Option<TenantId>,
}

/// Operations of the admin API after which every credential is what it was before.
const CHANGE_NO_CONFIGURATION: [&str; 3] =
    ["importResources", "verifyAudit", "verifyOperatorAudit"];

/// What a guard knows: the route's needs, and its name.
type Guarded = State<(Arc<App>, Needs, &'static str)>;

/// Before every SCIM route: 401 without a valid credential of the tenant, 429 where the tenant asks too
/// fast, 403 where it is suspended, 403 without the permission.
pub(super) async fn scim(
    State((app, needs, operation)): Guarded,
    mut request: Request,
    next: Next,
) -> Response {
    facts_of(request.extensions()).note(|noted| noted.operation = Some(operation));
    let (access, endpoint) = match identify(&app, needs, &mut request).await {
        Ok(identified) => identified,
        Err(error) => return error.into_response(),
    };
    let tenant = Arc::clone(&access.request.tenant);
    let charged = app.services.charge(&tenant, &access.request.principal);
    let judged = in_time(charged.standing)
        .and_then(|()| in_service(&tenant))
        .and_then(|()| judge(needs, &access.request, endpoint.as_deref()));
    let mut response = match judged {
        Ok(()) => {
            request.extensions_mut().insert(access);
            next.run(request).await
        }
        Err(error) => ScimError::from(error).into_response(),
    };
    rate_headers::tell(&mut response, &charged);
    response
}

/// Whose request it is, and the endpoint of its resource type, if its path has one.
async fn identify(
    app: &App,
    needs: Needs,
    request: &mut Request,
) -> Result<(Access, Option<String>), ScimError> {
    let params = request.extract_parts::<RawPathParams>().await.map_err(|_| {
        ScimError::new(StatusCode::NOT_FOUND, "there is nothing at a path that is not UTF-8")
    })?;
    let param = |name: &str| params.iter().find(|(it, _)| *it == name).map(|(_, value)| value);
    // `arrival` has put it there.
    let entry = request.extensions().get::<Arc<EntryPoint>>().cloned();
    let entry = entry.ok_or_else(ScimError::unauthorized)?;
    let resolver = match to_be_resolved(&entry.claims, request.headers()) {
        Some(realm) => app.services.credentials.resolver(&app.services.database, realm).await?,
        None => None,
    };
    let (shown, known) = match resolver {
        Some(resolver) => {
            let head = head_of(request, &resolver.headers);
            let known = resolve(app, &resolver, &head, &entry.claims, request.extensions()).await?;
            (resolver.shown(&head), known)
        }
        None => {
            let shown = shown(app, needs, &entry.claims, request)?;
            let known = authenticate(app, &shown, &entry.claims, request.extensions()).await?;
            (shown, known)
        }
    };
    let access = Access {
        request: service::Request {
            tenant: Arc::clone(&known.runtime),
            base_url: Arc::clone(&entry.base_url),
            request_id: RequestId::of(request.extensions()),
            principal: Arc::clone(&known.principal),
            facts: facts_of(request.extensions()),
        },
        credential: (Arc::new(shown), known),
    };
    let endpoint = param("endpoint").map(str::to_owned);
    note(&access.request, endpoint.as_deref(), param("id"));
    Ok((access, endpoint))
}

/// What the log of requests tells.
fn note(request: &service::Request, endpoint: Option<&str>, id: Option<&str>) {
    let resource_type =
        endpoint.and_then(|endpoint| request.resource_type(&format!("/{endpoint}")).ok());
    request.facts.note(|noted| {
        noted.tenant = Some((request.tenant.id, request.tenant.request_log));
        noted.actor = Some(Arc::clone(&request.principal.actor));
        noted.resource_type = resource_type.cloned();
        noted.resource_id = id.and_then(|id| Uuid::parse_str(id).ok());
    });
}

/// What the request shows: a bearer token, or else the certificate of the TLS client, or else, for
/// discovery, nothing.
fn shown(app: &App, needs: Needs, claims: &Claims, request: &Request) -> Result<Shown, ScimError> {
    let (headers, extensions) = (request.headers(), request.extensions());
    if !headers.contains_key(header::AUTHORIZATION) {
        let certificate = extensions.get::<ClientCertificate>().cloned();
        let certificate = certificate.map(|ClientCertificate(digest)| Shown::Certificate(digest));
        let nothing = || claims.tenant().filter(|_| needs == Needs::Discovery).map(Shown::Nothing);
        return certificate.or_else(nothing).ok_or_else(ScimError::unauthorized);
    }
    let token = bearer_token(headers).ok_or_else(ScimError::unauthorized)?;
    match Shown::parse(token) {
        Some(shown) => Ok(shown),
        None => {
            // Of no form that is known: whose it would be is not looked up.
            app.services.credentials.attempts.refuse(Caller::of(extensions), token)?;
            Err(ScimError::unauthorized())
        }
    }
}

/// The realm whose resolver is asked: of a request that came in through it and names no tenant, with a
/// token of a form that is not ours.
fn to_be_resolved(claims: &Claims, headers: &HeaderMap) -> Option<Uuid> {
    let Realm::Is(realm) = claims.realm else { return None };
    let is_foreign = bearer_token(headers).is_some_and(|token| Shown::parse(token).is_none());
    realm.filter(|_| is_foreign && claims.named.is_empty())
}

/// The head as the client sent it, with these headers alone.
fn head_of(request: &Request, names: &[String]) -> RequestHead {
    let (headers, extensions) = (request.headers(), request.extensions());
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let of_name = |name: &String| {
        let values = headers.get_all(name.as_str()).iter().filter_map(text);
        values.map(|value| (name.clone(), value)).collect::<Vec<_>>()
    };
    let uri = extensions.get::<OriginalUri>().map_or(request.uri(), |it| &it.0);
    let host = headers.get(header::HOST).and_then(text);
    RequestHead {
        method: request.method().to_string(),
        path: uri.path().to_owned(),
        host: uri.authority().map(ToString::to_string).or(host),
        headers: names.iter().flat_map(of_name).collect(),
        client: Caller::of(extensions).map(|it| it.to_string()).unwrap_or_default(),
    }
}

async fn resolve(
    app: &App,
    resolver: &Resolver,
    head: &RequestHead,
    claims: &Claims,
    extensions: &Extensions,
) -> Result<Arc<Authenticated>, NotResolved> {
    let from = (Caller::of(extensions), &RequestId::of(extensions));
    let known = app.services.resolve(resolver, head, claims, from).await?;
    Span::current().record("tenant", known.identity.name.as_str());
    Ok(known)
}

/// Refuses what comes too fast.
fn in_time(standing: Standing) -> Result<(), service::Error> {
    match standing.retry_after {
        None => Ok(()),
        Some(retry_after) => Err(service::Error::TooManyRequests { retry_after }),
    }
}

/// Refuses what is asked of a tenant that is suspended.
fn in_service(tenant: &TenantRuntime) -> Result<(), service::Error> {
    if tenant.is_suspended { Err(service::Error::Suspended) } else { Ok(()) }
}

/// Whether the request may go on to its handler. Where a permission may be for one type and the
/// handler alone knows which, it asks again.
fn judge(
    needs: Needs,
    request: &service::Request,
    endpoint: Option<&str>,
) -> Result<(), service::Error> {
    match needs {
        Needs::Credential | Needs::Discovery => Ok(()),
        Needs::OfType(permission) => {
            // At an endpoint without a type there is nothing to be told but that: 404.
            let endpoint = format!("/{}", endpoint.unwrap_or_default());
            let resource_type = request.resource_type(&endpoint).ok();
            request.require(permission, resource_type.map(|it| &**it))
        }
        Needs::OfSomeType(permission) | Needs::OfMe(permission) | Needs::Tenant(permission) => {
            request.require(permission, None)
        }
        // No SCIM route needs the operator, who is no client of a tenant.
        Needs::Operator => Err(service::Error::Internal("a route of another kind".to_owned())),
    }
}

/// Before every route of the admin API: the operator passes, and a tenant's credential where the
/// route is about its own tenant and it has the permission. For everybody else all routes look the
/// same, whether or not there is such a tenant. The next request sees what has been changed.
pub(super) async fn admin(
    State((app, needs, operation)): Guarded,
    mut request: Request,
    next: Next,
) -> Response {
    let facts = facts_of(request.extensions());
    facts.note(|noted| noted.operation = Some(operation));
    match administrator(&app, needs, &mut request).await {
        Ok(admitted) => {
            facts.note(|noted| noted.actor = Some(Arc::clone(&admitted.principal.actor)));
            request.extensions_mut().insert(admitted)
        }
        Err(problem) => return problem.into_response(),
    };
    let may_change = !request.method().is_safe() && !CHANGE_NO_CONFIGURATION.contains(&operation);
    let response = next.run(request).await;
    if may_change && response.status().is_success() {
        app.services.credentials.forget();
    }
    response
}

async fn administrator(
    app: &App,
    needs: Needs,
    request: &mut Request,
) -> Result<Admitted, Problem> {
    let params = request.extract_parts::<RawPathParams>().await;
    let token = bearer_token(request.headers()).ok_or_else(unauthorized)?;
    let shown = Shown::parse(token);
    if is_operators(app, token, shown.is_some(), request.extensions())? {
        return Ok(Admitted { principal: Arc::new(Principal::operator()), tenant: None });
    }
    let permission = match needs {
        Needs::Tenant(permission) => Some(permission),
        Needs::Credential => None,
        _ => return Err(unauthorized()),
    };
    let shown = shown.ok_or_else(unauthorized)?;
    let params = params.map_err(|_| unauthorized())?;
    let tenant = match params.iter().find(|(name, _)| *name == "tenant") {
        Some((_, tenant)) => tenant.to_owned(),
        // What is the same for all tenants may be asked for by the credentials of each.
        None if permission.is_some() => shown.tenant().ok_or_else(unauthorized)?.to_string(),
        None => return Err(unauthorized()),
    };
    let claims = Claims::naming(&tenant);
    let known = authenticate(app, &shown, &claims, request.extensions()).await;
    let known = known.map_err(|error| match error {
        NotAuthenticated::Nobody => unauthorized(),
        other => ScimError::from(other).into(),
    })?;
    let charged = app.services.charge(&known.runtime, &known.principal);
    in_time(charged.standing).map_err(ScimError::from)?;
    in_service(&known.runtime).map_err(ScimError::from)?;
    match permission {
        Some(permission) if !known.principal.grants.allow(permission) => Err(forbidden(permission)),
        _ => {
            let principal = Arc::clone(&known.principal);
            Ok(Admitted { principal, tenant: Some(known.identity.id) })
        }
    }
}

/// The bearer token of a request.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer)
}

/// Whether it is the operator's token. Who guesses it is slowed down like who guesses a tenant's; what
/// may be one of a tenant is looked up as that.
fn is_operators(
    app: &App,
    token: &str,
    may_be_tenants: bool,
    extensions: &Extensions,
) -> Result<bool, ScimError> {
    let (attempts, client) = (&app.services.credentials.attempts, Caller::of(extensions));
    let digest = SecretHash::of(token.as_bytes());
    if may_be_tenants {
        return Ok(digest.matches(&app.admin_token));
    }
    attempts.check(client, &digest)?;
    let is_operators = digest.matches(&app.admin_token);
    attempts.keep(client, &digest, is_operators);
    Ok(is_operators)
}

async fn authenticate(
    app: &App,
    shown: &Shown,
    claims: &Claims,
    extensions: &Extensions,
) -> Result<Arc<Authenticated>, NotAuthenticated> {
    let Services { credentials, database, .. } = &app.services;
    let client = Caller::of(extensions);
    let known = credentials.authenticate(database, shown, claims, client).await?;
    Span::current().record("tenant", known.identity.name.as_str());
    Ok(known)
}

/// RFC 6750 §3: no word about which part of the credential is wrong.
fn unauthorized() -> Problem {
    let detail = "the operator's token is required, or one of the tenant that may administer it: \
                  Authorization: Bearer <token>";
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}

fn forbidden(permission: Permission) -> Problem {
    let detail = format!("the credential does not have the permission \"{}\"", permission.name());
    Problem::new(StatusCode::FORBIDDEN, detail).kind("permission-required")
}
