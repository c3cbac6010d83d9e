//! Write plugins for Tenon, a SCIM server that every tenant extends.
//!
//! A plugin is a type that implements a trait for each of its capabilities, and one line that
//! exports them:
//!
//! ```
//! use tenon_sdk::prelude::*;
//!
//! struct Badge;
//!
//! const BADGE: &str = "urn:example:params:scim:schemas:extension:badge:2.0:User";
//!
//! impl Schema for Badge {
//!     fn describe() -> Description {
//!         Description::extension(BADGE, "Badge")
//!             .of("User")
//!             .attribute(Attribute::string("number").description("Printed on the badge."))
//!     }
//! }
//!
//! impl Validation for Badge {
//!     fn validate(
//!         _: &Context,
//!         candidate: &Document,
//!         _: Option<&Document>,
//!     ) -> Result<Vec<Issue>, Failure> {
//!         let path = format!("{BADGE}:number");
//!         let Some(number) = candidate.get::<String>(&path)? else { return Ok(vec![]) };
//!         if number.len() == 6 {
//!             return Ok(vec![]);
//!         }
//!         Ok(vec![Issue::new("A badge has a number of six characters.").at(path)])
//!     }
//! }
//!
//! tenon_sdk::export!(Badge: schema, validation);
//! # fn main() {}
//! ```
//!
//! The crate is built as a `cdylib` with `tenon plugin build`. On any other target than
//! `wasm32`, the host's functions are stand-ins ([`testing`]), so that `cargo test` runs a
//! plugin's own tests without WebAssembly and without a server.
//!
//! The rooms: the traits from [`Schema`] to [`Resolver`] are what an author writes,
//! [`Description`] is how schemas are written, [`Document`] is how a resource is read and [`Edit`]
//! how it is changed; [`config`], [`log`], [`directory`], [`clock`] and [`random`] are what the
//! host offers. Which hook may use which of them is said at [`export!`].
//!
//! A component has a global allocator that is made for instances of one call. Who brings another one turns the
//! feature `allocator` off.

#![warn(missing_docs)]

pub mod clock;
pub mod config;
pub mod directory;
pub mod log;
pub mod prelude;
pub mod random;

#[cfg(all(target_arch = "wasm32", feature = "allocator"))]
mod allocator;
mod answer;
mod author;
mod context;
mod describe;
mod document;
mod edit;
mod export;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod glue;
#[cfg(not(target_arch = "wasm32"))]
mod path;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use answer::{Claim, Failure, Issue, QueryDecision, WriteDecision};
pub use author::{
    AfterCommit, AfterRead, BeforeDelete, BeforeQuery, BeforeWrite, Resolver, Schema, Validation,
};
pub use context::{Context, Event, Operation, RequestHead};
pub use describe::{Attribute, Description, Mutability, Returned, Uniqueness};
pub use document::Document;
pub use edit::Edit;
