//! `tenon plugin check`: the upload gate, on the author's machine.

use std::io::Write;
use std::path::PathBuf;

use clap::ArgMatches;
use serde_json::Value;
use tenon_plugin::{Limits, Refusal, Tier};
use tenon_scim::Registry;
use tenon_scim::schema::describe::{Description, SchemaError};

use super::plugin_host::{self, LocalHostError};

#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("plugins cannot be run here: {0}")]
    Host(#[from] LocalHostError),
    #[error("refused by the check \"{}\": {refusal}", .refusal.check())]
    Refused {
        #[from]
        refusal: Refusal,
    },
    #[error("refused by the check \"describe\": {0}")]
    Described(#[from] SchemaError),
}

/// Checks a component as an upload would, and prints what it is.
pub(super) fn run(flags: &ArgMatches) -> Result<(), CheckError> {
    let path = PathBuf::from(flags.get_one::<String>("file").map_or("", String::as_str));
    let tier = if flags.get_flag("runtime-tier") { Tier::Runtime } else { Tier::Standard };
    let io = |source| CheckError::Io { path: path.clone(), source };
    let component = std::fs::read(&path).map_err(io)?;
    let (host, _cache) = plugin_host::start(Limits::default())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(io)?;
    let checked = runtime.block_on(host.check(&component, tier))?;
    Registry::core().with(&Description::parse(&checked.described)?)?;

    let capabilities: Vec<_> = checked.plugin.capabilities().iter().map(|it| it.as_str()).collect();
    let schemas: Vec<_> = checked.described.iter().filter_map(|it| it.get("id")).collect();
    let mut terminal = std::io::stdout().lock();
    writeln!(
        terminal,
        "an upload would be accepted\n{} bytes, {}\ncapabilities: {}\nschemas: {}",
        component.len(),
        checked.plugin.digest(),
        capabilities.join(", "),
        schemas.into_iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    )
    .map_err(io)
}
