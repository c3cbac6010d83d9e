//! `tenon index`, and what it asks of the server.

use std::process::Stdio;

use serde_json::{Value, json};
use tenon_tests::{Options, Server, complaint, printed, until, user};

use super::indexes::let_time_pass;

#[tokio::test]
async fn an_operator_adds_an_index_waits_for_it_and_gives_it_up() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.create("/Users", user("a")).await;
    let of = ["--tenant", acme.name.as_str()];
    let added = server.run(&[&["index", "add", "User", "title", "--substrings"], &of[..]].concat());
    let line = printed(&added);
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words, ["User", "title", "substrings", "building", "0/0", "administrator"]);

    let mut wait = server.command(&[&["index", "wait"], &of[..]].concat());
    let mut waiting = wait.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut conn = server.database().await;
    while waiting.try_wait().unwrap().is_none() {
        let_time_pass(&mut conn, &acme).await;
    }
    let all = printed(&waiting.wait_with_output().unwrap());
    assert!(all.lines().all(|line| line.contains("  ready  ")), "{all}");
    assert!(all.lines().any(|line| line.starts_with("User ") && line.contains("title")), "{all}");

    let list = server.run(&[&["index", "list", "--json"], &of[..]].concat());
    let list = printed(&list);
    let list: Vec<Value> = list.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(json!(list), acme.admin.get("/indexes").await.expect(200).body["items"]);
    let first = server.run(&[&["index", "list", "--json", "--limit", "1"], &of[..]].concat());
    assert_eq!(printed(&first), format!("{}\n", list[0]));
    let waited = server.run(&[&["index", "wait", "User", "title", "--json"], &of[..]].concat());
    let waited: Value = serde_json::from_str(&printed(&waited)).unwrap();
    assert_eq!((&waited["attribute"], &waited["state"]), (&json!("title"), &json!("ready")));
    printed(&server.run(&[&["index", "remove", "User", "title"], &of[..]].concat()));
    let list = printed(&server.run(&[&["index", "list"], &of[..]].concat()));
    assert!(list.contains("dropping"), "{list}");
}

#[tokio::test]
async fn what_the_server_refuses_and_what_is_missing_is_one_line() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let cases: [(&[&str], &str); 5] = [
        (&["index", "add", "User", "userName"], "tenon: \"userName\" is unique"),
        (&["index", "wait", "User", "title"], "tenon: the tenant has no index of \"title\""),
        (&["index", "list", "--token", "wrong"], "tenon: the operator's token is required"),
        (&["index", "list", "--url", "http://127.0.0.1:1"], "tenon: http://127.0.0.1:1/admin/v1"),
        (&["index", "list", "--url", "here"], "tenon: --url: must be a URL"),
    ];
    for (args, expected) in cases {
        let output = server.run(&[args, &["--tenant", &acme.name]].concat());
        let complaint = complaint(&output);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.starts_with(expected), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
}

#[tokio::test]
async fn the_accelerator_for_parts_of_values_is_turned_on_and_off() {
    let server = Server::start(Options::default());
    let state = || printed(&server.run(&["index", "substrings"])).trim().to_owned();
    assert_eq!(state(), "off");
    let turned = printed(&server.run(&["index", "substrings", "on"]));
    assert_eq!(turned.trim(), "building");
    until("it is on", async || (state() == "on").then_some(())).await;
    let is_used: bool = sqlx::query_scalar(
        "SELECT indexdef LIKE '%gin_trgm_ops%' FROM pg_indexes WHERE indexname = 'attr_index_substrings'",
    )
    .fetch_one(&mut server.database().await)
    .await
    .unwrap();
    assert!(is_used);
    printed(&server.run(&["index", "substrings", "on"]));
    printed(&server.run(&["index", "substrings", "off"]));
    until("it is off", async || (state() == "off").then_some(())).await;
    let admin = server.admin();
    admin.put("/substrings", json!({})).await.expect(400);
    assert_eq!(admin.get("/substrings").await.expect(200).body, json!({ "state": "off" }));
}

#[tokio::test]
async fn a_token_may_explain_where_it_was_made_so() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let body = json!({ "name": "analyst", "mayExplain": true });
    let created = acme.admin.post("/tokens", body).await.expect(201).body;
    assert_eq!(created["mayExplain"], true);
    let list = acme.admin.get("/tokens").await.expect(200).body;
    let may: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|token| &token["mayExplain"]).collect();
    assert_eq!(may, [&json!(false), &json!(true)]);
    acme.admin.post("/tokens", json!({ "name": "x", "mayExplain": "yes" })).await.expect(400);
}
