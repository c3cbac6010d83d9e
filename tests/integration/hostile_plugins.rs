//! Plugins that do harm fail their own tenant's requests, closed, and nothing else.

use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Server, artifacts, user};

#[tokio::test]
async fn a_harmful_plugin_fails_closed_while_another_tenant_goes_on() {
    let server = Server::shared();
    let victim = server.tenant("victim").await;
    for (name, kind, status) in [
        ("loop", "out-of-fuel", 502),
        ("memory-hog", "memory-exceeded", 502),
        ("trap", "trap", 502),
        ("recursion", "trap", 502),
        ("huge-string", "invalid-output", 502),
    ] {
        let hostile = server.tenant("hostile").await;
        let id = hostile.create("/Users", user("before")).await;
        let digest = hostile.activate(name, &artifacts::hostile(name), json!({})).await;
        let attacks = (0..4).map(|number| {
            let scim = hostile.scim.clone();
            tokio::spawn(async move { attack(&scim, number).await })
        });
        let attacks: Vec<_> = attacks.collect();
        for number in 0..4 {
            victim.create("/Users", user(&format!("{name}-{number}"))).await;
        }
        for attack in attacks {
            let failed = attack.await.unwrap();
            assert_eq!(failed.status, status, "{name}: {:#}", failed.body);
            assert!(failed.detail().contains(kind), "{name}: {}", failed.detail());
            assert!(failed.detail().contains("nothing was changed"), "{}", failed.detail());
        }
        // Reading needs no plugin; and nothing was written.
        let users = hostile.scim.get("/Users").await.expect(200);
        assert_eq!(users.body["totalResults"], 1, "{name}");
        let replaced = hostile.scim.put(&format!("/Users/{id}"), user("after")).await;
        assert!([status, 504].contains(&replaced.status), "{name}: {:#}", replaced.body);

        let line = server.log.wait_for("the failed call", |line| {
            line["digest"] == json!(digest)
                && line["level"] == "WARN"
                && line["fuel"] != Value::Null
        });
        assert_eq!(line["tenant"], json!(hostile.id));
        assert_eq!((&line["plugin"], &line["hook"]), (&json!(name), &json!("validate")));
    }
    assert_eq!(victim.scim.get("/Users").await.expect(200).body["totalResults"], 20);
}

/// Creates a user. On a busy machine the deadline may end a call before its own fault does: then
/// it is tried again.
async fn attack(scim: &Client, number: usize) -> Answer {
    for _ in 0..20 {
        let answer = scim.post("/Users", user(&format!("u{number}"))).await;
        if answer.status != 504 {
            return answer;
        }
    }
    panic!("every call passed its deadline");
}

/// What an upload of each file of `tests/hostile` is answered with: `accepted`, or the check that
/// refuses it. What is accepted does its harm in calls.
const UPLOADS: [(&str, &str); 27] = [
    ("ansi-issue", "accepted"),
    ("describe-garbage", "describe"),
    ("describe-loop", "describe"),
    ("doubling", "complexity"),
    ("handle-leak", "accepted"),
    ("harmless", "accepted"),
    ("host-call-storm", "accepted"),
    ("huge-list", "accepted"),
    ("huge-string", "accepted"),
    ("invalid-code", "compile"),
    ("invalid-utf8", "accepted"),
    ("large-start", "resources"),
    ("log-flood", "accepted"),
    ("loop", "accepted"),
    ("many-issues", "accepted"),
    ("many-memories", "resources"),
    ("memory-filler", "accepted"),
    ("memory-hog", "accepted"),
    ("no-capability", "exports"),
    ("path-storm", "accepted"),
    ("realloc-loop", "accepted"),
    ("recursion", "accepted"),
    ("remembers", "accepted"),
    ("start-loop", "start"),
    ("trap", "accepted"),
    ("unknown-import", "imports"),
    ("wrong-type", "types"),
];

#[tokio::test]
async fn every_upload_of_the_corpus_has_its_answer_and_the_server_lives() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let corpus = std::fs::read_dir(artifacts::workspace().join("tests/hostile")).unwrap();
    let paths = corpus.map(|file| file.unwrap().path());
    let components = paths.filter(|path| path.extension().is_some_and(|it| it == "wat"));
    let mut names: Vec<_> =
        components.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(
        names,
        UPLOADS.map(|(name, _)| name),
        "each file has a row here, and each row a file"
    );
    for (name, expected) in UPLOADS {
        let answer = acme.upload(name, &artifacts::hostile(name)).await;
        let found = match answer.status {
            201 => "accepted",
            422 => answer.body["check"].as_str().unwrap(),
            status => panic!("{name}: {status} {:#}", answer.body),
        };
        assert_eq!(found, expected, "{name}: {:#}", answer.body);
    }
    acme.create("/Users", user("alive")).await;
}
