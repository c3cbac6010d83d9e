//! Plugins that do harm fail their own tenant's requests, closed, and nothing else.

use serde_json::{Value, json};
use tenon_tests::{Server, artifacts, user};

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
            tokio::spawn(async move { scim.post("/Users", user(&format!("u{number}"))).await })
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
        hostile.scim.put(&format!("/Users/{id}"), user("after")).await.expect(status);

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

#[tokio::test]
async fn every_upload_of_the_corpus_has_an_answer_and_the_server_lives() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let corpus = std::fs::read_dir(artifacts::workspace().join("tests/hostile")).unwrap();
    let mut uploads = 0;
    for file in corpus {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "wat") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        let answer = acme.upload(name, &artifacts::hostile(name)).await;
        assert!(matches!(answer.status, 201 | 422), "{name}: {:#}", answer.body);
        uploads += 1;
    }
    assert!(uploads >= 20, "{uploads} files");
    acme.create("/Users", user("alive")).await;
}
