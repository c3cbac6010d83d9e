//! The border between tenants: whatever a tenant asks, what another has is to it as what nobody has.
//!
//! Two servers are on one database, so that what one of them remembers is no help to the other.

mod crossings;
mod lists;
mod lock;
mod matrix;
mod neighbours;
mod routes;
mod world;
