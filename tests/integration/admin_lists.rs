//! Lists of the admin API, page by page, and what narrows that of the tenants.

use serde_json::{Value, json};
use tenon_tests::{Client, Options, Server, artifacts};

/// The items of a list, in pages of so many at the most.
async fn paged(client: &Client, path: &str, limit: usize) -> Vec<Value> {
    let limit = limit.to_string();
    let (mut items, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("limit", limit.as_str())];
        query.extend(cursor.as_deref().map(|it| ("cursor", it)));
        let page = client.query(path, &query).await.expect(200).body;
        let found = page["items"].as_array().unwrap();
        assert!(found.len() <= limit.parse().unwrap(), "{page:#}");
        items.extend(found.iter().cloned());
        match page.get("nextCursor") {
            Some(next) => cursor = Some(next.as_str().unwrap().to_owned()),
            None => return items,
        }
    }
}

/// That pages of one and of two are what the list is as a whole, of at least `least` items.
async fn pages_to_its_end(client: &Client, path: &str, least: usize) {
    let whole = client.get(path).await.expect(200).body;
    assert_eq!(whole.get("nextCursor"), None, "{path}");
    let whole = whole["items"].as_array().unwrap();
    assert!(whole.len() >= least, "{path}: {whole:#?}");
    for limit in [1, 2, whole.len()] {
        assert_eq!(paged(client, path, limit).await, *whole, "{path} by {limit}");
    }
}

#[tokio::test]
async fn every_list_pages_to_its_end() {
    let server = Server::start(Options::default());
    let admin = server.admin();
    let acme = server.tenant("acme").await;
    for n in 0..3 {
        let other = server.tenant("other").await;
        let types = json!({ "resourceTypes": ["User"] });
        acme.admin.put(&format!("/shares/{}", other.id), types).await.expect(201);
        let realm = format!("realm-{n}");
        admin.post("/realms", json!({ "name": realm })).await.expect(201);
        let host = json!({ "kind": "host", "value": format!("{n}.example.com") });
        admin.post("/realms/realm-0/entry-points", host).await.expect(201);
        let host = json!({ "kind": "host", "value": format!("acme-{n}.example.com") });
        acme.admin.post("/entry-points", host).await.expect(201);
        acme.admin.post("/tokens", json!({ "name": "one more" })).await.expect(201);
        acme.admin.post("/clients", json!({ "name": "app" })).await.expect(201);
        let issuer = json!({
            "issuer": format!("https://{n}.example.com"), "audiences": ["scim"],
            "jwksUrl": "https://login.example.com/keys",
        });
        acme.admin.post("/issuers", issuer).await.expect(201);
        acme.upload(&format!("plugin-{n}"), artifacts::cost_center()).await.expect(201);
    }
    let path = json!({ "kind": "path", "value": "/eu" });
    admin.post("/realms/realm-0/entry-points", path).await.expect(201);

    let is_copied = |shares: &Value| {
        shares["items"].as_array().unwrap().iter().all(|it| it["state"] == "following")
    };
    while !is_copied(&acme.admin.get("/shares").await.expect(200).body) {
        tokio::task::yield_now().await;
    }

    pages_to_its_end(&admin, "/tenants", 4).await;
    pages_to_its_end(&admin, "/realms", 3).await;
    pages_to_its_end(&admin, "/realms/realm-0/entry-points", 4).await;
    for (path, least) in [
        ("/entry-points", 3),
        ("/tokens", 4),
        ("/clients", 3),
        ("/issuers", 3),
        ("/plugins", 3),
        ("/indexes", 4),
        ("/shares", 3),
    ] {
        pages_to_its_end(&acme.admin, path, least).await;
    }
}

#[tokio::test]
async fn a_wrong_part_of_a_list_is_refused_with_what_it_must_be() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for path in ["/tokens", "/clients", "/issuers", "/plugins", "/indexes", "/entry-points"] {
        for (query, detail) in [
            (("limit", "0"), "parameter \"limit\" must be a number from 1 to 1000, not \"0\""),
            (("limit", "1001"), "parameter \"limit\" must be a number from 1 to 1000"),
            (("cursor", "!"), "parameter \"cursor\" must be a nextCursor of this list, not \"!\""),
            (("cursor", "AA"), "parameter \"cursor\" must be a nextCursor of this list"),
            (("page", "2"), "parameter \"page\" is not known here; there are limit, cursor"),
        ] {
            let refused = acme.admin.query(path, &[query]).await.expect(400);
            assert!(refused.detail().contains(detail), "{path}: {}", refused.detail());
        }
    }
}

#[tokio::test]
async fn a_tenant_is_found_by_its_external_key_which_no_other_has() {
    let server = Server::shared();
    let (admin, acme) = (server.admin(), server.tenant("acme").await);
    let other = server.tenant("other").await;
    let key = format!("crm/{} ü", acme.id);
    let found = async |query: &[(&str, &str)]| -> Vec<String> {
        let list = admin.query("/tenants", query).await.expect(200).body;
        let ids = list["items"].as_array().unwrap().iter();
        ids.map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    };
    assert!(found(&[("externalKey", &key)]).await.is_empty());
    let keyed = acme.admin.patch("", json!({ "externalKey": key })).await.expect(200).body;
    assert_eq!(keyed["externalKey"], key);
    assert_eq!(found(&[("externalKey", &key)]).await, [acme.id.as_str()]);
    assert_eq!(found(&[("name", &other.name)]).await, [other.id.as_str()]);
    assert_eq!(
        found(&[("externalKey", &key), ("name", &other.name)]).await,
        [""; 0],
        "all has to fit"
    );

    let taken = other.admin.patch("", json!({ "externalKey": key })).await.expect(409);
    assert_eq!(taken.body["type"], "urn:tenon:problem:external-key-taken");
    let named = json!({ "name": format!("{}-2", acme.name), "externalKey": key });
    admin.post("/tenants", named.clone()).await.expect(409);
    acme.admin.patch("", json!({ "externalKey": "" })).await.expect(400);
    // Nothing is said of it, so it stays.
    acme.admin.patch("", json!({ "dialect": "okta" })).await.expect(200);
    assert_eq!(found(&[("externalKey", &key)]).await, [acme.id.as_str()]);

    let gone = acme.admin.patch("", json!({ "externalKey": null })).await.expect(200).body;
    assert_eq!(gone.get("externalKey"), None);
    let created = admin.post("/tenants", named).await.expect(201).body;
    assert_eq!(found(&[("externalKey", &key)]).await, [created["id"].as_str().unwrap()]);
    admin.delete(&format!("/tenants/{}", created["id"].as_str().unwrap())).await.expect(204);
    acme.admin.patch("", json!({ "externalKey": key })).await.expect(200);
}

#[tokio::test]
async fn an_administrator_of_a_tenant_gives_it_no_external_key() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let token = json!({ "name": "own", "role": "tenant-admin" });
    let token = acme.admin.post("/tokens", token).await.expect(201).body;
    let own = acme.admin.with_token(token["token"].as_str().unwrap());
    let refused = own.patch("", json!({ "externalKey": "mine" })).await.expect(403);
    assert_eq!(refused.detail(), "the operator alone may change \"externalKey\"");
    own.patch("", json!({ "externalKey": null })).await.expect(200);
}

#[tokio::test]
async fn tenants_are_listed_by_their_state_and_their_realm() {
    let server = Server::start(Options::default());
    let admin = server.admin();
    let (active, suspended) = (server.tenant("active").await, server.tenant("suspended").await);
    suspended.admin.post("/suspend", json!({})).await.expect(200);
    admin.post("/realms", json!({ "name": "eu" })).await.expect(201);
    active.admin.patch("", json!({ "resolution": { "realm": "eu" } })).await.expect(200);
    for (parameter, value, expected) in [
        ("state", "active", vec![&active.name]),
        ("state", "suspended", vec![&suspended.name]),
        ("state", "deleting", vec![]),
        ("realm", "eu", vec![&active.name]),
        ("realm", "us", vec![]),
    ] {
        let list = admin.query("/tenants", &[(parameter, value)]).await.expect(200).body;
        let names: Vec<&Value> =
            list["items"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
        assert_eq!(names, expected, "{parameter}={value}");
    }
    let refused = admin.query("/tenants", &[("state", "gone")]).await.expect(400);
    assert!(refused.detail().contains("\"active\", \"suspended\" or \"deleting\""));
}
