//! Before the routes: where a request came in, and what is asked for there. The path becomes that of
//! the one table of tenants' routes, whatever the client's was.

mod forwarded;

use std::mem;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{OriginalUri, Request};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{Extensions, HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use tower_service::Service;
use tracing::{Span, field};

use self::forwarded::Sent;
use super::App;
use super::Tables;
use super::error::ScimError;
use super::observe::facts_of;
use super::routes::{ADMIN_BASE, METADATA};
use crate::store::StoreError;
use crate::tenant::auth::SecretHash;
use crate::tenant::certificate;
use crate::tenant::resolve::origin::Host;
use crate::tenant::resolve::template::is_prefix;
use crate::tenant::resolve::{Arrival, EntrySettings, NoEntry, Resolved};

/// The address from which a request's connection was made; in the extensions of the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The address of the client, as far as proxies that are trusted tell it; in the extensions of the
/// request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller(pub(super) IpAddr);

impl Caller {
    /// That of the request with these extensions.
    pub(super) fn of(extensions: &Extensions) -> Option<IpAddr> {
        extensions.get::<Self>().map(|it| it.0)
    }
}

/// The SHA-256 of the certificate that the client has shown a trusted proxy; in the extensions of the
/// request.
#[derive(Debug, Clone)]
pub(super) struct ClientCertificate(pub(super) SecretHash);

/// Puts a [`Caller`] into the extensions of each request, and an `Arc<EntryPoint>` into those of a
/// request to a tenant's service.
pub(super) async fn arrival(app: &App, tables: &mut Tables, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let sent = sent(&app.resolver.settings, &mut parts);
    let entered = match is_no_tenants(parts.uri.path()) {
        true => Ok(Err(NoEntry::Nothing)),
        false => enter(app, &mut parts, sent.as_ref()).await,
    };
    let table = match entered {
        Ok(Ok(())) => &mut tables.of_tenants,
        // At no path of a service is what the server has itself, or nothing.
        Ok(Err(NoEntry::Nothing)) => &mut tables.of_server,
        Ok(Err(NoEntry::Nobody)) => return ScimError::unauthorized().into_response(),
        Err(error) => return ScimError::from(error).into_response(),
    };
    let Ok(response) = table.call(Request::from_parts(parts, body)).await;
    response
}

/// What belongs to the server, and is found under its own paths alone.
fn is_no_tenants(path: &str) -> bool {
    let is_admin = |rest: &str| rest.is_empty() || rest.starts_with('/');
    matches!(path, "/health" | "/ready" | "/metrics")
        || path.strip_prefix(ADMIN_BASE).is_some_and(is_admin)
}

/// The certificate of the TLS client. One that is there twice may be the client's own word.
fn certificate(name: &str, headers: &HeaderMap) -> Option<SecretHash> {
    let mut values = headers.get_all(name).into_iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let digest = value.to_str().ok().and_then(certificate::of_header);
    if digest.is_none() {
        tracing::debug!(header = name, "no certificate can be read in what the proxy tells");
    }
    digest
}

/// What a proxy that is trusted tells of the request; `None` of anybody else.
fn sent(settings: &EntrySettings, parts: &mut Parts) -> Option<Sent> {
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
    let proxies = &settings.trusted_proxies;
    let is_proxy = peer.is_some_and(|peer| proxies.contain(peer));
    let sent = is_proxy.then(|| forwarded::read(&parts.headers, settings.forwarded, proxies));
    if let Some(client) = sent.as_ref().and_then(|sent| sent.client).or(peer) {
        Span::current().record("client", field::display(client));
        parts.extensions.insert(Caller(client));
        facts_of(&parts.extensions).note(|noted| noted.client = Some(client));
    }
    sent
}

async fn enter(
    app: &App,
    parts: &mut Parts,
    sent: Option<&Sent>,
) -> Result<Result<(), NoEntry>, StoreError> {
    let settings = &app.resolver.settings;
    // RFC 8414 §3.1: the well-known part comes before the path of the service.
    let (path, is_metadata) = match parts.uri.path().strip_prefix(METADATA) {
        Some(path) => (app.resolver.below_public_url(path), true),
        None => (parts.uri.path(), false),
    };
    if let (Some(name), Some(_)) = (&settings.certificate_header, sent)
        && let Some(digest) = certificate(name, &parts.headers)
    {
        parts.extensions.insert(ClientCertificate(digest));
    }
    let arrival = match arrival_of(settings, parts, path, sent) {
        Ok(arrival) => arrival,
        Err(none) => return Ok(Err(none)),
    };
    let services = &app.services;
    let resolved = app.resolver.resolve(&arrival, &services.credentials, &services.lanes).await?;
    let Resolved { entry, rest } = match resolved {
        Ok(resolved) => resolved,
        Err(none) => return Ok(Err(none)),
    };
    let rest = match rest {
        "" | "/" if is_metadata => METADATA,
        _ if is_metadata => return Ok(Err(NoEntry::Nothing)),
        rest => rest,
    };
    // What was a URI is one with another path.
    let Some(uri) = at_the_table(&parts.uri, rest) else { return Ok(Err(NoEntry::Nothing)) };
    // Errors name the client's own path.
    parts.extensions.insert(OriginalUri(mem::replace(&mut parts.uri, uri)));
    parts.extensions.insert(Arc::new(entry));
    Ok(Ok(()))
}

/// What the request looks like, as the client sent it.
fn arrival_of<'r>(
    settings: &'r EntrySettings,
    parts: &'r Parts,
    path: &'r str,
    sent: Option<&'r Sent>,
) -> Result<Arrival<'r>, NoEntry> {
    let said = |said: fn(&Sent) -> &Option<String>| sent.and_then(|sent| said(sent).as_deref());
    let host = match said(|it| &it.host) {
        Some(host) => Host::parse(host),
        None => host(&parts.uri, &parts.headers)?,
    };
    let headers = match sent {
        Some(_) => tenant_headers(settings, &parts.headers)?,
        // Anybody could send them.
        None => Vec::new(),
    };
    Ok(Arrival {
        path,
        host,
        scheme: said(|it| &it.scheme).filter(|it| matches!(*it, "http" | "https")),
        prefix: said(|it| &it.prefix).map(|it| it.trim_end_matches('/')).filter(|it| is_prefix(it)),
        headers,
    })
}

/// The host to which the request was sent. RFC 9112 §3.2.2: "When an origin server receives a request
/// with an absolute-form of request-target, the origin server MUST ignore the received Host header
/// field".
fn host(uri: &Uri, headers: &HeaderMap) -> Result<Option<Host>, NoEntry> {
    if let Some(authority) = uri.authority() {
        return Ok(Host::parse(authority.as_str()));
    }
    let mut values = headers.get_all(header::HOST).into_iter();
    let host = values.next().and_then(|value| value.to_str().ok()).and_then(Host::parse);
    match values.next() {
        // Which of them a proxy went by, nobody knows.
        Some(_) => Err(NoEntry::Nobody),
        None => Ok(host),
    }
}

/// The headers that name the tenant. None goes before another: a proxy that sets one may let through
/// another that the client has set.
fn tenant_headers<'r>(
    settings: &'r EntrySettings,
    headers: &'r HeaderMap,
) -> Result<Vec<(&'r str, &'r str)>, NoEntry> {
    let lines = settings.headers.iter().flat_map(|name| {
        let values = headers.get_all(name.as_str()).into_iter();
        values.map(|value| Ok((name.as_str(), value.to_str().map_err(|_| NoEntry::Nobody)?)))
    });
    let lines: Vec<_> = lines.collect::<Result<_, NoEntry>>()?;
    let is_twice = lines.windows(2).any(|two| matches!(two, [(one, _), (two, _)] if one == two));
    if is_twice { Err(NoEntry::Nobody) } else { Ok(lines) }
}

/// The URI under which the table of routes knows what is asked for.
fn at_the_table(uri: &Uri, rest: &str) -> Option<Uri> {
    let rest = if rest.is_empty() { "/" } else { rest };
    let path = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{rest}?{query}")).ok()?,
        None => PathAndQuery::try_from(rest).ok()?,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).ok()
}
