//! The keys of an issuer (JWK sets, RFC 7517) and what they verify (RFC 7518 §3, RFC 8037 §3.1).
//!
//! Asymmetric keys only. With a shared secret, whoever verifies could sign.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Keys of a set at the most.
pub const MAX_KEYS: usize = 100;

/// Bytes of the shortest RSA modulus: 2048 bits (RFC 7518 §3.3).
const MIN_MODULUS: usize = 256;

/// How a JWT is signed (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// Those of an issuer of which nothing is said.
    pub const USUAL: [Self; 5] = [Self::Rs256, Self::Ps256, Self::Es256, Self::Es384, Self::EdDsa];

    /// The algorithm of this name, `RS256`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::deserialize(Value::String(name.to_owned())).ok()
    }

    const fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
            Self::Es256 | Self::Es384 | Self::EdDsa => None,
        }
    }
}

/// A public key.
#[derive(Debug, Clone)]
pub struct Key {
    id: Option<String>,
    /// The one algorithm that it is for, if it says so.
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Debug, Clone)]
enum Material {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// A point, uncompressed.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A key as RFC 7517 §4 and RFC 7518 §6 have it.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Key {
    /// A key that verifies; `None` where it does not, or is of no kind that is known here.
    fn of(jwk: &Value) -> Option<Self> {
        let jwk = Jwk::deserialize(jwk).ok()?;
        let is_to_verify = jwk.purpose.is_none_or(|it| it == "sig")
            && jwk.key_ops.is_none_or(|it| it.iter().any(|it| it == "verify"));
        if !is_to_verify {
            return None;
        }
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => {
                let modulus = decode(jwk.n)?.into_iter().skip_while(|byte| *byte == 0);
                let modulus: Vec<u8> = modulus.collect();
                let exponent = decode(jwk.e)?;
                (modulus.len() >= MIN_MODULUS).then_some(Material::Rsa { modulus, exponent })?
            }
            ("EC", Some("P-256")) => Material::P256(point(jwk.x, jwk.y, 32)?),
            ("EC", Some("P-384")) => Material::P384(point(jwk.x, jwk.y, 48)?),
            ("OKP", Some("Ed25519")) => {
                Material::Ed25519(decode(jwk.x).filter(|it| it.len() == 32)?)
            }
            _ => return None,
        };
        let algorithm = match jwk.alg {
            None => None,
            // For another purpose, such as one of encryption.
            Some(name) => Some(Algorithm::named(&name)?),
        };
        Some(Self { id: jwk.kid, algorithm, material })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let is_of_kind = match &self.material {
            Material::Rsa { .. } => algorithm.rsa().is_some(),
            Material::P256(_) => algorithm == Algorithm::Es256,
            Material::P384(_) => algorithm == Algorithm::Es384,
            Material::Ed25519(_) => algorithm == Algorithm::EdDsa,
        };
        is_of_kind && self.algorithm.is_none_or(|own| own == algorithm)
    }

    /// Whether the signature is this key's.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        let by = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(signed, signature).is_ok()
        };
        match &self.material {
            Material::Rsa { modulus, exponent } => algorithm.rsa().is_some_and(|parameters| {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(parameters, signed, signature).is_ok()
            }),
            Material::P256(point) => by(&ECDSA_P256_SHA256_FIXED, point),
            Material::P384(point) => by(&ECDSA_P384_SHA384_FIXED, point),
            Material::Ed25519(key) => by(&ED25519, key),
        }
    }
}

fn decode(text: Option<String>) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text?).ok()
}

/// RFC 7518 §6.2.1.2: the length of a coordinate "MUST be the full size of a coordinate".
fn point(x: Option<String>, y: Option<String>, bytes: usize) -> Option<Vec<u8>> {
    let (x, y) = (decode(x)?, decode(y)?);
    (x.len() == bytes && y.len() == bytes).then(|| [&[4], x.as_slice(), &y].concat())
}

/// Why a document is not taken for keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// It is something else.
    #[error("it is no JWK set: an object with \"keys\", an array of 1 to {MAX_KEYS} objects")]
    NotASet,
    /// Somebody has sent what nobody else may have.
    #[error("it holds a private key; it has to be replaced, and its public part sent")]
    Private,
    /// Nothing in it verifies.
    #[error(
        "none of its keys verifies signatures: RSA of 2048 bits and more, P-256, P-384 or Ed25519, \
         not kept for encryption"
    )]
    NoneUsable,
}

/// The keys of an issuer that verify.
#[derive(Debug, Clone)]
pub struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a JWK set. RFC 7517 §5: implementations "SHOULD ignore JWKs within a JWK Set that use
    /// "kty" (key type) values that are not understood".
    ///
    /// # Errors
    /// It is none, or nothing in it verifies.
    pub fn of(document: &Value) -> Result<Self, KeySetError> {
        let jwks = document.get("keys").and_then(Value::as_array).ok_or(KeySetError::NotASet)?;
        if jwks.is_empty() || jwks.len() > MAX_KEYS || !jwks.iter().all(Value::is_object) {
            return Err(KeySetError::NotASet);
        }
        if jwks.iter().any(|jwk| jwk.get("d").is_some() || jwk.get("k").is_some()) {
            return Err(KeySetError::Private);
        }
        let keys: Vec<Key> = jwks.iter().filter_map(Key::of).collect();
        if keys.is_empty() { Err(KeySetError::NoneUsable) } else { Ok(Self(keys)) }
    }

    /// The keys for an algorithm, of this id where one is named. A key without an id may be any.
    pub fn fitting(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
    ) -> impl Iterator<Item = &Key> + use<'_> {
        let id = id.map(str::to_owned);
        self.0.iter().filter(move |key| {
            let is_named = match (&key.id, &id) {
                (Some(own), Some(named)) => own == named,
                _ => true,
            };
            is_named && key.fits(algorithm)
        })
    }
}
