//! Access tokens for the clients of a tenant (RFC 6749 §4.4), and where they are told of (RFC 8414).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::App;
use super::arrival::Caller;
use super::body::{self, FORM_TYPES};
use super::error::ScimError;
use super::routes::TOKEN;
use crate::clock;
use crate::service::facts::Facts;
use crate::service::{self, Services};
use crate::tenant::access::{Grants, Permission, Principal};
use crate::tenant::access_token::{ClientId, Opened};
use crate::tenant::credentials::NotAuthenticated;
use crate::tenant::entry::EntryPoint;

/// Seconds for which an access token is good.
const LIFETIME: i64 = 3600;
/// Bytes of a request at the most.
const MAX_BYTES: usize = 16 * 1024;

/// An error of the token endpoint (RFC 6749 §5.2).
pub(super) enum TokenError {
    OAuth(&'static str, &'static str),
    /// Something else has failed.
    Other(ScimError),
}

const INVALID_CLIENT: TokenError =
    TokenError::OAuth("invalid_client", "the client is not known here, or its secret is wrong");

fn invalid_request(description: &'static str) -> TokenError {
    TokenError::OAuth("invalid_request", description)
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let (error, description) = match self {
            Self::OAuth(error, description) => (error, description),
            Self::Other(error) => return error.into_response(),
        };
        let body = Json(json!({ "error": error, "error_description": description }));
        if error != "invalid_client" {
            return not_stored((StatusCode::BAD_REQUEST, body).into_response());
        }
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"tenon\"")];
        not_stored((StatusCode::UNAUTHORIZED, challenge, body).into_response())
    }
}

impl From<NotAuthenticated> for TokenError {
    fn from(error: NotAuthenticated) -> Self {
        match error {
            NotAuthenticated::Nobody => INVALID_CLIENT,
            other => Self::Other(other.into()),
        }
    }
}

/// Gives a client an access token.
pub(super) async fn token(
    State(app): State<Arc<App>>,
    Extension(entry): Extension<Arc<EntryPoint>>,
    caller: Option<Extension<Caller>>,
    facts: Option<Extension<Facts>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, TokenError> {
    let form = Form::read(&headers, body).await?;
    match form.get("grant_type") {
        Some("client_credentials") => {}
        Some(_) => {
            return Err(TokenError::OAuth(
                "unsupported_grant_type",
                "there is \"client_credentials\" alone",
            ));
        }
        None => return Err(invalid_request("\"grant_type\" is missing")),
    }
    let (client, secret) = shown(&headers, &form)?;
    let Services { credentials, database, .. } = &app.services;
    let id = ClientId::parse(&client);
    let address = caller.map(|Extension(Caller(address))| address);
    let known = credentials.client(database, id, &secret, &entry.claims, address).await?;
    // Whom there is not, nobody knows.
    let id = id.ok_or(INVALID_CLIENT)?;
    let Extension(facts) = facts.unwrap_or_default();
    count(&app, id, &facts).await?;
    if known.is_suspended {
        return Err(TokenError::OAuth("unauthorized_client", "the tenant is suspended"));
    }
    let permissions = asked_for(form.get("scope"), &known.grants)?.stored().permissions;
    let scope = permissions.join(" ");
    let expires = clock::now().unix_timestamp() + LIFETIME;
    let sealed = credentials.access_tokens.seal(id, &Opened { expires, permissions });
    let access_token = sealed.map_err(|error| {
        TokenError::Other(ScimError::from(service::Error::Internal(error.to_string())))
    })?;
    tracing::debug!(tenant = known.tenant.name, client = %id.id, "access token given");
    let body = json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": LIFETIME,
        "scope": scope,
    });
    Ok(not_stored(Json(body).into_response()))
}

/// Notes a client's request in the tenant's log, and counts it among those of the tenant.
async fn count(app: &App, client: ClientId, facts: &Facts) -> Result<(), TokenError> {
    let Services { credentials, database, rates, .. } = &app.services;
    let tenant = credentials.runtime(database, client.tenant).await;
    let tenant = tenant.map_err(|error| TokenError::Other(error.into()))?;
    facts.note(|noted| {
        noted.tenant = Some((tenant.id, tenant.request_log));
        noted.actor = Some(Principal::client(client.id, Grants::default()).actor);
        noted.operation = Some("token");
    });
    match rates.take(tenant.id, tenant.limits.rate).retry_after {
        None => Ok(()),
        Some(retry_after) => {
            Err(TokenError::Other(service::Error::TooManyRequests { retry_after }.into()))
        }
    }
}

/// The permissions that a scope names (RFC 6749 §3.3), all of them the client's; without one, these.
fn asked_for(scope: Option<&str>, most: &Grants) -> Result<Grants, TokenError> {
    let invalid =
        || TokenError::OAuth("invalid_scope", "the scope names what the client may not be given");
    let Some(scope) = scope else { return Ok(most.clone()) };
    let names: Vec<String> = scope.split_ascii_whitespace().map(str::to_owned).collect();
    let asked = Grants::parse(&names, most.hidden().to_vec()).map_err(|_| invalid())?;
    if asked.is_empty() || !most.covers(&asked) { Err(invalid()) } else { Ok(asked) }
}

/// The client and its secret, shown in one of two ways (RFC 6749 §2.3.1): "The client MUST NOT use more
/// than one authentication method in each request" (§2.3).
fn shown(headers: &HeaderMap, form: &Form) -> Result<(String, String), TokenError> {
    let in_body = (form.get("client_id"), form.get("client_secret"));
    match (headers.get(header::AUTHORIZATION), in_body) {
        (None, (Some(client), Some(secret))) => Ok((client.to_owned(), secret.to_owned())),
        (None, _) => Err(INVALID_CLIENT),
        (Some(_), (_, Some(_))) => {
            Err(invalid_request("the client is to be authenticated in one way alone"))
        }
        (Some(value), (named, None)) => {
            let (client, secret) = basic(value).ok_or(INVALID_CLIENT)?;
            if named.is_some_and(|named| named != client) {
                return Err(invalid_request("\"client_id\" is another than that in the header"));
            }
            Ok((client, secret))
        }
    }
}

/// RFC 7617, with both parts form-encoded (RFC 6749 §2.3.1).
fn basic(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (client, secret) = decoded.split_once(':')?;
    let plain = |text: &str| {
        let mut pairs = form_urlencoded::parse(text.as_bytes());
        let (plain, nothing) = pairs.next()?;
        (nothing.is_empty() && pairs.next().is_none()).then(|| plain.into_owned())
    };
    if scheme.eq_ignore_ascii_case("basic") { plain(client).zip(plain(secret)) } else { None }
}

/// The parameters of a request.
struct Form(Vec<(String, String)>);

impl Form {
    async fn read(headers: &HeaderMap, body: Body) -> Result<Self, TokenError> {
        let bytes = body::bytes(headers, body, FORM_TYPES, MAX_BYTES).await.map_err(|_| {
            invalid_request("the body has to be application/x-www-form-urlencoded, of up to 16 KiB")
        })?;
        let pairs = form_urlencoded::parse(&bytes).into_owned();
        // RFC 6749 §3.2: "Parameters sent without a value MUST be treated as if they were omitted".
        let pairs: Vec<(String, String)> = pairs.filter(|(_, value)| !value.is_empty()).collect();
        let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|two| two.first() == two.last()) {
            return Err(invalid_request("a parameter is there twice"));
        }
        Ok(Self(pairs))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }
}

/// RFC 6749 §5.1: the response has to say that it is not to be stored.
fn not_stored(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// What a client needs to know (RFC 8414 §2): made of the URL alone, so that it tells nobody which
/// tenants there are.
pub(super) async fn metadata(Extension(entry): Extension<Arc<EntryPoint>>) -> Response {
    let issuer = &entry.base_url;
    let scopes = Permission::ALL.map(Permission::name);
    Json(json!({
        "issuer": &**issuer,
        "token_endpoint": format!("{issuer}{TOKEN}"),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "scopes_supported": scopes,
    }))
    .into_response()
}
