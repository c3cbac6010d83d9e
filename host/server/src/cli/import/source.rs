//! Where resources come from: a service, or a file.

use std::path::PathBuf;

use clap::ArgMatches;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::ImportError;
use super::batch::Batch;
use super::file::FileSource;
use super::journal::Progress;
use super::server::{Place, ServerSource};

/// What is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Pass {
    /// All resources, without members.
    #[default]
    Resources,
    /// The members of all groups.
    Members,
}

/// A place in a pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Position {
    /// Before all.
    #[default]
    Start,
    /// So many bytes into a file.
    Byte(u64),
    /// A page of a service.
    Page(Place),
    /// After all.
    End,
}

/// A service or a file.
pub(super) enum Source {
    File(FileSource),
    Server(Box<ServerSource>),
}

impl Pass {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Resources => "resources",
            Self::Members => "members",
        }
    }
}

impl Source {
    /// Opens it where an import goes on.
    pub(super) async fn open(
        from: &str,
        flags: &ArgMatches,
        progress: &Progress,
    ) -> Result<Self, ImportError> {
        match Url::parse(from).ok().filter(|it| matches!(it.scheme(), "http" | "https")) {
            Some(url) => {
                Ok(Self::Server(Box::new(ServerSource::open(url, flags, progress).await?)))
            }
            None => Ok(Self::File(FileSource::open(PathBuf::from(from), progress)?)),
        }
    }

    /// Goes to the beginning of a pass.
    pub(super) async fn begin(&mut self, pass: Pass) -> Result<(), ImportError> {
        match self {
            Self::File(file) => file.begin(pass),
            Self::Server(server) => {
                server.begin(pass);
                Ok(())
            }
        }
    }

    /// The next lines of the pass.
    pub(super) async fn next(&mut self) -> Result<Option<Batch>, ImportError> {
        match self {
            Self::File(file) => file.next(),
            Self::Server(server) => server.next().await,
        }
    }
}
