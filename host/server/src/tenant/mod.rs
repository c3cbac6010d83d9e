//! Whose request it is and what they may do, and what that tenant has: its schemas and its plugins.

pub mod access;
pub mod access_token;
pub mod attempts;
pub mod auth;
pub mod certificate;
pub mod credentials;
pub mod entry;
pub mod failure_policy;
pub mod indexes;
pub mod jwks;
pub mod jwt;
pub mod limits;
pub mod outbound;
pub mod plugin_secrets;
pub mod rate;
pub mod recordings;
pub mod resolve;
pub mod runtime;
pub mod shown;
pub mod usage;
