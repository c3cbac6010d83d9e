//! The server's settings: flags, then environment, then file, then defaults.
//!
//! One table, `SETTINGS`, makes them all: the flag, the variable, the key in the file and the
//! help. Each value remembers where it came from, so that an error can name the place.

mod encryption;
mod entry;
mod settings;
#[cfg(test)]
mod tests;
mod values;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ArgMatches;
use ipnet::IpNet;
use sqlx::postgres::PgConnectOptions;
use tenon_plugin::Limits;

use crate::keyring::Keyring;
use crate::service::housekeeping::Retention;
use crate::store::Pooler;
use crate::store::embedded::{self, EmbeddedError};
use crate::store::row_security::RowSecurity;
use crate::telemetry::LogFormat;
use crate::tenant::resolve::EntrySettings;

pub use settings::{SOURCE_TOKEN_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE, flags, unknown_variables};
use values::Values;

/// The settings, each of them valid.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How clients reach the server, without a slash at the end.
    pub public_url: String,
    /// How requests name their tenant.
    pub entry: EntrySettings,
    /// The operator's token, where one is set.
    pub admin_token: Option<Secret>,
    /// Credentials that are not valid which an address may show at once; 0 for as many as it likes.
    pub failed_attempts: u32,
    /// The keys under which secrets are stored.
    pub keyring: Keyring,
    /// The database.
    pub database: Database,
    /// What is between the server and its database.
    pub database_pooler: Pooler,
    /// Connections to the database at the most, and to each replica.
    pub database_connections: u32,
    /// Its replicas.
    pub database_replicas: Vec<Replica>,
    /// Whether the database keeps tenants apart too.
    pub row_level_security: RowSecurity,
    /// Documents that a filter or a sort may read.
    pub filter_scan_limit: u32,
    /// Bytes of compiled plugins that are kept in memory.
    pub plugin_memory_budget: usize,
    /// How long what grows is kept.
    pub retention: Retention,
    /// Networks beside the public ones into which tenants' administrators may have requests sent.
    pub outbound_allow: Vec<IpNet>,
    /// Where files are kept.
    pub data_dir: PathBuf,
    /// What to log.
    pub log: String,
    /// How to log.
    pub log_format: LogFormat,
}

/// Which database is used.
#[derive(Clone)]
pub enum Database {
    /// One that runs already.
    External(Box<PgConnectOptions>),
    /// One of our own, over installed programs.
    Embedded {
        /// The directory with the programs, where one is named.
        bin_dir: Option<PathBuf>,
    },
}

/// Without the password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::External(options) => {
                f.debug_tuple("External").field(&format_args!("{}", place(options))).finish()
            }
            Self::Embedded { bin_dir } => {
                f.debug_struct("Embedded").field("bin_dir", bin_dir).finish()
            }
        }
    }
}

/// A replica of the database.
#[derive(Clone)]
pub struct Replica(pub PgConnectOptions);

/// Without the password.
impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Replica").field(&format_args!("{}", place(&self.0))).finish()
    }
}

/// Which database the options lead to, for people: `tenon@db.example.com:5432/tenon`.
#[must_use]
pub fn place(options: &PgConnectOptions) -> String {
    let (user, port) = (options.get_username(), options.get_port());
    // PostgreSQL takes the user's name where no database is named.
    let database = options.get_database().unwrap_or(user);
    match options.get_socket() {
        Some(socket) => format!("{user}@{}:{port}/{database}", socket.display()),
        None => format!("{user}@{}:{port}/{database}", options.get_host()),
    }
}

/// A value that is not shown.
#[derive(Clone)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why there is no configuration. One line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value is not of its kind.
    #[error("{source_name}: {message}")]
    Invalid {
        /// The flag, variable or key.
        source_name: String,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// The file cannot be read.
    #[error("{}: {message}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// No place for files.
    #[error(transparent)]
    DataDir(#[from] EmbeddedError),
}

impl Config {
    /// Puts the settings together and checks them all.
    ///
    /// # Errors
    /// The first value that is wrong, with the place it came from.
    pub fn load(
        flags: &ArgMatches,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let values = Values::gather(flags, environment)?;
        let listen = values.parsed("listen", "an address such as 127.0.0.1:8080")?;
        let listen = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
        let data_dir = match values.get("data_dir") {
            Some(given) => std::path::absolute(&given.text)
                .map_err(|error| given.invalid(format!("not a usable path: {error}")))?,
            None => embedded::default_data_dir()?,
        };
        let kept = Retention::default();
        let database = values.database()?;
        let database_replicas = values.replicas(&database)?;
        Ok(Self {
            listen,
            public_url: values.public_url()?.unwrap_or_else(|| format!("http://{listen}")),
            entry: values.entry()?,
            admin_token: values.admin_token()?,
            keyring: values.keyring()?,
            failed_attempts: values.parsed("failed_attempts", "a number from 0")?.unwrap_or(20),
            database_pooler: values.pooler(&database, &database_replicas)?,
            database_replicas,
            database,
            database_connections: values.connections()?,
            row_level_security: values
                .parsed("row_level_security", "\"on\" or \"off\"")?
                .unwrap_or_default(),
            filter_scan_limit: values.filter_scan_limit()?,
            plugin_memory_budget: values
                .parsed("plugin_memory_budget", "a number of bytes")?
                .unwrap_or_else(|| Limits::default().loaded_bytes),
            retention: Retention {
                events: values.retention("outbox_retention")?.unwrap_or(kept.events),
                parked: values.retention("parked_event_retention")?,
                audit: values.retention("audit_retention")?,
                requests: values.retention("request_log_retention")?.unwrap_or(kept.requests),
            },
            outbound_allow: values.outbound_allow()?,
            data_dir,
            log: values.log()?,
            log_format: values.parsed("log_format", "\"text\" or \"json\"")?.unwrap_or_default(),
        })
    }
}
