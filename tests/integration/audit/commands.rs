//! `tenon audit`.

use serde_json::Value;
use tenon_tests::{Server, complaint, printed, user};

use super::{id, settle};

#[tokio::test]
async fn an_export_is_verified_without_a_server_and_a_changed_one_is_refused() {
    let server = Server::shared();
    let mut conn = server.database().await;
    let acme = server.tenant("acme").await;
    for number in 0..3 {
        acme.create("/Users", user(&format!("u{number}"))).await;
    }
    settle(&mut conn, id(&acme)).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("audit.jsonl");
    let file = file.to_str().unwrap();
    printed(&server.run(&["audit", "export", "--tenant", &acme.name, "--out", file]));

    let found = printed(&server.run(&["audit", "verify", file, "--json"]));
    let found: Value = serde_json::from_str(&found).unwrap();
    let told = printed(&server.run(&["audit", "verify", "--tenant", &acme.name, "--json"]));
    assert_eq!(found, serde_json::from_str::<Value>(&told).unwrap());
    assert_eq!((&found["records"], &found["seals"]), (&5.into(), &1.into()));
    let words = printed(&server.run(&["audit", "verify", file]));
    assert!(words.contains("5 records") && words.contains("seal is 1: "), "{words}");

    let text = std::fs::read_to_string(file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let changed = text.replacen("\"create\"", "\"delete\"", 1);
    let cut = lines[..lines.len() - 1].join("\n");
    let shortened = [&lines[..2], &lines[3..]].concat().join("\n");
    for (text, reason) in [
        (changed, "not as it was written"),
        (cut, "not whole"),
        (shortened, "lines were added or taken out"),
        (String::new(), "no first line"),
    ] {
        std::fs::write(file, text).unwrap();
        let refused = server.run(&["audit", "verify", file]);
        assert_eq!(refused.status.code(), Some(1), "{reason}");
        assert!(complaint(&refused).contains(reason), "{}", complaint(&refused));
    }
}

#[tokio::test]
async fn an_export_goes_on_after_a_seal() {
    let server = Server::shared();
    let mut conn = server.database().await;
    let acme = server.tenant("acme").await;
    settle(&mut conn, id(&acme)).await;
    let of = ["audit", "export", "--tenant", &*acme.name];
    printed(&server.run(&of));
    acme.create("/Users", user("later")).await;
    settle(&mut conn, id(&acme)).await;
    let export = printed(&server.run(&[&of[..], &["--after", "1"]].concat()));
    let actions: Vec<Value> = export
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|line| line.get("record").map(|it| it["action"].clone()))
        .collect();
    assert_eq!(actions, ["create"]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("audit.jsonl");
    std::fs::write(&file, export).unwrap();
    let verify = ["audit", "verify", file.to_str().unwrap(), "--json"];
    let found: Value = serde_json::from_str(&printed(&server.run(&verify))).unwrap();
    // Somebody may have cut off what was before.
    assert_eq!((&found["complete"], &found["after"]["n"]), (&false.into(), &1.into()), "{found:#}");
    let words = printed(&server.run(&verify[..3]));
    assert!(words.contains("up to seal 1 was not looked at"), "{words}");
    let known = found["after"]["hash"].as_str().unwrap();
    let after = [&verify[..], &["--after", known]].concat();
    let found: Value = serde_json::from_str(&printed(&server.run(&after))).unwrap();
    assert_eq!(found["complete"], true);
    let other = server.run(&[&verify[..], &["--after", "0"]].concat());
    assert!(complaint(&other).contains("begins after another seal"), "{}", complaint(&other));
    let none = server.run(&[&of[..], &["--after", "9"]].concat());
    assert!(complaint(&none).contains("no seal 9"), "{}", complaint(&none));
}

#[tokio::test]
async fn records_are_listed_in_words_and_as_json() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let ada = acme.create("/Users", user("ada")).await;
    let of = ["audit", "list", "--tenant", &*acme.name];
    let words = printed(&server.run(&of));
    let first = words.lines().next().unwrap();
    assert!(first.ends_with(&format!("create User {ada} - -> 1")), "{words}");
    let lines = printed(&server.run(&[&of[..], &["--json", "--action", "create"]].concat()));
    let records: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["resourceId"], *ada);
    let one = printed(&server.run(&[&of[..], &["--limit", "1"]].concat()));
    assert_eq!(one.lines().count(), 1);
    printed(&server.run(&["audit", "list"]));
}
