//! Tokens: how they are made, read and compared.
//!
//! A tenant's token is `tenon_` and, in base64url, 16 bytes of the tenant's id, 16 of the token's
//! and 32 random ones. The ids find one row; the SHA-256 of the rest is compared in constant time.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::TenantId;
use crate::store::credentials::StoredSecrets;

const PREFIX: &str = "tenon_";
const ADMIN_PREFIX: &str = "tenon_admin_";
const SECRET_BYTES: usize = 32;

/// A tenant's token, taken apart.
pub struct TokenParts {
    /// The tenant.
    pub tenant: TenantId,
    /// The token's id.
    pub id: Uuid,
    secret: [u8; SECRET_BYTES],
}

/// Without the secret.
impl fmt::Debug for TokenParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenParts").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The operating system has no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system has no random bytes: {0}")]
pub struct NoRandomness(getrandom::Error);

impl TokenParts {
    /// Makes a token with a new secret.
    ///
    /// # Errors
    /// The operating system has no random bytes.
    pub fn generate(tenant: TenantId, id: Uuid) -> Result<Self, NoRandomness> {
        Ok(Self { tenant, id, secret: random()? })
    }

    /// Reads a token; `None` where it is not one of a tenant.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
        let (tenant, rest) = bytes.split_first_chunk::<16>()?;
        let (id, secret) = rest.split_first_chunk::<16>()?;
        Some(Self {
            tenant: TenantId(Uuid::from_bytes(*tenant)),
            id: Uuid::from_bytes(*id),
            secret: secret.try_into().ok()?,
        })
    }

    /// The token as a client shows it. The one place where the secret leaves.
    #[must_use]
    pub fn reveal(&self) -> String {
        let mut bytes = Vec::with_capacity(32 + SECRET_BYTES);
        bytes.extend_from_slice(self.tenant.0.as_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(&self.secret);
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// A key that only the client and its request have: the secret is stored nowhere, and this is
    /// not what is stored of it.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> CredentialKey {
        let digest = Sha256::new().chain_update(purpose).chain_update(self.secret);
        CredentialKey(digest.finalize().into())
    }

    /// What is stored of the secret.
    #[must_use]
    pub fn secret_hash(&self) -> SecretHash {
        SecretHash::of(&self.secret)
    }
}

/// What is derived from a secret that its owner has shown.
#[derive(Clone)]
pub struct CredentialKey([u8; 32]);

impl CredentialKey {
    /// Of a client that has no lasting secret: derived from one of the servers and from who it is.
    #[must_use]
    pub fn of_identity(key: &[u8; SECRET_BYTES], identity: &[&[u8]]) -> Self {
        let mut digest = Sha256::new_with_prefix(key);
        for part in identity {
            // With the length, so that no two lists of parts are the same bytes.
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for CredentialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialKey(…)")
    }
}

/// SHA-256 of a secret.
#[derive(Clone)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// What was hashed elsewhere.
    #[must_use]
    pub const fn from_bytes(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Hashes a secret.
    #[must_use]
    pub fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// The hash with these bytes, if they are 32.
    #[must_use]
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether it is the hash of the same secret, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// In hexadecimal digits, for one that is no secret's.
impl fmt::LowerHex for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// What is accepted as the secret of a credential, while it is replaced also the one before.
#[derive(Debug, Clone)]
pub struct Secrets {
    current: SecretHash,
    previous: Option<(SecretHash, OffsetDateTime)>,
}

impl Secrets {
    /// As they are stored; `None` where that is no hash.
    #[must_use]
    pub fn of_stored(stored: &StoredSecrets) -> Option<Self> {
        let current = SecretHash::from_stored(&stored.secret_hash)?;
        let previous = stored.previous_hash.as_deref().and_then(SecretHash::from_stored);
        Some(Self { current, previous: previous.zip(stored.previous_until) })
    }

    /// Whether what is shown is one of them. Where nothing is known, it is not, which takes as long.
    #[must_use]
    pub fn accept(known: Option<&Self>, shown: &SecretHash, now: OffsetDateTime) -> bool {
        // Of no secret that anybody knows.
        const NOBODYS: &SecretHash = &SecretHash([0; 32]);
        let current = known.map_or(NOBODYS, |it| &it.current);
        let previous = known.and_then(|it| it.previous.as_ref());
        let is_current = current.matches(shown);
        let is_previous = previous.map_or(NOBODYS, |it| &it.0).matches(shown)
            && previous.is_some_and(|(_, until)| now < *until);
        known.is_some() && (is_current || is_previous)
    }
}

/// A new token for the operator.
///
/// # Errors
/// The operating system has no random bytes.
pub fn generate_admin_token() -> Result<String, NoRandomness> {
    let secret: [u8; SECRET_BYTES] = random()?;
    Ok(format!("{ADMIN_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(secret)))
}

/// The token in an `Authorization: Bearer` header (RFC 6750 §2.1). The scheme is read without
/// regard to case (RFC 9110 §11.1).
#[must_use]
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Random bytes for a secret or a key.
///
/// # Errors
/// The operating system has none.
pub fn random() -> Result<[u8; SECRET_BYTES], NoRandomness> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn a_token_is_read_back_with_its_parts() {
        let (tenant, id) = (TenantId(Uuid::now_v7()), Uuid::now_v7());
        let token = TokenParts::generate(tenant, id).unwrap();
        let read = TokenParts::parse(&token.reveal()).unwrap();
        assert_eq!((read.tenant, read.id), (tenant, id));
        assert!(read.secret_hash().matches(&token.secret_hash()));
        let other = TokenParts::generate(tenant, id).unwrap();
        assert!(!other.secret_hash().matches(&token.secret_hash()));
    }

    #[test]
    fn a_secret_is_accepted_beside_the_next_one_until_its_time_is_over() {
        let (old, new) = (SecretHash::of(b"old"), SecretHash::of(b"new"));
        let until = OffsetDateTime::UNIX_EPOCH + Duration::days(1);
        let stored = StoredSecrets {
            secret_hash: new.as_bytes().to_vec(),
            previous_hash: Some(old.as_bytes().to_vec()),
            previous_until: Some(until),
        };
        let both = Secrets::of_stored(&stored).unwrap();
        let before = until - Duration::seconds(1);
        for (shown, at, accepted) in
            [(&new, before, true), (&new, until, true), (&old, before, true), (&old, until, false)]
        {
            assert_eq!(Secrets::accept(Some(&both), shown, at), accepted);
        }
        assert!(!Secrets::accept(Some(&both), &SecretHash::of(b"another"), before));
        assert!(!Secrets::accept(None, &SecretHash([0; 32]), before));
    }

    #[test]
    fn what_is_not_a_token_is_none() {
        let token = TokenParts::generate(TenantId(Uuid::nil()), Uuid::nil()).unwrap().reveal();
        for text in [
            "",
            "tenon_",
            "tenon_admin_AAAA",
            "x",
            &token[..token.len() - 4],
            &format!("{token}AAAA"),
        ] {
            assert!(TokenParts::parse(text).is_none(), "{text}");
        }
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer "), None);
    }
}
