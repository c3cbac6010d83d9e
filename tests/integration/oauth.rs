//! OAuth 2.0 client credentials: access tokens of a tenant's clients.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Options, Server, Tenant, until_status, user};

/// A client of a tenant, and its secret.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    /// In the admin API.
    pub path: String,
    pub id: String,
    pub secret: String,
}

pub async fn client(tenant: &Tenant, mut members: Value) -> OAuthClient {
    members["name"] = json!("hr");
    let created = tenant.admin.post("/clients", members).await.expect(201).body;
    let text = |name: &str| created[name].as_str().unwrap().to_owned();
    OAuthClient {
        path: format!("/clients/{}", text("id")),
        id: text("clientId"),
        secret: text("clientSecret"),
    }
}

/// Asks for a token with what is in the form.
pub async fn ask(tenant: &Tenant, form: &[(&str, &str)], basic: Option<(&str, &str)>) -> Answer {
    let mut request = tenant.scim.with_token("").request(Method::POST, "/oauth2/token");
    if let Some((id, secret)) = basic {
        let encoded = BASE64_STANDARD.encode(format!("{id}:{secret}"));
        request = request.header(AUTHORIZATION, format!("Basic {encoded}"));
    }
    // What ids, secrets and scopes have in them needs no encoding but spaces.
    let form: Vec<String> =
        form.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    Answer::of(request.body(form.join("&"))).await
}

pub const GRANT: (&str, &str) = ("grant_type", "client_credentials");

pub async fn token(tenant: &Tenant, client: &OAuthClient, scope: Option<&str>) -> Client {
    let mut form = vec![GRANT];
    form.extend(scope.map(|scope| ("scope", scope)));
    let given = ask(tenant, &form, Some((&client.id, &client.secret))).await.expect(200);
    tenant.scim.with_token(given.body["access_token"].as_str().unwrap())
}

#[tokio::test]
async fn a_client_gets_a_token_with_the_scope_it_asked_for() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let hr =
        client(&acme, json!({ "permissions": ["scim:read", "scim:list", "scim:create:User"] }))
            .await;
    let basic = Some((hr.id.as_str(), hr.secret.as_str()));
    let given = ask(&acme, &[GRANT], basic).await.expect(200);
    assert_eq!(given.header("cache-control"), "no-store");
    assert_eq!(given.body["token_type"], "Bearer");
    assert_eq!(given.body["expires_in"], 3600);
    assert_eq!(given.body["scope"], "scim:read scim:list scim:create:User");
    let all = acme.scim.with_token(given.body["access_token"].as_str().unwrap());
    for _ in 0..2 {
        all.get("/Users").await.expect(200);
        all.post("/Groups", json!({ "displayName": "a" })).await.expect(403);
    }
    all.post("/Users", user("bjensen")).await.expect(201);

    let post =
        [GRANT, ("client_id", &hr.id), ("client_secret", &hr.secret), ("scope", "scim:list")];
    let narrow = ask(&acme, &post, None).await.expect(200);
    assert_eq!(narrow.body["scope"], "scim:list");
    let narrow = acme.scim.with_token(narrow.body["access_token"].as_str().unwrap());
    narrow.get("/Users").await.expect(200);
    narrow.post("/Users", user("another")).await.expect(403);
    acme.admin.with_token(&narrow.token).get("/clients").await.expect(403);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_for_a_token_is_told_as_oauth_has_it() {
    let server = Server::shared();
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let hr = client(&acme, json!({ "permissions": ["scim:read"] })).await;
    let (id, secret) = (hr.id.as_str(), hr.secret.as_str());
    let right = Some((id, secret));
    for (form, basic, status, error) in [
        (vec![], right, 400, "invalid_request"),
        (vec![("grant_type", "password")], right, 400, "unsupported_grant_type"),
        (vec![GRANT, GRANT], right, 400, "invalid_request"),
        (vec![GRANT, ("client_secret", secret)], right, 400, "invalid_request"),
        (vec![GRANT, ("client_id", "another")], right, 400, "invalid_request"),
        (vec![GRANT, ("scope", "scim:delete")], right, 400, "invalid_scope"),
        (vec![GRANT, ("scope", "openid")], right, 400, "invalid_scope"),
        (vec![GRANT, ("scope", "tenant-admin")], right, 400, "invalid_scope"),
        (vec![GRANT], None, 401, "invalid_client"),
        (vec![GRANT], Some((id, "wrong")), 401, "invalid_client"),
        (vec![GRANT], Some(("tenon_client_AAAA", secret)), 401, "invalid_client"),
        (vec![GRANT, ("client_id", id)], None, 401, "invalid_client"),
    ] {
        let answer = ask(&acme, &form, basic).await.expect(status);
        assert_eq!(answer.body["error"], error, "{form:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let challenge = if status == 401 { "Basic realm=\"tenon\"" } else { "" };
        assert_eq!(answer.header("www-authenticate"), challenge, "{form:?}");
    }
    let elsewhere = ask(&globex, &[GRANT], right).await.expect(401);
    let unknown = ask(&acme, &[GRANT], Some((id, "wrong"))).await.expect(401);
    assert_eq!(elsewhere.body, unknown.body);
    let json = acme.scim.post("/oauth2/token", json!({})).await.expect(400);
    assert_eq!(json.body["error"], "invalid_request");
}

#[tokio::test]
async fn an_access_token_is_good_at_its_tenant_and_as_it_was_given() {
    let server = Server::shared();
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let hr = client(&acme, json!({})).await;
    let given = token(&acme, &hr, None).await;
    given.get("/Users").await.expect(200);
    given.at(globex.scim.base.clone()).get("/Users").await.expect(401);
    let like = acme.scim.with_token("tenon_wrong").get("/Users").await.expect(401).body;
    let changed = given.token.replacen(|c: char| c == given.token.chars().last().unwrap(), "", 1);
    for wrong in [changed.as_str(), &hr.secret, &hr.id, "tenon_at_AAAA"] {
        let refused = acme.scim.with_token(wrong).get("/Users").await.expect(401);
        assert_eq!(refused.body, like);
    }
}

#[tokio::test]
async fn nobody_gives_a_client_what_they_do_not_have() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let body = json!({ "name": "it", "permissions": ["tokens:write", "scim:read"] });
    let created = acme.admin.post("/tokens", body).await.expect(201).body;
    let admin = acme.admin.with_token(created["token"].as_str().unwrap());
    admin.post("/clients", json!({ "name": "a", "role": "reader" })).await.expect(403);
    let own = json!({ "name": "a", "permissions": ["scim:read"] });
    let made = admin.post("/clients", own).await.expect(201).body;
    let listed = admin.get("/clients").await.expect(200).body;
    assert_eq!(listed["items"][0]["clientId"], made["clientId"]);
    assert_eq!(listed["items"][0].get("clientSecret"), None);
}

#[tokio::test]
async fn a_deleted_clients_tokens_end_on_both_servers() {
    let first = Server::start(Options::default());
    let second = Server::start(Options::on(&first.database_url()));
    let acme = first.tenant("acme").await;
    let hr = client(&acme, json!({})).await;
    // Given by one server, and good at both.
    let here = token(&acme, &hr, None).await;
    let there = here.at(acme.moved(&first, &second).scim.base);
    for client in [&here, &there, &here, &there] {
        client.get("/Users").await.expect(200);
    }
    acme.admin.delete(&hr.path).await.expect(204);
    here.get("/Users").await.expect(401);
    until_status(&there, "/Users", 401).await;
    ask(&acme, &[GRANT], Some((&hr.id, &hr.secret))).await.expect(401);
    acme.admin.delete(&hr.path).await.expect(404);
}

#[tokio::test]
async fn metadata_is_the_same_for_a_tenant_that_does_not_exist() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let of = async |name: &str| {
        let base = format!("/tenants/{name}/scim/v2");
        let well_known = "/.well-known/oauth-authorization-server";
        let before = server.anonymous().get(&format!("{well_known}{base}")).await.expect(200).body;
        let after = server.anonymous().get(&format!("{base}{well_known}")).await.expect(200).body;
        assert_eq!(before, after);
        assert_eq!(before["issuer"], format!("{}{base}", server.url));
        assert_eq!(before["token_endpoint"], format!("{}{base}/oauth2/token", server.url));
        before.to_string().replace(name, "")
    };
    assert_eq!(of(&acme.name).await, of("no-such-tenant").await);
}

#[tokio::test]
async fn schemes_tell_what_there_is() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let types = async || {
        let config = acme.scim.get("/ServiceProviderConfig").await.expect(200).body;
        let schemes = config["authenticationSchemes"].as_array().unwrap().clone();
        schemes.iter().map(|it| it["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(types().await, ["oauthbearertoken"]);
    let hr = client(&acme, json!({})).await;
    assert_eq!(types().await, ["oauthbearertoken", "oauth2"]);
    acme.admin.delete(&hr.path).await.expect(204);
    assert_eq!(types().await, ["oauthbearertoken"]);
}
