//! What one validation costs: a new store, an instance, the call, and throwing both away.
//!
//! ```sh
//! cargo bench -p tenon-plugin --bench validate -- PLUGIN.wasm
//! ```
//!
//! PLUGIN.wasm is a component or a core module, by its whole path; without one it is
//! `tests/hostile/harmless.wat`, which only crosses the boundary. The user it judges has a cost
//! centre and a department, for `plugins/cost-center`.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tenon_plugin::{
    Budget, Call, Compiler, Document, HostSettings, Limits, PluginHost, Tier, encode,
};
use tenon_scim::Registry;
use tenon_scim::schema::describe::Description;

const CALLS: usize = 20_000;
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let component = component()?;
    let dir = tempfile::tempdir()?;
    let program = env!("CARGO_BIN_EXE_tenon-compile-plugin").into();
    let host = PluginHost::new(HostSettings {
        cache_dir: dir.path().to_owned(),
        compiler: Compiler { program, args: Vec::new() },
        limits: Limits::default(),
    })?;

    let start = std::time::Instant::now();
    let checked = host.check(&component, Tier::Standard).await?;
    println!("component     {} bytes", component.len());
    println!("upload check  {:?}", start.elapsed());

    let document = document(&checked.described)?;
    let mut times = Vec::with_capacity(CALLS);
    let mut usage = None;
    for _ in 0..CALLS {
        let outcome = checked.plugin.validate(&call(), document.clone(), None).await;
        if let [issue, ..] = &*outcome.result? {
            return Err(format!("the user is refused: {}", issue.detail).into());
        }
        times.push(outcome.usage.duration);
        usage = Some(outcome.usage);
    }
    times.sort_unstable();
    let at = |percent: usize| times.get(CALLS * percent / 100).copied().unwrap_or(Duration::MAX);
    println!("validate      p50 {:?}, p99 {:?} of {CALLS} calls", at(50), at(99));
    if let Some(usage) = usage {
        println!("fuel          {}", usage.fuel);
        println!("memory        {} bytes at most", usage.peak_memory_bytes);
    }
    Ok(())
}

fn component() -> Result<Vec<u8>, Box<dyn Error>> {
    // Cargo adds `--bench`.
    let Some(path) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) else {
        let harmless = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/hostile/harmless.wat");
        return Ok(wat::parse_file(harmless)?);
    };
    let bytes = std::fs::read(path)?;
    Ok(if bytes.starts_with(CORE_MODULE) { encode(&bytes)? } else { bytes })
}

fn call() -> Call {
    let config = json!({ "pattern": "^CC-[0-9]{4}$", "departments": ["Engineering", "Sales"] });
    Call {
        tenant: "acme".into(),
        plugin: "cost-center".into(),
        request_id: "01".into(),
        resource_type: "User".into(),
        operation: "create".into(),
        actor: "token:1".into(),
        config: Arc::new(config.as_object().cloned().unwrap_or_default()),
        directory: None,
        now: 0,
        seed: [0; 32],
        budget: Budget::default(),
        recorder: None,
    }
}

fn document(described: &[Value]) -> Result<Document, Box<dyn Error>> {
    let registry = Registry::core().with(&Description::parse(described)?)?;
    let user = json!({
        "userName": "ada",
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "emails": [{ "value": "ada@example.com", "type": "work" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Sales" },
        "urn:example:params:scim:schemas:extension:costcenter:2.0:User": { "costCenter": "CC-1234" },
    });
    let resource_type = registry.resource_type("User").ok_or("no User")?.clone();
    Ok(Document { resource_type, value: Arc::new(user.as_object().cloned().unwrap_or_default()) })
}
