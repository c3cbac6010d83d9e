//! Plugins that do harm fail their own tenant's requests, closed, and nothing else.

use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Server, artifacts, create_within_deadline, user};

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

async fn attack(scim: &Client, number: usize) -> Answer {
    create_within_deadline(scim, &user(&format!("u{number}"))).await
}

/// What becomes of a component.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// The upload is refused by this check.
    Refused(&'static str),
    /// It is accepted, and a user that it looks at is created.
    Creates,
    /// It is accepted, and says itself that the user is wrong.
    Rejects,
    /// It is accepted, and its call fails in this way: nothing is created.
    Fails(&'static str),
}

use Outcome::{Creates, Fails, Refused, Rejects};

/// Each file of `tests/hostile`.
const CORPUS: [(&str, Outcome); 33] = [
    ("ansi-issue", Rejects),
    ("describe-garbage", Refused("describe")),
    ("describe-loop", Refused("describe")),
    ("doubling", Refused("complexity")),
    ("empty-writes", Fails("out-of-fuel")),
    ("forged-version", Refused("imports")),
    ("handle-leak", Fails("invalid-output")),
    ("harmless", Creates),
    ("host-call-storm", Fails("out-of-fuel")),
    ("huge-list", Fails("invalid-output")),
    ("huge-string", Fails("invalid-output")),
    ("invalid-code", Refused("compile")),
    ("invalid-utf16", Fails("invalid-output")),
    ("invalid-utf8", Fails("invalid-output")),
    ("large-start", Refused("resources")),
    ("log-flood", Creates),
    ("loop", Fails("out-of-fuel")),
    ("many-issues", Rejects),
    ("many-memories", Refused("resources")),
    ("memory-filler", Fails("out-of-fuel")),
    ("memory-hog", Fails("memory-exceeded")),
    ("misspelt-import", Refused("imports")),
    ("no-capability", Refused("exports")),
    ("other-version", Refused("api-version")),
    ("path-storm", Creates),
    ("realloc-loop", Fails("out-of-fuel")),
    ("recursion", Fails("trap")),
    ("remembers", Creates),
    ("start-loop", Refused("start")),
    ("trap", Fails("trap")),
    ("unknown-import", Refused("imports")),
    ("version-skew", Refused("imports")),
    ("wrong-type", Refused("types")),
];

/// What would be too long as a file, by the check that refuses it.
fn made() -> [(&'static str, Vec<u8>, &'static str); 5] {
    let text = |text: String| wat::parse_str(text).unwrap();
    let function = "(drop (i32.const 1))".repeat(30_000);
    let imports: String =
        (0..10_000).map(|number| format!(r#"(import "i{number}" (instance))"#)).collect();
    let harmless = artifacts::hostile("harmless");
    [
        (
            "giant-function",
            text(format!("(component (core module (func {function})))")),
            "complexity",
        ),
        ("ten-thousand-imports", text(format!("(component {imports})")), "complexity"),
        ("machine-code", artifacts::compiled(&harmless), "format"),
        ("cut-off", harmless[..harmless.len() / 2].to_vec(), "format"),
        ("core-module", text("(module)".to_owned()), "format"),
    ]
}

#[tokio::test]
async fn every_case_of_the_corpus_ends_as_it_is_to_end_while_another_tenant_is_served() {
    let server = Server::shared();
    let victim = server.tenant("victim").await;
    let corpus = std::fs::read_dir(artifacts::workspace().join("tests/hostile")).unwrap();
    let paths = corpus.map(|file| file.unwrap().path());
    let components = paths.filter(|path| path.extension().is_some_and(|it| it == "wat"));
    let mut names: Vec<_> =
        components.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    let rows = CORPUS.map(|(name, _)| name);
    assert_eq!(names, rows, "each file has a row here, and each row a file");

    for (name, outcome) in CORPUS {
        let hostile = server.tenant("hostile").await;
        let component = artifacts::hostile(name);
        let (uploaded, served) =
            tokio::join!(hostile.upload(name, &component), victim.scim.get("/Users"));
        served.expect(200);
        if let Refused(check) = outcome {
            assert_refused(name, &uploaded, check);
        } else {
            hostile.activate(&format!("{name}-active"), &component, json!({})).await;
            let (attacked, served) =
                tokio::join!(attack(&hostile.scim, 0), victim.scim.get("/Users"));
            served.expect(200);
            assert_outcome(name, &attacked, outcome);
        }
        victim.create("/Users", user(name)).await;
    }
    for (name, component, check) in made() {
        let hostile = server.tenant("hostile").await;
        assert_refused(name, &hostile.upload(name, &component).await, check);
        victim.create("/Users", user(name)).await;
    }
}

fn assert_refused(name: &str, uploaded: &Answer, check: &str) {
    assert_eq!(uploaded.status, 422, "{name}: {:#}", uploaded.body);
    assert_eq!(uploaded.body["check"], check, "{name}: {:#}", uploaded.body);
    // It says more than which check it was: the limit, what was found, what to do.
    assert!(uploaded.detail().len() > 40, "{name}: {}", uploaded.detail());
}

fn assert_outcome(name: &str, attacked: &Answer, outcome: Outcome) {
    let (status, said) = match outcome {
        Refused(_) => panic!("{name}: it was accepted"),
        Creates => (201, None),
        Rejects => (400, None),
        Fails(kind) => (502, Some(kind)),
    };
    assert_eq!(attacked.status, status, "{name}: {:#}", attacked.body);
    if let Some(kind) = said {
        assert!(attacked.detail().contains(&format!("({kind})")), "{name}: {}", attacked.detail());
    }
}
