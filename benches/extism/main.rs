//! A rule as a plugin of Tenon and as one of Extism, in turns in one run of one process. Prints the medians
//! as JSON, in microseconds, for `make bench-plugins`.
//!
//! ```sh
//! beside-extism COST_CENTER_COMPONENT EXTISM_RULE_MODULE
//! ```

#[path = "../../tests/bench/plugin_calls/case.rs"]
mod case;
#[path = "../../tests/bench/plugin_calls/timing.rs"]
mod timing;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use extism::{CompiledPlugin, Manifest, PluginBuilder, Wasm};
use serde_json::{Value, json};
use tempfile::TempDir;
use tenon_plugin::{Checked, Compiler, Document, HostSettings, Limits, PluginHost, Tier};

use self::timing::{TURNS, WARM_UP, median_micros, timed};

/// Pages of 64 KiB that a plugin of Extism may have: as much as one of Tenon.
const PAGES: u32 = 1_024;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [child] if child == COMPILE => tenon_plugin::compile_child_main(),
        [component, module] => {
            println!("{}", measured(component.as_ref(), module.as_ref()).await);
            ExitCode::SUCCESS
        }
        _ => panic!("beside-extism COST_CENTER_COMPONENT EXTISM_RULE_MODULE"),
    }
}

/// The argument with which this program is the compile child of its own plugin host.
const COMPILE: &str = "compile-plugin";

async fn measured(component: &Path, module: &Path) -> Value {
    let (checked, _cache) = tenons(component).await;
    let document = case::document(&checked.described);
    let user = Value::Object((*document.value).clone());
    let compiled = extisms(module);
    let mut reused = extism::Plugin::new_from_compiled(&compiled).expect("a plugin");

    let mut times: [Vec<Duration>; 3] = Default::default();
    for turn in 0..WARM_UP + TURNS {
        let took = [
            timed(async || judge(&checked, &document).await).await,
            timed(async || {
                let mut fresh = extism::Plugin::new_from_compiled(&compiled).expect("a plugin");
                accepts(&mut fresh, &user);
            })
            .await,
            timed(async || accepts(&mut reused, &user)).await,
        ];
        if turn >= WARM_UP {
            times.iter_mut().zip(took).for_each(|(times, took)| times.push(took));
        }
    }
    let [tenon, fresh, reused] = times.map(median_micros);
    json!({ "tenon": tenon, "extismFresh": fresh, "extismReused": reused })
}

async fn tenons(component: &Path) -> (Checked, TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let host = PluginHost::new(HostSettings {
        cache_dir: dir.path().to_owned(),
        compiler: Compiler::this_program([COMPILE]).expect("a path"),
        // As much as is asked for; the budget for fuel in a second is not what is measured.
        limits: Limits { fuel_per_second: u64::MAX, ..Limits::default() },
    });
    let component = std::fs::read(component).expect("the component");
    let checked = host.expect("a host").check(&component, Tier::Standard).await;
    (checked.expect("it passes"), dir)
}

async fn judge(checked: &Checked, document: &Document) {
    let issues = checked.plugin.validate(&case::call(), document.clone(), None).await.result;
    assert!(issues.expect("an answer").is_empty());
}

/// With the limits that Extism has: fuel, memory, time.
fn extisms(module: &Path) -> CompiledPlugin {
    let limits = Limits::default();
    let module = std::fs::read(module).expect("the module");
    let manifest = Manifest::new([Wasm::data(module)])
        .with_config_key("rules", Value::Object(case::config()).to_string())
        .with_memory_max(PAGES)
        .with_timeout(limits.deadline);
    let plugin = PluginBuilder::new(manifest).with_fuel_limit(limits.fuel).with_cache_disabled();
    plugin.compile().expect("it compiles")
}

fn accepts(plugin: &mut extism::Plugin, user: &Value) {
    let verdict: String = plugin.call("validate", user.to_string()).expect("an answer");
    assert_eq!(verdict, r#"{"issues":[]}"#);
}
