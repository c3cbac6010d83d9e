//! Realms, and what the operator has bound to them and to tenants.

use serde_json::{Value, json};
use tenon_tests::{Client, Options, Postgres, Server, Tenant, user};

use super::{Way, behind_a_proxy};

async fn realm(admin: &Client, name: &str) {
    admin.post("/realms", json!({ "name": name })).await.expect(201);
}

async fn bind(at: &Client, kind: &str, value: &str) {
    at.post("/entry-points", json!({ "kind": kind, "value": value })).await.expect(201);
}

async fn put_into(tenant: &Tenant, realm: Value) {
    let changed = tenant.admin.patch("", json!({ "resolution": { "realm": realm } })).await;
    assert_eq!(changed.expect(200).body["resolution"]["realm"], realm);
}

#[tokio::test]
async fn a_tenant_of_a_realm_is_not_reached_through_another() {
    let server = Server::start(behind_a_proxy());
    let admin = server.admin();
    for name in ["eu", "us"] {
        realm(&admin, name).await;
        let at = admin.below(&format!("/realms/{name}"));
        bind(&at, "host", &format!("{name}.example.com")).await;
        bind(&at, "path", &format!("/{name}")).await;
        bind(&at, "header", &format!("x-org: {name}")).await;
    }
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    put_into(&acme, json!("eu")).await;
    let (named, url) = (format!("/tenants/{}/scim/v2", acme.name), &server.url);
    let way =
        |path: &str, headers: &[(&'static str, &str)]| Way::new(&server, &acme, path, headers);
    let tenant_host = format!("{}.scim.example.com", acme.name);
    let through_eu = [
        (way("/scim/v2", &[("host", "EU.example.com")]), "http://eu.example.com/scim/v2".into()),
        (way(&named, &[("host", "eu.example.com")]), format!("http://eu.example.com{named}")),
        (way("/eu/scim/v2", &[]), format!("{url}/eu/scim/v2")),
        (way(&format!("/eu{named}"), &[]), format!("{url}/eu{named}")),
        (way("/scim/v2", &[("x-org", "eu")]), format!("{url}/scim/v2")),
        (
            way("/eu/scim/v2", &[("x-org", "eu"), ("x-tenant-id", &acme.name)]),
            format!("{url}/eu/scim/v2"),
        ),
        (way("/eu/scim/v2", &[("host", &tenant_host)]), format!("http://{tenant_host}/eu/scim/v2")),
    ];
    for (n, (way, base)) in through_eu.iter().enumerate() {
        let created = way.post("/Users", &user(&format!("user{n}"))).await.expect(201);
        let location = created.header("location");
        assert!(location.starts_with(&format!("{base}/Users/")), "{location}, not below {base}");
    }
    let through_others = [
        way(&named, &[]),
        way("/scim/v2", &[]),
        way(&format!("/scim/endpoints/{}", acme.name), &[]),
        way("/scim/v2", &[("host", &tenant_host)]),
        way("/scim/v2", &[("x-tenant-id", &acme.name)]),
        way("/scim/v2", &[("host", "us.example.com")]),
        way(&named, &[("host", "us.example.com")]),
        way("/us/scim/v2", &[]),
        way("/scim/v2", &[("x-org", "us")]),
        // Through both: through none.
        way("/eu/scim/v2", &[("host", "us.example.com")]),
        way("/us/scim/v2", &[("x-org", "eu")]),
    ];
    let mut seen = vec![server.anonymous().get(&format!("{named}/Users")).await.expect(401).body];
    for way in through_others {
        seen.push(way.get("/Users").await.expect(401).body);
    }
    for (mut way, _) in through_eu {
        way.client.token = globex.scim.token.clone();
        seen.push(way.get("/Users").await.expect(401).body);
    }
    assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:#?}");
    globex.scim.get("/Users").await.expect(200);

    put_into(&acme, Value::Null).await;
    assert_eq!(acme.scim.get("/Users").await.expect(200).body["totalResults"], 7);
}

#[tokio::test]
async fn a_domain_of_a_tenant_is_its_own_and_leaves_with_it() {
    let server = Server::start(Options::default());
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let domain = [("host", "login.acme.example")];
    let way = |tenant: &Tenant| Way::new(&server, tenant, "/scim/v2", &domain);
    // It is bound to nobody: the credential alone counts, and the host is in no answer.
    let before = way(&globex).get("/ResourceTypes/User").await.expect(200).body;
    let location = format!("{}/scim/v2/ResourceTypes/User", server.url);
    assert_eq!(before["meta"]["location"], json!(location));

    bind(&acme.admin, "host", "Login.Acme.Example").await;
    let after = way(&acme).get("/ResourceTypes/User").await.expect(200).body;
    let location = "http://login.acme.example/scim/v2/ResourceTypes/User";
    assert_eq!(after["meta"]["location"], location);
    way(&globex).get("/Users").await.expect(401);
    let theirs = format!("/tenants/{}/scim/v2", globex.name);
    Way::new(&server, &globex, &theirs, &domain).get("/Users").await.expect(401);
    // Whichever realm its tenant is of.
    realm(&server.admin(), "eu").await;
    put_into(&acme, json!("eu")).await;
    way(&acme).get("/Users").await.expect(200);
    acme.scim.get("/Users").await.expect(401);

    let taken = json!({ "kind": "host", "value": "login.acme.example" });
    globex.admin.post("/entry-points", taken.clone()).await.expect(409);
    acme.admin.delete("").await.expect(204);
    way(&acme).get("/Users").await.expect(401);
    globex.admin.post("/entry-points", taken).await.expect(201);
    way(&globex).get("/Users").await.expect(200);
    let all = globex.admin.get("/entry-points").await.expect(200).body;
    assert_eq!(all["items"][0]["value"], "login.acme.example");
    globex.admin.delete("/entry-points/host/login.acme.example").await.expect(204);
    globex.admin.delete("/entry-points/host/login.acme.example").await.expect(404);
}

/// Asks until the answer has the status: the other server hears of a change within a second.
async fn until(way: &Way, status: u16) {
    let told = async || (way.get("/Users").await.status == status).then_some(());
    tenon_tests::until(&format!("{status} by the other server"), told).await;
}

#[tokio::test]
async fn a_host_bound_on_one_server_is_known_to_the_other() {
    let postgres = Postgres::start(&[]);
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let (acme, globex) = (one.tenant("acme").await, one.tenant("globex").await);
    let domain = [("host", "login.acme.example")];
    let (owner, other) =
        (Way::new(&two, &acme, "/scim/v2", &domain), Way::new(&two, &globex, "/scim/v2", &domain));
    // The other server remembers that it is nobody's.
    other.get("/Users").await.expect(200);
    bind(&acme.admin, "host", "login.acme.example").await;
    until(&other, 401).await;
    owner.get("/Users").await.expect(200);
    acme.admin.delete("/entry-points/host/login.acme.example").await.expect(204);
    until(&other, 200).await;
    drop((one, two));
}

#[tokio::test]
async fn what_cannot_be_bound_is_refused_with_the_reason() {
    let server = Server::start(behind_a_proxy());
    let (admin, acme) = (server.admin(), server.tenant("acme").await);
    realm(&admin, "eu").await;
    admin.post("/realms", json!({ "name": "eu" })).await.expect(409);
    admin.post("/realms", json!({ "name": "E U" })).await.expect(400);
    let eu = admin.below("/realms/eu");
    for (kind, value) in [
        ("hosts", "eu.example.com"),
        ("host", "eu.example.com:8443"),
        ("host", "https://eu.example.com"),
        ("path", "eu"),
        ("path", "/eu/"),
        ("path", "/e u"),
        ("path", "/admin/eu"),
        ("path", "/tenants"),
        ("path", "/tenants/acme"),
        ("path", "/scim/v2"),
        ("header", "eu"),
        ("header", "x-other: eu"),
        ("header", "x-org: "),
    ] {
        let refused = eu.post("/entry-points", json!({ "kind": kind, "value": value })).await;
        let refused = refused.expect(400);
        assert!(refused.detail().contains("must be"), "{value}: {}", refused.detail());
    }
    let resolution = |resolution: Value| json!({ "resolution": resolution });
    for wrong in
        [json!({ "realm": "none" }), json!({}), json!("eu"), json!({ "realm": "eu", "x": 1 })]
    {
        acme.admin.patch("", resolution(wrong)).await.expect(400);
    }
    bind(&eu, "path", "/eu/west").await;
    eu.delete("").await.expect(409);
    eu.delete("/entry-points/path/%2Feu%2Fwest").await.expect(204);
    put_into(&acme, json!("eu")).await;
    assert!(acme.admin.get("").await.expect(200).body.get("scimUrl").is_none());
    eu.delete("").await.expect(409);
    put_into(&acme, Value::Null).await;
    let realms = admin.get("/realms").await.expect(200).body;
    assert_eq!(realms["items"].as_array().unwrap().len(), 1, "{realms:#}");
    eu.delete("").await.expect(204);
    eu.get("").await.expect(404);
    eu.get("/entry-points").await.expect(404);
}
