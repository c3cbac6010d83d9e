//! Access tokens of OAuth clients (RFC 6749 §1.4): sealed, not stored.
//!
//! `tenon_at_` and, in base64url, 16 bytes of the tenant's id, 16 of the client's, a nonce of 24, and
//! what the token is good for, encrypted. Whoever uses one is looked up as the client that it was
//! given to: where there is no client any more, there is no token.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::TenantId;

const PREFIX: &str = "tenon_at_";
const CLIENT_PREFIX: &str = "tenon_client_";
const IDS_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// A client, as its `client_id` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientId {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id.
    pub id: Uuid,
}

impl ClientId {
    /// Reads a `client_id`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(CLIENT_PREFIX)?).ok()?;
        Self::of(bytes.as_slice().try_into().ok()?)
    }

    fn of(bytes: &[u8; IDS_BYTES]) -> Option<Self> {
        let (tenant, id) = bytes.split_first_chunk::<16>()?;
        let (tenant, id) = (Uuid::from_bytes(*tenant), Uuid::from_bytes(id.try_into().ok()?));
        Some(Self { tenant: TenantId(tenant), id })
    }

    fn bytes(self) -> [u8; IDS_BYTES] {
        let mut bytes = [0; IDS_BYTES];
        let (tenant, id) = bytes.split_at_mut(16);
        tenant.copy_from_slice(self.tenant.0.as_bytes());
        id.copy_from_slice(self.id.as_bytes());
        bytes
    }
}

/// As it is written.
impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{CLIENT_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(self.bytes()))
    }
}

/// An access token that a client shows, not opened.
pub struct Sealed {
    /// To whom it was given.
    pub client: ClientId,
    bytes: Vec<u8>,
}

/// Without the token.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Sealed {
    /// Reads a bearer token; `None` where it is no access token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let client = ClientId::of(bytes.first_chunk()?)?;
        Some(Self { client, bytes })
    }

    /// By which it is remembered.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// What an access token is good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The second since 1970 in which it expires.
    #[serde(rename = "e")]
    pub expires: i64,
    /// Names of permissions.
    #[serde(rename = "p")]
    pub permissions: Vec<String>,
}

/// No token can be made: the operating system has no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("no access token can be made: {0}")]
pub struct NotSealed(String);

/// Seals access tokens and opens them.
#[derive(Clone)]
pub struct AccessTokens(XChaCha20Poly1305);

impl AccessTokens {
    /// With this key, which all servers of the service share.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(&Key::from(key)))
    }

    /// A token for a client.
    ///
    /// # Errors
    /// The operating system has no random bytes.
    pub fn seal(&self, client: ClientId, good_for: &Opened) -> Result<String, NotSealed> {
        let failed = |error: &dyn fmt::Display| NotSealed(error.to_string());
        let plain = serde_json::to_vec(good_for).map_err(|it| failed(&it))?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|it| failed(&it))?;
        let ids = client.bytes();
        let payload = Payload { msg: &plain, aad: &ids };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).map_err(|it| failed(&it))?;
        let bytes = [ids.as_slice(), &nonce, &sealed].concat();
        Ok(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What a token is good for, if this service has made it and it has not expired.
    #[must_use]
    pub fn open(&self, sealed: &Sealed, now: OffsetDateTime) -> Option<Opened> {
        let (ids, rest) = sealed.bytes.split_first_chunk::<IDS_BYTES>()?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: text, aad: ids };
        let plain = self.0.decrypt(&XNonce::from(*nonce), payload).ok()?;
        let opened: Opened = serde_json::from_slice(&plain).ok()?;
        (now.unix_timestamp() < opened.expires).then_some(opened)
    }
}

/// Without the key.
impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessTokens(…)")
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    #[test]
    fn a_token_is_opened_until_it_expires_and_by_who_has_sealed_it() {
        let client = ClientId { tenant: TenantId(Uuid::now_v7()), id: Uuid::now_v7() };
        assert_eq!(ClientId::parse(&client.to_string()), Some(client));
        let tokens = AccessTokens::new([7; 32]);
        let permissions = vec!["scim:read".to_owned()];
        let good_for = Opened { expires: NOW.unix_timestamp() + 60, permissions };
        let text = tokens.seal(client, &good_for).unwrap();
        assert_ne!(text, tokens.seal(client, &good_for).unwrap(), "a nonce came twice");
        let sealed = Sealed::parse(&text).unwrap();
        assert_eq!(sealed.client, client);
        assert_eq!(tokens.open(&sealed, NOW + Duration::seconds(59)), Some(good_for.clone()));
        assert_eq!(tokens.open(&sealed, NOW + Duration::seconds(60)), None);
        assert_eq!(AccessTokens::new([8; 32]).open(&sealed, NOW), None);
        // The ids are part of what is sealed.
        let other = ClientId { id: Uuid::now_v7(), ..client };
        let mut bytes = sealed.bytes;
        bytes[..IDS_BYTES].copy_from_slice(&other.bytes());
        assert_eq!(tokens.open(&Sealed { client: other, bytes }, NOW), None);
    }

    #[test]
    fn what_is_no_access_token_is_none() {
        for text in ["", "tenon_at_", "tenon_at_AAAA", "tenon_AAAA", "tenon_at_!"] {
            assert!(Sealed::parse(text).is_none(), "{text}");
        }
        for text in ["", "tenon_client_", "tenon_client_AAAA"] {
            assert!(ClientId::parse(text).is_none(), "{text}");
        }
    }
}
