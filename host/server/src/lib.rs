//! The server: SCIM over HTTP for many tenants, on PostgreSQL, with the tenants' plugins.
//!
//! A request goes `http` (which route, which body) → `tenant` (whose it is) → `service` (what it
//! does) → `store` (what is kept). Rules of the protocol are in `tenon-scim`, the running of
//! plugins in `tenon-plugin`.

#![forbid(unsafe_code)]

pub mod cli;
pub mod clock;
pub mod config;
pub mod http;
pub mod keyring;
#[cfg(test)]
mod module_edges;
pub mod serve;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod tenant;
