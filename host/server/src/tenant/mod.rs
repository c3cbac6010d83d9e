//! Whose request it is, and what that tenant has: its schemas and its plugins.

pub mod auth;
pub mod credentials;
pub mod indexes;
pub mod runtime;
