//! A plugin host on the author's machine, for as long as a command runs.

use tempfile::TempDir;
use tenon_plugin::{Compiler, HostError, HostSettings, Limits, PluginHost};

use crate::serve::COMPILE_SUBCOMMAND;

#[derive(Debug, thiserror::Error)]
pub(super) enum LocalHostError {
    #[error("{}: {source}", std::env::temp_dir().display())]
    Cache { source: std::io::Error },
    #[error("this program's file: {0}")]
    Program(std::io::Error),
    #[error("{0}")]
    Host(#[from] HostError),
}

/// A host, and the directory of its compiled code, which goes when it is dropped.
pub(super) fn start(limits: Limits) -> Result<(PluginHost, TempDir), LocalHostError> {
    let cache = tempfile::tempdir().map_err(|source| LocalHostError::Cache { source })?;
    let compiler = Compiler::this_program([COMPILE_SUBCOMMAND]).map_err(LocalHostError::Program)?;
    let settings = HostSettings { cache_dir: cache.path().to_owned(), compiler, limits };
    Ok((PluginHost::new(settings)?, cache))
}
