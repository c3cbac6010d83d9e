//! Secrets that have to be given out again, such as the URL of a tenant's database: stored encrypted under
//! the server's key, which is in the configuration and not in the database.
//!
//! What is sealed is bound to a [`Context`], so a sealed secret is of no use in the place of another. The
//! text names the key by an id, so that keys can be replaced: secrets are sealed with the current key, and
//! opened with that or an old one.

use std::fmt;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

const NONCE_BYTES: usize = 24;

/// What a secret is for, and whose it is. It is opened with the context that it was sealed with alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// What it is for, such as `database-url`.
    pub purpose: &'static str,
    /// Whose it is: the id of a tenant, or of what else has it.
    pub owner: Uuid,
}

impl Context {
    fn associated_data(self) -> Vec<u8> {
        [self.purpose.as_bytes(), &[0], self.owner.as_bytes()].concat()
    }
}

/// A key, 32 bytes.
#[derive(Clone)]
pub struct EncryptionKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// Why a text is not a key. It follows on "must be".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not base64.
    #[error(
        "{KEY_BYTES} bytes as base64, and is no base64; `openssl rand -base64 {KEY_BYTES}` makes one"
    )]
    NotBase64,
    /// Too short, or too long.
    #[error(
        "{KEY_BYTES} bytes as base64, and has {0}; `openssl rand -base64 {KEY_BYTES}` makes one"
    )]
    Length(usize),
}

impl EncryptionKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        let digest = Sha256::new().chain_update(b"tenon encryption key").chain_update(bytes);
        let id = digest.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Self { id, cipher: XChaCha20Poly1305::new(&Key::from(bytes)) }
    }

    /// The key of this text: base64 of its bytes, with white space around it or without.
    ///
    /// # Errors
    /// It is no base64, or not of 32 bytes.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = BASE64_STANDARD.decode(text.trim()).map_err(|_| KeyError::NotBase64)?;
        let bytes = bytes.try_into().map_err(|bytes: Vec<u8>| KeyError::Length(bytes.len()))?;
        Ok(Self::new(bytes))
    }
}

/// Its id alone.
impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a secret is not sealed or opened. For people who run the server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// There is no key to seal with.
    #[error(
        "secrets cannot be stored: no encryption key is configured; set TENON_ENCRYPTION_KEY or \
         TENON_ENCRYPTION_KEY_FILE on all servers (`openssl rand -base64 {KEY_BYTES}` makes one)"
    )]
    NoKey,
    /// It was sealed with a key that is not here.
    #[error(
        "a secret was encrypted with the key {id}, which is not configured: set it as \
         TENON_ENCRYPTION_KEY, or add it to TENON_ENCRYPTION_KEYS_OLD"
    )]
    UnknownKey {
        /// The id of that key.
        id: String,
    },
    /// It was not sealed here, or for something else.
    #[error("a stored secret was changed, or is that of something else")]
    Forged,
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
}

/// The keys of the server. Without any it seals and opens nothing.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    current: Option<EncryptionKey>,
    old: Vec<EncryptionKey>,
}

impl Keyring {
    /// Seals with the current key, and opens with all of them.
    #[must_use]
    pub const fn new(current: Option<EncryptionKey>, old: Vec<EncryptionKey>) -> Self {
        Self { current, old }
    }

    /// Whether secrets can be sealed.
    #[must_use]
    pub const fn can_seal(&self) -> bool {
        self.current.is_some()
    }

    /// The same with this key to seal with, where it has none.
    #[must_use]
    pub fn or_with(self, key: EncryptionKey) -> Self {
        Self { current: self.current.or(Some(key)), ..self }
    }

    /// Encrypts a secret: `id of the key.base64`, of ASCII without white space.
    ///
    /// # Errors
    /// There is no key ([`KeyringError::NoKey`]), or no randomness.
    pub fn seal(&self, context: Context, plain: &[u8]) -> Result<String, KeyringError> {
        let EncryptionKey { id, cipher } = self.current.as_ref().ok_or(KeyringError::NoKey)?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| KeyringError::NoRandomness)?;
        let payload = Payload { msg: plain, aad: &context.associated_data() };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| KeyringError::Forged)?;
        let text = BASE64_URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat());
        Ok(format!("{id}.{text}"))
    }

    /// The secret that was sealed in this context.
    ///
    /// # Errors
    /// Its key is not here; or it is not what was sealed, or not in this context.
    pub fn open(&self, context: Context, sealed: &str) -> Result<Vec<u8>, KeyringError> {
        let (id, text) = sealed.split_once('.').ok_or(KeyringError::Forged)?;
        let key = self.current.iter().chain(&self.old).find(|key| key.id == id);
        let key = key.ok_or_else(|| KeyringError::UnknownKey { id: id.to_owned() })?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyringError::Forged)?;
        let (nonce, sealed) =
            bytes.split_first_chunk::<NONCE_BYTES>().ok_or(KeyringError::Forged)?;
        let payload = Payload { msg: sealed, aad: &context.associated_data() };
        key.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| KeyringError::Forged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: Context = Context { purpose: "database-url", owner: Uuid::from_u128(1) };

    fn key(byte: u8) -> EncryptionKey {
        EncryptionKey::new([byte; KEY_BYTES])
    }

    #[test]
    fn a_secret_is_opened_in_its_own_context_alone() {
        let keyring = Keyring::new(Some(key(1)), Vec::new());
        let sealed = keyring.seal(URL, b"hunter2").unwrap();
        assert_eq!(keyring.open(URL, &sealed).unwrap(), b"hunter2");
        assert!(!sealed.contains("hunter2"), "{sealed}");
        assert_ne!(sealed, keyring.seal(URL, b"hunter2").unwrap(), "a nonce came twice");
        let of_another = Context { owner: Uuid::from_u128(2), ..URL };
        let for_another = Context { purpose: "plugin-config", ..URL };
        for context in [of_another, for_another] {
            assert_eq!(keyring.open(context, &sealed), Err(KeyringError::Forged));
        }
        let cut = &sealed[..sealed.len() - 4];
        assert_eq!(keyring.open(URL, cut), Err(KeyringError::Forged));
        assert_eq!(keyring.open(URL, "hunter2"), Err(KeyringError::Forged));
    }

    #[test]
    fn an_old_key_opens_and_does_not_seal() {
        let before = Keyring::new(Some(key(1)), Vec::new());
        let after = Keyring::new(Some(key(2)), vec![key(1)]);
        let old = before.seal(URL, b"hunter2").unwrap();
        assert_eq!(after.open(URL, &old).unwrap(), b"hunter2");
        let new = after.seal(URL, b"hunter2").unwrap();
        let error = before.open(URL, &new).unwrap_err();
        assert_eq!(error, KeyringError::UnknownKey { id: key(2).id });
        let without = Keyring::new(None, vec![key(1)]);
        assert_eq!(without.open(URL, &old).unwrap(), b"hunter2");
        assert_eq!(without.seal(URL, b"hunter2"), Err(KeyringError::NoKey));
        assert!(!without.can_seal() && after.can_seal());
    }

    #[test]
    fn what_is_no_key_is_told_as_such() {
        let key = EncryptionKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
        assert_eq!(key.id, EncryptionKey::new([0; KEY_BYTES]).id);
        assert_eq!(EncryptionKey::parse("hunter2!").unwrap_err(), KeyError::NotBase64);
        assert_eq!(EncryptionKey::parse("AAAA").unwrap_err(), KeyError::Length(3));
    }
}
