//! The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header): a POST that is sent
//! again with its key gets the answer of the first one.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tenon_scim::{Object, ScimType};

use super::error::ScimError;
use super::extract::Scim;
use super::resources::set_header;
use crate::service::idempotency::{Answer, Keyed};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Not in the draft; common among services that have keys.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Characters of a key at the most.
const MAX_KEY: usize = 255;

/// The key of a request, if it has one. It is taken as it is written, in quotes or without.
pub(super) fn keyed(
    scim: &Scim,
    headers: &HeaderMap,
    endpoint: &str,
    body: &Object,
) -> Result<Option<Keyed>, ScimError> {
    let mut lines = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let is_key = |key: &&str| {
        let printable = |b: u8| (b' '..=b'~').contains(&b);
        (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(printable)
    };
    let key = line.to_str().ok().filter(is_key).filter(|_| lines.next().is_none());
    let key = key.ok_or_else(|| {
        let detail =
            format!("Idempotency-Key must be one key of 1 to {MAX_KEY} printable ASCII characters");
        ScimError::new(StatusCode::BAD_REQUEST, detail).with_type(ScimType::InvalidValue)
    })?;
    Ok(Some(Keyed { key: key.to_owned(), fingerprint: fingerprint(scim, endpoint, body) }))
}

/// What the request asks for, and what the client may not see of the answer; U+0000 is in none of the
/// parts. There may be a password in it, and the
/// fingerprint is stored: who has it and not the client's token cannot try passwords on it.
fn fingerprint(scim: &Scim, endpoint: &str, body: &Object) -> [u8; 32] {
    let body = Value::Object(body.clone()).to_string();
    let mut digest = Sha256::new_with_prefix(scim.key().as_bytes());
    let hidden = scim.request.principal.grants.hidden().iter().map(String::as_str);
    for part in [endpoint, &scim.query, &body].into_iter().chain(hidden) {
        digest.update(part);
        digest.update([0]);
    }
    digest.finalize().into()
}

pub(super) fn respond(answer: Answer) -> Response {
    let Answer { status, location, etag, body, is_replayed } = answer;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = (status, Body::from(body)).into_response();
    set_header(&mut response, header::CONTENT_TYPE, "application/scim+json");
    for (name, value) in [(header::LOCATION, location), (header::ETAG, etag)] {
        if let Some(value) = value {
            set_header(&mut response, name, &value);
        }
    }
    if is_replayed {
        set_header(&mut response, REPLAYED, "true");
    }
    response
}
