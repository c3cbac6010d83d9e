//! `tenon tenant move`

use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tenon_tests::{ADMIN_TOKEN, Postgres, Server, Tenant, artifacts, user};

use super::moves::{heard, later, users};
use super::two_servers;

fn command(server: &Server, tenant: &Tenant, arguments: &[&str]) -> Command {
    let mut command = Command::new(artifacts::tenon());
    command
        .args(["tenant", arguments[0], &tenant.name])
        .args(&arguments[1..])
        .args(["--url", &server.url, "--token", ADMIN_TOKEN])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn begun(server: &Server, tenant: &Tenant, arguments: &[&str]) -> Child {
    command(server, tenant, arguments).spawn().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_tenant_is_moved_from_the_command_line_which_waits_for_it() {
    let (postgres, other) = (Postgres::start(&[]), Postgres::start(&[]));
    let (one, two, mut conn) = two_servers(&postgres).await;
    let acme = one.tenant_in("shared", "acme").await;
    let there = acme.moved(&one, &two);
    acme.create("/Users", user("ada")).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{}\n", other.url())).unwrap();
    let url_file = file.path().to_str().unwrap();

    let without = command(&one, &acme, &["move", "--to", "database"]).output().unwrap();
    assert!(!without.status.success() && told(&without).contains("--url-file"), "{without:?}");

    let arguments = ["move", "--to", "database", "--url-file", url_file, "--json"];
    let moving = begun(&one, &acme, &arguments);
    heard(&mut conn, &there).await;
    let show = command(&two, &acme, &["show", "--json"]).output().unwrap();
    let show: Value = serde_json::from_slice(&show.stdout).unwrap();
    assert_eq!(show["placement"], json!({ "kind": "shared" }));
    assert_eq!(show["move"]["target"], json!({ "kind": "database" }));
    // Who stops to wait is told that it goes on, and may wait again.
    let pid = Pid::from_raw(i32::try_from(moving.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let stopped = moving.wait_with_output().unwrap();
    assert!(!stopped.status.success());
    assert!(told(&stopped).contains("goes on with the move"), "{}", told(&stopped));
    let moving = begun(&two, &acme, &arguments);
    while later(&mut conn, &there, "switching").await["step"] != "cleaning" {}
    while later(&mut conn, &there, "cleaning").await["state"] != "settled" {}
    let moved = moving.wait_with_output().unwrap();
    assert!(moved.status.success(), "{}", told(&moved));
    let settled: Value = serde_json::from_slice(&moved.stdout).unwrap();
    let placement = json!({ "kind": "database", "url": other.url() });
    assert_eq!(settled, json!({ "placement": placement, "state": "settled" }));
    assert_eq!(users(&there).await.len(), 1);
    // It is there: nothing is to be done.
    let again = command(&one, &acme, &arguments).output().unwrap();
    assert!(again.status.success(), "{}", told(&again));
}
