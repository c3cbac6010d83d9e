use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use serde_json::{Value, json};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::issuer::{Issuer, IssuerConfig};
use super::keys::{Algorithm, KeySet, KeySetError};
use super::{Jwt, Refused};
use crate::store::tenants::Identity;
use crate::tenant::access::Grants;

const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

fn tenant() -> Identity {
    Identity {
        id: Uuid::nil(),
        name: "acme".to_owned(),
        external_key: Some("6b1e".to_owned()),
        realm_id: None,
        config_epoch: 0,
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A key with which the tests sign.
enum Signer {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    fn ed25519() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }

    fn p256() -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::P256(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap())
    }

    fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::from_der(include_bytes!("../../../test_keys/rsa_2048.der")).unwrap())
    }

    fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Ed25519(pair) => {
                let x = encode(pair.public_key());
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x })
            }
            Self::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": encode(x), "y": encode(y) })
            }
            Self::Rsa(pair) => {
                let PublicKeyComponents { n, e } =
                    PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kty": "RSA", "kid": kid, "n": encode(n), "e": encode(e), "use": "sig" })
            }
        }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = match self {
            Self::Ed25519(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
            Self::P256(pair) => {
                pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec()
            }
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let (padding, random) = (&RSA_PKCS1_SHA256, SystemRandom::new());
                pair.sign(padding, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{signed}.{}", encode(signature))
    }
}

fn key_set(jwks: &[Value]) -> KeySet {
    KeySet::of(&json!({ "keys": jwks })).unwrap()
}

fn claims() -> Value {
    let now = NOW.unix_timestamp();
    json!({ "iss": "https://idp.example", "aud": "tenon", "sub": "it", "iat": now, "exp": now + 600 })
}

fn issuer(members: Value) -> Issuer {
    let mut config = json!({
        "issuer": "https://idp.example",
        "audiences": ["tenon"],
        "jwksUrl": "https://idp.example/keys",
    });
    config.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    Issuer::of(serde_json::from_value::<IssuerConfig>(config).unwrap()).unwrap()
}

#[test]
fn each_kind_of_key_verifies_its_own_and_no_other() {
    let signers =
        [(Signer::ed25519(), "EdDSA"), (Signer::p256(), "ES256"), (Signer::rsa(), "RS256")];
    let jwks: Vec<Value> = signers.iter().map(|(signer, alg)| signer.jwk(alg)).collect();
    let all = key_set(&jwks);
    for (signer, alg) in &signers {
        for kid in [json!(alg), Value::Null] {
            let text = signer.sign(&json!({ "alg": alg, "kid": kid }), &claims());
            let jwt = Jwt::parse(&text).unwrap();
            let said = jwt.verified(&Algorithm::USUAL, &all).unwrap();
            assert_eq!(said["sub"], "it");
            assert_eq!(jwt.verified(&[Algorithm::Rs512], &all).unwrap_err(), Refused::Algorithm);
        }
        let text = signer.sign(&json!({ "alg": alg, "kid": "another" }), &claims());
        let unknown = Jwt::parse(&text).unwrap();
        assert!(!unknown.has_key_in(&all));
        assert_eq!(unknown.verified(&Algorithm::USUAL, &all).unwrap_err(), Refused::NoKey);
        // A key of the same kind that another has.
        let foreign = match signer {
            Signer::Ed25519(_) => Signer::ed25519(),
            Signer::P256(_) => Signer::p256(),
            Signer::Rsa(_) => continue,
        };
        let text = foreign.sign(&json!({ "alg": alg, "kid": alg }), &claims());
        let refused = Jwt::parse(&text).unwrap().verified(&Algorithm::USUAL, &all).unwrap_err();
        assert_eq!(refused, Refused::Signature);
    }
}

#[test]
fn a_changed_jwt_is_refused() {
    let signer = Signer::ed25519();
    let keys = key_set(&[signer.jwk("a")]);
    let text = signer.sign(&json!({ "alg": "EdDSA", "kid": "a" }), &claims());
    let parts: Vec<&str> = text.split('.').collect();
    let mut more = claims();
    more["scope"] = json!("scim:*");
    let changed = format!("{}.{}.{}", parts[0], encode(more.to_string()), parts[2]);
    let refused = Jwt::parse(&changed).unwrap().verified(&Algorithm::USUAL, &keys).unwrap_err();
    assert_eq!(refused, Refused::Signature);
    let cut = format!("{}.{}.", parts[0], parts[1]);
    let refused = Jwt::parse(&cut).unwrap().verified(&Algorithm::USUAL, &keys).unwrap_err();
    assert_eq!(refused, Refused::Signature);
}

#[test]
fn a_key_is_used_for_what_it_is() {
    let signer = Signer::rsa();
    let header = json!({ "alg": "RS256", "kid": "a" });
    let text = signer.sign(&header, &claims());
    let jwt = Jwt::parse(&text).unwrap();
    for (member, value) in [
        ("use", json!("enc")),
        ("alg", json!("PS256")),
        ("alg", json!("RSA-OAEP")),
        ("key_ops", json!(["sign"])),
        ("kty", json!("EC")),
    ] {
        let mut jwk = signer.jwk("a");
        jwk[member] = value.clone();
        // The other key is of another kind.
        let keys = key_set(&[jwk, Signer::p256().jwk("a")]);
        let refused = jwt.verified(&Algorithm::USUAL, &keys).unwrap_err();
        assert_eq!(refused, Refused::NoKey, "{member}: {value}");
    }
}

#[test]
fn what_nobody_may_sign_with_is_refused() {
    let signer = Signer::ed25519();
    for alg in ["none", "None", "HS256", "HS512", "ES512", "", "RSA-OAEP"] {
        let text = signer.sign(&json!({ "alg": alg }), &claims());
        assert_eq!(Jwt::parse(&text).unwrap_err(), Refused::Algorithm, "{alg}");
    }
    for header in [
        json!({ "alg": "EdDSA", "crit": ["b64"], "b64": false }),
        json!({ "alg": "EdDSA", "crit": null }),
        json!({ "alg": "EdDSA", "typ": "dpop+jwt" }),
        json!({ "alg": 5 }),
        json!({}),
        json!([]),
    ] {
        let refused = Jwt::parse(&signer.sign(&header, &claims())).unwrap_err();
        assert!(matches!(refused, Refused::Malformed(_)), "{header}: {refused}");
    }
    for typ in ["JWT", "at+jwt", "application/at+jwt"] {
        let text = signer.sign(&json!({ "alg": "EdDSA", "typ": typ }), &claims());
        assert!(Jwt::parse(&text).is_ok(), "{typ}");
    }
}

#[test]
fn what_is_no_jwt_is_malformed() {
    let text = Signer::ed25519().sign(&json!({ "alg": "EdDSA" }), &claims());
    let long = format!("{text}{}", "A".repeat(8 * 1024));
    for text in ["", ".", "..", "a.b.c", &text[..text.len() / 2], &format!("{text}.a"), &long] {
        assert!(matches!(Jwt::parse(text), Err(Refused::Malformed(_))), "{text}");
    }
    let twice = format!("{}.{}.", encode(r#"{"alg":"EdDSA","alg":"none"}"#), encode("{}"));
    assert!(matches!(Jwt::parse(&twice), Err(Refused::Malformed(_))));
}

#[test]
fn a_set_without_a_key_that_verifies_is_none() {
    let short = json!({ "kty": "RSA", "n": encode([0xff; 128]), "e": "AQAB" });
    let zeros = json!({ "kty": "RSA", "n": encode([[0; 200], [0xff; 200]].concat()), "e": "AQAB" });
    let half = json!({ "kty": "EC", "crv": "P-256", "x": encode([1; 31]), "y": encode([1; 32]) });
    let other =
        json!({ "kty": "EC", "crv": "secp256k1", "x": encode([1; 32]), "y": encode([1; 32]) });
    for jwk in [short, zeros, half, other, json!({ "kty": "oct" }), json!({})] {
        let refused = KeySet::of(&json!({ "keys": [jwk] })).unwrap_err();
        assert_eq!(refused, KeySetError::NoneUsable, "{jwk}");
    }
    for document in [json!([]), json!({}), json!({ "keys": [] }), json!({ "keys": ["a"] })] {
        assert_eq!(KeySet::of(&document).unwrap_err(), KeySetError::NotASet);
    }
    let mut private = Signer::ed25519().jwk("a");
    private["d"] = json!("secret");
    assert_eq!(KeySet::of(&json!({ "keys": [private] })).unwrap_err(), KeySetError::Private);
}

#[test]
fn a_jwt_holds_between_its_times() {
    let issuer = issuer(json!({ "clockSkewSeconds": 60, "maxAgeSeconds": 3600 }));
    let now = NOW.unix_timestamp();
    let accepted = |members: Value| {
        let mut claims = claims();
        let object = claims.as_object_mut().unwrap();
        for (name, value) in members.as_object().unwrap() {
            object.shift_remove(name);
            if !value.is_null() {
                object.insert(name.clone(), value.clone());
            }
        }
        issuer.accept(object, &tenant(), NOW).map(|accepted| accepted.expires)
    };
    let ends = |seconds: i64| Ok(NOW + Duration::seconds(seconds));
    assert_eq!(accepted(json!({})), ends(660));
    assert_eq!(accepted(json!({ "exp": now - 59 })), ends(1));
    assert_eq!(accepted(json!({ "exp": now + 90_000 })), ends(3660), "it is too old then");
    assert_eq!(accepted(json!({ "iat": null })), ends(660));
    assert_eq!(accepted(json!({ "nbf": now + 60, "iat": now + 60 })), ends(660));
    assert_eq!(
        accepted(json!({ "exp": now as f64 + 0.5 })),
        Ok(NOW + Duration::milliseconds(60_500))
    );
    for (members, claim) in [
        (json!({ "exp": null }), "exp"),
        (json!({ "exp": "2030-01-01" }), "exp"),
        (json!({ "exp": now - 60 }), "exp"),
        (json!({ "exp": 1e300 }), "exp"),
        (json!({ "exp": -1 }), "exp"),
        (json!({ "nbf": now + 61 }), "nbf"),
        (json!({ "nbf": "soon" }), "nbf"),
        (json!({ "iat": now + 61 }), "iat"),
        (json!({ "iat": null, "exp": now + 3601 }), "iat"),
        (json!({ "iat": now - 3660 }), "exp"),
    ] {
        assert_eq!(accepted(members.clone()), Err(Refused::Time(claim)), "{members}");
    }
}

#[test]
fn a_jwt_is_for_an_audience_of_the_issuer_and_its_tenant() {
    let issuer = issuer(json!({ "audiences": ["tenon", "scim"], "tenantClaim": "/app~1data/tid" }));
    let refused = |members: Value| {
        let mut claims = claims();
        claims["app/data"] = json!({ "tid": ["acme", "other"] });
        claims.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        issuer.accept(claims.as_object().unwrap(), &tenant(), NOW).err()
    };
    assert_eq!(refused(json!({ "aud": ["x", "scim"] })), None);
    assert_eq!(refused(json!({ "app/data": { "tid": "6b1e" } })), None);
    for aud in [json!("tenon2"), json!([]), json!(null), json!({ "tenon": true })] {
        assert_eq!(refused(json!({ "aud": aud })), Some(Refused::Audience));
    }
    for iss in [json!("https://idp.example/"), json!(["https://idp.example"]), json!(null)] {
        assert_eq!(refused(json!({ "iss": iss })), Some(Refused::Issuer));
    }
    for tenant in [json!("acme"), json!({ "tid": "globex" }), json!({}), json!({ "tid": "" })] {
        assert_eq!(refused(json!({ "app/data": tenant })), Some(Refused::Tenant));
    }
}

#[test]
fn permissions_are_those_that_both_the_jwt_and_its_issuer_have() {
    let issuer = issuer(json!({
        "permissionsClaim": "/roles",
        "permissionMap": { "SCIM.Write": ["scim:create", "scim:update"], "reader": [] },
        "permissions": ["scim:read", "scim:list", "scim:create"],
    }));
    for (claimed, allowed) in [
        (json!("scim:read"), &["scim:read"][..]),
        (json!("openid scim:read  scim:list email"), &["scim:read", "scim:list"]),
        (json!(["SCIM.Write", "scim:read:User"]), &["scim:create", "scim:read:User"]),
        (json!(["scim:*"]), &["scim:create", "scim:read", "scim:list"]),
        (json!("reader tenant-admin:x tokens:write"), &[]),
        (json!(5), &[]),
        (Value::Null, &[]),
    ] {
        let mut claims = claims();
        claims["roles"] = claimed.clone();
        let accepted = issuer.accept(claims.as_object().unwrap(), &tenant(), NOW).unwrap();
        let allowed: Vec<String> = allowed.iter().map(|&it| it.to_owned()).collect();
        assert_eq!(accepted.grants, Grants::parse(&allowed, Vec::new()).unwrap(), "{claimed}");
    }
}

#[test]
fn a_jwt_speaks_for_the_user_that_its_claim_names() {
    let issuer = issuer(json!({ "subjectClaim": "/oid" }));
    let id = Uuid::now_v7();
    let mut claims = claims();
    claims["oid"] = json!(id);
    claims["sub"] = json!(format!("a\n\0{}", "b".repeat(100)));
    let accepted = issuer.accept(claims.as_object().unwrap(), &tenant(), NOW).unwrap();
    assert_eq!(accepted.speaks_for, Some(id));
    assert_eq!(accepted.shown_subject(), format!("a{}", "b".repeat(63)));
}

#[test]
fn a_wrong_configuration_is_refused_with_the_member_named() {
    let right = json!({
        "issuer": "https://idp.example",
        "audiences": ["tenon"],
        "jwks": { "keys": [Signer::ed25519().jwk("a")] },
    });
    let of = |config: Value| {
        let config = serde_json::from_value::<IssuerConfig>(config).map_err(|it| it.to_string())?;
        Issuer::of(config).map_err(|it| it.to_string())
    };
    of(right.clone()).unwrap();
    for (member, value) in [
        ("issuer", json!("")),
        ("audiences", json!([])),
        ("audiences", json!(["a\nb"])),
        ("algorithms", json!([])),
        ("algorithms", json!(["HS256"])),
        ("clockSkewSeconds", json!(301)),
        ("maxAgeSeconds", json!(0)),
        ("permissionsClaim", json!("scope")),
        ("tenantClaim", json!("")),
        ("permissions", json!(["scim:everything"])),
        ("permissionMap", json!({ "a": ["b"] })),
        ("jwks", json!({ "keys": [] })),
        ("jwksUrl", json!("https://idp.example")),
        ("audience", json!("tenon")),
    ] {
        let mut config = right.clone();
        config[member] = value.clone();
        let error = of(config).unwrap_err();
        let named = member == "algorithms" || error.contains(member);
        assert!(named, "{member}: {value}: {error}");
    }
    for url in ["ftp://idp.example", "keys", "https://", "https://a:b@idp.example/"] {
        let mut config = right.clone();
        config.as_object_mut().unwrap().shift_remove("jwks");
        config["jwksUrl"] = json!(url);
        assert!(of(config).unwrap_err().contains("jwksUrl"), "{url}");
    }
}
