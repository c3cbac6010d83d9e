//! The host of plugins: takes uploads, loads versions, and shares what they run in.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use wasmtime::component::Component;

use crate::admission::Admission;
use crate::cache::{Cache, TrustedCode};
use crate::compile::{self, Compiler};
use crate::digest::Digest;
use crate::engine::RunningEngine;
use crate::error::{HostError, Refusal};
use crate::limits::Limits;
use crate::plugin::{Plugin, Runtime};
use crate::{fault, gate, imports};

/// What a [`PluginHost`] is made with.
#[derive(Clone, Debug)]
pub struct HostSettings {
    /// Where compiled code is kept between restarts. Made where it does not exist; for the
    /// server's user alone.
    pub cache_dir: PathBuf,
    /// How to start the compile child.
    pub compiler: Compiler,
    /// Limits on uploads and calls.
    pub limits: Limits,
}

/// Takes uploads and loads versions. Cheap to clone; all clones are one host.
#[derive(Clone)]
pub struct PluginHost {
    shared: Arc<Shared>,
}

/// A component that passed the gate.
#[derive(Debug)]
pub struct Checked {
    /// The version, ready to be called.
    pub plugin: Arc<Plugin>,
    /// What its `describe` answered: Schema and ResourceType documents, JSON objects all. Empty
    /// for a plugin without the capability.
    pub described: Vec<Value>,
}

struct Shared {
    runtime: Arc<Runtime>,
    cache: Cache,
    compiler: Compiler,
    /// Places for uploads, of which each holds its component in memory.
    uploads: Semaphore,
    /// Places for compiling and describing.
    checks: Semaphore,
    loaded: Mutex<Loaded>,
    /// One lock for each version that is being loaded, so that it is compiled once.
    loading: Mutex<HashMap<Digest, Weak<tokio::sync::Mutex<()>>>>,
}

/// Versions in memory, with the time of their last use on a clock that counts uses.
#[derive(Default)]
struct Loaded {
    plugins: HashMap<Digest, (Arc<Plugin>, u64)>,
    clock: u64,
}

impl PluginHost {
    /// Starts the engine and opens the cache.
    ///
    /// # Errors
    ///
    /// The limits are not possible, or the cache directory is not usable or not safe.
    pub fn new(settings: HostSettings) -> Result<PluginHost, HostError> {
        let HostSettings { cache_dir, compiler, limits } = settings;
        let engine = RunningEngine::new(&limits)?;
        let cache = Cache::open(&cache_dir, engine.engine())?;
        let linker =
            imports::linker(engine.engine()).map_err(|source| HostError::Engine { source })?;
        let uploads = Semaphore::new(limits.concurrent_uploads);
        let checks = Semaphore::new(limits.concurrent_compiles);
        let admission = Admission::new(&limits);
        let runtime = Arc::new(Runtime { engine, linker, limits, admission });
        let (loaded, loading) = (Mutex::default(), Mutex::default());
        Ok(PluginHost {
            shared: Arc::new(Shared { runtime, cache, compiler, uploads, checks, loaded, loading }),
        })
    }

    /// The limits that hold here.
    pub fn limits(&self) -> &Limits {
        &self.shared.runtime.limits
    }

    /// The upload gate: size, format, structure, exports, imports, compiling, resources, types,
    /// a start, and one call of `describe`.
    ///
    /// # Errors
    ///
    /// The first check that the component does not pass.
    pub async fn check(&self, component: &[u8]) -> Result<Checked, Refusal> {
        let shared = self.shared.clone();
        let limits = self.limits();
        let _upload = shared
            .uploads
            .try_acquire()
            .map_err(|_| Refusal::Busy { waiting: limits.concurrent_uploads })?;
        let bytes: Arc<[u8]> = component.into();
        let shared = self.shared.clone();
        blocking(move || gate::check(&bytes, &shared.runtime.limits)).await??;
        let plugin = self.load(component).await?;
        let _place = self.shared.check_place().await?;
        plugin.probe().await?;
        let described = plugin.describe().await?;
        Ok(Checked { plugin, described })
    }

    /// A version that is in memory, or whose compiled code is on disk; `None` where the
    /// component itself is needed ([`PluginHost::load`]).
    pub async fn cached(&self, digest: &Digest) -> Option<Arc<Plugin>> {
        if let Some(plugin) = self.shared.loaded(digest) {
            return Some(plugin);
        }
        let turn = self.shared.turn(digest);
        let _turn = turn.lock().await;
        self.shared.cached(digest).await
    }

    /// Loads a version that passed the gate earlier: from memory, from disk, or by compiling it.
    /// However many ask for one version at once, it is compiled once.
    ///
    /// # Errors
    ///
    /// The component does not compile, or not any more, under the limits that hold here.
    pub async fn load(&self, component: &[u8]) -> Result<Arc<Plugin>, Refusal> {
        let digest = Digest::of(component);
        let turn = self.shared.turn(&digest);
        let _turn = turn.lock().await;
        if let Some(plugin) = self.shared.cached(&digest).await {
            return Ok(plugin);
        }
        let shared = &self.shared;
        let code = {
            let _place = shared.check_place().await?;
            compile::compile(&shared.compiler, &shared.runtime.limits, component).await?
        };
        let (plugin, code) = shared.link(digest, code).await?;
        shared.keep(digest, code).await;
        Ok(shared.remember(plugin))
    }
}

impl std::fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginHost").field("limits", self.limits()).finish_non_exhaustive()
    }
}

impl Shared {
    /// From memory or disk. The caller has the version's turn.
    async fn cached(self: &Arc<Shared>, digest: &Digest) -> Option<Arc<Plugin>> {
        if let Some(plugin) = self.loaded(digest) {
            return Some(plugin);
        }
        let (shared, wanted) = (self.clone(), *digest);
        let code = blocking(move || shared.cache.get(&wanted)).await.ok()??;
        match self.link(*digest, code).await {
            Ok((plugin, _)) => Some(self.remember(plugin)),
            Err(refusal) => {
                tracing::warn!(
                    %digest, error = %refusal,
                    "compiled plugin from disk does not load; it is compiled again"
                );
                None
            }
        }
    }

    /// Makes a plugin of compiled code; gives the code back for the disk.
    async fn link(
        self: &Arc<Shared>,
        digest: Digest,
        code: TrustedCode,
    ) -> Result<(Plugin, TrustedCode), Refusal> {
        let runtime = self.runtime.clone();
        blocking(move || {
            let component = code
                .load(runtime.engine.engine())
                .map_err(|error| Refusal::DoesNotFit { message: fault::text(&error) })?;
            fits(&component, &runtime.limits)?;
            Ok((Plugin::link(runtime, digest, &component)?, code))
        })
        .await?
    }

    /// Puts code on disk. Where that fails, say on a full disk, only the next start is slower.
    async fn keep(self: &Arc<Shared>, digest: Digest, code: TrustedCode) {
        let shared = self.clone();
        let kept = blocking(move || shared.cache.insert(&digest, &code)).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!(
                %digest, %error,
                "compiled plugin cannot be kept on disk; it is compiled again after a restart"
            );
        }
    }

    async fn check_place(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Refusal> {
        let place = self.checks.acquire().await;
        place.map_err(|error| Refusal::Internal { message: error.to_string() })
    }

    fn turn(&self, digest: &Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = loading.get(digest).and_then(Weak::upgrade) {
            return turn;
        }
        loading.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        loading.insert(*digest, Arc::downgrade(&turn));
        turn
    }

    fn loaded(&self, digest: &Digest) -> Option<Arc<Plugin>> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.clock += 1;
        let now = loaded.clock;
        let (plugin, used) = loaded.plugins.get_mut(digest)?;
        *used = now;
        Some(plugin.clone())
    }

    fn remember(&self, plugin: Plugin) -> Arc<Plugin> {
        let plugin = Arc::new(plugin);
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.clock += 1;
        let now = loaded.clock;
        loaded.plugins.insert(*plugin.digest(), (plugin.clone(), now));
        if loaded.plugins.len() > self.runtime.limits.loaded_plugins {
            let oldest = loaded.plugins.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(digest) = oldest.map(|(digest, _)| *digest) {
                loaded.plugins.remove(&digest);
            }
        }
        plugin
    }
}

/// What it takes to start is known before it is started.
fn fits(component: &Component, limits: &Limits) -> Result<(), Refusal> {
    let Some(needs) = component.resources_required() else {
        let message = "it instantiates modules that it does not contain".to_owned();
        return Err(Refusal::DoesNotFit { message });
    };
    let needs = [
        ("memories", u64::from(needs.num_memories), limits.memories),
        ("tables", u64::from(needs.num_tables), limits.tables),
        (
            "bytes of one memory at its start",
            needs.max_initial_memory_size.unwrap_or(0),
            limits.memory_bytes,
        ),
        (
            "elements of one table at its start",
            needs.max_initial_table_size.unwrap_or(0),
            limits.table_elements,
        ),
    ];
    for (what, found, limit) in needs {
        if found > limit as u64 {
            return Err(Refusal::DoesNotFit {
                message: format!("{found} {what}, the limit is {limit}"),
            });
        }
    }
    Ok(())
}

/// Runs work that takes milliseconds where it holds up no other task. A panic in it, say of a
/// parser at hostile input, becomes a refusal.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "checking a plugin ended in a panic");
        Refusal::Internal { message: error.to_string() }
    })
}
