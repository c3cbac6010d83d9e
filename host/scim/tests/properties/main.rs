//! Laws of the protocol core, tried on generated resources, filters, paths and PATCH operations.
//!
//! The generators walk the resource types, so an attribute that a schema gains is tried without
//! a change here. `PROPTEST_CASES=10000 cargo test -p tenon-scim --test properties` looks longer.

#![cfg(test)]

mod calls;
mod filters;
mod operations;
mod types;
mod values;

mod filter_laws;
mod hidden_laws;
mod members_laws;
mod patch_laws;
mod path_laws;
mod projection_laws;
mod sort_laws;
mod stored_laws;
mod validate_laws;
