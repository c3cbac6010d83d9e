//! HTTP. Every route of the server is in `routes`, with who may ask.

mod admin;
mod arrival;
mod body;
mod bulk;
mod discovery;
mod drain;
mod error;
mod extract;
mod guard;
mod health;
mod idempotency;
mod json;
mod me;
mod members_stream;
mod observe;
mod openapi;
mod rate_headers;
mod resources;
mod routes;
mod search;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};

use crate::service::Services;
use crate::tenant::auth::SecretHash;
use crate::tenant::resolve::Resolver;

pub(crate) use self::arrival::Peer;

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    /// What requests do.
    pub services: Services,
    /// The hash of the operator's token.
    pub admin_token: SecretHash,
    /// How clients reach the server, without a slash at the end: `https://scim.example.com`.
    pub public_url: String,
    /// Finds out whose service a request asks for.
    pub resolver: Resolver,
}

/// All routes; `routes` has them. They are matched when `arrival` has been asked, which is a layer of
/// a router around them.
pub fn router(app: Arc<App>) -> Router {
    let routes = Router::new()
        .merge(routes::public())
        .merge(routes::admin_router(&app))
        .merge(routes::scim_router(&app))
        .fallback(error::unknown_route)
        .method_not_allowed_fallback(error::method_not_allowed)
        .with_state(Arc::clone(&app));
    Router::new()
        .fallback_service(routes)
        .layer(from_fn_with_state(app, arrival::arrival))
        .layer(DefaultBodyLimit::disable()) // `body` has limits of its own
        .layer(from_fn(drain::drain))
        .layer(from_fn(observe::observe))
}
