//! What a client shows to say who it is: the text behind `Bearer`, or a certificate.

use super::access_token::Sealed;
use super::auth::{SecretHash, TokenParts};
use crate::store::TenantId;

/// A bearer token (RFC 6750), by its form, or the certificate of the TLS client.
#[derive(Debug)]
pub enum Shown {
    /// A token of a tenant.
    Token(TokenParts),
    /// An access token of an OAuth client of a tenant.
    Access(Sealed),
    /// What looks like a JWT: of which issuer, for which tenant and whether valid is not known yet.
    Jwt(JwtText),
    /// The SHA-256 of a certificate that a trusted proxy has verified.
    Certificate(SecretHash),
    /// The SHA-256 of the head of a request, of which a resolver is to say whose it is.
    Head(SecretHash),
    /// No credential at all, of whoever asks what the tenant of this name or id offers.
    Nothing(String),
}

/// The text of a JWT, which is as good as a secret.
pub struct JwtText(String);

impl std::fmt::Debug for JwtText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JwtText(…)")
    }
}

impl JwtText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Shown {
    /// The tenant that it names by itself, if it does.
    #[must_use]
    pub const fn tenant(&self) -> Option<TenantId> {
        match self {
            Self::Token(token) => Some(token.tenant),
            Self::Access(sealed) => Some(sealed.client.tenant),
            Self::Jwt(_) | Self::Certificate(_) | Self::Head(_) | Self::Nothing(_) => None,
        }
    }

    /// By which it is known again.
    #[must_use]
    pub fn digest(&self) -> SecretHash {
        match self {
            Self::Token(token) => token.secret_hash(),
            Self::Access(sealed) => SecretHash::of(sealed.bytes()),
            Self::Jwt(jwt) => SecretHash::of(jwt.as_str().as_bytes()),
            Self::Certificate(digest) | Self::Head(digest) => digest.clone(),
            Self::Nothing(named) => SecretHash::of(format!("nothing at {named}").as_bytes()),
        }
    }

    /// Reads a bearer token; `None` where it is of no form that is known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(token) = TokenParts::parse(text) {
            return Some(Self::Token(token));
        }
        if let Some(sealed) = Sealed::parse(text) {
            return Some(Self::Access(sealed));
        }
        // Tokens of ours have no dot.
        (text.bytes().filter(|byte| *byte == b'.').count() == 2)
            .then(|| Self::Jwt(JwtText(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_told_by_its_form() {
        assert!(matches!(Shown::parse("a.b.c"), Some(Shown::Jwt(_))));
        for other in ["", "a.b", "a.b.c.d", "tenon_AAAA", "tenon_admin_AAAA"] {
            assert!(Shown::parse(other).is_none(), "{other}");
        }
    }
}
