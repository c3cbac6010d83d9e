//! Cursors (RFC 9865): where a page begins, sealed so that only this service can write one.
//!
//! A cursor holds all there is to know: nothing is kept for it on the server, whose memory no
//! client can fill with cursors (§5.3). It is bound to its tenant and its query (§5.2).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use tenon_scim::list::QueryError;
use time::{Duration, OffsetDateTime};

use super::Error;
use crate::store::filter_sql::Bound;

/// How long a cursor is good.
pub const CURSOR_TIMEOUT: Duration = Duration::minutes(10);

/// Bytes of the key.
pub const KEY_BYTES: usize = 32;

const NONCE_BYTES: usize = 24;

/// What a cursor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    #[serde(rename = "p")]
    pub(super) bound: Bound,
    /// Resources of a page.
    #[serde(rename = "n")]
    pub(super) page_size: usize,
}

/// A cursor, and the second since 1970 in which it expires.
#[derive(Serialize, Deserialize)]
struct Sealed(Cursor, i64);

/// Seals cursors and opens them.
#[derive(Clone)]
pub struct CursorSealer {
    cipher: XChaCha20Poly1305,
}

impl CursorSealer {
    /// A sealer with this key, which all servers of the service share.
    #[must_use]
    pub fn new(key: [u8; KEY_BYTES]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&Key::from(key)) }
    }

    /// A text for a cursor, of unreserved characters only (RFC 9865 §2). `query` is what it is
    /// bound to: the tenant, the endpoint and the parameters.
    pub(super) fn seal(
        &self,
        cursor: Cursor,
        query: &str,
        now: OffsetDateTime,
    ) -> Result<String, Error> {
        let expires = (now + CURSOR_TIMEOUT).unix_timestamp();
        let internal = |error: &dyn std::fmt::Display| Error::Internal(error.to_string());
        let plain = serde_json::to_vec(&Sealed(cursor, expires)).map_err(|it| internal(&it))?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|it| internal(&it))?;
        let payload = Payload { msg: &plain, aad: query.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|it| internal(&it))?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// What a cursor says, if this query has given it and it has not expired.
    pub(super) fn open(
        &self,
        text: &str,
        query: &str,
        now: OffsetDateTime,
    ) -> Result<Cursor, QueryError> {
        let plain = self.decrypt(text, query).ok_or(QueryError::InvalidCursor)?;
        let Sealed(cursor, expires) =
            serde_json::from_slice(&plain).map_err(|_| QueryError::InvalidCursor)?;
        if now.unix_timestamp() >= expires {
            return Err(QueryError::ExpiredCursor);
        }
        Ok(cursor)
    }

    fn decrypt(&self, text: &str, query: &str) -> Option<Vec<u8>> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: query.as_bytes() };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()
    }
}

/// Without the key.
impl std::fmt::Debug for CursorSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorSealer(…)")
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::store::filter_sql::Position;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn cursor() -> Cursor {
        let position = Position { key: "3\u{e9}".to_owned(), id: Uuid::from_u128(7) };
        Cursor { bound: Bound::Before(Some(position)), page_size: 10 }
    }

    fn sealer() -> CursorSealer {
        CursorSealer::new([7; KEY_BYTES])
    }

    #[test]
    fn a_cursor_is_opened_by_the_query_that_has_given_it() {
        let text = sealer().seal(cursor(), "query", NOW).unwrap();
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{text}");
        assert_eq!(sealer().open(&text, "query", NOW), Ok(cursor()));
        assert_ne!(text, sealer().seal(cursor(), "query", NOW).unwrap(), "a nonce came twice");
    }

    #[test]
    fn a_cursor_expires() {
        let text = sealer().seal(cursor(), "query", NOW).unwrap();
        let last = NOW + CURSOR_TIMEOUT - Duration::seconds(1);
        assert_eq!(sealer().open(&text, "query", last), Ok(cursor()));
        let expired = sealer().open(&text, "query", NOW + CURSOR_TIMEOUT);
        assert_eq!(expired, Err(QueryError::ExpiredCursor));
        // The query comes first: who has not asked it learns nothing of its cursors.
        let foreign = sealer().open(&text, "another", NOW + CURSOR_TIMEOUT);
        assert_eq!(foreign, Err(QueryError::InvalidCursor));
    }

    #[test]
    fn what_this_service_has_not_sealed_is_refused_in_one_way() {
        let text = sealer().seal(cursor(), "query", NOW).unwrap();
        let foreign = CursorSealer::new([8; KEY_BYTES]).seal(cursor(), "query", NOW).unwrap();
        let changed = text.replacen(|c| c != 'A', "A", 1);
        let cut = &text[..text.len() - 4];
        for forged in ["", "x", "!", "AAAA", &foreign, &changed, cut] {
            let refused = sealer().open(forged, "query", NOW);
            assert_eq!(refused, Err(QueryError::InvalidCursor), "{forged}");
        }
        assert_eq!(sealer().open(&text, "other", NOW), Err(QueryError::InvalidCursor));
    }
}
