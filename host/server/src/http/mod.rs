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
mod metrics;
mod oauth;
mod observe;
mod openapi;
mod rate_headers;
mod resources;
mod routes;
mod search;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt;

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

/// Answers requests: what is around each of them, and the tables of routes.
#[derive(Debug, Clone)]
pub struct Http {
    app: Arc<App>,
    tables: Tables,
}

/// All routes; `routes` has them.
#[derive(Debug, Clone)]
struct Tables {
    of_server: Router,
    /// Of the service of every tenant.
    of_tenants: Router,
}

impl Http {
    /// Answers over these services.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        let of_server = routes::of_server(&app)
            .merge(routes::admin_router(&app))
            .fallback(error::unknown_route)
            .method_not_allowed_fallback(error::method_not_allowed);
        let tables = Tables {
            of_server: of_server.with_state(Arc::clone(&app)),
            of_tenants: routes::scim_router(&app).with_state(Arc::clone(&app)),
        };
        Self { app, tables }
    }

    /// Answers one request. Each step calls the next as a function: as layers of a router, each
    /// would cost every request an allocation or two.
    pub async fn answer(self, request: Request) -> Response {
        let Self { app, mut tables } = self;
        observe::observe(&Arc::clone(&app), request, |request| {
            drain::drain(request, |request| async move {
                let is_scim = observe::is_scim(&request);
                AssertUnwindSafe(arrival::arrival(&app, &mut tables, request))
                    .catch_unwind()
                    .await
                    .unwrap_or_else(|panic| error::panicked(&*panic, is_scim))
            })
        })
        .await
    }
}
