//! A PUT leaves alone what the client cannot see.

use serde_json::{Value, json};
use tenon_tests::{Server, user};

use super::{ENTERPRISE, GROUP, HIDDEN, SECRET, blind_to, person};

#[tokio::test]
async fn a_put_leaves_what_it_cannot_see() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let path = format!("/Users/{}", acme.create("/Users", person()).await);
    let blind = blind_to(&acme, &HIDDEN).await;
    let mut seen = blind.get(&path).await.expect(200).body;
    seen["title"] = json!("Chief");
    blind.put(&path, seen.clone()).await.expect(200);
    let mut expected = person();
    expected["title"] = json!("Chief");
    let stored = acme.scim.get(&path).await.expect(200).body;
    for name in ["name", "phoneNumbers", "emails", ENTERPRISE, "title"] {
        assert_eq!(stored[name], expected[name], "{name}");
    }

    // A value that does not come back is gone; what is sent is written.
    seen["emails"] = json!([{ "type": "home" }, { "type": "other", "value": "new@example.com" }]);
    seen["phoneNumbers"] = json!([{ "value": "+1" }]);
    seen["name"] = Value::Null;
    blind.put(&path, seen).await.expect(200);
    let stored = acme.scim.get(&path).await.expect(200).body;
    assert_eq!(
        stored["emails"],
        json!([{ "type": "home", "value": format!("{SECRET}@home.example") },
               { "type": "other", "value": "new@example.com" }])
    );
    assert_eq!(stored["phoneNumbers"], json!([{ "value": "+1" }]));
    assert_eq!(stored["name"], json!({ "familyName": SECRET }));
}

#[tokio::test]
async fn a_put_leaves_members_that_it_cannot_see() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let member = acme.create("/Users", user("bjensen")).await;
    let group =
        json!({ "schemas": [GROUP], "displayName": "staff", "members": [{ "value": member }] });
    let path = format!("/Groups/{}", acme.create("/Groups", group).await);
    let blind = blind_to(&acme, &["members"]).await;
    let mut seen = blind.get(&path).await.expect(200).body;
    assert_eq!(seen["members"], Value::Null);
    seen["displayName"] = json!("everybody");
    blind.put(&path, seen).await.expect(200);
    let stored = acme.scim.get(&path).await.expect(200).body;
    assert_eq!(stored["displayName"], "everybody");
    assert_eq!(stored["members"][0]["value"], json!(member));
}
