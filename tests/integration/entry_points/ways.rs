//! The ways to a tenant, and that answers follow the one that a request took.

use serde_json::{Value, json};
use tenon_tests::{Options, Server, Tenant, user};

use super::{Way, behind_a_proxy};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// Every way to a tenant, with the base URL that its answers have.
pub(super) fn ways(server: &Server, tenant: &Tenant) -> Vec<(Way, String)> {
    let (url, name, id) = (&server.url, &tenant.name, &tenant.id);
    let way =
        |path: &str, headers: &[(&'static str, &str)]| Way::new(server, tenant, path, headers);
    let host = format!("{name}.scim.example.com");
    let paths = [
        format!("/tenants/{name}/scim/v2"),
        format!("/tenants/{id}/scim/v2"),
        format!("/scim/endpoints/{name}"),
        "/scim/v2".to_owned(),
    ];
    let mut ways: Vec<_> =
        paths.iter().map(|path| (way(path, &[]), format!("{url}{path}"))).collect();
    let plain = format!("{url}/scim/v2");
    ways.push((way("/scim/v2", &[("x-tenant-id", name)]), plain.clone()));
    ways.push((way("/scim/v2", &[("x-org", id)]), plain));
    ways.push((way("/scim/v2", &[("host", &host)]), format!("http://{host}/scim/v2")));
    let forwarded =
        [("x-forwarded-host", host.as_str()), ("x-forwarded-proto", "https"), ("x-org", name)];
    ways.push((way("/scim/v2", &forwarded), format!("https://{host}/scim/v2")));
    let all = format!("/scim/endpoints/{name}");
    ways.push((way(&all, &forwarded), format!("https://{host}{all}")));
    ways
}

#[tokio::test]
async fn a_tenant_is_reached_by_path_alias_host_header_and_credential_alone() {
    let server = Server::start(behind_a_proxy());
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let id = acme.create("/Users", user("bjensen")).await;
    for (way, base) in ways(&server, &acme) {
        let read = way.get(&format!("/Users/{id}")).await.expect(200);
        assert_eq!(read.body["userName"], "bjensen", "{base}");
        // With a slash and without: the root of the service.
        for root in ["", "/"] {
            assert_eq!(way.get(root).await.expect(200).body["totalResults"], 1, "{base}{root}");
        }
        let nothing = way.get("/Users/1/2/3").await.expect(404);
        assert_eq!(nothing.header("content-type"), "application/scim+json", "{base}");
        let path = way.client.base.strip_prefix(&server.url).unwrap();
        assert!(nothing.detail().contains(&format!("{path}/Users/1/2/3")), "{}", nothing.detail());
    }
    for (mut way, base) in ways(&server, &globex) {
        assert_eq!(way.get("").await.expect(200).body["totalResults"], 0, "{base}");
        if base != format!("{}/scim/v2", server.url) || !way.headers.is_empty() {
            way.client.token = acme.scim.token.clone();
            way.get("").await.expect(401);
        }
    }
}

#[tokio::test]
async fn locations_follow_the_way_the_request_came_in() {
    let server = Server::start(behind_a_proxy());
    let acme = server.tenant("acme").await;
    for (n, (way, base)) in ways(&server, &acme).into_iter().enumerate() {
        let created = way.post("/Users", &user(&format!("user{n}"))).await.expect(201);
        let id = created.body["id"].as_str().unwrap();
        let location = format!("{base}/Users/{id}");
        assert_eq!(created.header("location"), location);
        assert_eq!(created.body["meta"]["location"], json!(location));
        let read = way.get(&format!("/Users/{id}")).await.expect(200).body;
        assert_eq!(read["meta"]["location"], json!(location));
        let list = way.get("/Users?count=1&sortBy=userName").await.expect(200).body;
        assert_is_below(&list["Resources"][0]["meta"]["location"], &base);

        let members = json!([{ "value": id }]);
        let group =
            json!({ "schemas": [GROUP], "displayName": format!("group{n}"), "members": members });
        let operation =
            json!({ "method": "POST", "path": "/Groups", "bulkId": "g", "data": group });
        let bulk = json!({ "schemas": [BULK], "Operations": [operation] });
        let done = way.post("/Bulk", &bulk).await.expect(200).body;
        assert_is_below(&done["Operations"][0]["location"], &base);
        let groups = way.get(&format!("/Groups?filter=displayName%20eq%20%22group{n}%22")).await;
        let groups = groups.expect(200).body;
        assert_eq!(groups["Resources"][0]["members"][0]["$ref"], json!(location));
        // What a client was shown, it can ask for.
        let by_ref = format!("/Groups?filter=members.%24ref%20eq%20%22{location}%22");
        assert_eq!(way.get(&by_ref).await.expect(200).body["totalResults"], 1, "{by_ref}");

        let types = way.get("/ResourceTypes/User").await.expect(200).body;
        assert_eq!(types["meta"]["location"], json!(format!("{base}/ResourceTypes/User")));
        let schemas = way.get("/Schemas").await.expect(200).body;
        assert_is_below(&schemas["Resources"][0]["meta"]["location"], &base);
    }
}

#[track_caller]
fn assert_is_below(location: &Value, base: &str) {
    let location = location.as_str().unwrap();
    assert!(location.starts_with(&format!("{base}/")), "{location}, and not below {base}");
}

#[tokio::test]
async fn a_deployment_has_paths_of_its_own() {
    let options = Options::default().with("TENON_TENANT_PATHS", "/idm/{tenant}, /{tenant}/scim");
    let server = Server::start(options);
    let admin = server.admin();
    let created = admin.post("/tenants", json!({ "name": "acme" })).await.expect(201).body;
    assert_eq!(created["scimUrl"], json!(format!("{}/idm/acme", server.url)));
    let token = admin.post("/tenants/acme/tokens", json!({ "name": "test" })).await.expect(201);
    let client = server.anonymous().with_token(token.body["token"].as_str().unwrap());
    for base in ["/idm/acme", "/acme/scim", "/scim/v2"] {
        let user = client.get(&format!("{base}/ResourceTypes/User")).await.expect(200).body;
        let location = format!("{}{base}/ResourceTypes/User", server.url);
        assert_eq!(user["meta"]["location"], json!(location));
    }
    for base in ["/tenants/acme/scim/v2", "/scim/endpoints/acme"] {
        client.get(&format!("{base}/Users")).await.expect(404);
    }
    let paths = admin.get("/openapi.json").await.expect(200).body["paths"].clone();
    assert!(paths["/idm/{tenant}/Me"].is_object(), "{paths:#}");
}

#[tokio::test]
async fn claims_that_disagree_are_401_and_look_alike() {
    let server = Server::start(behind_a_proxy());
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let of = |name: &str| format!("/tenants/{name}/scim/v2");
    let host = |name: &str| format!("{name}.scim.example.com");
    let (acmes, globex_path) = (of(&acme.name), of(&globex.name));
    let (acme_host, globex_host) = (host(&acme.name), host(&globex.name));
    let (none_path, none_host) = (of("no-such-tenant"), host("no-such-tenant"));
    let way =
        |path: &str, headers: &[(&'static str, &str)]| Way::new(&server, &acme, path, headers);
    let mut refused = vec![
        way(&globex_path, &[]),
        way(&none_path, &[]),
        way("/tenants/%ff/scim/v2", &[]),
        way("/scim/v2", &[("host", &globex_host)]),
        way("/scim/v2", &[("host", &none_host)]),
        way("/scim/v2", &[("x-tenant-id", &globex.name)]),
        way("/scim/v2", &[("x-tenant-id", "no-such-tenant")]),
        way("/scim/v2", &[("x-tenant-id", "")]),
        way("/scim/v2", &[("x-tenant-id", &acme.name), ("x-tenant-id", &acme.name)]),
        way("/scim/v2", &[("x-tenant-id", &acme.name), ("x-org", &globex.name)]),
        way(&acmes, &[("host", &globex_host)]),
        way(&acmes, &[("host", &acme_host), ("x-org", &globex.id)]),
        way(&globex_path, &[("host", &acme_host)]),
        way(&acmes, &[("x-forwarded-host", &globex_host)]),
    ];
    let mut without = way(&acmes, &[]);
    for token in ["", "wrong", &acme.admin.token] {
        without.client.token = token.to_owned();
        refused.push(without.clone());
    }
    let mut seen = Vec::new();
    for way in refused {
        for path in ["/Users", "/nothing/is/here/at/all", ""] {
            let answer = way.get(path).await.expect(401);
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{way:?}");
            seen.push((answer.body.clone(), answer.header("content-type").to_owned()));
        }
    }
    assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:#?}");
    way(&acmes, &[("host", &acme_host), ("x-org", &acme.id)]).get("/Users").await.expect(200);
}
