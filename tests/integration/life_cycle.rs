//! Starting, stopping, being killed, starting again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;
use tenon_tests::{Options, Server, Tenant, artifacts, new_data_dir, user};

const COST_CENTER: &str = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";

fn over(data_dir: &Path) -> Server {
    Server::start(Options { data_dir: Some(data_dir.to_owned()), ..Options::default() })
}

fn bad_code(user_name: &str) -> serde_json::Value {
    let mut bad = user(user_name);
    bad[COST_CENTER] = json!({ "costCenter": "bad" });
    bad
}

/// The compiled code on disk: each file with its number, which changes when it is written anew.
fn compiled(data_dir: &Path) -> Vec<(PathBuf, u64)> {
    let entries = std::fs::read_dir(data_dir.join("plugin-cache")).unwrap();
    entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "cwasm"))
        .map(|entry| (entry.path(), entry.metadata().unwrap().ino()))
        .collect()
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let dir = new_data_dir();
    let mut first = over(dir.path());
    let acme = first.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    let id = acme.create("/Users", user("bjensen")).await;
    let record = dir.path().join("postgres/cluster/data/postmaster.pid");
    assert!(record.exists());
    let before = compiled(dir.path());
    assert_eq!(before.len(), 1);
    assert!(first.stop().success());
    assert!(!record.exists(), "the database was stopped too");

    let second = over(dir.path());
    let acme = acme.moved(&first, &second);
    let read = acme.scim.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(read.body["userName"], "bjensen");
    let refused = acme.scim.post("/Users", bad_code("x")).await.expect(400);
    assert!(refused.detail().contains("does not match"), "{}", refused.detail());
    assert_eq!(compiled(dir.path()), before, "nothing was compiled again");
    assert!(!second.log.text().contains("compiled again"));
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let dir = new_data_dir();
    let mut first = over(dir.path());
    let acme = first.tenant("acme").await;
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(acme.create("/Users", user(&format!("u{number}"))).await);
    }
    first.kill();
    let second = over(dir.path());
    let acme = acme.moved(&first, &second);
    for id in ids {
        acme.scim.get(&format!("/Users/{id}")).await.expect(200);
    }
    acme.create("/Users", user("after")).await;
}

#[tokio::test]
async fn the_plugin_cache_may_be_lost_or_damaged() {
    let dir = new_data_dir();
    let mut first = over(dir.path());
    let acme = first.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    first.stop();
    for (path, _) in compiled(dir.path()) {
        std::fs::remove_file(path).unwrap();
    }
    assert!(compiled(dir.path()).is_empty());
    let mut second = over(dir.path());
    let there = acme.moved(&first, &second);
    there.scim.post("/Users", bad_code("x")).await.expect(400);
    second.stop();
    let again = compiled(dir.path());
    assert_eq!(again.len(), 1, "it was compiled again and kept");

    for (path, _) in again {
        let mut code = std::fs::read(&path).unwrap();
        let middle = code.len() / 2;
        code[middle] ^= 1;
        std::fs::write(&path, code).unwrap();
    }
    let third = over(dir.path());
    let there = acme.moved(&first, &third);
    there.scim.post("/Users", bad_code("x")).await.expect(400);
    assert!(third.log.text().contains("compiled again"));
}

/// A request whose body is half sent, at a handler that reads it; and the other half.
fn half_sent(server: &Server, tenant: &Tenant) -> (BufReader<TcpStream>, String) {
    let body = user("in-flight").to_string();
    let (head, tail) = body.split_at(body.len() / 2);
    let host = server.url.trim_start_matches("http://").to_owned();
    let path = tenant.scim.base.trim_start_matches(server.url.as_str());
    let mut connection = TcpStream::connect(&host).unwrap();
    write!(
        connection,
        "POST {path}/Users HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\n\
         X-Request-Id: in-flight\r\nExpect: 100-continue\r\n\r\n",
        tenant.scim.token,
        body.len()
    )
    .unwrap();
    // The server asks for the body when the handler reads it: now the request is in flight.
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 100"), "{line}");
    reader.read_line(&mut line).unwrap();
    write!(connection, "{head}").unwrap();
    (reader, tail.to_owned())
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_server_stops() {
    let dir = new_data_dir();
    let mut server = over(dir.path());
    let acme = server.tenant("acme").await;
    let (mut reader, tail) = half_sent(&server, &acme);

    server.signal(Signal::TERM);
    server.log.wait_for("word that it is stopping", |line| {
        line["message"].as_str().is_some_and(|message| message.starts_with("stopping"))
    });
    write!(reader.get_mut(), "{tail}").unwrap();
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 201"), "{line}");
    assert!(server.wait().success());
}

/// The grace for requests in flight is 30 s; this one never ends.
#[tokio::test]
async fn a_second_signal_does_not_wait_for_requests_in_flight() {
    let mut server = Server::start(Options::default());
    let acme = server.tenant("acme").await;
    let (mut reader, _) = half_sent(&server, &acme);
    for (signal, word) in [(Signal::TERM, "stopping"), (Signal::INT, "told to stop again")] {
        server.signal(signal);
        server.log.wait_for(word, |line| {
            line["message"].as_str().is_some_and(|message| message.starts_with(word))
        });
    }
    assert!(server.wait().success());
    assert!(!server.log.text().contains("still in flight"));
    let mut answer = String::new();
    let _reset_is_an_end_too = reader.read_to_string(&mut answer);
    assert_eq!(answer, "");
}

#[test]
fn more_connections_than_the_database_allows_are_told_at_the_start() {
    let server = Server::start(Options {
        environment: vec![("TENON_DATABASE_CONNECTIONS".to_owned(), "98".to_owned())],
        ..Options::default()
    });
    let warning = server.log.wait_for("the warning", |line| line["available"].is_number());
    assert_eq!(warning["level"], "WARN");
    assert_eq!((&warning["database_connections"], &warning["available"]), (&json!(98), &json!(97)));
}

#[tokio::test]
async fn two_servers_share_one_database() {
    let dir = new_data_dir();
    let first = over(dir.path());
    let second = over(dir.path());
    let acme = first.tenant("acme").await;
    let there = acme.moved(&first, &second);
    let id = acme.create("/Users", user("bjensen")).await;
    there.scim.get(&format!("/Users/{id}")).await.expect(200);
    // What changes at one is known at the other as soon as that has asked for the epoch again.
    there.scim.post("/Users", bad_code("x")).await.expect(201);
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    until_cost_center_answers(&there, 200).await;
    there.scim.post("/Users", bad_code("y")).await.expect(400);
    acme.admin.delete("/plugins/cost-center").await.expect(204);
    until_cost_center_answers(&there, 404).await;
    there.scim.post("/Users", bad_code("y")).await.expect(201);
}

/// Asks for the schema of the plugin until the answer is this one.
async fn until_cost_center_answers(tenant: &Tenant, status: u16) {
    let schema = "/Schemas/urn:example:params:scim:schemas:extension:costcenter:2.0:User";
    for _ in 0..100_000 {
        if tenant.scim.get(schema).await.status == status {
            return;
        }
    }
    panic!("the other server never answers with {status}");
}

#[tokio::test]
async fn a_generated_operators_token_is_printed_once_and_stays_valid() {
    let dir = new_data_dir();
    let start = || {
        Server::start(Options {
            data_dir: Some(dir.path().to_owned()),
            no_admin_token: true,
            ..Options::default()
        })
    };
    let mut first = start();
    let printed = first.printed.wait_for("the token", |line| {
        line.as_str().is_some_and(|line| line.trim().starts_with("tenon_admin_"))
    });
    let token = printed.as_str().unwrap().trim().to_owned();
    first.admin().with_token(&token).get("/tenants").await.expect(200);
    assert!(!first.log.text().contains(&token), "the log has the token");
    first.stop();
    let second = start();
    second.admin().with_token(&token).get("/tenants").await.expect(200);
    second.admin().with_token("tenon_admin_wrong").get("/tenants").await.expect(401);
    assert!(!second.printed.text().contains("tenon_admin_"));
    let options = second.admin().with_token(&token).request(Method::OPTIONS, "/tenants");
    assert_eq!(options.send().await.unwrap().status(), 405);
}
