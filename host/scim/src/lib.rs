//! The SCIM protocol as pure functions: schemas, filters, PATCH, projection, discovery.
//!
//! Nothing in this crate does I/O, awaits, or looks at a clock; time and identifiers come in as
//! arguments. Resource types are data: whatever a [`Registry`] holds, core or added by a
//! plugin, goes through the same code.
//!
//! ```
//! use serde_json::json;
//! use tenon_scim::{Registry, filter, schema::validate};
//!
//! let registry = Registry::core();
//! let user = registry.resource_type("User").expect("User is a core type");
//!
//! let input = json!({
//!     "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
//!     "userName": "bjensen",
//!     "emails": [{ "type": "work", "value": "bjensen@example.com" }],
//! });
//! let resource = validate::create(user, input.as_object().expect("an object"))?;
//!
//! let filter = filter::parse(r#"emails[type eq "work"].value ew "@example.com""#)?;
//! assert!(filter.bind(user)?.matches(resource.attributes()));
//! # Ok::<(), tenon_scim::Error>(())
//! ```

#![forbid(unsafe_code)]

pub mod bulk;
pub mod dialect;
pub mod discovery;
mod elements;
pub mod error;
pub mod filter;
pub mod index;
pub mod list;
pub mod membership;
pub mod patch;
pub mod path;
pub mod precondition;
pub mod project;
mod quote;
pub mod resource;
pub mod schema;
pub mod search;
pub mod sort;
pub mod stored;
pub mod value;

pub use dialect::Dialect;
pub use error::{Error, ScimType};
pub use schema::registry::Registry;

/// A JSON object, in the order its members were sent.
pub type Object = serde_json::Map<String, serde_json::Value>;
