//! The server's settings: flags, then environment, then file, then defaults.
//!
//! One table, [`SETTINGS`], makes them all: the flag, the variable, the key in the file and the
//! help. Each value remembers where it came from, so that an error can name the place.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Arg, ArgMatches};
use ipnet::IpNet;
use sqlx::postgres::PgConnectOptions;

use crate::store::Pooler;
use crate::store::embedded::{self, EmbeddedError};
use crate::store::filter_sql::Limits;
use crate::telemetry::LogFormat;
use crate::tenant::resolve::EntrySettings;

/// A setting that can be given as a flag, in the environment and in the file.
struct Setting {
    /// The key in the file; with `-` the flag, in capitals after `TENON_` the variable.
    name: &'static str,
    value: &'static str,
    help: &'static str,
}

const SETTINGS: &[Setting] = &[
    Setting { name: "listen", value: "ADDRESS", help: "Where to listen [default: 127.0.0.1:8080]" },
    Setting {
        name: "public_url",
        value: "URL",
        help: "How clients reach the server; answers contain it [default: http:// and the address]",
    },
    Setting {
        name: "tenant_paths",
        value: "PATHS",
        help: "Where tenants' services are, with commas in between; /scim/v2, where the credential alone names the tenant, is always there [default: /tenants/{tenant}/scim/v2,/scim/endpoints/{tenant}]",
    },
    Setting {
        name: "tenant_host",
        value: "HOST",
        help: "The host name of each tenant's service, such as {tenant}.scim.example.com [default: none]",
    },
    Setting {
        name: "tenant_headers",
        value: "NAMES",
        help: "Headers that name the tenant, with commas in between; they count where a trusted proxy sends them [default: none]",
    },
    Setting {
        name: "trusted_proxies",
        value: "NETWORKS",
        help: "Proxies whose word on the client, host, scheme and prefix of a request counts: addresses and networks such as 10.0.0.0/8, with commas in between [default: none]",
    },
    Setting {
        name: "forwarded",
        value: "HEADERS",
        help: "How trusted proxies tell it: x-forwarded, or rfc7239 for the header Forwarded [default: x-forwarded]",
    },
    Setting {
        name: "admin_token",
        value: "TOKEN",
        help: "The operator's token, 16 characters or more [default: generated at the first start and printed once]",
    },
    Setting {
        name: "database_url",
        value: "URL",
        help: "The Postgres to use, postgres://… [default: one of our own in the data directory]",
    },
    Setting {
        name: "database_connections",
        value: "N",
        help: "Connections to the database at the most [default: 16]",
    },
    Setting {
        name: "filter_scan_limit",
        value: "N",
        help: "Documents that a filter or a sort may read, where no index has the answer [default: 50000]",
    },
    Setting {
        name: "outbox_retention",
        value: "TIME",
        help: "How long events are kept for those who are told of them, such as 12h or 7d [default: 7d]",
    },
    Setting {
        name: "database_pooler",
        value: "KIND",
        help: "What is between the server and database_url: none, or transaction for a pooler that keeps no session, such as PgBouncer with pool_mode = transaction; none is faster [default: none]",
    },
    Setting {
        name: "database_replica_urls",
        value: "URLS",
        help: "Replicas of that Postgres, with spaces in between: lists are read from one that has all that was written before, or else from database_url. What is said of connections and pooler holds for each [default: none]",
    },
    Setting {
        name: "outbound_allow",
        value: "NETWORKS",
        help: "Networks of which tenants' administrators may name addresses, such as 10.1.0.0/16, with spaces in between, also by http: for the keys of issuers. Without it, https to public addresses alone [default: none]",
    },
    Setting {
        name: "data_dir",
        value: "DIR",
        help: "Where files are kept [default: $XDG_DATA_HOME/tenon, ~/.local/share/tenon; for root /var/lib/tenon]",
    },
    Setting {
        name: "postgres_bin_dir",
        value: "DIR",
        help: "The directory with `postgres` and `initdb`, for a Postgres of our own [default: looked for]",
    },
    Setting {
        name: "log",
        value: "FILTER",
        help: "What to log: error, warn, info, debug, trace, or per module [default: info,sqlx=warn]",
    },
    Setting {
        name: "log_format",
        value: "FORMAT",
        help: "How to log: text or json [default: text]",
    },
];

const FILE_FLAG: &str = "config";
const FILE_VARIABLE: &str = "TENON_CONFIG";
/// Where commands find a running server; no setting of the server's own.
pub const URL_VARIABLE: &str = "TENON_URL";

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
    /// The database.
    pub database: Database,
    /// What is between the server and its database.
    pub database_pooler: Pooler,
    /// Connections to the database at the most, and to each replica.
    pub database_connections: u32,
    /// Its replicas.
    pub database_replicas: Vec<Replica>,
    /// Documents that a filter or a sort may read.
    pub filter_scan_limit: u32,
    /// How long events are kept.
    pub outbox_retention: Duration,
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

/// The flags of all settings.
pub fn flags() -> impl Iterator<Item = Arg> {
    let file = Arg::new(FILE_FLAG)
        .long(FILE_FLAG)
        .value_name("FILE")
        .help(format!("A TOML file with settings [env: {FILE_VARIABLE}]"));
    let settings = SETTINGS.iter().map(|setting| {
        Arg::new(setting.name)
            .long(setting.name.replace('_', "-"))
            .value_name(setting.value)
            .help(format!("{} [env: {}]", setting.help, variable(setting.name)))
    });
    std::iter::once(file).chain(settings)
}

/// Those of the names that look like settings and are none: misspelt, most likely.
pub fn unknown_variables(names: impl Iterator<Item = OsString>) -> Vec<String> {
    let is_known = |name: &str| {
        name == FILE_VARIABLE
            || name == URL_VARIABLE
            || SETTINGS.iter().any(|setting| variable(setting.name) == name)
    };
    names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.starts_with("TENON_") && !is_known(name))
        .collect()
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
        let database = values.database()?;
        let database_replicas = values.replicas(&database)?;
        Ok(Self {
            listen,
            public_url: values.public_url()?.unwrap_or_else(|| format!("http://{listen}")),
            entry: values.entry()?,
            admin_token: values.admin_token()?,
            database_pooler: values.pooler(&database, &database_replicas)?,
            database_replicas,
            database,
            database_connections: values.connections()?,
            filter_scan_limit: values.filter_scan_limit()?,
            outbox_retention: values.outbox_retention()?,
            outbound_allow: values.outbound_allow()?,
            data_dir,
            log: values.log()?,
            log_format: values.parsed("log_format", "\"text\" or \"json\"")?.unwrap_or_default(),
        })
    }
}

/// A value and where it came from.
struct Given {
    text: String,
    source_name: String,
}

impl Given {
    fn invalid(&self, message: impl Into<String>) -> ConfigError {
        ConfigError::Invalid { source_name: self.source_name.clone(), message: message.into() }
    }
}

struct Values(BTreeMap<&'static str, Given>);

impl Values {
    fn gather(
        flags: &ArgMatches,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let from_environment = |variable: &str| -> Result<Option<Given>, ConfigError> {
            // A variable that is set to nothing counts as not set: containers' tools do so.
            let Some(value) = environment(variable).filter(|value| !value.is_empty()) else {
                return Ok(None);
            };
            let source_name = variable.to_owned();
            match value.into_string() {
                Ok(text) => Ok(Some(Given { text, source_name })),
                Err(_) => {
                    Err(ConfigError::Invalid { source_name, message: "is not UTF-8".to_owned() })
                }
            }
        };
        let from_flag = |name: &str| {
            flags.get_one::<String>(name).map(|text| Given {
                text: text.clone(),
                source_name: format!("--{}", name.replace('_', "-")),
            })
        };
        let file = match from_flag(FILE_FLAG) {
            Some(file) => Some(file),
            None => from_environment(FILE_VARIABLE)?,
        };
        let mut in_file = match file {
            Some(file) => read_file(Path::new(&file.text))?,
            None => BTreeMap::new(),
        };
        let mut values = BTreeMap::new();
        for Setting { name, .. } in SETTINGS {
            let given = match from_flag(name) {
                Some(given) => Some(given),
                None => from_environment(&variable(name))?.or_else(|| in_file.remove(*name)),
            };
            if let Some(given) = given {
                values.insert(*name, given);
            }
        }
        Ok(Self(values))
    }

    fn get(&self, name: &str) -> Option<&Given> {
        self.0.get(name)
    }

    fn parsed<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, ConfigError> {
        let Some(given) = self.get(name) else { return Ok(None) };
        given
            .text
            .parse()
            .map(Some)
            .map_err(|_| given.invalid(format!("must be {expected}, not \"{}\"", given.text)))
    }

    fn public_url(&self) -> Result<Option<String>, ConfigError> {
        let Some(given) = self.get("public_url") else { return Ok(None) };
        let url = given.text.trim_end_matches('/');
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '"' | '<' | '>');
        match rest {
            Some(rest) if !rest.is_empty() && !rest.starts_with('/') && rest.chars().all(plain) => {
                Ok(Some(url.to_owned()))
            }
            _ => Err(given.invalid(format!(
                "must be a URL such as https://scim.example.com, not \"{}\"",
                given.text
            ))),
        }
    }

    fn admin_token(&self) -> Result<Option<Secret>, ConfigError> {
        const SHORTEST: usize = 16;
        let Some(given) = self.get("admin_token") else { return Ok(None) };
        let graphic = given.text.chars().all(|c| c.is_ascii_graphic());
        if given.text.len() < SHORTEST || !graphic {
            return Err(given.invalid(format!(
                "must have {SHORTEST} characters or more, of ASCII without spaces; `openssl rand -hex 32` makes one"
            )));
        }
        Ok(Some(Secret(given.text.clone())))
    }

    fn database(&self) -> Result<Database, ConfigError> {
        let Some(given) = self.get("database_url") else {
            let bin_dir = self.get("postgres_bin_dir").map(|given| PathBuf::from(&given.text));
            return Ok(Database::Embedded { bin_dir });
        };
        let options = connect_options(&given.text).map_err(|error| {
            given.invalid(format!("must be a URL such as {DATABASE_URL}{error}"))
        })?;
        Ok(Database::External(Box::new(options)))
    }

    /// A pooler passes no options on, and a Postgres of our own has none in front of it.
    fn pooler(&self, database: &Database, replicas: &[Replica]) -> Result<Pooler, ConfigError> {
        let pooler: Option<Pooler> =
            self.parsed("database_pooler", "\"none\" or \"transaction\"")?;
        let (Some(pooler @ Pooler::Transaction), Some(given)) =
            (pooler, self.get("database_pooler"))
        else {
            return Ok(Pooler::None);
        };
        let mut urls = match database {
            Database::Embedded { .. } => {
                let message = "\"transaction\" needs database_url: the URL of the pooler";
                return Err(given.invalid(message));
            }
            Database::External(options) => {
                std::iter::once(&**options).chain(replicas.iter().map(|it| &it.0))
            }
        };
        if urls.any(|options| options.get_options().is_some()) {
            return Err(given.invalid(
                "\"transaction\" and options in a database's URL exclude each other: a pooler does not pass them on",
            ));
        }
        Ok(pooler)
    }

    fn replicas(&self, database: &Database) -> Result<Vec<Replica>, ConfigError> {
        let Some(given) = self.get("database_replica_urls") else { return Ok(Vec::new()) };
        if let Database::Embedded { .. } = database {
            return Err(given.invalid("needs database_url: the URL of what they are replicas of"));
        }
        let replica = |url| {
            connect_options(url).map(Replica).map_err(|error| {
                given.invalid(format!(
                    "must be URLs such as {DATABASE_URL}, with spaces in between{error}"
                ))
            })
        };
        given.text.split_whitespace().map(replica).collect()
    }

    fn connections(&self) -> Result<u32, ConfigError> {
        const DEFAULT: u32 = 16;
        let connections = self.parsed("database_connections", "a number from 2 to 1000")?;
        match (connections, self.get("database_connections")) {
            (Some(number), Some(given)) if !(2..=1000).contains(&number) => {
                Err(given.invalid(format!("must be a number from 2 to 1000, not {number}")))
            }
            (number, _) => Ok(number.unwrap_or(DEFAULT)),
        }
    }

    fn filter_scan_limit(&self) -> Result<u32, ConfigError> {
        let limit: Option<NonZeroU32> = self.parsed("filter_scan_limit", "a number from 1")?;
        Ok(limit.map_or(Limits::default().documents, NonZeroU32::get))
    }

    fn outbound_allow(&self) -> Result<Vec<IpNet>, ConfigError> {
        let Some(given) = self.get("outbound_allow") else { return Ok(Vec::new()) };
        let network = |text: &str| {
            text.parse().map_err(|_| {
                given.invalid(format!("must be networks such as 10.1.0.0/16, not \"{text}\""))
            })
        };
        given.text.split_whitespace().map(network).collect()
    }

    fn outbox_retention(&self) -> Result<Duration, ConfigError> {
        const DEFAULT: Duration = Duration::from_hours(7 * 24);
        let Some(given) = self.get("outbox_retention") else { return Ok(DEFAULT) };
        let hours_of = |unit: char| match unit {
            'h' => Some(1),
            'd' => Some(24),
            _ => None,
        };
        let mut text = given.text.chars();
        let hours_of_unit = text.next_back().and_then(hours_of);
        let number =
            text.as_str().parse::<u64>().ok().filter(|number| (1..=10_000).contains(number));
        let hours = number.zip(hours_of_unit).map(|(number, hours)| number * hours);
        hours.map(Duration::from_hours).ok_or_else(|| {
            given.invalid(format!(
                "must be a number of hours or days such as 12h or 7d, not \"{}\"",
                given.text
            ))
        })
    }

    fn log(&self) -> Result<String, ConfigError> {
        const DEFAULT: &str = "info,sqlx=warn";
        let Some(given) = self.get("log") else { return Ok(DEFAULT.to_owned()) };
        crate::telemetry::check_filter(&given.text)
            .map_err(|message| given.invalid(format!("is not a log filter: {message}")))?;
        Ok(given.text.clone())
    }
}

const DATABASE_URL: &str = "postgres://user:password@host:5432/database";

/// What the URL of a database says. It is not repeated in the error, which follows on what would be
/// right: it may hold a password.
fn connect_options(url: &str) -> Result<PgConnectOptions, String> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(String::new());
    }
    PgConnectOptions::from_str(url).map_err(|error| format!(": {error}"))
}

fn variable(name: &str) -> String {
    format!("TENON_{}", name.to_uppercase())
}

fn read_file(path: &Path) -> Result<BTreeMap<String, Given>, ConfigError> {
    let fail = |message: String| ConfigError::File { path: path.to_owned(), message };
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| {
            1 + text.get(..span.start).map_or(0, |before| before.matches('\n').count())
        });
        fail(format!("line {line}: {}", error.message()))
    })?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        if !SETTINGS.iter().any(|setting| setting.name == key) {
            let known: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
            return Err(fail(format!(
                "\"{key}\" is not a setting; there are {}",
                known.join(", ")
            )));
        }
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            other => {
                let found = other.type_str();
                return Err(fail(format!("\"{key}\" must be a string or a number, not {found}")));
            }
        };
        let source_name = format!("{}: {key}", path.display());
        values.insert(key, Given { text, source_name });
    }
    Ok(values)
}

mod entry;
#[cfg(test)]
mod tests;
