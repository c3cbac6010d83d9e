//! An empty component in wasmtime alone, with the settings of the plugin host: a new store, an
//! instance, a call.

use wasmtime::component::{Component, Instance, InstancePre, Linker};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, UpdateDeadline,
};

const EMPTY: &str = r#"(component
    (core module $empty (memory 1) (func (export "run")))
    (core instance $empty (instantiate $empty))
    (func (export "run") (canon lift (core func $empty "run"))))"#;

/// What a call may use; it uses next to nothing.
const FUEL: u64 = 20_000_000;

pub(super) struct Bare {
    engine: Engine,
    instance: InstancePre<()>,
    counts_fuel: bool,
}

impl Bare {
    pub(super) fn new(counts_fuel: bool) -> Self {
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(64)
            .max_memory_size(64 * 1024 * 1024)
            .linear_memory_keep_resident(256 * 1024);
        let mut config = Config::new();
        config
            .consume_fuel(counts_fuel)
            .epoch_interruption(true)
            .wasm_gc(false)
            .gc_support(false)
            .cranelift_nan_canonicalization(true)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).expect("an engine");
        let component = Component::new(&engine, EMPTY).expect("a component");
        let instance = Linker::new(&engine).instantiate_pre(&component).expect("it links");
        Self { engine, instance, counts_fuel }
    }

    pub(super) async fn call(&self) {
        let mut store = Store::new(&self.engine, ());
        if self.counts_fuel {
            store.set_fuel(FUEL).expect("fuel is counted");
            store.fuel_async_yield_interval(Some(1_000_000)).expect("an interval");
        }
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let instance: Instance =
            self.instance.instantiate_async(&mut store).await.expect("an instance");
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("the function");
        run.call_async(&mut store, ()).await.expect("an answer");
    }
}
