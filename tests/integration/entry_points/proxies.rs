//! Who may tell of a request as the client sent it.

use serde_json::json;
use tenon_tests::{Options, Server};

use super::{Way, behind_a_proxy, reached_as};

#[tokio::test]
async fn a_header_from_an_untrusted_peer_is_not_there() {
    let options = behind_a_proxy().with("TENON_TRUSTED_PROXIES", "192.0.2.0/24");
    let server = Server::start(options);
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let forged = [
        ("x-tenant-id", globex.name.as_str()),
        ("x-org", ""),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-host", "globex.scim.example.com"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "for=203.0.113.7;host=globex.scim.example.com;proto=https"),
    ];
    let way = Way::new(&server, &acme, "/scim/v2", &forged);
    let user = way.get("/ResourceTypes/User").await.expect(200).body;
    let location = format!("{}/scim/v2/ResourceTypes/User", server.url);
    assert_eq!(user["meta"]["location"], json!(location));
    let line = server.log.wait_for("line of the request", |line| {
        line["span"]["path"] == "/scim/v2/ResourceTypes/User"
    });
    assert_eq!(line["span"]["client"], "127.0.0.1", "{line:#}");
    // It does not let anybody in either.
    let mut others = Way::new(&server, &globex, "/scim/v2", &[("x-tenant-id", &acme.name)]);
    others.get("/Users").await.expect(200);
    others.client.token.clear();
    others.get("/Users").await.expect(401);
}

#[tokio::test]
async fn a_forged_host_is_in_no_answer() {
    let server = reached_as("https://idm.example.com/below", behind_a_proxy());
    let acme = server.tenant("acme").await;
    for header in ["host", "x-forwarded-host"] {
        for host in ["evil.example", "idm.example.com.evil.example", "a.b.scim.example.com", "a b"]
        {
            let way = Way::new(&server, &acme, "/scim/v2", &[(header, host)]);
            let user = way.get("/ResourceTypes/User").await.expect(200).body;
            let location = "https://idm.example.com/below/scim/v2/ResourceTypes/User";
            assert_eq!(user["meta"]["location"], location, "{header}: {host}");
        }
    }
}

#[tokio::test]
async fn a_base_url_below_a_prefix() {
    let server = reached_as("https://idm.example.com", behind_a_proxy());
    let acme = server.tenant("acme").await;
    let base = |way: Way| async move {
        let user = way.get("/ResourceTypes/User").await.expect(200).body;
        let location = user["meta"]["location"].as_str().unwrap();
        location.strip_suffix("/ResourceTypes/User").unwrap().to_owned()
    };
    let way = |headers: &[(&'static str, &str)]| Way::new(&server, &acme, "/scim/v2", headers);
    let prefixed = [("x-forwarded-prefix", "/apps/idm/")];
    assert_eq!(base(way(&prefixed)).await, "https://idm.example.com/apps/idm/scim/v2");
    let all = [
        ("x-forwarded-prefix", "/apps"),
        ("x-forwarded-host", "IDM.example.com:8443"),
        ("x-forwarded-proto", "http"),
    ];
    assert_eq!(base(way(&all)).await, "http://idm.example.com:8443/apps/scim/v2");
    for wrong in ["//evil.example", "evil", "/a/../b", "/a b", "/a?b"] {
        let way = way(&[("x-forwarded-prefix", wrong)]);
        assert_eq!(base(way).await, "https://idm.example.com/scim/v2", "{wrong}");
    }
}

#[tokio::test]
async fn the_header_forwarded_counts_where_the_operator_says_so() {
    let server = Server::start(behind_a_proxy().with("TENON_FORWARDED", "rfc7239"));
    let acme = server.tenant("acme").await;
    let host = format!("{}.scim.example.com", acme.name);
    let forwarded = format!("for=203.0.113.7;host=\"{host}\";proto=https, for=127.0.0.1");
    // The other family is as the client wrote it.
    let headers = [
        ("forwarded", forwarded.as_str()),
        ("x-forwarded-host", "globex.scim.example.com"),
        ("x-forwarded-for", "198.51.100.1"),
    ];
    let way = Way::new(&server, &acme, "/scim/v2", &headers);
    let user = way.get("/ResourceTypes/User").await.expect(200).body;
    let location = format!("https://{host}/scim/v2/ResourceTypes/User");
    assert_eq!(user["meta"]["location"], json!(location));
    let line = server.log.wait_for("line of the client", |line| {
        line["span"]["client"] == "203.0.113.7" && line["message"] == "answered"
    });
    assert_eq!(line["span"]["path"], "/scim/v2/ResourceTypes/User");
}

#[tokio::test]
async fn without_settings_nobody_is_a_proxy() {
    let server = Server::start(Options::default());
    let acme = server.tenant("acme").await;
    let headers = [("x-tenant-id", "globex"), ("x-forwarded-host", "evil.example")];
    let way = Way::new(&server, &acme, "/scim/v2", &headers);
    let user = way.get("/ResourceTypes/User").await.expect(200).body;
    let location = format!("{}/scim/v2/ResourceTypes/User", server.url);
    assert_eq!(user["meta"]["location"], json!(location));
}
