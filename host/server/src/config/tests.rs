use clap::Command;

use super::*;

fn load(args: &[&str], environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let args = std::iter::once("tenon").chain(args.iter().copied());
    let flags = Command::new("tenon").args(flags()).try_get_matches_from(args).unwrap();
    Config::load(&flags, |name| {
        let found = environment.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| OsString::from(value))
    })
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let file = file("listen = \"127.0.0.1:1\"\nlog = \"warn\"\ndatabase_connections = 3\n");
    let path = file.path().to_str().unwrap();
    let config = load(
        &["--listen", "127.0.0.1:3", "--config", path],
        &[("TENON_LISTEN", "127.0.0.1:2"), ("TENON_LOG", "debug"), ("TENON_LOG_FORMAT", "")],
    )
    .unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.log, "debug");
    assert_eq!(config.database_connections, 3);
    assert_eq!(config.log_format, LogFormat::Text);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let cases = [
        (
            vec!["--listen", "8080"],
            vec![],
            "--listen: must be an address such as 127.0.0.1:8080, not \"8080\"",
        ),
        (vec![], vec![("TENON_PUBLIC_URL", "scim.example.com")], "TENON_PUBLIC_URL: must be a URL"),
        (
            vec![],
            vec![("TENON_ADMIN_TOKEN", "short")],
            "TENON_ADMIN_TOKEN: must have 16 characters",
        ),
        (
            vec![],
            vec![("TENON_DATABASE_URL", "mysql://root:hunter2@x")],
            "TENON_DATABASE_URL: must be a URL such as postgres://",
        ),
        (
            vec!["--tenant-paths", "/tenants/{tenant},/scim"],
            vec![],
            "--tenant-paths: \"/scim\" must be a path such as /tenants/{tenant}/scim/v2",
        ),
        (
            vec!["--tenant-paths", "/admin/v1/{tenant}"],
            vec![],
            "--tenant-paths: \"/admin/v1/{tenant}\" must not begin with /admin",
        ),
        (vec!["--tenant-paths", ","], vec![], "--tenant-paths: must have one path at the least"),
        (
            vec!["--tenant-host", "scim.example.com"],
            vec![],
            "--tenant-host: must be a host name such as {tenant}.scim.example.com",
        ),
        (
            vec!["--tenant-headers", "x-tenant-id"],
            vec![],
            "--tenant-headers: needs trusted_proxies",
        ),
        (
            vec!["--tenant-headers", "x-tenant-id,Authorization"],
            vec![("TENON_TRUSTED_PROXIES", "10.0.0.1")],
            "--tenant-headers: must be names of headers such as x-tenant-id",
        ),
        (
            vec!["--trusted-proxies", "10.0.0.0/8,proxy"],
            vec![],
            "--trusted-proxies: must be addresses and networks such as 10.0.0.0/8",
        ),
        (
            vec!["--forwarded", "via"],
            vec![],
            "--forwarded: must be \"x-forwarded\" or \"rfc7239\", not \"via\"",
        ),
        (
            vec![],
            vec![("TENON_ENCRYPTION_KEY", "hunter2!")],
            "TENON_ENCRYPTION_KEY: must be 32 bytes as base64, and is no base64",
        ),
        (
            vec!["--encryption-keys-old", "aHVudGVyMg=="],
            vec![],
            "--encryption-keys-old: must be 32 bytes as base64, and has 7",
        ),
        (
            vec!["--encryption-key-file", "/does/not/exist"],
            vec![],
            "--encryption-key-file: the key in /does/not/exist cannot be read: No such file",
        ),
        (
            vec!["--encryption-key-file", "/dev/null"],
            vec![],
            "--encryption-key-file: what is in /dev/null must be 32 bytes as base64, and has 0",
        ),
        (
            vec!["--encryption-key-file", "/dev/null", "--encryption-key", "hunter2"],
            vec![],
            "--encryption-key-file: excludes encryption_key",
        ),
        (vec!["--log", "a=b=c"], vec![], "--log: is not a log filter"),
        (vec!["--log-format", "xml"], vec![], "--log-format: must be \"text\" or \"json\""),
        (
            vec!["--filter-scan-limit", "0"],
            vec![],
            "--filter-scan-limit: must be a number from 1, not \"0\"",
        ),
        (
            vec!["--database-connections", "0"],
            vec![],
            "--database-connections: must be a number from 2 to 1000",
        ),
        (vec!["--outbox-retention", "7"], vec![], "--outbox-retention: must be a number of hours"),
        (vec!["--outbox-retention", "0d"], vec![], "--outbox-retention: must be a number of hours"),
        (
            vec!["--row-level-security", "yes"],
            vec![],
            "--row-level-security: must be \"on\" or \"off\", not \"yes\"",
        ),
        (
            vec!["--database-pooler", "session"],
            vec![],
            "--database-pooler: must be \"none\" or \"transaction\", not \"session\"",
        ),
        (
            vec!["--database-pooler", "transaction"],
            vec![],
            "--database-pooler: \"transaction\" needs database_url",
        ),
        (
            vec!["--database-pooler", "transaction"],
            vec![("TENON_DATABASE_URL", "postgres://ada:hunter2@x/scim?options[lock_timeout]=1s")],
            "--database-pooler: \"transaction\" and options in a database's URL exclude each other",
        ),
        (
            vec!["--database-replica-urls", "postgres://ada:hunter2@x/scim"],
            vec![],
            "--database-replica-urls: needs database_url",
        ),
        (
            vec!["--database-replica-urls", "postgres://x/scim ada:hunter2@y"],
            vec![("TENON_DATABASE_URL", "postgres://x/scim")],
            "--database-replica-urls: must be URLs such as postgres://",
        ),
        (
            vec!["--database-pooler", "transaction"],
            vec![
                ("TENON_DATABASE_URL", "postgres://x/scim"),
                ("TENON_DATABASE_REPLICA_URLS", "postgres://y/scim?options[jit]=on"),
            ],
            "--database-pooler: \"transaction\" and options in a database's URL exclude each other",
        ),
        (vec!["--config", "/does/not/exist.toml"], vec![], "/does/not/exist.toml: No such file"),
    ];
    for (args, environment, expected) in cases {
        let error = load(&args, &environment).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains("hunter2") && !error.contains('\n'), "{error}");
    }
}

#[test]
fn how_tenants_are_named_is_read_whole() {
    let environment = [
        ("TENON_TENANT_PATHS", "/idm/{tenant}, /{tenant}/scim"),
        ("TENON_TENANT_HOST", "{tenant}.scim.example.com"),
        ("TENON_TENANT_HEADERS", "X-Tenant-Id, x-org"),
        ("TENON_TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ("TENON_FORWARDED", "rfc7239"),
    ];
    let entry = load(&[], &environment).unwrap().entry;
    let paths: Vec<String> = entry.paths.iter().map(|it| it.text()).collect();
    assert_eq!(paths, ["/idm/{tenant}", "/{tenant}/scim"]);
    assert_eq!(entry.host.unwrap().tenant("acme.scim.example.com"), Some("acme"));
    assert_eq!(entry.headers, ["x-tenant-id", "x-org"]);
    assert!(entry.trusted_proxies.contain("::1".parse().unwrap()));
    assert_eq!(entry.forwarded, crate::tenant::resolve::Family::Rfc7239);
    let paths = load(&[], &[]).unwrap().entry.paths;
    let paths: Vec<String> = paths.iter().map(|it| it.text()).collect();
    assert_eq!(paths, ["/tenants/{tenant}/scim/v2", "/scim/endpoints/{tenant}"]);
}

#[test]
fn an_error_in_the_file_names_the_line_or_the_key() {
    let cases = [
        ("listen = \"127.0.0.1:1\"\nlog = \n", "line 2: "),
        ("lisen = \"127.0.0.1:1\"\n", "\"lisen\" is not a setting; there are listen, "),
        ("listen = true\n", "\"listen\" must be a string or a number, not boolean"),
        ("listen = \"here\"\n", ": listen: must be an address"),
    ];
    for (text, expected) in cases {
        let file = file(text);
        let error = load(&["--config", file.path().to_str().unwrap()], &[]).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_misspelt_variable_is_found() {
    let names = ["TENON_LISTEN", "TENON_CONFIG", "TENON_SOURCE_TOKEN", "TENON_LISTN", "PATH"];
    let unknown = unknown_variables(names.into_iter().map(OsString::from));
    assert_eq!(unknown, ["TENON_LISTN"]);
}

#[test]
fn secrets_are_not_in_debug_output() {
    let environment = [
        ("TENON_ADMIN_TOKEN", "0123456789abcdef"),
        ("TENON_ENCRYPTION_KEY", "aHVudGVyNWh1bnRlcjVodW50ZXI1aHVudGVyNWh1bnQ="),
        ("TENON_DATABASE_URL", "postgres://ada:hunter2@db.example.com/scim"),
        (
            "TENON_DATABASE_REPLICA_URLS",
            "postgres://ada:hunter3@one.example.com/scim  postgres://ada:hunter4@two.example.com/scim",
        ),
    ];
    let shown = format!("{:?}", load(&[], &environment).unwrap());
    assert!(shown.contains("ada@db.example.com:5432/scim"), "{shown}");
    assert!(shown.contains("ada@one.example.com:5432/scim"), "{shown}");
    assert!(shown.contains("ada@two.example.com:5432/scim"), "{shown}");
    assert!(!shown.contains("aHVudGVy"), "{shown}");
    assert!(!shown.contains("0123456789abcdef") && !shown.contains("hunter"), "{shown}");
}
