//! Which settings there are: the flag, the variable, the key in the file and the help of each.

use std::ffi::OsString;

use clap::Arg;

/// A setting that can be given as a flag, in the environment and in the file.
pub(super) struct Setting {
    /// The key in the file; with `-` the flag, in capitals after `TENON_` the variable.
    pub name: &'static str,
    value: &'static str,
    help: &'static str,
}

pub(super) const SETTINGS: &[Setting] = &[
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
        name: "certificate_header",
        value: "NAME",
        help: "The header in which trusted proxies tell the certificate of the TLS client that they have verified, such as client-cert (RFC 9440) [default: none]",
    },
    Setting {
        name: "default_tenant",
        value: "TENANT",
        help: "The name or id of the tenant for JWTs and certificates where nothing in a request names one, as on /scim/v2 [default: none]",
    },
    Setting {
        name: "admin_token",
        value: "TOKEN",
        help: "The operator's token, 16 characters or more [default: generated at the first start and printed once]",
    },
    Setting {
        name: "encryption_key",
        value: "KEY",
        help: "The key under which secrets are stored, such as URLs of tenants' databases: 32 bytes as base64, the same on all servers [default: none; with a Postgres of our own one is made in the data directory]",
    },
    Setting {
        name: "encryption_key_file",
        value: "FILE",
        help: "The file that has this key, in its place [default: none]",
    },
    Setting {
        name: "encryption_keys_old",
        value: "KEYS",
        help: "Keys from before, with spaces in between: what was stored under them is read, and nothing new is stored under them [default: none]",
    },
    Setting {
        name: "failed_attempts",
        value: "N",
        help: "Credentials that are not valid which an address may show at once, and one more each second, before it is slowed down; 0 for as many as it likes [default: 20]",
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
        name: "plugin_memory_budget",
        value: "BYTES",
        help: "Bytes of compiled plugins that are kept in memory; those that were not used for the longest leave, and are loaded from disk when they are called [default: 268435456]",
    },
    Setting {
        name: "outbox_retention",
        value: "TIME",
        help: "How long events are kept for those who are told of them, such as 12h or 7d [default: 7d]",
    },
    Setting {
        name: "parked_event_retention",
        value: "TIME",
        help: "How long events are kept that plugins have failed too often to take, such as 90d; not shorter than outbox_retention has an effect [default: until they are retried or discarded]",
    },
    Setting {
        name: "audit_retention",
        value: "TIME",
        help: "How long records of the audit log are kept, such as 365d [default: for ever]",
    },
    Setting {
        name: "request_log_retention",
        value: "TIME",
        help: "How long requests stay in the logs of tenants, such as 12h or 7d [default: 7d]",
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
        name: "row_level_security",
        value: "SWITCH",
        help: "on has PostgreSQL itself keep tenants apart, by its row-level security, as a second lock beside the condition of every statement; it costs a part of the throughput [default: off]",
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

pub(super) const FILE_FLAG: &str = "config";
pub(super) const FILE_VARIABLE: &str = "TENON_CONFIG";
/// Where commands find a running server; no setting of the server's own.
pub const URL_VARIABLE: &str = "TENON_URL";

/// Who the commands are that ask a running server: the token of the operator, or of the administrator of a
/// tenant.
pub const TOKEN_VARIABLE: &str = "TENON_TOKEN";
/// Who `tenon import` is at the service from which it takes resources.
pub const SOURCE_TOKEN_VARIABLE: &str = "TENON_SOURCE_TOKEN";
/// What the environment may have beside settings.
const OTHER_VARIABLES: [&str; 4] =
    [FILE_VARIABLE, URL_VARIABLE, TOKEN_VARIABLE, SOURCE_TOKEN_VARIABLE];

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
        OTHER_VARIABLES.contains(&name)
            || SETTINGS.iter().any(|setting| variable(setting.name) == name)
    };
    names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.starts_with("TENON_") && !is_known(name))
        .collect()
}

/// The variable of a setting.
pub(super) fn variable(name: &str) -> String {
    format!("TENON_{}", name.to_uppercase())
}
