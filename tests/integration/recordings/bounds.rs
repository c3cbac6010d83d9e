//! How much is recorded, and when it goes.

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, artifacts, until, user};

use super::{file, files, one, record, recording, recordings};

async fn rows(server: &Server, tenant: &Tenant) -> i64 {
    let mut conn = server.database().await;
    sqlx::query_scalar("SELECT count(*) FROM recorded_calls WHERE tenant_id = $1::text::uuid")
        .bind(&tenant.id)
        .fetch_one(&mut conn)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_cannot_be_recorded_is_refused_with_what_could_be() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let path = recordings("cost-center");
    acme.admin.post(&path, one("validation")).await.expect(404);
    acme.upload("idle", artifacts::cost_center()).await.expect(201);
    let refused = acme.admin.post(&recordings("idle"), one("validation")).await.expect(409);
    assert!(refused.detail().contains("has no active version"), "{}", refused.detail());
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    for (wanted, told) in [
        (json!({ "calls": 1 }), "\"hook\" is required"),
        (one("schema"), "\"hook\" must be one of validation"),
        (one("before-write"), "it has validation"),
        (json!({ "hook": "validation" }), "\"calls\" is required"),
        (json!({ "hook": "validation", "calls": 0 }), "from 1 to 100"),
        (json!({ "hook": "validation", "calls": 101 }), "from 1 to 100"),
        (json!({ "hook": "validation", "calls": "1" }), "from 1 to 100"),
        (json!({ "hook": "validation", "calls": 1, "redact": ["colour"] }), "\"colour\""),
        (json!({ "hook": "validation", "calls": 1, "redact": ["active"] }), "true or false"),
        (json!({ "hook": "validation", "calls": 1, "headers": ["cookie"] }), "credential"),
        (json!({ "hook": "validation", "calls": 1, "for": "ever" }), "\"for\""),
    ] {
        let refused = acme.admin.post(&path, wanted.clone()).await.expect(400);
        assert!(refused.detail().contains(told), "{wanted}: {}", refused.detail());
    }
    record(&acme, "cost-center", one("validation")).await;
    let refused = acme.admin.post(&path, one("validation")).await.expect(409);
    assert!(refused.detail().contains("being recorded already"), "{}", refused.detail());
    acme.admin.get(&format!("{path}/none")).await.expect(404);
    acme.admin.delete(&format!("{path}/{}", acme.id)).await.expect(404);
}

#[tokio::test]
async fn a_recording_ends_with_the_calls_that_were_asked_for_and_the_next_begins_anew() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("scripted", artifacts::scripted(), json!({})).await;
    let begun = record(&acme, "scripted", json!({ "hook": "validation", "calls": 2 })).await;
    assert_eq!((&begun["state"], &begun["left"]), (&json!("running"), &json!(2)));
    for number in 0..5 {
        acme.create("/Users", user(&format!("u{number}"))).await;
    }
    let first = files(&acme, "scripted", "validation").await;
    let names: Vec<&Value> = first.iter().map(|it| &it["input"]["candidate"]["userName"]).collect();
    assert_eq!(names, ["u0", "u1"]);
    let shown = recording(&acme, "scripted", "validation").await;
    assert_eq!((&shown["recorded"], &shown["left"]), (&json!(2), &json!(0)));
    assert_eq!(shown["calls"][0]["outcome"], "ok");

    record(&acme, "scripted", one("validation")).await;
    acme.create("/Users", user("later")).await;
    let second = file(&acme, "scripted", "validation").await;
    assert_eq!(second["input"]["candidate"]["userName"], "later");
    assert_eq!(rows(&server, &acme).await, 1);
}

#[tokio::test]
async fn a_call_that_is_too_large_is_counted_and_not_kept() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    let mut large = user("large");
    large["nickName"] = json!("n".repeat(700_000));
    let id = acme.create("/Users", large.clone()).await;
    // What changes nothing is not judged.
    large["title"] = json!("Countess");
    record(&acme, "cost-center", json!({ "hook": "validation", "calls": 2 })).await;
    acme.scim.put(&format!("/Users/{id}"), large).await.expect(200);
    acme.create("/Users", user("small")).await;
    let files = files(&acme, "cost-center", "validation").await;
    assert_eq!(files.len(), 1);
    assert_eq!(files[0]["input"]["candidate"]["userName"], "small");
    let shown = recording(&acme, "cost-center", "validation").await;
    assert_eq!((&shown["recorded"], &shown["dropped"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn recordings_go_when_they_are_deleted_and_with_their_plugin() {
    let server = Server::shared();
    for placement in ["shared", "schema"] {
        let acme = server.tenant_in(placement, "acme").await;
        acme.activate("scripted", artifacts::scripted(), json!({})).await;
        record(&acme, "scripted", json!({ "hook": "validation", "calls": 2 })).await;
        for name in ["a", "b"] {
            acme.create("/Users", user(name)).await;
        }
        files(&acme, "scripted", "validation").await;
        let is_shared = placement == "shared";
        assert_eq!(rows(&server, &acme).await, if is_shared { 2 } else { 0 }, "{placement}");
        let list = recordings("scripted");
        let shown = recording(&acme, "scripted", "validation").await;
        let first = format!("{list}/{}", shown["calls"][0]["id"].as_str().unwrap());
        acme.admin.delete(&first).await.expect(204);
        acme.admin.get(&first).await.expect(404);
        acme.admin.delete(&list).await.expect(204);
        let all = acme.admin.get(&list).await.expect(200).body;
        assert_eq!(all["items"], json!([]));
        let second = format!("{list}/{}", shown["calls"][1]["id"].as_str().unwrap());
        acme.admin.get(&second).await.expect(404);

        record(&acme, "scripted", one("validation")).await;
        acme.create("/Users", user("c")).await;
        files(&acme, "scripted", "validation").await;
        acme.admin.delete("/plugins/scripted").await.expect(204);
        acme.activate("scripted", artifacts::scripted(), json!({})).await;
        let all = acme.admin.get(&list).await.expect(200).body;
        assert_eq!(all["items"], json!([]), "{placement}");
        assert_eq!(rows(&server, &acme).await, 0);
    }
}

#[tokio::test]
async fn a_recording_that_was_deleted_takes_no_more_calls() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("scripted", artifacts::scripted(), json!({})).await;
    record(&acme, "scripted", one("validation")).await;
    acme.admin.delete(&recordings("scripted")).await.expect(204);
    acme.create("/Users", user("unseen")).await;
    record(&acme, "scripted", one("validation")).await;
    acme.create("/Users", user("seen")).await;
    let file = file(&acme, "scripted", "validation").await;
    assert_eq!(file["input"]["candidate"]["userName"], "seen");
    until("one row", async || (rows(&server, &acme).await == 1).then_some(())).await;
}
