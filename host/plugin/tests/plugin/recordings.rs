//! Recorded calls, and what comes of them when they are made once more on another host.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tenon_plugin::{
    Budget, Call, Limits, Plugin, RecordedCall, Recorder, Recording, RecordingError, Redaction,
    Surroundings,
};

use crate::support::{Fixture, call, limits, user, validate};

#[tokio::test]
async fn a_call_comes_to_the_same_when_it_is_made_once_more() {
    let (fixture, elsewhere) = (Fixture::new(), Fixture::new());
    for name in [
        "harmless",
        "ansi-issue",
        "many-issues",
        "log-flood",
        "path-storm",
        "trap",
        "loop",
        "huge-list",
        "recursion",
        "memory-hog",
    ] {
        let recording = recorded(&*fixture.plugin(name).await).await;
        let replayed = elsewhere.plugin(name).await.replay(&recording).await.unwrap();
        assert_eq!(recording.differences(&replayed), [], "{name}");
        assert_eq!(recording.result(), replayed.result(), "{name}");
        assert!(replayed.fuel() > 0, "{name}");
    }
}

#[tokio::test]
async fn the_limits_of_the_recording_are_those_that_have_ended_the_call() {
    let fixture = Fixture::with(Limits { fuel: 5_000, ..limits() });
    let recording = recorded(&*fixture.plugin("loop").await).await;
    assert_eq!(recording.result()["error"]["kind"], "out-of-fuel");
    let same = Fixture::with(recording.limits().clone());
    let replayed = same.plugin("loop").await.replay(&recording).await.unwrap();
    assert_eq!(recording.differences(&replayed), []);

    let replayed = Fixture::new().plugin("loop").await.replay(&recording).await.unwrap();
    let differences = recording.differences(&replayed);
    let what: Vec<&str> = differences.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(what, ["answer", "fuel"]);
}

#[tokio::test]
async fn what_another_version_does_otherwise_is_named() {
    let fixture = Fixture::new();
    let recording = recorded(&*fixture.plugin("harmless").await).await;
    let replayed = fixture.plugin("ansi-issue").await.replay(&recording).await.unwrap();
    let differences = recording.differences(&replayed);
    assert_eq!(differences[0].what, "answer");
    assert_eq!(differences[0].recorded, json!({ "answer": [] }));
    assert!(differences.iter().any(|it| it.what == "fuel"), "{differences:?}");
}

#[tokio::test]
async fn a_version_without_the_hook_cannot_make_the_call() {
    let fixture = Fixture::new();
    let plugin = fixture.plugin("harmless").await;
    let mut file = file_of(&plugin).await;
    file["hook"] = "before-query".into();
    file["input"] = json!({ "filter": null });
    let recording = read(&file).unwrap();
    let error = plugin.replay(&recording).await.unwrap_err();
    assert!(matches!(error, RecordingError::NoSuchHook { .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_refused_with_what_is_wrong_with_it() {
    let fixture = Fixture::new();
    let plugin = fixture.plugin("harmless").await;
    let file = file_of(&plugin).await;
    let error = Recording::read(b"{\"format\": ").unwrap_err();
    assert!(error.to_string().contains("no JSON"), "{error}");
    for (change, told) in [
        (("format", json!("tenon-recording/9")), "\"tenon-recording/9\""),
        (("contract", json!("tenon:plugin@7.0.0")), "tenon:plugin@7.0.0"),
        (("limits", json!({ "fuel": 1 })), "limits are not complete"),
        (("digest", json!("sha256:")), "a digest is"),
        (("input", json!({})), "candidate"),
        (("outcome", Value::Null), "damaged"),
    ] {
        let mut file = file.clone();
        file[change.0] = change.1;
        let error = read(&file).unwrap_err();
        assert!(error.to_string().contains(told), "{}: {error}", change.0);
    }
    let mut without_its_type = file.clone();
    without_its_type["call"]["resourceType"] = "Device".into();
    let recording = read(&without_its_type).unwrap();
    let error = plugin.replay(&recording).await.unwrap_err();
    assert!(error.to_string().contains("no resource type \"Device\""), "{error}");
}

#[tokio::test]
async fn a_call_that_had_no_place_or_was_a_trial_is_not_recorded() {
    let fixture = Fixture::new();
    let plugin = fixture.plugin("harmless").await;
    let kept = Arc::new(Kept::default());
    let recorded = Call { recorder: Some(kept.clone()), ..call("tenant") };
    assert_eq!(validate(&plugin).await.result.unwrap(), []);
    let none = Budget { concurrent_calls: Some(0), ..Budget::default() };
    let user = user(json!({ "userName": "ada" }));
    let busy = Call { budget: none, ..recorded.clone() };
    assert_eq!(plugin.validate(&busy, user.clone(), None).await.result.unwrap_err().kind(), "busy");
    let trial = plugin.on_trial().validate(&recorded, user.clone(), None).await;
    assert_eq!(trial.result.unwrap(), []);
    assert!(kept.0.lock().unwrap().is_none());
    assert_eq!(plugin.validate(&recorded, user, None).await.result.unwrap(), []);
    assert!(kept.0.lock().unwrap().is_some());
}

#[tokio::test]
async fn a_file_says_what_was_called_and_how_it_ended() {
    let fixture = Fixture::new();
    let plugin = fixture.plugin("trap").await;
    let file = file_of(&plugin).await;
    assert_eq!(
        (&file["format"], &file["hook"]),
        (&json!("tenon-recording/1"), &json!("validation"))
    );
    assert_eq!(file["digest"], plugin.digest().to_string());
    assert_eq!(file["contract"], "tenon:plugin@0.1.0");
    assert_eq!(file["input"]["candidate"], json!({ "userName": "ada" }));
    assert_eq!(file["call"]["operation"], "replace");
    assert_eq!(file["limits"]["fuel"], 20_000_000);
    assert_eq!(file["limits"]["deadlineMillis"], 3_600_000);
    assert_eq!(file["limits"].get("concurrentCalls"), None);
    assert_eq!(file["outcome"]["error"]["kind"], "trap");
    assert!(file["outcome"]["usage"]["fuel"].as_u64().unwrap() > 0);
    assert_eq!(file["redacted"], json!([]));
}

#[derive(Default)]
struct Kept(Mutex<Option<RecordedCall>>);

impl Recorder for Kept {
    fn recorded(&self, call: RecordedCall) {
        *self.0.lock().unwrap() = Some(call);
    }
}

/// A recorded validation, as it is read from its file.
async fn recorded(plugin: &Plugin) -> Recording {
    read(&file_of(plugin).await).unwrap()
}

async fn file_of(plugin: &Plugin) -> Value {
    let kept = Arc::new(Kept::default());
    let call = Call { recorder: Some(kept.clone()), ..call("tenant") };
    let user = user(json!({ "userName": "ada" }));
    let _ = plugin.validate(&call, user.clone(), Some(user)).await;
    let recorded = kept.0.lock().unwrap().take().unwrap();
    let redaction = Redaction::default();
    let of = Surroundings { schemas: &[], secrets: &[], redaction: &redaction };
    serde_json::from_str(&Recording::of(&recorded, &of).unwrap().write().unwrap()).unwrap()
}

fn read(file: &Value) -> Result<Recording, RecordingError> {
    Recording::read(&serde_json::to_vec(file).unwrap())
}
