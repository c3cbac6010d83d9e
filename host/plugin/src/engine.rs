//! How guest code is compiled and where its instances live: wasmtime's configuration, the pool,
//! and the thread that ticks the epoch.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, OperatorCost,
    PoolingAllocationConfig,
};

use crate::error::HostError;
use crate::limits::Limits;

/// How often running guests look at the clock and let others run.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Stack of a fiber past the guest's part of it: host functions run there too.
const HOST_STACK_BYTES: usize = 1024 * 1024;

/// Bytes of a used memory that stay mapped and are cleared by writing zeros, rather than being
/// given back to the kernel and faulted in again. More is slower: it is cleared at each call.
const KEEP_RESIDENT_BYTES: usize = 256 * 1024;

/// The engine that calls run in. Its epoch ticks for as long as this value lives.
pub(crate) struct RunningEngine {
    engine: Engine,
    _ticker: Ticker,
}

impl RunningEngine {
    /// With a pool where the address space has room for it, without one elsewhere.
    pub(crate) fn new(limits: &Limits) -> Result<RunningEngine, HostError> {
        let mut config = engine_config(limits);
        let engine = match Engine::new(&config) {
            Ok(engine) => engine,
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "no room for a pool of plugin instances (a limit on address space?); \
                     each call maps its own memory, which is slower"
                );
                config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
                Engine::new(&config).map_err(|source| HostError::Engine { source })?
            }
        };
        let ticker = Ticker::start(engine.weak()).map_err(|source| HostError::Ticker { source })?;
        Ok(RunningEngine { engine, _ticker: ticker })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// What the engine that calls run in is made of, for those who measure what wasmtime costs without a
/// [`PluginHost`](crate::PluginHost) around it.
pub fn engine_config(limits: &Limits) -> Config {
    let mut config = code_config();
    config
        .max_wasm_stack(limits.stack_bytes)
        .async_stack_size(limits.stack_bytes.saturating_add(HOST_STACK_BYTES))
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    config
}

/// The engine of the compile child: it compiles as [`RunningEngine`] expects, on one thread,
/// and reserves no memory for instances.
pub(crate) fn compiling_engine() -> wasmtime::Result<Engine> {
    let mut config = code_config();
    config.parallel_compilation(false);
    Engine::new(&config)
}

/// Everything that decides what code is made. It depends on nothing but this function, so that
/// the child compiles what the server can load.
fn code_config() -> Config {
    let mut cost = OperatorCost::default();
    // Growing is free otherwise, and yet the kernel has to find and clear the pages.
    cost.variable.memory_grow_per_page = u8::MAX;
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .operator_cost(cost)
        .epoch_interruption(true)
        // The same input gives the same output on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_relaxed_simd(false)
        .wasm_threads(false)
        .wasm_memory64(false)
        .wasm_exceptions(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .gc_support(false)
        // wasmtime 48 panics on some JavaScript components without it.
        .wasm_multi_memory(true);
    config
}

/// A pool in which `concurrent_calls` plugins fit even if each takes all it may. Checks at
/// upload run beside them, hence the `concurrent_compiles`.
fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let stores = limits.concurrent_calls.saturating_add(limits.concurrent_compiles);
    let all = |each: usize| count(stores.saturating_mul(each));
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(count(stores))
        .total_stacks(count(stores))
        .total_core_instances(all(limits.instances))
        .total_memories(all(limits.memories))
        .total_tables(all(limits.tables))
        .total_gc_heaps(0)
        .max_core_instances_per_component(count(limits.instances))
        .max_memories_per_component(count(limits.memories))
        .max_tables_per_component(count(limits.tables))
        .max_memories_per_module(count(limits.memories))
        .max_tables_per_module(count(limits.tables))
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(16 * 1024)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// A thread that advances the epoch. It ends when this value is dropped.
struct Ticker {
    _stop: mpsc::Sender<()>,
}

impl Ticker {
    fn start(engine: EngineWeak) -> io::Result<Ticker> {
        let (stop, stopped) = mpsc::channel::<()>();
        thread::Builder::new().name("tenon-epoch".to_owned()).spawn(move || {
            while let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        })?;
        Ok(Ticker { _stop: stop })
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    fn compatibility(engine: &Engine) -> u64 {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn the_child_compiles_what_the_server_loads() {
        let running = RunningEngine::new(&Limits::default()).unwrap();
        let compiling = compiling_engine().unwrap();
        assert_eq!(compatibility(running.engine()), compatibility(&compiling));
    }

    #[test]
    fn a_pool_too_large_for_the_address_space_falls_back_to_mapping_each_memory() {
        let limits = Limits { concurrent_calls: 1_000_000, ..Limits::default() };
        assert!(Engine::new(&engine_config(&limits)).is_err());
        assert!(RunningEngine::new(&limits).is_ok());
    }
}
