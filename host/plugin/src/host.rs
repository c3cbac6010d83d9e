//! The host of plugins: takes uploads, loads versions, and shares what they run in.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Instant;

use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;
use wasmtime::component::Component;

use crate::admission::Admission;
use crate::breaker::{BreakerState, Breakers};
use crate::cache::{Cache, TrustedCode};
use crate::compile::{self, Compiler};
use crate::digest::Digest;
use crate::engine::RunningEngine;
use crate::error::{HostError, Refusal};
use crate::limits::{Limits, Tier, UploadLimits};
use crate::plugin::{Plugin, Runtime};
use crate::report::CallObserver;
use crate::turns::Turns;
use crate::{fault, gate, imports};

mod loaded;

use self::loaded::Loaded;
pub use self::loaded::Memory;

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
    uploads: Arc<Semaphore>,
    /// Places for uploads that are compiled, started and described.
    checks: Semaphore,
    /// Places for compiling what passed the gate earlier. Requests wait for it, so it does not
    /// wait for uploads.
    loads: Semaphore,
    loaded: Mutex<Loaded>,
    /// One lock for each version that is being loaded, so that it is compiled once.
    loading: Mutex<HashMap<Digest, Weak<tokio::sync::Mutex<()>>>>,
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
        let uploads = Arc::new(Semaphore::new(limits.concurrent_uploads));
        let checks = Semaphore::new(limits.concurrent_compiles);
        let loads = Semaphore::new(limits.concurrent_loads);
        let admission = Admission::new(&limits);
        let loaded = Mutex::new(Loaded::new(limits.loaded_bytes));
        let (breakers, observer) = (Breakers::default(), OnceLock::new());
        let turns = Turns::new();
        let runtime =
            Arc::new(Runtime { engine, linker, limits, admission, turns, breakers, observer });
        let loading = Mutex::default();
        let shared = Shared { runtime, cache, compiler, uploads, checks, loads, loaded, loading };
        Ok(PluginHost { shared: Arc::new(shared) })
    }

    /// The limits that hold here.
    pub fn limits(&self) -> &Limits {
        &self.shared.runtime.limits
    }

    /// Has every call told to this observer. The first one stays.
    pub fn report_to(&self, observer: Arc<dyn CallObserver>) {
        // It is set already: by another clone of this host.
        let _ = self.shared.runtime.observer.set(observer);
    }

    /// How the hooks of a tenant's plugin stand whose last call here failed.
    pub fn breakers(&self, tenant: &str, plugin: &str) -> Vec<BreakerState> {
        self.shared.runtime.breakers.of(tenant, plugin, Instant::now())
    }

    /// How many breakers are open here.
    pub fn open_breakers(&self) -> usize {
        self.shared.runtime.breakers.open()
    }

    /// How many versions are in memory, and what they take.
    pub fn memory(&self) -> Memory {
        self.shared.loaded().memory()
    }

    /// The upload gate: size, format, structure, exports, imports, compiling, resources, types,
    /// a start, and one call of `describe`. Only what passes all of it stays, in memory and on
    /// disk.
    ///
    /// # Errors
    ///
    /// The first check that the component does not pass, or [`Refusal::Busy`] at once where too
    /// many are being checked.
    pub async fn check(&self, component: &[u8], tier: Tier) -> Result<Checked, Refusal> {
        let waiting = self.limits().concurrent_uploads;
        let uploads = self.shared.uploads.clone();
        let upload = uploads.try_acquire_owned().map_err(|_| Refusal::Busy { waiting })?;
        let (shared, bytes) = (self.shared.clone(), Arc::<[u8]>::from(component));
        let given = bytes.clone();
        blocking(move || gate::check(&given, shared.runtime.limits.upload_of(tier))).await??;
        // It goes on when nobody waits for it any more: the next upload of it finds the code.
        let shared = self.shared.clone();
        let checked = tokio::spawn(async move {
            let _upload = upload;
            shared.compile_and_describe(&bytes, tier).await
        });
        checked.await.map_err(|error| Refusal::Internal { message: error.to_string() })?
    }

    /// A version that is in memory, or whose compiled code is on disk; `None` where the
    /// component itself is needed ([`PluginHost::load`]).
    pub async fn cached(&self, digest: &Digest) -> Option<Arc<Plugin>> {
        if let Some(plugin) = self.shared.loaded().get(digest) {
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
        // It passed the gate of its tier, which is not known any more.
        let limits = &self.limits().runtime_upload;
        let (plugin, code) = shared.compile(&shared.loads, limits, digest, component).await?;
        let plugin = Arc::new(plugin);
        shared.loaded().insert(plugin.clone(), code.bytes());
        shared.keep(digest, code).await;
        Ok(plugin)
    }

    /// Drops a version that no tenant has any more, from memory and disk. Calls of it that are
    /// running end as they would have. Where it is needed after all, it is compiled again.
    pub async fn forget(&self, digest: &Digest) {
        let turn = self.shared.turn(digest);
        let _turn = turn.lock().await;
        self.shared.loaded().remove(digest);
        let (shared, digest) = (self.shared.clone(), *digest);
        let removed = blocking(move || shared.cache.remove(&digest)).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(%digest, %error, "compiled plugin cannot be removed from disk");
        }
    }

    /// Forgets all versions on disk but these, for the start of a server: what was removed while
    /// it did not run, or was not told to [`PluginHost::forget`].
    ///
    /// # Errors
    ///
    /// The directory of compiled code cannot be read.
    pub async fn prune(&self, needed: &HashSet<Digest>) -> std::io::Result<()> {
        let shared = self.shared.clone();
        let kept = blocking(move || shared.cache.digests()).await.map_err(std::io::Error::other)?;
        for digest in kept? {
            if !needed.contains(&digest) {
                tracing::info!(%digest, "compiled plugin is of no version any more; it is removed");
                self.forget(&digest).await;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginHost").field("limits", self.limits()).finish_non_exhaustive()
    }
}

impl Shared {
    /// From memory or disk.
    async fn cached(self: &Arc<Shared>, digest: &Digest) -> Option<Arc<Plugin>> {
        if let Some(plugin) = self.loaded().get(digest) {
            return Some(plugin);
        }
        let (shared, wanted) = (self.clone(), *digest);
        let code = blocking(move || shared.cache.get(&wanted)).await.ok()??;
        match self.link(*digest, code).await {
            Ok((plugin, code)) => {
                let plugin = Arc::new(plugin);
                self.loaded().insert(plugin.clone(), code.bytes());
                Some(plugin)
            }
            Err(refusal) => {
                tracing::warn!(
                    %digest, error = %refusal,
                    "compiled plugin from disk does not load; it is compiled again"
                );
                None
            }
        }
    }

    /// What is left of the gate when the bytes are known to be fit for it.
    async fn compile_and_describe(
        self: &Arc<Shared>,
        component: &[u8],
        tier: Tier,
    ) -> Result<Checked, Refusal> {
        let digest = Digest::of(component);
        // Whoever uploads it meanwhile waits for the same code.
        let turn = self.turn(&digest);
        let _turn = turn.lock().await;
        let (plugin, code) = match self.cached(&digest).await {
            Some(plugin) => (plugin, None),
            None => {
                let limits = self.runtime.limits.upload_of(tier);
                let (plugin, code) = self.compile(&self.checks, limits, digest, component).await?;
                (Arc::new(plugin), Some(code))
            }
        };
        let _place = place(&self.checks).await?;
        plugin.probe().await?;
        let described = plugin.describe().await?;
        if let Some(code) = code {
            self.loaded().insert(plugin.clone(), code.bytes());
            self.keep(digest, code).await;
        }
        Ok(Checked { plugin, described })
    }

    /// Compiles a component, once there is one of these places.
    async fn compile(
        self: &Arc<Shared>,
        places: &Semaphore,
        limits: &UploadLimits,
        digest: Digest,
        component: &[u8],
    ) -> Result<(Plugin, TrustedCode), Refusal> {
        let code = {
            let _place = place(places).await?;
            compile::compile(&self.compiler, limits, component).await?
        };
        self.link(digest, code).await
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

    fn loaded(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn place(places: &Semaphore) -> Result<SemaphorePermit<'_>, Refusal> {
    places.acquire().await.map_err(|error| Refusal::Internal { message: error.to_string() })
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
