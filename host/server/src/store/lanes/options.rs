//! The options of the configuration, as this driver takes them.

use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::super::Pooler;
use super::tls::{Certificates, Tls, Trust};

/// How long an attempt to connect may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long what was sent may stay without the other machine's receipt: one that has gone without
/// a word is found out as soon as one that does not answer.
const RECEIPT_LIMIT: Duration = Duration::from_secs(10);
/// A connection on which nothing happens is probed after so long, then again and again: what is
/// between the machines may have forgotten it.
const PROBES: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(5));
/// So many probes without an answer, and it is lost.
const PROBES_LOST: u32 = 3;

/// Where a lane leads.
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) tls: Tls,
    pub(super) pooler: Pooler,
}

impl Target {
    pub(super) fn of(options: &PgConnectOptions, pooler: Pooler) -> Result<Self, sqlx::Error> {
        let hidden = Hidden::of(options);
        let mut config = Config::new();
        config
            .user(options.get_username())
            .port(options.get_port())
            .connect_timeout(CONNECT_LIMIT)
            .tcp_user_timeout(RECEIPT_LIMIT)
            .keepalives_idle(PROBES.0)
            .keepalives_interval(PROBES.1)
            .keepalives_retries(PROBES_LOST)
            .application_name(options.get_application_name().unwrap_or("tenon"));
        if let Some(password) = &hidden.password {
            config.password(password);
        }
        if let Some(database) = options.get_database() {
            config.dbname(database);
        }
        if let Some(options) = options.get_options() {
            config.options(options);
        }
        let (mode, trust) = match (options.get_socket(), options.get_ssl_mode()) {
            // A socket of this machine has no TLS.
            (Some(_), _) | (_, PgSslMode::Disable | PgSslMode::Allow) => {
                (SslMode::Disable, Trust::Any)
            }
            (_, PgSslMode::Prefer) => (SslMode::Prefer, Trust::Any),
            (_, PgSslMode::Require) => (SslMode::Require, Trust::Any),
            (_, PgSslMode::VerifyCa) => (SslMode::Require, Trust::Authority),
            (_, PgSslMode::VerifyFull) => (SslMode::Require, Trust::AuthorityAndName),
        };
        match options.get_socket() {
            Some(directory) => config.host_path(directory),
            None => config.host(options.get_host()),
        };
        config.ssl_mode(mode);
        Ok(Self { config, tls: Tls::new(trust, &hidden.certificates)?, pooler })
    }
}

/// What the options give away as part of a URL only.
struct Hidden {
    password: Option<String>,
    certificates: Certificates,
}

impl Hidden {
    fn of(options: &PgConnectOptions) -> Self {
        // A name with a slash would end the part of the URL that has the password.
        let url = options.clone().username("tenon").host("localhost").to_url_lossy();
        let parameter = |wanted: &str| {
            let found = url.query_pairs().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.into_owned())
        };
        Self {
            password: url.password().and_then(decoded),
            certificates: Certificates {
                root: parameter("sslrootcert"),
                client: parameter("sslcert").zip(parameter("sslkey")),
            },
        }
    }
}

/// Every byte of the text that is no letter or digit is written as `%XX`.
fn decoded(text: &str) -> Option<String> {
    form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned())
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn target(url: &str) -> Target {
        Target::of(&PgConnectOptions::from_str(url).unwrap(), Pooler::None).unwrap()
    }

    #[test]
    fn the_options_of_a_url_are_all_taken_over() {
        let url = "postgres://us%2Fer:p%40ss%2F%25%20+w%26=@db.example.com:6432/scim\
                   ?sslmode=require&application_name=x&options[statement_timeout]=7s";
        let config = target(url).config;
        assert_eq!(config.get_user(), Some("us/er"));
        assert_eq!(config.get_password(), Some("p@ss/% +w&=".as_bytes()));
        assert_eq!(config.get_dbname(), Some("scim"));
        assert_eq!(config.get_ports(), [6432]);
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        assert_eq!(config.get_application_name(), Some("x"));
        assert_eq!(config.get_options(), Some("-c statement_timeout=7s"));
    }

    #[test]
    fn a_socket_has_no_tls() {
        let config = target("postgres://a@%2Frun%2Fpostgresql/scim?sslmode=prefer").config;
        assert_eq!(config.get_ssl_mode(), SslMode::Disable);
        assert!(matches!(config.get_hosts(), [tokio_postgres::config::Host::Unix(path)]
            if path.as_os_str() == "/run/postgresql"));
    }
}
