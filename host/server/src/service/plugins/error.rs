//! Why a plugin is not uploaded, activated or configured, in words for who asked.

use tenon_plugin::{Capability, Digest, RedactionError, Refusal};
use tenon_scim::schema::describe::SchemaError;

use super::schema_change::Told;
use crate::store::StoreError;
use crate::tenant::failure_policy::SettingsError;
use crate::tenant::plugin_secrets::SecretError;
use crate::tenant::runtime::Misfit;

/// Why a plugin is not uploaded, activated or configured.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The upload gate refuses the component.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What `describe` answered is no schema, or does not fit to the core.
    #[error("the component's `describe`: {0}")]
    Described(#[from] SchemaError),
    /// The tenant has no plugin of that name.
    #[error("the tenant has no plugin \"{name}\"; upload it first")]
    NoPlugin {
        /// The name.
        name: String,
    },
    /// The plugin has no such version.
    #[error("plugin \"{name}\" has no version {digest}; its versions are listed at the plugin")]
    NoVersion {
        /// The plugin.
        name: String,
        /// The digest asked for.
        digest: Digest,
    },
    /// Stored resources have to do with the change of the schemas, and nobody has confirmed it.
    #[error(
        "this changes schemas that stored resources have: {}; to do so all the same, send it again with \
         \"confirm\": \"{confirm}\"",
        changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    Breaking {
        /// What names the changes.
        confirm: String,
        /// The changes.
        changes: Vec<Told>,
    },
    /// As many plugins are active as may be.
    #[error("the tenant has as many active plugins as it may have, {limit}; deactivate one before")]
    TooManyActive {
        /// How many may be.
        limit: usize,
    },
    /// With this version active, the tenant's plugins do not fit together.
    #[error("the plugins of the tenant would not fit together: {0}")]
    Misfit(#[from] Misfit),
    /// The plugin has no version that was active before.
    #[error("plugin \"{name}\" has no version that was active before; activate one by its digest")]
    NothingBefore {
        /// The plugin.
        name: String,
    },
    /// The version that is to be run beside the active one is the active one.
    #[error("version {digest} of plugin \"{name}\" is active already: its requests are no trial")]
    ActiveAlready {
        /// The plugin.
        name: String,
        /// The version.
        digest: Digest,
    },
    /// There is no version beside which one could be run.
    #[error(
        "plugin \"{name}\" has no active version beside which another could be run; activate one"
    )]
    NothingActive {
        /// The plugin.
        name: String,
    },
    /// No version of the plugin was run beside another.
    #[error("no version of plugin \"{name}\" was run in shadow")]
    NoShadow {
        /// The plugin.
        name: String,
    },
    /// Nothing is run over the stored resources.
    #[error("no version of plugin \"{name}\" is run over the stored resources")]
    NoImpact {
        /// The plugin.
        name: String,
    },
    /// An order does not name the tenant's plugins, each once.
    #[error("\"order\" must name each plugin of the tenant once: {}", names.join(", "))]
    NotAnOrder {
        /// The plugins that there are.
        names: Vec<String>,
    },
    /// The settings are none.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The plugin is not to be told of that event, or has been.
    #[error(
        "plugin \"{name}\" is not to be told of an event \"{event}\", or has been; those that it is \
         to be told of are listed under its deliveries"
    )]
    NoDelivery {
        /// The plugin.
        name: String,
        /// The event asked for.
        event: String,
    },
    /// There is no version whose calls could be recorded.
    #[error("plugin \"{name}\" has no active version whose calls could be recorded; activate one")]
    NothingToRecord {
        /// The plugin.
        name: String,
    },
    /// The active version has no such hook.
    #[error(
        "the active version of plugin \"{name}\" has no hook {hook}; it has {}",
        has.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ")
    )]
    NoHook {
        /// The plugin.
        name: String,
        /// What was to be recorded.
        hook: Capability,
        /// What could be.
        has: Vec<Capability>,
    },
    /// The hook is being recorded.
    #[error(
        "calls of {hook} of plugin \"{name}\" are being recorded already; wait for their end, or \
         delete the recordings of the plugin"
    )]
    RecordingRuns {
        /// The plugin.
        name: String,
        /// The hook.
        hook: Capability,
    },
    /// Nothing was recorded by this id.
    #[error(
        "plugin \"{name}\" has no recorded call \"{id}\"; those that it has are listed under its recordings"
    )]
    NoRecordedCall {
        /// The plugin.
        name: String,
        /// The id asked for.
        id: String,
    },
    /// What is to be left out of recordings cannot be.
    #[error(transparent)]
    Redaction(#[from] RedactionError),
    /// The configuration has a secret that cannot be stored.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PluginError {
    pub(in crate::service) fn no_plugin(name: &str) -> Self {
        Self::NoPlugin { name: name.to_owned() }
    }
}

impl From<sqlx::Error> for PluginError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
