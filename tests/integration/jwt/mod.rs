//! JWTs of issuers that a tenant's administrators, or the operator, have named.

mod issuers;
mod keys;
mod limits;
mod several;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tenon_tests::{Answer, Client, Server, Tenant, user};
use time::OffsetDateTime;

pub const ISSUER: &str = "https://idp.example";

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// An identity provider with a key.
pub struct Idp {
    pair: Ed25519KeyPair,
    kid: &'static str,
}

impl Idp {
    pub fn new(kid: &'static str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { pair: Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap(), kid }
    }

    pub fn jwk(&self) -> Value {
        let x = encode(self.pair.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": x })
    }

    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    pub fn header(&self) -> Value {
        json!({ "alg": "EdDSA", "kid": self.kid, "typ": "at+jwt" })
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        format!("{signed}.{}", encode(self.pair.sign(signed.as_bytes())))
    }

    /// A JWT with this scope.
    pub fn jwt(&self, scope: &str) -> String {
        self.sign(&self.header(), &claims(scope))
    }
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a JWT is of its time")]
fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

pub fn claims(scope: &str) -> Value {
    let now = now();
    json!({
        "iss": ISSUER, "aud": "tenon", "sub": "hr", "iat": now, "exp": now + 600, "scope": scope
    })
}

/// Has the tenant take JWTs of an issuer.
pub async fn issuer(tenant: &Tenant, members: Value) -> Answer {
    let mut body = json!({ "issuer": ISSUER, "audiences": ["tenon"] });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    tenant.admin.post("/issuers", body).await
}

fn with(jwt: &str, tenant: &Tenant) -> Client {
    tenant.scim.with_token(jwt)
}

#[tokio::test]
async fn a_jwt_of_the_issuer_is_let_in_with_its_permissions() {
    let server = Server::shared();
    let (acme, idp) = (server.tenant("acme").await, Idp::new("a"));
    issuer(&acme, json!({ "jwks": idp.jwks() })).await.expect(201);
    let reader = with(&idp.jwt("openid scim:read scim:list"), &acme);
    let id = acme.create("/Users", user("bjensen")).await;
    for _ in 0..2 {
        let seen = reader.get(&format!("/Users/{id}")).await.expect(200);
        assert_eq!(seen.body["userName"], "bjensen");
        reader.get("/Users").await.expect(200);
        let refused = reader.post("/Users", user("another")).await.expect(403);
        assert!(refused.detail().contains("scim:create"), "{}", refused.detail());
    }
    let of_users = with(&idp.jwt("scim:create:User"), &acme);
    of_users.post("/Users", user("another")).await.expect(201);
    of_users.post("/Groups", json!({ "displayName": "a" })).await.expect(403);
    of_users.delete(&format!("/Users/{id}")).await.expect(403);
    // Valid, and allowed nothing.
    with(&idp.jwt("openid"), &acme).get("/Schemas").await.expect(200);
    with(&idp.jwt("openid"), &acme).get("/Users").await.expect(403);
}

#[tokio::test]
async fn a_wrong_audience_issuer_time_algorithm_or_key_is_401_and_all_look_alike() {
    let server = Server::shared();
    let (acme, idp) = (server.tenant("acme").await, Idp::new("a"));
    issuer(&acme, json!({ "jwks": idp.jwks(), "clockSkewSeconds": 30 })).await.expect(201);
    let (right, header) = (claims("scim:*"), idp.header());
    with(&idp.sign(&header, &right), &acme).get("/Users").await.expect(200);
    let like = with("tenon_wrong", &acme).get("/Users").await.expect(401).body;
    let now = now();
    let mut refused: Vec<(String, String)> = Vec::new();
    for (claim, value) in [
        ("aud", json!("another")),
        ("aud", Value::Null),
        ("iss", json!("https://another.example")),
        ("iss", Value::Null),
        ("iss", json!("https://idp.example\u{0}")),
        ("exp", json!(now - 31)),
        ("exp", Value::Null),
        ("exp", json!("2090-01-01T00:00:00Z")),
        ("nbf", json!(now + 120)),
        ("iat", json!(now + 120)),
        ("iat", json!(now - 100_000)),
    ] {
        let mut claims = right.clone();
        claims[claim] = value.clone();
        refused.push((format!("{claim}: {value}"), idp.sign(&header, &claims)));
    }
    for (member, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("ES256")),
        ("kid", json!("b")),
        ("crit", json!(["exp"])),
        ("typ", json!("logout+jwt")),
    ] {
        let mut header = header.clone();
        header[member] = value.clone();
        refused.push((format!("{member}: {value}"), idp.sign(&header, &right)));
    }
    let signed = idp.sign(&header, &right);
    let (parts, _) = signed.rsplit_once('.').unwrap();
    refused.push(("no signature".to_owned(), format!("{parts}.")));
    let unsigned = encode(json!({ "alg": "none" }).to_string());
    let payload = parts.split_once('.').unwrap().1;
    refused.push(("nobody's".to_owned(), format!("{unsigned}.{payload}.")));
    refused.push(("another's key".to_owned(), Idp::new("a").sign(&header, &right)));
    // With the public key as the secret of an HMAC, which is a classic.
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, idp.pair.public_key().as_ref());
    let forged = format!("{}.{payload}", encode(json!({ "alg": "HS256", "kid": "a" }).to_string()));
    let tag = ring::hmac::sign(&key, forged.as_bytes());
    refused.push(("the public key as a secret".to_owned(), format!("{forged}.{}", encode(tag))));
    refused.push(("too long".to_owned(), format!("{signed}{}", "A".repeat(9000))));
    for (what, jwt) in refused {
        let answer = with(&jwt, &acme).get("/Users").await;
        assert_eq!(answer.status, 401, "{what}: {:#}", answer.body);
        assert_eq!(answer.body, like, "{what}");
    }
}

#[tokio::test]
async fn a_jwt_is_good_at_the_tenant_of_its_issuer_alone() {
    let server = Server::shared();
    let (acme, globex, idp) =
        (server.tenant("acme").await, server.tenant("globex").await, Idp::new("a"));
    issuer(&acme, json!({ "jwks": idp.jwks() })).await.expect(201);
    let jwt = idp.jwt("scim:*");
    with(&jwt, &acme).get("/Users").await.expect(200);
    with(&jwt, &globex).get("/Users").await.expect(401);
    let nowhere = server.anonymous().with_token(&jwt);
    nowhere.get("/tenants/no-such-tenant/scim/v2/Users").await.expect(401);
    nowhere.get("/tenants/a%00b/scim/v2/Users").await.expect(401);

    // One issuer for both, whose JWTs say for which of them they are.
    for tenant in [&acme, &globex] {
        let members = json!({ "jwks": idp.jwks(), "audiences": ["both"], "tenantClaim": "/tid" });
        issuer(tenant, members).await.expect(201);
    }
    let mut claims = claims("scim:*");
    claims["aud"] = json!(["both"]);
    for named in [&acme.name, &acme.id] {
        claims["tid"] = json!(named);
        let jwt = idp.sign(&idp.header(), &claims);
        with(&jwt, &acme).get("/Users").await.expect(200);
        with(&jwt, &globex).get("/Users").await.expect(401);
    }
}

#[tokio::test]
async fn who_has_written_is_on_record_by_issuer_and_subject() {
    let server = Server::shared();
    let (acme, idp) = (server.tenant("acme").await, Idp::new("a"));
    let created = issuer(&acme, json!({ "jwks": idp.jwks() })).await.expect(201);
    let mut claims = claims("scim:*");
    claims["sub"] = json!("it\u{0}\n-department");
    let client = with(&idp.sign(&idp.header(), &claims), &acme);
    client.post("/Users", user("bjensen")).await.expect(201);
    let mut conn = PgConnection::connect(&server.database_url()).await.unwrap();
    let sql = "SELECT actor FROM audit WHERE tenant_id = $1::uuid ORDER BY id DESC LIMIT 1";
    let query = sqlx::query_scalar(sql).bind(&acme.id);
    let actor: String = query.fetch_one(&mut conn).await.unwrap();
    assert_eq!(actor, format!("jwt:{}:it-department", created.body["id"].as_str().unwrap()));
}

#[tokio::test]
async fn a_jwt_speaks_for_the_user_that_its_claim_names() {
    let server = Server::shared();
    let (acme, idp) = (server.tenant("acme").await, Idp::new("a"));
    let members = json!({ "jwks": idp.jwks(), "subjectClaim": "/scim_id" });
    issuer(&acme, members).await.expect(201);
    let id = acme.create("/Users", user("bjensen")).await;
    let mut claims = claims("scim:read");
    claims["scim_id"] = json!(id);
    let client = with(&idp.sign(&idp.header(), &claims), &acme);
    assert_eq!(client.get("/Me").await.expect(200).body["userName"], "bjensen");
    acme.scim.delete(&format!("/Users/{id}")).await.expect(204);
    client.get("/Me").await.expect(404);
    with(&idp.jwt("scim:read"), &acme).get("/Me").await.expect(501);
}
