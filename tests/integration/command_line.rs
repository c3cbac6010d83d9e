//! What the command line says, and with which status it ends.

use std::net::TcpListener;
use std::process::{Command, Output};

use tenon_tests::{Options, Server, artifacts, new_data_dir};

fn tenon(args: &[&str], environment: Environment<'_>) -> Output {
    Command::new(artifacts::tenon())
        .args(args)
        .env_remove("TENON_DATABASE_URL")
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

type Environment<'e> = &'e [(&'e str, &'e str)];

#[test]
fn wrong_configuration_is_one_line_and_status_2() {
    let cases: [(&[&str], Environment<'_>, &str); 4] = [
        (&["serve", "--listen", "nowhere"], &[], "tenon: --listen: must be an address"),
        (&["serve"], &[("TENON_DATABASE_URL", "x")], "tenon: TENON_DATABASE_URL: must be a URL"),
        (&["migrate"], &[("TENON_LOG_FORMAT", "x")], "tenon: TENON_LOG_FORMAT: must be"),
        (&["serve", "--config", "/nowhere.toml"], &[], "tenon: /nowhere.toml: No such file"),
    ];
    for (args, environment, expected) in cases {
        let output = tenon(args, environment);
        let complaint = complaint(&output);
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(complaint.starts_with(expected), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
}

#[test]
fn an_unknown_flag_is_status_2_and_help_is_status_0() {
    let output = tenon(&["serve", "--lisen", "x"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("--listen"), "it names the flag that was meant");
    let help = tenon(&["serve", "--help"], &[]);
    assert!(help.status.success());
    let help = String::from_utf8(help.stdout).unwrap();
    for variable in ["TENON_LISTEN", "TENON_DATABASE_URL", "TENON_ADMIN_TOKEN", "TENON_DATA_DIR"] {
        assert!(help.contains(variable), "{help}");
    }
}

#[test]
fn an_address_in_use_is_told_before_anything_is_started() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = new_data_dir();
    let data_dir = dir.path().join("data");
    let data = data_dir.to_str().unwrap();
    let output = tenon(&["serve", "--listen", &address, "--data-dir", data], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains(&format!("cannot listen on {address}")));
    assert!(!data_dir.exists());
}

#[test]
fn without_postgres_it_says_how_to_get_it() {
    let (dir, empty) = (new_data_dir(), new_data_dir());
    let data = dir.path().to_str().unwrap();
    let programs = empty.path().to_str().unwrap();
    let output = tenon(
        &["serve", "--listen", "127.0.0.1:0", "--data-dir", data, "--postgres-bin-dir", programs],
        &[],
    );
    let complaint = complaint(&output);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    let last = complaint.lines().last().unwrap();
    assert!(last.starts_with("tenon: ") && last.contains(programs), "{complaint}");
    assert!(last.contains("install"), "{complaint}");
}

#[test]
fn migrate_prepares_the_database_and_ends() {
    let dir = new_data_dir();
    let data = dir.path().to_str().unwrap();
    for _ in 0..2 {
        let output = tenon(&["migrate", "--data-dir", data], &[]);
        assert!(output.status.success(), "{}", complaint(&output));
        assert!(complaint(&output).contains("the database has the schema of this version"));
    }
}

#[test]
fn a_database_that_refuses_is_quoted_and_not_waited_for() {
    let server = Server::start(Options::default());
    let cluster = server.data_dir().join("postgres/cluster");
    let password = std::fs::read_to_string(cluster.join("password")).unwrap();
    let host = cluster.join("socket");
    let host = host.display();
    let cases = [
        (format!("postgres://tenon:wrong@x/tenon?host={host}"), "password authentication failed"),
        (
            format!("postgres://tenon:{}@x/nowhere?host={host}", password.trim()),
            "database \"nowhere\" does not exist",
        ),
    ];
    for (url, expected) in cases {
        let output = tenon(&["migrate"], &[("TENON_DATABASE_URL", &url)]);
        let complaint = complaint(&output);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.starts_with("tenon: cannot use the database tenon@"), "{complaint}");
        assert!(complaint.contains(expected), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        assert!(!complaint.contains("wrong") && !complaint.contains(password.trim()));
    }
}

#[test]
fn a_folder_without_a_plugin_is_told() {
    let dir = new_data_dir();
    let output = tenon(&["plugin", "build", dir.path().to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("there is no Cargo.toml"), "{}", complaint(&output));
}
