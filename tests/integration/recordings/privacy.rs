//! What a recording does not hold, and who may have it.

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, artifacts, printed, user};

use super::{file, one, record, recordings, replay};

async fn token(tenant: &Tenant, grants: Value) -> String {
    let mut body = grants;
    body["name"] = json!("test");
    let created = tenant.admin.post("/tokens", body).await.expect(201).body;
    created["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn values_that_are_named_and_secrets_are_in_no_part_of_it() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let script = json!({
        "key": { "$secret": "swordfish" },
        "before-write": { "look": { "find": ["User", "emails.value eq \"ada@example.com\""] } }
    });
    acme.activate("scripted", artifacts::scripted(), script).await;
    let mut ada = user("ada");
    ada["emails"] = json!([{ "value": "ada@example.com" }]);
    ada["name"] = json!({ "familyName": "Lovelace" });
    acme.create("/Users", ada.clone()).await;
    let redact = json!(["emails.value", "name"]);
    let begun =
        record(&acme, "scripted", json!({ "hook": "before-write", "calls": 1, "redact": redact }));
    assert_eq!(begun.await["redact"], redact);
    ada["userName"] = json!("augusta");
    ada["title"] = json!("Miss Lovelace");
    acme.create("/Users", ada).await;

    let file = file(&acme, "scripted", "before-write").await;
    let text = file.to_string();
    for hidden in ["ada@example.com", "Lovelace", "swordfish"] {
        assert!(!text.contains(hidden), "{hidden}: {file:#}");
    }
    assert_eq!(file["redacted"], json!(["emails.value", "name", "secrets of the configuration"]));
    assert_eq!(file["call"]["config"]["key"], "*".repeat("swordfish".len()));
    let candidate = &file["input"]["candidate"];
    assert_eq!(candidate["userName"], "augusta");
    let email = candidate["emails"][0]["value"].as_str().unwrap();
    assert_eq!((email.len(), email.find('@')), (15, Some(3)), "{email}");
    let name = candidate["name"]["familyName"].as_str().unwrap();
    assert_eq!(candidate["title"], format!("Miss {name}"));
    let printed = printed(&replay(&server, &file, artifacts::scripted()));
    assert!(printed.contains("in the place of: emails.value, name"), "{printed}");
}

#[tokio::test]
async fn a_file_is_for_who_may_read_plugins_and_all_resources() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("scripted", artifacts::scripted(), json!({})).await;
    record(&acme, "scripted", one("validation")).await;
    acme.create("/Users", user("ada")).await;
    file(&acme, "scripted", "validation").await;
    let list = recordings("scripted");
    let shown = acme.admin.get(&list).await.expect(200).body;
    let path = format!("{list}/{}", shown["items"][0]["calls"][0]["id"].as_str().unwrap());
    for (permissions, hidden, status) in [
        (json!(["plugins:read", "scim:read"]), json!([]), 200),
        (json!(["plugins:read"]), json!([]), 403),
        (json!(["plugins:read", "scim:list"]), json!([]), 403),
        (json!(["plugins:read", "scim:read:User"]), json!([]), 403),
        (json!(["plugins:read", "scim:read"]), json!(["emails"]), 403),
        (json!(["scim:read"]), json!([]), 403),
    ] {
        let told = format!("{permissions} without {hidden}");
        let grants = json!({ "permissions": permissions, "hidden": hidden });
        let admin = acme.admin.with_token(&token(&acme, grants).await);
        assert_eq!(admin.get(&path).await.status, status, "{told}");
    }
    let reader =
        acme.admin.with_token(&token(&acme, json!({ "permissions": ["plugins:read"] })).await);
    reader.get(&list).await.expect(200);
    reader.post(&list, one("validation")).await.expect(403);
    reader.delete(&list).await.expect(403);
    reader.delete(&path).await.expect(403);
    let records = acme.admin.get("/audit").await.expect(200).body;
    let actions = records["items"].as_array().unwrap().iter();
    let read = actions.filter(|it| it["action"] == "plugin.recording.read").count();
    assert_eq!(read, 2, "{records:#}");
}
