//! `make bench-plugins`: one call of a plugin beside other ways to have the same rule, in one run of
//! one process: the rule in the host's own Rust, a webhook over HTTP, and an empty component in
//! wasmtime alone. Each turn has one call of each, so that all see the same machine.

mod bare;
mod case;
mod extism;
mod rule;
mod timing;
mod webhook;

use std::time::Duration;

use tempfile::TempDir;
use tenon_plugin::{Compiler, Document, HostSettings, Limits, Plugin, PluginHost, Tier};
use tenon_tests::artifacts;

use self::bare::{Bare, Fuel};
use self::timing::{TURNS, WARM_UP, median_micros, timed};
use self::webhook::Webhook;

use crate::plugins;
use crate::report::{self, Goal, Row};

/// Versions that are active at a time, for the last rows.
const VERSIONS: [usize; 3] = [1, 100, 1_000];

pub(crate) async fn measure() {
    let (host, _dir) = host();
    let checked = host.check(artifacts::cost_center(), Tier::Standard).await.expect("it passes");
    let document = case::document(&checked.described);
    let mut rows = calls(&host, &checked.plugin, &document).await;
    rows.extend(extism::rows(artifacts::cost_center()));
    rows.push(fuel().await);
    rows.extend(versions(&host, &document).await);
    rows.push(share_of_a_post().await);
    report::write_plugins(&rows);
}

fn host() -> (PluginHost, TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let compiler =
        Compiler { program: artifacts::tenon().to_owned(), args: vec!["compile-plugin".into()] };
    // As much as is asked for; the budget for fuel in a second is not what is measured.
    let limits = Limits { fuel_per_second: u64::MAX, ..Limits::default() };
    let settings = HostSettings { cache_dir: dir.path().to_owned(), compiler, limits };
    (PluginHost::new(settings).expect("a host"), dir)
}

/// All ways to judge one user, in turns.
async fn calls(host: &PluginHost, plugin: &Plugin, document: &Document) -> Vec<Row> {
    let harmless = host.check(&artifacts::hostile("harmless"), Tier::Standard).await;
    let harmless = harmless.expect("it passes").plugin;
    let webhook = Webhook::start(document).await;
    let bare = Bare::new(Fuel::Counted);
    let mut times: [Vec<Duration>; 5] = Default::default();
    for turn in 0..WARM_UP + TURNS {
        let took = [
            timed(async || judge(plugin, document).await).await,
            timed(async || judge(&harmless, document).await).await,
            timed(async || bare.call("empty").await).await,
            timed(async || webhook.accepts().await).await,
            timed(async || assert!(rule::accepts(document))).await,
        ];
        if turn >= WARM_UP {
            times.iter_mut().zip(took).for_each(|(times, took)| times.push(took));
        }
    }
    let [plugin, harmless, bare, webhook, native] = times.map(median_micros);
    let row = |what: &str, value: f64| Row::of(what, value, "µs");
    vec![
        row("the plugin: instance, call, two attributes and the configuration read", plugin)
            .beside("an empty component in wasmtime alone", bare, plugin / bare)
            .goal(Goal::AtMost(1.5)),
        row("a plugin that accepts at once: instance, call", harmless)
            .beside("an empty component in wasmtime alone", bare, harmless / bare)
            .goal(Goal::AtMost(1.5)),
        row("a webhook over HTTP with the same rule", webhook)
            .beside("the plugin", plugin, webhook / plugin)
            .goal(Goal::AtLeast(10.0)),
        row("the plugin", plugin).beside("the same rule in Rust", native, plugin / native),
    ]
}

/// A loop in wasmtime alone, with and without counting, in turns.
async fn fuel() -> Row {
    let (counted, free) = (Bare::new(Fuel::Counted), Bare::new(Fuel::Free));
    let mut times: [Vec<Duration>; 2] = Default::default();
    for _ in 0..TURNS {
        times[0].push(timed(async || counted.call("loop").await).await);
        times[1].push(timed(async || free.call("loop").await).await);
    }
    let [counted, free] = times.map(median_micros);
    Row::of("a loop of 100,000 turns in wasmtime alone, fuel counted", counted, "µs").beside(
        "not counted",
        free,
        counted / free,
    )
}

/// The same call, of so many versions in turn.
async fn versions(host: &PluginHost, document: &Document) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut plugins = Vec::new();
    for count in VERSIONS {
        while plugins.len() < count {
            let component = version(plugins.len());
            plugins.push(host.load(&component).await.expect("it loads"));
        }
        let mut times = Vec::with_capacity(TURNS);
        for turn in 0..WARM_UP + TURNS {
            let plugin = &plugins[turn % count];
            let took = timed(async || judge(plugin, document).await).await;
            if turn >= WARM_UP {
                times.push(took);
            }
        }
        let p50 = median_micros(times);
        let first = rows.first().map_or(p50, |row: &Row| row.value);
        let row = Row::of(format!("the plugin, versions in turn: {count}"), p50, "µs");
        rows.push(if count == 1 { row } else { row.beside("one", first, p50 / first) });
    }
    rows
}

/// The component with a custom section of its own, and so another version.
fn version(number: usize) -> Vec<u8> {
    let mut component = artifacts::cost_center().to_vec();
    let number = u32::try_from(number).expect("a small number").to_le_bytes();
    // A custom section of six bytes: a name of one, and the number.
    component.extend_from_slice(&[0, 6, 1, b'n']);
    component.extend_from_slice(&number);
    component
}

async fn share_of_a_post() -> Row {
    let cost = plugins::measure().await;
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let (with, without) = (ms(cost.with.p50), ms(cost.without.p50));
    Row::of("POST /Users with the plugin, p50", with, "ms")
        .beside("the same attributes without a call", without, with / without)
        .goal(Goal::AtMost(1.05))
}

async fn judge(plugin: &Plugin, document: &Document) {
    let issues = plugin.validate(&case::call(), document.clone(), None).await.result;
    assert!(issues.expect("an answer").is_empty());
}
