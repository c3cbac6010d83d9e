//! Runs a tenant's plugins: WebAssembly components that nobody trusts.
//!
//! A [`PluginHost`] takes an uploaded component through the gate ([`PluginHost::check`]) and
//! loads versions that passed it ([`PluginHost::load`]). A [`Plugin`] is one version, and its
//! methods are its hooks. Each call runs in an instance of its own, under [`Limits`] on fuel,
//! time and memory, and ends in an [`Outcome`]: the answer or a [`CallError`], and the [`Usage`].
//!
//! ```no_run
//! use std::sync::Arc;
//! use tenon_plugin::{Budget, Call, Compiler, Document, HostSettings, Limits, PluginHost, Tier};
//! # use tenon_scim::schema::ResourceType;
//! # async fn example(
//! #     component: Vec<u8>, user_type: Arc<ResourceType>, user: serde_json::Map<String, serde_json::Value>,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let host = PluginHost::new(HostSettings {
//!     cache_dir: "/var/lib/tenon/plugins".into(),
//!     compiler: Compiler::this_program(["compile-plugin"])?,
//!     limits: Limits::default(),
//! })?;
//! let checked = host.check(&component, Tier::Standard).await?;
//!
//! let call = Call {
//!     tenant: "acme".into(),
//!     plugin: "cost-center".into(),
//!     request_id: "01JD".into(),
//!     resource_type: "User".into(),
//!     operation: "create".into(),
//!     actor: "token:1".into(),
//!     config: Arc::default(),
//!     directory: None,
//!     now: 1_700_000_000_000,
//!     seed: [7; 32],
//!     budget: Budget::default(),
//!     recorder: None,
//! };
//! let candidate = Document { resource_type: user_type, value: Arc::new(user) };
//! let outcome = checked.plugin.validate(&call, candidate, None).await;
//! for issue in outcome.result? {
//!     println!("{}", issue.detail);
//! }
//! # Ok(()) }
//! ```
//!
//! This crate knows wasmtime and `tenon-scim`, and neither HTTP nor SQL. The contract with
//! plugins is in `wit/`.

mod admission;
mod answer;
mod bindings;
mod breaker;
mod cache;
mod call;
mod child;
mod compile;
mod digest;
mod directory;
mod engine;
mod error;
mod fault;
mod gate;
mod hooks;
mod host;
mod imports;
mod limits;
mod package;
mod plugin;
mod price;
mod recording;
mod report;
mod shape;
mod state;
mod text;
mod turns;

pub use breaker::BreakerState;
pub use call::{Call, Capability, Document, Issue, Outcome, Usage};
pub use child::compile_child_main;
pub use compile::Compiler;
pub use digest::{Digest, DigestError};
pub use directory::{Directory, LookUp, LookUpError};
pub use engine::engine_config;
pub use error::{CallError, HostError, Refusal};
pub use hooks::{Claim, Edit, Event, QueryDecision, RequestHead, WriteDecision};
pub use host::{Checked, HostSettings, Memory, PluginHost};
pub use limits::{Budget, Limits, Share, Tier, UploadLimits};
pub use package::{PackageError, encode};
pub use plugin::Plugin;
pub use recording::{
    Difference, Input, RecordedCall, Recorder, Recording, RecordingError, Redaction,
    RedactionError, Replayed, Surroundings,
};
pub use report::{CallObserver, CallReport, Line};
