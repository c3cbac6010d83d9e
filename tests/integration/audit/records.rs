//! What is on record, and how it is read.

use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{Server, artifacts, patch, user};

use super::all;

fn find<'a>(records: &'a [Value], action: &str) -> &'a Value {
    let found = records.iter().find(|it| it["action"] == action);
    found.unwrap_or_else(|| panic!("no {action} in {records:#?}"))
}

#[tokio::test]
async fn every_write_is_told_with_its_actor_and_its_versions() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let ada = acme.create("/Users", user("ada")).await;
    let path = format!("/Users/{ada}");
    let rename = patch(json!([{ "op": "replace", "path": "displayName", "value": "Ada" }]));
    acme.scim.patch(&path, rename).await.expect(200);
    acme.scim.delete(&path).await.expect(204);

    let records = all(&acme.admin, "100", &[("resourceId", &ada)]).await;
    let told: Vec<_> = records
        .iter()
        .map(|it| (it["action"].as_str().unwrap(), &it["versionBefore"], &it["versionAfter"]))
        .collect();
    let (none, one, two) = (json!(null), json!(1), json!(2));
    assert_eq!(told, [("delete", &two, &none), ("patch", &one, &two), ("create", &none, &one)]);
    let tokens = acme.admin.get("/tokens").await.expect(200).body;
    let actor = format!("token:{}", tokens["items"][0]["id"].as_str().unwrap());
    assert!(records.iter().all(|it| it["actor"] == *actor && it["type"] == "User"), "{records:#?}");
}

#[tokio::test]
async fn every_act_of_an_administrator_is_told_with_what_it_changed_and_no_secret() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({ "key": "s3cret" })).await;
    acme.admin.post("/plugins/cost-center/deactivate", json!({})).await.expect(200);
    acme.admin.delete("/plugins/cost-center").await.expect(204);
    acme.admin.put("/indexes/User/title", json!({ "substrings": true })).await.expect(201);
    acme.admin.delete("/indexes/User/title").await.expect(204);
    let changes = json!({ "dialect": "okta", "limits": { "maxUsers": 10 } });
    acme.admin.patch("", changes).await.expect(200);
    let token = json!({ "name": "hr", "role": "reader" });
    let token = acme.admin.post("/tokens", token).await.expect(201).body;
    acme.admin.delete(&format!("/tokens/{}", token["id"].as_str().unwrap())).await.expect(204);
    let host = format!("{}.example.com", acme.name);
    let host_body = json!({ "kind": "host", "value": host });
    acme.admin.post("/entry-points", host_body).await.expect(201);
    acme.admin.delete(&format!("/entry-points/host/{host}")).await.expect(204);

    let records = all(&acme.admin, "3", &[("actor", "operator")]).await;
    let actions: Vec<_> = records.iter().rev().map(|it| it["action"].as_str().unwrap()).collect();
    let expected = [
        "tenant.create",
        "token.create",
        "plugin.upload",
        "plugin.configure",
        "plugin.activate",
        "plugin.deactivate",
        "plugin.delete",
        "index.add",
        "index.remove",
        "tenant.update",
        "token.create",
        "token.revoke",
        "entry-point.bind",
        "entry-point.unbind",
    ];
    assert_eq!(actions, expected);
    let details = &find(&records, "tenant.update")["details"];
    assert_eq!(details["dialect"], json!({ "from": "rfc", "to": "okta" }));
    assert_eq!(details["limits"]["to"]["maxUsers"], 10, "{details:#}");
    assert_eq!(find(&records, "plugin.configure")["details"], json!({ "members": ["key"] }));
    assert_eq!(find(&records, "index.add")["subject"], "User title");
    let created = &find(&records, "token.create")["details"];
    assert_eq!(created["permissions"], token["permissions"]);
    let text = json!(records).to_string();
    let secret = token["token"].as_str().unwrap();
    assert!(!text.contains("s3cret") && !text.contains(secret), "{text}");
}

#[tokio::test]
async fn acts_on_credentials_are_told_with_what_they_changed_and_no_secret() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let token = json!({ "name": "hr", "role": "reader" });
    let token = acme.admin.post("/tokens", token).await.expect(201).body;
    let path = format!("/tokens/{}", token["id"].as_str().unwrap());
    acme.admin.patch(&path, json!({ "role": "auditor", "name": "audit" })).await.expect(200);
    let overlap = json!({ "overlapSeconds": 60 });
    let next = acme.admin.post(&format!("{path}/rotate"), overlap.clone()).await.expect(200).body;
    acme.admin.delete(&path).await.expect(204);
    let client = json!({ "name": "sync", "role": "reader", "hidden": ["phoneNumbers"] });
    let client = acme.admin.post("/clients", client).await.expect(201).body;
    let path = format!("/clients/{}", client["id"].as_str().unwrap());
    let other = acme.admin.post(&format!("{path}/rotate"), overlap.clone()).await.expect(200).body;
    acme.admin.delete(&path).await.expect(204);

    let records = all(&acme.admin, "100", &[]).await;
    let details = |action: &str| &find(&records, action)["details"];
    let update = details("token.update");
    assert_eq!(update["name"], json!({ "from": "hr", "to": "audit" }));
    assert_eq!(update["permissions"]["from"], token["permissions"], "{update:#}");
    assert_eq!(update["permissions"]["to"], next["permissions"], "{update:#}");
    assert_eq!(update.get("id"), None, "{update:#}");
    assert_eq!((details("token.rotate"), details("client.rotate")), (&overlap, &overlap));
    assert_eq!(details("token.revoke")["name"], "audit");
    assert_eq!(details("client.create")["hidden"], json!(["phoneNumbers"]));
    assert_eq!(details("client.delete")["permissions"], client["permissions"]);
    let text = json!(records).to_string();
    for secret in [&token["token"], &next["token"], &client["clientSecret"], &other["clientSecret"]]
    {
        assert!(!text.contains(secret.as_str().unwrap()), "{text}");
    }
}

#[tokio::test]
async fn what_the_operator_does_to_no_tenant_is_on_a_record_of_its_own() {
    let server = Server::shared();
    let realm = format!("realm-{}", uuid::Uuid::new_v4().simple());
    let acme = server.tenant("acme").await;
    server.admin().post("/realms", json!({ "name": realm })).await.expect(201);
    server.admin().delete(&format!("/realms/{realm}")).await.expect(204);
    acme.admin.delete("").await.expect(204);
    let records = all(&server.admin(), "1000", &[("actor", "operator")]).await;
    let named = |action: &str, name: &str| {
        records.iter().any(|it| it["action"] == action && it["details"]["name"] == name)
    };
    assert!(named("realm.create", &realm) && named("realm.delete", &realm), "{records:#?}");
    assert!(named("tenant.delete", &acme.name), "{records:#?}");
}

#[tokio::test]
async fn a_list_is_read_page_by_page_and_narrowed_down() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for number in 0..7 {
        acme.create("/Users", user(&format!("u{number}"))).await;
    }
    let every = all(&acme.admin, "1000", &[]).await;
    assert_eq!(every.len(), 9);
    for limit in ["1", "2", "3", "9"] {
        assert_eq!(all(&acme.admin, limit, &[]).await, every, "{limit}");
    }
    let creates = all(&acme.admin, "2", &[("action", "create")]).await;
    assert_eq!(creates.len(), 7);
    let future = [("since", "2999-01-01T00:00:00Z")];
    assert!(all(&acme.admin, "100", &future).await.is_empty());
    assert_eq!(all(&acme.admin, "100", &[("until", "2999-01-01T00:00:00Z")]).await, every);
    for (name, value) in [
        ("limit", "0"),
        ("limit", "1001"),
        ("cursor", "x"),
        ("since", "yesterday"),
        ("resourceId", "x"),
        ("color", "red"),
    ] {
        let refused = acme.admin.query("/audit", &[(name, value)]).await.expect(400);
        assert!(refused.detail().contains(name), "{}", refused.detail());
    }
}

#[tokio::test]
async fn an_auditor_reads_the_tenants_records_and_a_provisioner_does_not() {
    let server = Server::shared();
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let auditor = json!({ "name": "a", "role": "auditor" });
    let auditor = acme.admin.post("/tokens", auditor).await.expect(201).body;
    let auditor = acme.admin.with_token(auditor["token"].as_str().unwrap());
    let tokens = all(&auditor, "100", &[("action", "token.create")]).await;
    assert_eq!(tokens.len(), 2, "{tokens:#?}");
    auditor.post("/audit/verify", json!({})).await.expect(200);
    globex.admin.with_token(&auditor.token).get("/audit").await.expect(401);
    server.admin().with_token(&auditor.token).get("/audit").await.expect(401);
    let provisioner = acme.admin.with_token(&acme.scim.token);
    provisioner.get("/audit").await.expect(403);
    provisioner.send(Method::POST, "/audit/verify", &json!({}), &[]).await.expect(403);
}
