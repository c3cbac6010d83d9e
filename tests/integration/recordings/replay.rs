//! `tenon plugin record`, `recordings` and `replay`: the way of a call, and what is said of other versions and of
//! what is no recording.

use serde_json::{Value, json};
use tenon_tests::{Server, artifacts, complaint, printed, until, user};

use super::{file, one, record, replay, replay_text};

const COST_CENTER: &str = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";

/// A recorded validation of a user whose cost center has no good form.
async fn recorded(server: &Server) -> Value {
    let acme = server.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    record(&acme, "cost-center", one("validation")).await;
    let mut bad = user("bad");
    bad[COST_CENTER] = json!({ "costCenter": "bad" });
    acme.scim.post("/Users", bad).await.expect(400);
    file(&acme, "cost-center", "validation").await
}

#[tokio::test]
async fn a_call_is_recorded_fetched_and_made_once_more_by_commands() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    let run = |args: &[&str]| {
        printed(&server.run(&[&["plugin"], args, &["--tenant", &*acme.name]].concat()))
    };
    let begun = run(&["record", "cost-center", "validation", "--redact", "displayName", "--json"]);
    let begun: Value = serde_json::from_str(&begun).unwrap();
    assert_eq!((&begun["asked"], &begun["redact"]), (&json!(1), &json!(["displayName"])));
    acme.create("/Users", user("ada")).await;
    let call = until("the recorded call", async || {
        let told = run(&["recordings", "cost-center"]);
        let call = told.lines().find_map(|line| line.strip_prefix("  "))?;
        assert!(told.starts_with("hook validation  state done  recorded 1"), "{told}");
        Some(call.split_whitespace().next().unwrap().to_owned())
    })
    .await;
    let file: Value = serde_json::from_str(&run(&["recordings", "cost-center", &call])).unwrap();
    let told = printed(&replay(&server, &file, artifacts::cost_center()));
    assert!(told.contains("all as it was recorded"), "{told}");

    run(&["recordings", "cost-center", &call, "--delete"]);
    let gone = server.run(&["plugin", "recordings", "cost-center", &call, "--tenant", &acme.name]);
    assert!(complaint(&gone).contains(&call), "{}", complaint(&gone));
    run(&["recordings", "cost-center", "--delete"]);
    assert_eq!(run(&["recordings", "cost-center"]), "");
    let unknown = ["plugin", "record", "cost-center", "validate", "--tenant", &*acme.name];
    assert!(complaint(&server.run(&unknown)).contains("must be one of validation"));
}

#[tokio::test]
async fn another_version_is_compared_with_the_one_that_was_recorded() {
    let server = Server::shared();
    let file = recorded(&server).await;
    let same = artifacts::tagged(artifacts::cost_center(), "the same code");
    let told = printed(&replay(&server, &file, &same));
    assert!(told.contains("made with another version"), "{told}");
    assert!(told.contains("all as it was recorded"), "{told}");

    let other = replay(&server, &file, &artifacts::hostile("harmless"));
    assert_eq!(other.status.code(), Some(1));
    assert!(complaint(&other).contains("another answer"), "{}", complaint(&other));
    let told = String::from_utf8(other.stdout).unwrap();
    assert!(told.contains("answer: ") && told.contains("fuel: "), "{told}");
    assert!(told.contains("does not match"), "the answer that was recorded is told: {told}");
}

#[tokio::test]
async fn the_same_version_that_does_something_else_is_an_error_that_names_it() {
    let server = Server::shared();
    let mut file = recorded(&server).await;
    file["outcome"]["usage"]["fuel"] = json!(1);
    file["input"]["candidate"][COST_CENTER]["costCenter"] = json!("worse");
    let output = replay(&server, &file, artifacts::cost_center());
    assert_eq!(output.status.code(), Some(1));
    let told = complaint(&output);
    assert!(told.contains("answer") && told.contains("fuel"), "{told}");
}

#[tokio::test]
async fn paths_of_an_extension_are_understood_by_the_schemas_in_the_file() {
    let server = Server::shared();
    let mut file = recorded(&server).await;
    assert_eq!(file["outcome"]["answer"][0]["path"], format!("{COST_CENTER}:costCenter"));
    file["schemas"] = json!([]);
    let output = replay(&server, &file, artifacts::cost_center());
    assert!(!output.status.success());
}

#[tokio::test]
async fn what_is_no_recording_is_refused_with_what_is_wrong() {
    let server = Server::shared();
    let file = recorded(&server).await;
    let component = artifacts::cost_center();
    let half = &file.to_string()[..1_000];
    let mut without_limit = file.clone();
    without_limit["limits"].as_object_mut().unwrap().remove("fuel");
    let mut of_another_format = file.clone();
    of_another_format["format"] = json!("tenon-recording/2");
    let mut of_another_hook = file.clone();
    of_another_hook["hook"] = json!("before-query");
    of_another_hook["input"] = json!({ "filter": null });
    for (text, told) in [
        (half.to_owned(), "no JSON, or not all of it"),
        ("{}".to_owned(), "\"format\" is null"),
        (of_another_format.to_string(), "tenon-recording/2"),
        (without_limit.to_string(), "limits are not complete"),
        (of_another_hook.to_string(), "has no hook before-query"),
    ] {
        let output = replay_text(&server, &text, component);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(complaint(&output).contains(told), "{told}: {}", complaint(&output));
    }
    let output = replay(&server, &file, b"no component");
    assert!(
        complaint(&output).contains("refused by the check \"format\""),
        "{}",
        complaint(&output)
    );
}
