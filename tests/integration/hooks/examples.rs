//! The plugins of `plugins/` through a server, and the same on a second one.

use serde_json::{Value, json};
use tenon_tests::{Options, Postgres, Server, artifacts, user};

use super::names;

const VAULT: &str = "urn:example:params:scim:schemas:extension:vault:2.0:User";

fn named(user_name: &str, given: &str, family: &str) -> Value {
    let mut person = user(user_name);
    person["name"] = json!({ "givenName": given, "familyName": family });
    person
}

#[tokio::test]
async fn naming_policy_derives_display_names_and_refuses_reserved_user_names() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let config = json!({ "reserved": ["admin"] });
    acme.activate("naming-policy", artifacts::naming_policy(), config).await;
    for (user_name, display) in [("a", "Ada Lovelace"), ("b", "Ada Lovelace 2")] {
        let person = named(user_name, "Ada", "Lovelace");
        let created = acme.scim.post("/Users", person).await.expect(201).body;
        assert_eq!(created["displayName"], display);
    }
    let refused = acme.scim.post("/Users", user("Admin")).await.expect(400);
    assert!(refused.detail().contains("is reserved"), "{}", refused.detail());
}

#[tokio::test]
async fn attribute_vault_stores_sealed_and_shows_masked() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let config = json!({ "key": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=" });
    acme.activate("attribute-vault", artifacts::attribute_vault(), config).await;
    let mut ada = user("ada");
    ada["schemas"] = json!([ada["schemas"][0], VAULT]);
    ada[VAULT] = json!({ "nationalId": "AB-123456" });
    let created = acme.scim.post("/Users", ada).await.expect(201).body;
    assert_eq!(created[VAULT]["nationalId"], "****3456");
    let path = format!("/Users/{}", created["id"].as_str().unwrap());
    let shown = acme.scim.get(&path).await.expect(200).body;
    assert_eq!(shown[VAULT]["nationalId"], "****3456");

    // A client that sends back what it was shown changes nothing of it.
    acme.scim.put(&path, shown).await.expect(200);
    assert_eq!(acme.scim.get(&path).await.expect(200).body[VAULT]["nationalId"], "****3456");
    let filter = format!("{VAULT}:nationalId eq \"AB-123456\"");
    let found = acme.scim.query("/Users", &[("filter", &filter)]).await.expect(200).body;
    assert_eq!(found["totalResults"], 0);
    let filter = format!("{VAULT}:nationalId sw \"sealed:\"");
    let found = acme.scim.query("/Users", &[("filter", &filter)]).await.expect(200).body;
    assert_eq!(found["totalResults"], 1);
}

#[tokio::test]
async fn row_level_shows_each_credential_its_own_on_every_server() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let acme = one.tenant("acme").await;
    for (name, kind) in [("ada", "Employee"), ("bob", "Contractor")] {
        let mut person = user(name);
        person["userType"] = json!(kind);
        acme.create("/Users", person).await;
    }
    let token = json!({ "name": "hr", "permissions": ["scim:*"] });
    let token = acme.admin.post("/tokens", token).await.expect(201).body;
    let actor = format!("token:{}", token["id"].as_str().unwrap());
    let rules = json!([
        { "actor": actor, "resourceType": "User", "filter": "userType eq \"Employee\"" },
        { "actor": actor },
    ]);
    let config = json!({ "rules": rules });
    acme.activate("row-level", artifacts::row_level(), config).await;
    let there = acme.moved(&one, &two);
    for at in [&acme, &there] {
        let hr = at.scim.with_token(token["token"].as_str().unwrap());
        let list = tenon_tests::until("the plugin is active here", async || {
            let list = hr.get("/Users").await.expect(200).body;
            (names(&list) == ["ada"]).then_some(list)
        })
        .await;
        assert_eq!(list["totalResults"], 1);
        // Who has no rule sees nothing.
        assert_eq!(at.scim.get("/Users").await.expect(200).body["totalResults"], 0);
        assert_eq!(hr.get("/Groups").await.expect(200).body["totalResults"], 0);
    }
    drop((one, two));
}
