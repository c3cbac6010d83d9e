//! Requests of an older gateway, which gives its clients tokens of its own: `gw_CLAIMS.SIGNATURE`, where
//! CLAIMS is the base64url of `{"tenant":"acme","sub":"hr","exp":1893456000,"permissions":["scim:read"]}`
//! and SIGNATURE that of its HMAC-SHA-256 under a key that the gateway and the realm share.
//!
//! An example of `resolver`; see `README.md`.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use tenon_sdk::prelude::*;

struct RealmResolver;

tenon_sdk::export!(RealmResolver: resolver);

/// How the gateway's tokens begin.
const PREFIX: &str = "gw_";

impl Resolver for RealmResolver {
    fn resolve(head: &RequestHead) -> Result<Option<Claim>, Failure> {
        let Some(token) = token(head) else { return Ok(None) };
        let config: Config = config::read()?;
        let Some(claims) = verified(token, &config.key) else { return Ok(None) };
        if claims.exp.saturating_mul(1_000) <= clock::now() {
            return Ok(None);
        }
        let Claims { tenant, sub, permissions, .. } = claims;
        Ok(Some(Claim { tenant, subject: Some(sub), permissions }))
    }
}

/// The configuration as the tenant writes it. A misspelt member is an error, not a default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What the gateway signs with: a secret.
    key: String,
}

/// What the gateway says of a client.
#[derive(Deserialize)]
struct Claims {
    tenant: String,
    sub: String,
    /// Seconds since the beginning of 1970.
    exp: u64,
    permissions: Vec<String>,
}

fn token(head: &RequestHead) -> Option<&str> {
    let (scheme, token) = head.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    token.strip_prefix(PREFIX)
}

/// The claims of a token that was signed with the key.
fn verified(token: &str, key: &str) -> Option<Claims> {
    let (claims, signature) = token.split_once('.')?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?;
    mac.update(claims.as_bytes());
    // Compares in constant time.
    mac.verify_slice(&BASE64.decode(signature).ok()?).ok()?;
    serde_json::from_slice(&BASE64.decode(claims).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenon_sdk::testing;

    use super::*;

    const KEY: &str = "the key of the gateway";

    fn signed(key: &str, claims: &Value) -> String {
        let claims = BASE64.encode(claims.to_string());
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(claims.as_bytes());
        format!("{PREFIX}{claims}.{}", BASE64.encode(mac.finalize().into_bytes()))
    }

    fn resolved(authorization: &str) -> Option<Claim> {
        let head = RequestHead {
            method: "GET".to_owned(),
            path: "/old/Users".to_owned(),
            host: None,
            headers: vec![("authorization".to_owned(), authorization.to_owned())],
            client: "192.0.2.1".to_owned(),
        };
        testing::with_config(json!({ "key": KEY }), || {
            testing::with_time(1_000_000, || RealmResolver::resolve(&head).unwrap())
        })
    }

    fn claims() -> Value {
        json!({ "tenant": "acme", "sub": "hr", "exp": 1_001, "permissions": ["scim:read"] })
    }

    #[test]
    fn a_token_of_the_gateway_names_tenant_client_and_permissions() {
        let claim = resolved(&format!("Bearer {}", signed(KEY, &claims()))).unwrap();
        assert_eq!((claim.tenant.as_str(), claim.subject.as_deref()), ("acme", Some("hr")));
        assert_eq!(claim.permissions, ["scim:read"]);
    }

    #[test]
    fn what_the_gateway_has_not_signed_or_not_for_now_says_nothing() {
        let mut expired = claims();
        expired["exp"] = json!(1_000);
        let forged = signed("another key", &claims());
        let good = signed(KEY, &claims());
        let cut = &good[..good.len() - 2];
        for token in [&*signed(KEY, &expired), &*forged, cut, "gw_a.b", "tenon_1", ""] {
            assert_eq!(resolved(&format!("Bearer {token}")), None, "{token}");
        }
        assert_eq!(resolved(&format!("Basic {good}")), None);
    }
}
