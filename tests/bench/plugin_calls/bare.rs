//! A component in wasmtime alone, in an engine as the plugin host has it: a new store, an instance, a
//! call.

use tenon_plugin::{Limits, engine_config};
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Engine, Store, UpdateDeadline};

/// `empty` does nothing, `loop` takes 100,000 turns of adding and storing.
const COMPONENT: &str = r#"(component
    (core module $module
        (memory 1)
        (func (export "empty"))
        (func (export "loop") (local $turn i32)
            (loop $again
                (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
                (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (local.get $turn)))
                (br_if $again (i32.lt_u (local.get $turn) (i32.const 100000))))))
    (core instance $module (instantiate $module))
    (func (export "empty") (canon lift (core func $module "empty")))
    (func (export "loop") (canon lift (core func $module "loop"))))"#;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fuel {
    Counted,
    Free,
}

pub(super) struct Bare {
    engine: Engine,
    instance: InstancePre<()>,
    limits: Limits,
    fuel: Fuel,
}

impl Bare {
    pub(super) fn new(fuel: Fuel) -> Self {
        let limits = Limits::default();
        let mut config = engine_config(&limits);
        config.consume_fuel(fuel == Fuel::Counted);
        let engine = Engine::new(&config).expect("an engine");
        let binary = wat::parse_str(COMPONENT).expect("a component in text form");
        let component = Component::new(&engine, binary).expect("a component");
        let instance = Linker::new(&engine).instantiate_pre(&component).expect("it links");
        Self { engine, instance, limits, fuel }
    }

    pub(super) async fn call(&self, function: &str) {
        let mut store = Store::new(&self.engine, ());
        if self.fuel == Fuel::Counted {
            store.set_fuel(self.limits.fuel).expect("fuel is counted");
            let interval = Some(self.limits.fuel_yield_interval);
            store.fuel_async_yield_interval(interval).expect("an interval");
        }
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let instance = self.instance.instantiate_async(&mut store).await.expect("an instance");
        let run = instance.get_typed_func::<(), ()>(&mut store, function).expect("the function");
        run.call_async(&mut store, ()).await.expect("an answer");
    }
}
