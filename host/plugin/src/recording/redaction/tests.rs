use serde_json::json;

use super::*;
use crate::limits::Limits;

/// A recorded `before-write` that looked up by a value of the candidate, and said it again.
fn recording() -> Recording {
    let file = json!({
        "format": "tenon-recording/1", "contract": "tenon:plugin@0.1.0", "plugin": "p",
        "digest": crate::Digest::of(b""), "limits": Limits::default(), "schemas": [],
        "call": {
            "requestId": "r", "resourceType": "User", "operation": "create", "actor": "token:1",
            "config": { "key": "hunter22", "url": "https://hunter22@example.org" }, "now": 1,
            "seed": vec![0; 32]
        },
        "hook": "before-write",
        "input": {
            "candidate": {
                "userName": "ada", "name": { "familyName": "Lovelace" },
                "emails": [{ "value": "ada@example.com", "type": "work" }]
            },
            "current": null
        },
        "directory": [{
            "function": "find", "resourceType": "User", "limit": 10,
            "filter": "emails[value eq \"ada@example.com\"] and name.familyName eq \"Byron\"",
            "found": [{ "id": "1", "name": { "familyName": "Noel" } }]
        }],
        "outcome": {
            "answer": { "amend": [{ "op": "replace", "path": "title", "value": "Miss Lovelace" }] },
            "log": [{ "level": "info", "message": "ada@example.com with hunter22" }],
            "usage": crate::Usage::default()
        },
        "redacted": [], "notCompared": { "micros": 1 }
    });
    Recording::read(&serde_json::to_vec(&file).unwrap()).unwrap()
}

fn redacted(paths: &[&str], secrets: &[&str]) -> serde_json::Value {
    let mut recording = recording();
    let registry = Registry::core();
    let paths = paths.iter().map(|it| (*it).to_owned()).collect();
    let redaction = Redaction::new(paths, Vec::new(), &registry).unwrap();
    let secrets: Vec<String> = secrets.iter().map(|it| (*it).to_owned()).collect();
    recording.redact(&secrets, &redaction, &registry).unwrap();
    json!(recording)
}

#[test]
fn a_value_is_replaced_in_documents_look_ups_answers_and_the_log() {
    let file = redacted(&["emails.value", "name.familyName"], &[]);
    let text = file.to_string();
    for value in ["ada@example.com", "Lovelace", "Byron", "Noel"] {
        assert!(!text.contains(value), "{value}: {text}");
    }
    let candidate = &file["input"]["candidate"];
    let (email, name) = (&candidate["emails"][0]["value"], &candidate["name"]["familyName"]);
    let (email, name) = (email.as_str().unwrap(), name.as_str().unwrap());
    let filter = file["directory"][0]["filter"].as_str().unwrap();
    assert!(filter.contains(&format!("emails[value eq \"{email}\"]")), "{filter}");
    let answer = &file["outcome"]["answer"]["amend"][0];
    assert_eq!(
        (&answer["path"], &answer["value"]),
        (&json!("title"), &json!(format!("Miss {name}")))
    );
    assert_eq!(file["outcome"]["log"][0]["message"], format!("{email} with hunter22"));
    assert_eq!(file["redacted"], json!(["emails.value", "name.familyName"]));
    assert_eq!(candidate["userName"], "ada");
    assert_eq!(candidate["emails"][0]["type"], "work");
}

#[test]
fn secrets_are_marks_wherever_they_stand() {
    let file = redacted(&[], &["hunter22"]);
    let config = &file["call"]["config"];
    assert_eq!(config, &json!({ "key": "********", "url": "https://********@example.org" }));
    assert!(!file.to_string().contains("hunter22"), "{file}");
    assert_eq!(file["redacted"], json!(["secrets of the configuration"]));
}

#[test]
fn nothing_is_changed_where_nothing_is_left_out() {
    assert_eq!(redacted(&[], &[]), json!(recording()));
}

#[test]
fn headers_of_a_resolver_are_left_out_but_for_those_that_are_named() {
    let mut recording = recording();
    let headers = [("authorization", "Bearer abc123"), ("x-realm", "emea")];
    recording.input = Input::Resolver {
        head: crate::RequestHead {
            method: "GET".to_owned(),
            path: "/Users".to_owned(),
            host: None,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            client: "::1".to_owned(),
        },
    };
    let registry = Registry::core();
    let redaction = Redaction::new(Vec::new(), vec!["X-Realm".to_owned()], &registry).unwrap();
    recording.redact(&[], &redaction, &registry).unwrap();
    let file = json!(recording);
    let headers = &file["input"]["head"]["headers"];
    assert_eq!(headers[1], json!(["x-realm", "emea"]));
    let authorization = headers[0][1].as_str().unwrap();
    assert!(authorization != "Bearer abc123" && authorization.len() == 13, "{authorization}");
    assert_eq!(file["redacted"], json!(["header authorization"]));
}

#[test]
fn what_cannot_be_left_out_or_must_be_is_told() {
    let registry = Registry::core();
    let refused = |paths: &[&str], headers: &[&str]| {
        let owned = |them: &[&str]| them.iter().map(|it| (*it).to_owned()).collect();
        Redaction::new(owned(paths), owned(headers), &registry).unwrap_err().to_string()
    };
    assert!(refused(&["emials.value"], &[]).contains("\"emials.value\""));
    assert!(refused(&["active"], &[]).contains("true or false"));
    assert!(refused(&[], &["Authorization"]).contains("credential"));
    assert!(refused(&["title"; 51], &[]).contains("the limit is 50"));
}
