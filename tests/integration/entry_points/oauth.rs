//! Access tokens are given by every way to a tenant, and metadata tells of the way that was taken.

use serde_json::json;
use tenon_tests::Server;

use super::ways::ways;
use super::{Way, behind_a_proxy, reached_as};

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

#[tokio::test]
async fn a_client_is_given_a_token_by_every_way() {
    let server = Server::start(behind_a_proxy());
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let client = acme.admin.post("/clients", json!({ "name": "hr" })).await.expect(201).body;
    let [id, secret] = ["clientId", "clientSecret"].map(|it| client[it].as_str().unwrap());
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    for (mut way, base) in ways(&server, &acme) {
        let path = way.client.base.strip_prefix(&server.url).unwrap().to_owned();
        let before = Way { client: way.client.at(server.url.clone()), ..way.clone() };
        for metadata in [
            way.get(WELL_KNOWN).await.expect(200),
            before.get(&format!("{WELL_KNOWN}{path}")).await.expect(200),
        ] {
            assert_eq!(metadata.body["issuer"], json!(base));
            assert_eq!(metadata.body["token_endpoint"], json!(format!("{base}/oauth2/token")));
        }
        let given = way.form("/oauth2/token", &form).await.expect(200).body;
        way.client.token = given["access_token"].as_str().unwrap().to_owned();
        let config = way.get("/ServiceProviderConfig").await.expect(200).body;
        let scheme = &config["authenticationSchemes"][1];
        assert_eq!(scheme["documentationUri"], json!(format!("{base}/oauth2/token")));
    }
    for (way, base) in ways(&server, &globex) {
        let is_plain = base == format!("{}/scim/v2", server.url) && way.headers.is_empty();
        let status = if is_plain { 200 } else { 401 };
        way.form("/oauth2/token", &form).await.expect(status);
    }
}

#[tokio::test]
async fn metadata_is_at_no_other_path() {
    let server = Server::shared();
    let anonymous = server.anonymous();
    for path in ["", "x", "/", "/tenants/acme", "/tenants/acme/scim/v2/Users", "/admin/v1"] {
        anonymous.get(&format!("{WELL_KNOWN}{path}")).await.expect(404);
    }
}

#[tokio::test]
async fn a_path_of_the_public_url_is_part_of_where_metadata_is() {
    let server = reached_as("https://scim.example.com/idm", behind_a_proxy());
    let path = "/tenants/acme/scim/v2";
    let asked = server.anonymous().get(&format!("{WELL_KNOWN}/idm{path}")).await.expect(200);
    assert_eq!(asked.body["issuer"], json!(format!("https://scim.example.com/idm{path}")));
}
