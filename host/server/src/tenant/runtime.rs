//! A tenant's configuration in the form in which requests use it, kept while it is current.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::available_parallelism;

use sqlx::PgConnection;
use tenon_plugin::{CallError, Capability, Digest};
use tenon_scim::schema::describe::{Description, SchemaError};
use tenon_scim::{Dialect, Object, Registry};
use tokio::sync::Semaphore;

use super::failure_policy::{FailurePolicies, FailurePolicy};
use super::indexes::{ReadyIndexes, declare};
use super::limits::Limits;
use super::plugin_secrets;
use super::recordings::{self, RunningRecording};
use crate::keyring::{Keyring, KeyringError};
use crate::store::place::Place;
use crate::store::plugins::{self, Plugin, Version};
use crate::store::requests::Logged;
use crate::store::tenants::Configuration;
use crate::store::{StoreError, TenantId, added_indexes, index_builds, tenants};

/// What a request needs to know of its tenant. It never changes: a request keeps the one it
/// began with.
#[derive(Debug)]
pub struct TenantRuntime {
    /// The tenant.
    pub id: TenantId,
    /// Where its data is.
    pub place: Place,
    /// Its schemas and resource types, plugins included. What `index::declared` finds in them is
    /// what writers keep up, what the administrator has added included.
    pub registry: Registry,
    /// The indexes that filters may use.
    pub ready: ReadyIndexes,
    /// How its clients speak SCIM.
    pub dialect: Dialect,
    /// What it may cost.
    pub limits: Limits,
    /// Whether its credentials are refused for a while.
    pub is_suspended: bool,
    /// Which of its requests are logged.
    pub request_log: Logged,
    /// Its active plugins, in the order in which they are called.
    pub plugins: Vec<ActivePlugin>,
    /// The hooks that any of them has.
    pub hooks: Hooks,
    /// The names of those that are told of what is written.
    pub told: Vec<String>,
    /// Places for lists that look at all resources of a type, so that one tenant leaves some to
    /// others.
    pub scans: Semaphore,
    /// Places for work that holds a processor for long: one tenant leaves half of them to others.
    pub large_work: Semaphore,
    epoch: i64,
}

impl TenantRuntime {
    /// The same with other schemas, for work that is no request.
    #[must_use]
    pub fn with_registry(&self, registry: Registry) -> Self {
        Self {
            id: self.id,
            place: self.place,
            registry,
            ready: self.ready.clone(),
            dialect: self.dialect,
            limits: self.limits.clone(),
            is_suspended: self.is_suspended,
            request_log: self.request_log,
            plugins: self.plugins.clone(),
            hooks: self.hooks,
            told: self.told.clone(),
            scans: Semaphore::new(1),
            large_work: Semaphore::new(1),
            epoch: self.epoch,
        }
    }
}

/// Lists of one tenant that look at all resources of a type at a time.
const SCANS: usize = 4;

/// Hooks that plugins have, a bit for each: what asks for one on the way of every request asks here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hooks(u16);

impl Hooks {
    fn of(plugins: &[ActivePlugin]) -> Self {
        let all = plugins.iter().flat_map(|it| &it.capabilities);
        Self(all.fold(0, |hooks, hook| hooks | Self::bit(*hook)))
    }

    /// Whether there is a plugin with this hook.
    #[must_use]
    pub const fn have(self, hook: Capability) -> bool {
        self.0 & Self::bit(hook) != 0
    }

    const fn bit(hook: Capability) -> u16 {
        1 << hook as u16
    }
}

/// The version of a plugin that requests go through.
#[derive(Clone)]
pub struct ActivePlugin {
    /// Its name at the tenant.
    pub name: Arc<str>,
    /// The version.
    pub digest: Digest,
    /// What it exports.
    pub capabilities: Vec<Capability>,
    /// The tenant's configuration of it, with its secrets in clear; or why they cannot be decrypted.
    config: Result<Arc<Object>, KeyringError>,
    /// The version that is run beside it, without effect.
    pub shadow: Option<Shadow>,
    /// The recordings of its calls that are running; mostly none.
    pub recordings: Vec<Arc<RunningRecording>>,
    /// What becomes of requests when it gives no answer.
    pub on_failure: Arc<FailurePolicies>,
}

/// A version that is run beside the one that requests go through.
#[derive(Debug, Clone)]
pub struct Shadow {
    /// The version.
    pub digest: Digest,
    /// What it exports.
    pub capabilities: Vec<Capability>,
}

/// Two plugins of a tenant do not fit together, or one not to the core.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("plugin \"{plugin}\": {error}")]
pub struct Misfit {
    /// The plugin whose description was added when it failed.
    pub plugin: String,
    /// Why.
    pub error: SchemaError,
}

/// Why there is no runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Plugins that were activated do not fit together any more.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

/// The runtimes of the tenants that had requests.
#[derive(Debug, Default)]
pub struct Runtimes {
    keyring: Keyring,
    by_tenant: RwLock<HashMap<TenantId, Arc<TenantRuntime>>>,
}

/// Tenants whose runtimes are kept. Past that, all are dropped and built again as they are needed.
const KEPT: usize = 10_000;

impl Runtimes {
    /// None yet. The keyring opens the secrets of plugins.
    #[must_use]
    pub fn new(keyring: Keyring) -> Self {
        Self { keyring, by_tenant: RwLock::default() }
    }

    /// The tenant's runtime of that configuration epoch or a later one.
    ///
    /// Authentication reads the epoch anew for every request, so a change is seen by the next
    /// request on every server.
    ///
    /// # Errors
    /// It has to be built, and cannot be.
    pub async fn get(
        &self,
        conn: &mut PgConnection,
        tenant: TenantId,
        epoch: i64,
    ) -> Result<Arc<TenantRuntime>, RuntimeError> {
        let known = {
            let by_tenant = self.by_tenant.read().unwrap_or_else(PoisonError::into_inner);
            by_tenant.get(&tenant).filter(|runtime| runtime.epoch >= epoch).cloned()
        };
        if let Some(runtime) = known {
            return Ok(runtime);
        }
        // The epoch was read before the rest is: what is built may be newer than it says, and
        // is then built once more, but it is never older.
        let plugins = plugins::list(conn, tenant).await?;
        let registry = with_added_indexes(conn, tenant, registry_of(&plugins)?).await?;
        let ready = ReadyIndexes::of(&registry, &index_builds::list(conn, tenant).await?);
        let Configuration { dialect, limits, request_log, is_suspended, placement } =
            tenants::configuration(conn, tenant).await?;
        let active = |plugin| ActivePlugin::of(&self.keyring, tenant, plugin);
        let mut active: Vec<_> = plugins.iter().filter_map(active).collect();
        recordings::add_running(conn, tenant, &self.keyring, &plugins, &mut active).await?;
        let plugins = active;
        let processors = available_parallelism().map_or(1, usize::from);
        let runtime = Arc::new(TenantRuntime {
            id: tenant,
            place: Place { tenant, placement },
            registry,
            ready,
            dialect,
            limits: Limits::of_stored(&limits)?,
            is_suspended,
            request_log,
            hooks: Hooks::of(&plugins),
            told: told(&plugins),
            plugins,
            scans: Semaphore::new(SCANS),
            large_work: Semaphore::new((processors / 2).max(1)),
            epoch,
        });
        let mut by_tenant = self.by_tenant.write().unwrap_or_else(PoisonError::into_inner);
        if by_tenant.len() >= KEPT {
            by_tenant.clear();
        }
        by_tenant.insert(tenant, Arc::clone(&runtime));
        Ok(runtime)
    }
}

/// Without the configuration, which may hold secrets.
impl fmt::Debug for ActivePlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivePlugin")
            .field("name", &self.name)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl ActivePlugin {
    /// Whether a request goes on without the plugin where this hook of it fails.
    #[must_use]
    pub fn may_be_skipped(&self, hook: Capability) -> bool {
        let policy = self.on_failure.of(hook.as_str());
        matches!(policy, FailurePolicy::Skip | FailurePolicy::Open)
    }

    /// The version that is run beside it at this hook.
    #[must_use]
    pub fn shadow_at(&self, hook: Capability) -> Option<&Shadow> {
        self.shadow.as_ref().filter(|it| it.capabilities.contains(&hook))
    }

    /// The recording that wants a call of this hook.
    #[must_use]
    pub fn recording_at(&self, hook: Capability) -> Option<&Arc<RunningRecording>> {
        self.recordings.iter().find(|it| it.hook == hook && it.is_wanted())
    }

    /// What it is called with. It is not called without what it was configured with.
    ///
    /// # Errors
    /// A secret cannot be decrypted.
    pub fn config(&self) -> Result<Arc<Object>, CallError> {
        let unreadable = |error: &KeyringError| CallError::NotReady { message: error.to_string() };
        self.config.as_ref().map(Arc::clone).map_err(unreadable)
    }

    /// `None` where no version of the plugin is active.
    #[must_use]
    pub fn of(keyring: &Keyring, tenant: TenantId, plugin: &Plugin) -> Option<Self> {
        let version = active_version(plugin)?;
        Some(Self {
            name: plugin.name.as_str().into(),
            digest: version.digest,
            capabilities: version.capabilities.clone(),
            config: plugin_secrets::opened(keyring, tenant, &plugin.config).map(Arc::new),
            shadow: plugin
                .shadow
                .and_then(|digest| plugin.version(&digest))
                .map(|it| Shadow { digest: it.digest, capabilities: it.capabilities.clone() }),
            recordings: Vec::new(),
            // What cannot be read refuses more than it has to.
            on_failure: Arc::new(
                FailurePolicies::of_settings(&plugin.settings).unwrap_or_default(),
            ),
        })
    }
}

/// The core's registry with what the active versions describe.
///
/// # Errors
/// The descriptions do not fit together.
pub fn registry_of(plugins: &[Plugin]) -> Result<Registry, Misfit> {
    let mut registry = Registry::core();
    for plugin in plugins {
        let Some(version) = active_version(plugin) else { continue };
        registry = Description::parse(&version.described)
            .and_then(|description| registry.with(&description))
            .map_err(|error| Misfit { plugin: plugin.name.clone(), error })?;
    }
    Ok(registry)
}

/// The tenant's registry: the core's, with its active plugins and the indexes its administrator has
/// added.
///
/// # Errors
/// The database fails, or the plugins do not fit together.
pub async fn load_registry(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<Registry, RuntimeError> {
    let plugins = plugins::list(conn, tenant).await?;
    Ok(with_added_indexes(conn, tenant, registry_of(&plugins)?).await?)
}

async fn with_added_indexes(
    conn: &mut PgConnection,
    tenant: TenantId,
    mut registry: Registry,
) -> Result<Registry, StoreError> {
    declare(&mut registry, &added_indexes::list(conn, tenant).await?);
    Ok(registry)
}

fn told(plugins: &[ActivePlugin]) -> Vec<String> {
    let told = plugins.iter().filter(|it| it.capabilities.contains(&Capability::AfterCommit));
    told.map(|it| it.name.to_string()).collect()
}

fn active_version(plugin: &Plugin) -> Option<&Version> {
    plugin.versions.iter().find(|version| Some(version.digest) == plugin.active)
}
