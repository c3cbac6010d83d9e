//! JWTs as bearer tokens (RFC 7519, in the compact form of RFC 7515 §3.1), signed by an issuer that
//! an administrator of the tenant has named.
//!
//! What a JWT says counts for nothing until an issuer's key has verified it: here it is only taken
//! apart. `keys` verifies, `claims` judges what is said, `issuer` is what the administrator decided.

pub mod claims;
pub mod issuer;
pub mod keys;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tenon_scim::Object;

use self::keys::{Algorithm, KeySet};

/// Bytes of a JWT at the most.
const MAX_BYTES: usize = 8 * 1024;

/// Why a JWT is not accepted. For the log: clients are told nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no JWT that is read here.
    #[error("it is malformed: {0}")]
    Malformed(&'static str),
    /// The issuer does not sign like that.
    #[error("its algorithm is none of the issuer's")]
    Algorithm,
    /// The issuer has no such key.
    #[error("no key of the issuer is the one that it names")]
    NoKey,
    /// It was changed, or signed by another.
    #[error("its signature is wrong")]
    Signature,
    /// It is for somebody else.
    #[error("its audience is none of those of the issuer's configuration")]
    Audience,
    /// It comes from somebody else.
    #[error("its issuer is another")]
    Issuer,
    /// It is for another tenant.
    #[error("its tenant is another")]
    Tenant,
    /// It claims limits that are none.
    #[error("its claim of limits has no positive integer as \"{0}\", or is no object")]
    Limits(&'static str),
    /// A claim about time keeps it from being accepted.
    #[error("\"{0}\" is missing, no time, or does not hold at present")]
    Time(&'static str),
}

/// A JWT, taken apart and not verified.
#[derive(Debug)]
pub struct Jwt<'t> {
    algorithm: Algorithm,
    key_id: Option<String>,
    claims: Object,
    signed: &'t str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default, deserialize_with = "there")]
    crit: bool,
}

fn there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

impl<'t> Jwt<'t> {
    /// Takes a JWT apart.
    ///
    /// # Errors
    /// It is malformed, or signed with what no issuer may sign with: `none`, and every algorithm
    /// whose key both sides have.
    pub fn parse(text: &'t str) -> Result<Self, Refused> {
        if text.len() > MAX_BYTES {
            return Err(Refused::Malformed("it has more than 8 KiB"));
        }
        let not_three = Refused::Malformed("it does not have three parts");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(|| not_three.clone())?;
        let (header, claims) = signed.split_once('.').ok_or_else(|| not_three.clone())?;
        if claims.contains('.') {
            return Err(not_three);
        }
        let header: Header = json(header, "its header")?;
        // RFC 7515 §4.1.11: "If any of the listed extension Header Parameters are not understood and
        // supported by the recipient, then the JWS is invalid." None is.
        if header.crit {
            return Err(Refused::Malformed("it has critical extensions"));
        }
        if !header.typ.as_deref().is_none_or(is_type) {
            return Err(Refused::Malformed("its \"typ\" is neither \"JWT\" nor \"at+jwt\""));
        }
        Ok(Self {
            algorithm: Algorithm::named(&header.alg).ok_or(Refused::Algorithm)?,
            key_id: header.kid,
            claims: json(claims, "its claims")?,
            signed,
            signature: decode(signature, "its signature")?,
        })
    }

    /// Who says to have issued it.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// The id of the key that it says to be signed with.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Whether one of these keys may be the one that it is signed with.
    #[must_use]
    pub fn has_key_in(&self, keys: &KeySet) -> bool {
        keys.fitting(self.algorithm, self.key_id()).next().is_some()
    }

    /// What it says, if one of these keys has signed it in a way that the issuer signs.
    ///
    /// # Errors
    /// None has.
    pub fn verified(&self, algorithms: &[Algorithm], keys: &KeySet) -> Result<&Object, Refused> {
        if !algorithms.contains(&self.algorithm) {
            return Err(Refused::Algorithm);
        }
        let mut refused = Refused::NoKey;
        for key in keys.fitting(self.algorithm, self.key_id()) {
            if key.verifies(self.algorithm, self.signed.as_bytes(), &self.signature) {
                return Ok(&self.claims);
            }
            refused = Refused::Signature;
        }
        Err(refused)
    }
}

/// RFC 7519 §5.1 and RFC 9068 §2.1; RFC 7515 §4.1.9 lets "application/" be left out.
fn is_type(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
}

fn json<T: for<'de> Deserialize<'de>>(part: &str, what: &'static str) -> Result<T, Refused> {
    serde_json::from_slice(&decode(part, what)?).map_err(|_| Refused::Malformed(what))
}

fn decode(part: &str, what: &'static str) -> Result<Vec<u8>, Refused> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed(what))
}

#[cfg(test)]
mod tests;
