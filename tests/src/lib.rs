//! Runs a real Tenon: the built binary, a Postgres of its own, real HTTP, built components.
//!
//! ```no_run
//! # async fn example() {
//! use serde_json::json;
//! use tenon_tests::{Server, artifacts};
//!
//! let server = Server::shared();
//! let acme = server.tenant("acme").await;
//! acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
//! let created = acme.scim.post("/Users", tenon_tests::user("bjensen")).await;
//! assert_eq!(created.status, 201);
//! # }
//! ```
//!
//! Tests share one server, each with tenants of its own; a test that stops or kills its server
//! starts one for itself. Nothing here waits for time to pass: a server is ready when its log
//! says so, and has stopped when its process has ended.

mod account;
pub mod artifacts;
mod client;
pub mod conform;
mod http;
mod log;
mod pgbouncer;
mod postgres;
mod program;
mod server;
mod until;

pub use client::{Answer, Client, Tenant};
pub use http::client as http_client;
pub use log::Log;
pub use pgbouncer::PgBouncer;
pub use postgres::Postgres;
pub use program::{complaint, printed};
pub use server::{ADMIN_TOKEN, Options, Server, new_data_dir};
pub use until::{create_within_deadline, until, until_status};

use serde_json::{Value, json};

/// A User with nothing but its name.
#[must_use]
pub fn user(user_name: &str) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": user_name })
}

/// The body of a PATCH request.
#[must_use]
pub fn patch(operations: Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations
    })
}
