//! Discovery without a credential (RFC 7644 §4), where the tenant has it so.

use serde_json::json;
use tenon_tests::{Client, Options, Postgres, Server};

const DISCOVERY: [&str; 5] = [
    "/ServiceProviderConfig",
    "/ResourceTypes",
    "/ResourceTypes/User",
    "/Schemas",
    "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User",
];

/// The same without a credential.
fn nobody(client: &Client, server: &Server) -> Client {
    server.anonymous().at(client.base.clone())
}

#[tokio::test]
async fn nobody_is_told_what_a_tenant_offers_unless_it_has_it_so() {
    let server = Server::start(Options::default());
    let (acme, other) = (server.tenant("acme").await, server.tenant("other").await);
    let (asks, asks_other) = (nobody(&acme.scim, &server), nobody(&other.scim, &server));
    asks.get("/Schemas").await.expect(401);
    assert_eq!(acme.admin.get("").await.expect(200).body["discovery"], json!({ "public": false }));

    let token = json!({ "name": "own", "role": "tenant-admin" });
    let token = acme.admin.post("/tokens", token).await.expect(201).body;
    let own = acme.admin.with_token(token["token"].as_str().unwrap());
    let public = json!({ "discovery": { "public": true } });
    let changed = own.patch("", public).await.expect(200).body;
    assert_eq!(changed["discovery"], json!({ "public": true }));
    for path in DISCOVERY {
        let known = acme.scim.get(path).await.expect(200);
        assert_eq!(asks.get(path).await.expect(200).body, known.body, "{path}");
    }
    for path in ["/Users", "/", "/Me", "/Nothing", "/Bulk"] {
        asks.get(path).await.expect(401);
    }
    // Of the other tenant, and of none, nothing is told.
    let unknown = asks_other.get("/Schemas").await.expect(401);
    let nowhere = asks.at(asks.base.replace(&acme.name, "nowhere"));
    assert_eq!(nowhere.get("/Schemas").await.expect(401).body, unknown.body);
    server.anonymous().get("/scim/v2/Schemas").await.expect(401);
    // Who shows something shows something that is valid.
    asks.with_token("tenon_wrong").get("/Schemas").await.expect(401);
    asks.with_token(&other.scim.token).get("/Schemas").await.expect(401);

    own.patch("", json!({ "discovery": null })).await.expect(200);
    asks.get("/Schemas").await.expect(401);
    for wrong in [json!(true), json!({}), json!({ "public": 1 }), json!({ "pubic": true })] {
        let refused = own.patch("", json!({ "discovery": wrong })).await.expect(400);
        assert!(refused.detail().starts_with("\"discovery\" must be"), "{}", refused.detail());
    }
}

#[tokio::test]
async fn another_server_is_told_whether_discovery_is_for_everybody() {
    let postgres = Postgres::start(&[]);
    let (one, two) =
        (Server::start(Options::on(&postgres.url())), Server::start(Options::on(&postgres.url())));
    let acme = one.tenant("acme").await;
    let there = nobody(&acme.moved(&one, &two).scim, &two);
    there.get("/Schemas").await.expect(401);
    for (is_public, status) in [(true, 200), (false, 401)] {
        let public = json!({ "discovery": { "public": is_public } });
        acme.admin.patch("", public).await.expect(200);
        let begun = std::time::Instant::now();
        while there.get("/Schemas").await.status != status {
            assert!(begun.elapsed().as_secs() < 30, "the other server never knew");
        }
    }
}

#[tokio::test]
async fn requests_of_nobody_take_nothing_from_the_tenants_clients() {
    let server = Server::start(Options::default());
    let acme = server.tenant("acme").await;
    let limits = json!({ "requestsPerSecond": 1, "burst": 2 });
    let changes = json!({ "discovery": { "public": true }, "limits": limits });
    acme.admin.patch("", changes).await.expect(200);
    let asks = nobody(&acme.scim, &server);
    while asks.get("/Schemas").await.status != 429 {}
    acme.scim.get("/Users").await.expect(200);
}
