//! `tenon plugin …`: the life of a version from the command line.

use serde_json::{Value, json};
use tenon_tests::{Server, artifacts, complaint, printed, user};

use super::{plugin, uploaded};

#[tokio::test]
async fn a_version_goes_through_its_life_by_commands() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.create("/Users", user("ada")).await;
    let component = artifacts::cost_center();
    let first = uploaded(&acme, "cost-center", component).await;
    let second = uploaded(&acme, "cost-center", &artifacts::tagged(component, "second")).await;
    let other = uploaded(&acme, "other", &artifacts::hostile("trap")).await;
    let run = |args: &[&str]| {
        let args = [&["plugin"], args, &["--tenant", &*acme.name, "--json"]].concat();
        let text = printed(&server.run(&args));
        serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    assert_eq!(run(&["activate", "cost-center", &first])["activeDigest"], first);
    assert_eq!(run(&["shadow", "cost-center", &second])["shadowDigest"], second);
    assert_eq!(run(&["shadow", "cost-center"])["digest"], second);
    assert_eq!(run(&["shadow", "cost-center", "--stop"])["shadowDigest"], Value::Null);
    let impact = run(&["impact", "cost-center", &second]);
    assert_eq!((&impact["state"], &impact["passed"]), (&json!("done"), &json!(1)));
    assert_eq!(run(&["activate", "cost-center", &second])["activeDigest"], second);
    assert_eq!(run(&["rollback", "cost-center"])["activeDigest"], first);
    assert_eq!(run(&["order"]), json!({ "order": ["cost-center", "other"] }));
    assert_eq!(run(&["order", "other", "cost-center"])["order"][0], "other");

    let none = ["plugin", "logs", "cost-center", "--tenant", &*acme.name];
    assert_eq!(printed(&server.run(&none)), "");
    let alone = server.run(&["plugin", "rollback", "other", "--tenant", &*acme.name]);
    assert!(complaint(&alone).contains("no version that was active before"));
    assert_eq!(plugin(&acme, "other").await["versions"][0]["digest"], other);
}
