//! HTTP: every route of the server is in this file.

mod admin;
mod body;
mod bulk;
mod discovery;
mod drain;
mod error;
mod extract;
mod health;
mod idempotency;
mod json;
mod me;
mod members_stream;
mod observe;
mod resources;
mod search;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, delete, get, post, put};
use tower_http::catch_panic::CatchPanicLayer;

use crate::service::Services;
use crate::tenant::auth::SecretHash;

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    /// What requests do.
    pub services: Services,
    /// The hash of the operator's token.
    pub admin_token: SecretHash,
    /// How clients reach the server, without a slash at the end: `https://scim.example.com`.
    pub public_url: String,
}

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        // Public on purpose: they tell whether the server works, and nothing else.
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .nest("/admin/v1", admin_routes(&app))
        .nest("/tenants/{tenant}/scim/v2", scim_routes())
        // The nested router has the base URL without the slash.
        .route("/tenants/{tenant}/scim/v2/", root())
        .fallback(error::unknown_route)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(DefaultBodyLimit::disable()) // `body` has limits of its own
        .layer(from_fn(drain::drain))
        .layer(from_fn(observe::observe))
        .with_state(app)
}

/// The server root of a tenant's service (RFC 7644 §3.4.2.1).
fn root() -> MethodRouter<Arc<App>> {
    get(search::list_all).fallback(error::scim_method_not_allowed)
}

/// Needs a token of the tenant: every handler takes [`extract::Scim`].
fn scim_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/ServiceProviderConfig", get(discovery::service_provider_config))
        .route("/ResourceTypes", get(discovery::resource_types))
        .route("/ResourceTypes/{name}", get(discovery::resource_type))
        .route("/Schemas", get(discovery::schemas))
        .route("/Schemas/{id}", get(discovery::schema))
        .route(
            "/Me",
            get(me::get).put(me::replace).patch(me::patch).delete(me::delete).post(me::create),
        )
        .route("/Bulk", post(bulk::bulk))
        .route("/", root())
        .route("/.search", post(search::search_all))
        .route("/{endpoint}/.search", post(search::search))
        .route("/{endpoint}", get(search::list).post(resources::create))
        .route(
            "/{endpoint}/{id}",
            get(resources::get)
                .put(resources::replace)
                .patch(resources::patch)
                .delete(resources::delete),
        )
        .fallback(error::unknown_scim_route)
        .method_not_allowed_fallback(error::scim_method_not_allowed)
        .layer(CatchPanicLayer::custom(error::scim_panic))
}

/// Needs the operator's token: the layer asks for it before any handler is chosen.
fn admin_routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/substrings", get(admin::substrings::get).put(admin::substrings::put))
        .route("/tenants", get(admin::tenants::list).post(admin::tenants::create))
        .route(
            "/tenants/{tenant}",
            get(admin::tenants::get).patch(admin::tenants::update).delete(admin::tenants::delete),
        )
        .route("/tenants/{tenant}/tokens", get(admin::tokens::list).post(admin::tokens::create))
        .route("/tenants/{tenant}/tokens/{id}", delete(admin::tokens::revoke))
        .route("/tenants/{tenant}/explain", get(admin::explain::explain))
        .route("/tenants/{tenant}/indexes", get(admin::indexes::list))
        .route(
            "/tenants/{tenant}/indexes/{type}/{attribute}",
            put(admin::indexes::add).delete(admin::indexes::remove),
        )
        .route("/tenants/{tenant}/plugins", get(admin::plugins::list))
        .route(
            "/tenants/{tenant}/plugins/{name}",
            get(admin::plugins::get).put(admin::plugins::upload).delete(admin::plugins::delete),
        )
        .route("/tenants/{tenant}/plugins/{name}/activate", post(admin::plugins::activate))
        .route("/tenants/{tenant}/plugins/{name}/deactivate", post(admin::plugins::deactivate))
        .route(
            "/tenants/{tenant}/plugins/{name}/config",
            put(admin::plugins::configure).get(admin::plugins::config),
        )
        .fallback(error::unknown_route)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(CatchPanicLayer::custom(error::admin_panic))
        .layer(from_fn_with_state(Arc::clone(app), admin::require_operator))
}
