//! Reads request bodies: of the right type, within a limit, well-formed, with errors that say
//! where.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use tenon_scim::Object;

use super::json;

/// Bytes of a JSON body of the admin API at the most.
const MAX_JSON_BYTES: usize = 1024 * 1024;

/// Media types of SCIM (RFC 7644 §8.1: both are accepted).
pub(super) const SCIM_TYPES: &[&str] = &["application/scim+json", "application/json"];
/// Media type of the admin API.
pub(super) const JSON_TYPES: &[&str] = &["application/json"];
/// Media type of forms.
pub(super) const FORM_TYPES: &[&str] = &["application/x-www-form-urlencoded"];
/// Media types of lines of JSON.
pub(super) const NDJSON_TYPES: &[&str] = &["application/x-ndjson", "application/jsonl"];
/// Media type of plugins.
pub(super) const WASM_TYPES: &[&str] = &["application/wasm"];

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body is {found}; send {}", .expected.join(" or "))]
    MediaType { expected: &'static [&'static str], found: String },
    #[error("the body has more than {limit} bytes, the limit")]
    TooLarge { limit: usize },
    #[error("the body did not arrive whole")]
    Interrupted,
    #[error("the body is not JSON: line {line}, column {column}: {message}")]
    Syntax { line: usize, column: usize, message: String },
    #[error("the body is ambiguous: line {line}, column {column}: {message}")]
    NameTwice { line: usize, column: usize, message: String },
    #[error("the body must be a JSON object, not {found}")]
    NotAnObject { found: &'static str },
}

/// A JSON object.
pub(super) async fn object(
    headers: &HeaderMap,
    body: Body,
    expected: &'static [&'static str],
) -> Result<Object, BodyError> {
    object_within(headers, body, expected, MAX_JSON_BYTES).await
}

/// A JSON object of so many bytes at the most.
pub(super) async fn object_within(
    headers: &HeaderMap,
    body: Body,
    expected: &'static [&'static str],
    limit: usize,
) -> Result<Object, BodyError> {
    let bytes = bytes(headers, body, expected, limit).await?;
    match json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(BodyError::NotAnObject { found: tenon_scim::value::json_type(&other) }),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let message = without_position(&error.to_string());
            Err(if error.is_data() {
                BodyError::NameTwice { line, column, message }
            } else {
                BodyError::Syntax { line, column, message }
            })
        }
    }
}

/// The bytes of a body of one of the expected types.
pub(super) async fn bytes(
    headers: &HeaderMap,
    body: Body,
    expected: &'static [&'static str],
    limit: usize,
) -> Result<Bytes, BodyError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let essence = content_type.and_then(|it| it.split(';').next()).map(str::trim);
    if !essence.is_some_and(|it| expected.iter().any(|one| it.eq_ignore_ascii_case(one))) {
        let found = match content_type {
            Some(found) => format!("\"{found}\""),
            None => "without a Content-Type".to_owned(),
        };
        return Err(BodyError::MediaType { expected, found });
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(BodyError::TooLarge { limit })
        }
        Err(_) => Err(BodyError::Interrupted),
    }
}

/// serde_json ends its messages with the position, which is said already.
fn without_position(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}
