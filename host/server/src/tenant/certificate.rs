//! Certificates of TLS clients. A proxy has verified them and tells which it was; what is known of one is
//! its SHA-256.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::auth::SecretHash;

/// The digest of a certificate in PEM (RFC 7468); `None` where there is not one, and one alone.
#[must_use]
pub fn of_pem(text: &str) -> Option<SecretHash> {
    let mut all = CertificateDer::pem_slice_iter(text.as_bytes());
    let certificate = all.next()?.ok()?;
    all.next().is_none().then(|| SecretHash::of(&certificate))
}

/// The digest of the certificate that a proxy tells of: as RFC 9440 §2.1 has it, in PEM that is encoded
/// for URLs (`$ssl_client_escaped_cert` of nginx), or the SHA-256 itself in 64 hexadecimal digits.
#[must_use]
pub fn of_header(value: &str) -> Option<SecretHash> {
    let value = value.trim();
    if let Some(encoded) = value.strip_prefix(':').and_then(|it| it.strip_suffix(':')) {
        let certificate = BASE64_STANDARD.decode(encoded).ok()?;
        return (!certificate.is_empty()).then(|| SecretHash::of(&certificate));
    }
    if value.len() == 64 {
        let mut digest = [0; 32];
        for (byte, digits) in digest.iter_mut().zip(value.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(hexadecimal(digits)?, 16).ok()?;
        }
        return SecretHash::from_stored(&digest);
    }
    let text: Cow<'_, str> = percent_decode_str(value).decode_utf8().ok()?;
    of_pem(&text)
}

fn hexadecimal(digits: &[u8]) -> Option<&str> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAQIDBA==\n-----END CERTIFICATE-----\n";

    #[test]
    fn a_certificate_is_known_however_it_is_told() {
        let known = SecretHash::of(&[1, 2, 3, 4]);
        let escaped = PEM.replace('\n', "%0A").replace(' ', "%20").replace('=', "%3D");
        let hex: String = known.as_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
        for told in [":AQIDBA==:", &escaped, &hex, &hex.to_lowercase(), PEM] {
            assert!(of_header(told).unwrap().matches(&known), "{told}");
        }
        assert!(of_pem(PEM).unwrap().matches(&known));
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        let two = PEM.repeat(2);
        let no_digit = "+f".repeat(32);
        for told in
            ["", ":", "::", ":AQ", ":?:", "AQIDBA==", "%ff", &two, &no_digit, &"é".repeat(32)]
        {
            assert!(of_header(told).is_none(), "{told}");
        }
    }
}
