//! What was given for the settings and where, and what it means.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::ArgMatches;
use ipnet::IpNet;
use sqlx::postgres::PgConnectOptions;

use super::settings::{FILE_FLAG, FILE_VARIABLE, SETTINGS, Setting, variable};
use super::{ConfigError, Database, Replica, Secret};
use crate::store::Pooler;
use crate::store::filter_sql::Limits;

/// A value and where it came from.
pub(super) struct Given {
    pub(super) text: String,
    pub(super) source_name: String,
}

impl Given {
    pub(super) fn invalid(&self, message: impl Into<String>) -> ConfigError {
        ConfigError::Invalid { source_name: self.source_name.clone(), message: message.into() }
    }
}

/// What was given, by the names of settings.
pub(super) struct Values(BTreeMap<&'static str, Given>);

impl Values {
    pub(super) fn gather(
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

    pub(super) fn get(&self, name: &str) -> Option<&Given> {
        self.0.get(name)
    }

    pub(super) fn parsed<T: FromStr>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, ConfigError> {
        let Some(given) = self.get(name) else { return Ok(None) };
        given
            .text
            .parse()
            .map(Some)
            .map_err(|_| given.invalid(format!("must be {expected}, not \"{}\"", given.text)))
    }

    pub(super) fn public_url(&self) -> Result<Option<String>, ConfigError> {
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

    pub(super) fn admin_token(&self) -> Result<Option<Secret>, ConfigError> {
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

    pub(super) fn database(&self) -> Result<Database, ConfigError> {
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
    pub(super) fn pooler(
        &self,
        database: &Database,
        replicas: &[Replica],
    ) -> Result<Pooler, ConfigError> {
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

    pub(super) fn replicas(&self, database: &Database) -> Result<Vec<Replica>, ConfigError> {
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

    pub(super) fn connections(&self) -> Result<u32, ConfigError> {
        const DEFAULT: u32 = 16;
        let connections = self.parsed("database_connections", "a number from 2 to 1000")?;
        match (connections, self.get("database_connections")) {
            (Some(number), Some(given)) if !(2..=1000).contains(&number) => {
                Err(given.invalid(format!("must be a number from 2 to 1000, not {number}")))
            }
            (number, _) => Ok(number.unwrap_or(DEFAULT)),
        }
    }

    pub(super) fn filter_scan_limit(&self) -> Result<u32, ConfigError> {
        let limit: Option<NonZeroU32> = self.parsed("filter_scan_limit", "a number from 1")?;
        Ok(limit.map_or(Limits::default().documents, NonZeroU32::get))
    }

    pub(super) fn outbound_allow(&self) -> Result<Vec<IpNet>, ConfigError> {
        let Some(given) = self.get("outbound_allow") else { return Ok(Vec::new()) };
        let network = |text: &str| {
            text.parse().map_err(|_| {
                given.invalid(format!("must be networks such as 10.1.0.0/16, not \"{text}\""))
            })
        };
        given.text.split_whitespace().map(network).collect()
    }

    /// How long what has this retention is kept: hours or days.
    pub(super) fn retention(&self, name: &'static str) -> Result<Option<Duration>, ConfigError> {
        let Some(given) = self.get(name) else { return Ok(None) };
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
        hours.map(Duration::from_hours).map(Some).ok_or_else(|| {
            given.invalid(format!(
                "must be a number of hours or days such as 12h or 7d, not \"{}\"",
                given.text
            ))
        })
    }

    pub(super) fn log(&self) -> Result<String, ConfigError> {
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
