//! What is hidden is in no answer.

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::json;
use tenon_tests::{Server, patch, user};

use super::{ENTERPRISE, GROUP, HIDDEN, SECRET, blind_to, client, person};

#[tokio::test]
async fn a_hidden_attribute_is_in_no_answer() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", person()).await;
    let body = json!({ "role": "provisioner", "hidden": HIDDEN, "userId": id });
    let blind = client(&acme, body).await;
    let of_user = format!("/Users/{id}");
    let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
                         "attributes": HIDDEN, "filter": "userName pr" });
    let title = patch(json!([{ "op": "replace", "path": "title", "value": "x" }]));
    let mut other = person();
    other["userName"] = json!("other");
    let key = [(HeaderName::from_static("idempotency-key"), "k")];
    let mut keyed = person();
    keyed["userName"] = json!("keyed");
    let all_named = format!("{of_user}?attributes={},userName", HIDDEN.join(","));
    for answer in [
        blind.get(&of_user).await,
        blind.get(&all_named).await,
        blind.get(&format!("{of_user}?attributes=emails,name,{ENTERPRISE}")).await,
        blind.get(&format!("{of_user}?excludedAttributes=title")).await,
        blind.get("/Me").await,
        blind.get("/Users").await,
        blind.get("").await,
        blind.get("/Users?filter=userName%20eq%20%22bjensen%22").await,
        blind.get("/Users?filter=userName%20sw%20%22b%22&sortBy=userName").await,
        blind.get("/Users?cursor=&count=1").await,
        blind.post("/Users/.search", search.clone()).await,
        blind.post("/.search", search).await,
        blind.patch(&of_user, title.clone()).await,
        blind.patch("/Me", title).await,
        blind.put(&of_user, person()).await,
        blind.post("/Users", other).await,
        blind.send(Method::POST, "/Users", &keyed, &key).await,
        blind.send(Method::POST, "/Users", &keyed, &key).await,
    ] {
        assert!(matches!(answer.status, 200 | 201), "{:#}", answer.body);
        assert!(answer.body.to_string().contains("\"id\""), "{:#}", answer.body);
        assert!(!answer.body.to_string().contains(SECRET), "{:#}", answer.body);
    }
    // Who may read it sees it, and what is not hidden is shown to all.
    assert_eq!(acme.scim.get(&of_user).await.body["phoneNumbers"][0]["value"], SECRET);
    let seen = blind.get(&of_user).await.body;
    assert_eq!(seen["name"], json!({ "givenName": "Barbara" }));
    let emails = json!([{ "type": "work", "primary": true }, { "type": "home" }]);
    assert_eq!(seen["emails"], emails);
    assert_eq!(seen[ENTERPRISE], json!({ "employeeNumber": "7" }));
}

#[tokio::test]
async fn what_is_shown_of_it_elsewhere_is_hidden_with_it() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut named = user("bjensen");
    named["displayName"] = json!(SECRET);
    let id = acme.create("/Users", named).await;
    let group = json!({ "schemas": [GROUP], "displayName": SECRET, "members": [{ "value": id }] });
    let group = acme.create("/Groups", group).await;
    let blind = blind_to(&acme, &["displayName"]).await;
    for path in ["/Users", "/Groups", "", &format!("/Groups/{group}"), &format!("/Users/{id}")] {
        assert!(acme.scim.get(path).await.expect(200).body.to_string().contains(SECRET));
        let answer = blind.get(path).await.expect(200).body;
        assert!(!answer.to_string().contains(SECRET), "{answer:#}");
    }
    let filter = format!("members.display eq \"{SECRET}\"");
    acme.scim.query("/Groups", &[("filter", &filter)]).await.expect(200);
    blind.query("/Groups", &[("filter", &filter)]).await.expect(403);
}

#[tokio::test]
async fn the_members_of_a_large_group_are_hidden_too() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut members = Vec::new();
    for number in 0..3 {
        let create = |user: usize| {
            json!({ "method": "POST", "path": "/Users", "bulkId": user.to_string(),
                    "data": user_named(number * 400 + user) })
        };
        let operations: Vec<_> = (0..400).map(create).collect();
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
        let bulk = json!({ "schemas": schemas, "Operations": operations });
        let done = acme.scim.post("/Bulk", bulk).await.expect(200).body;
        for operation in done["Operations"].as_array().unwrap() {
            let location = operation["location"].as_str().unwrap();
            members.push(json!({ "value": location.rsplit('/').next().unwrap() }));
        }
    }
    let group = json!({ "schemas": [GROUP], "displayName": "all", "members": members });
    let path = format!("/Groups/{}", acme.create("/Groups", group).await);
    let seen = acme.scim.get(&path).await.expect(200).body;
    assert_eq!(seen["members"].as_array().unwrap().len(), 1_200);
    assert_eq!(seen["members"][0]["display"], SECRET);

    let seen = blind_to(&acme, &["displayName"]).await.get(&path).await.expect(200).body;
    assert_eq!(seen["members"].as_array().unwrap().len(), 1_200);
    assert!(!seen.to_string().contains(SECRET));
    let seen = blind_to(&acme, &["members"]).await.get(&path).await.expect(200).body;
    assert_eq!(seen["members"], json!(null));
}

fn user_named(number: usize) -> serde_json::Value {
    let mut user = user(&format!("u{number}"));
    user["displayName"] = json!(SECRET);
    user
}
