//! The answer to a bulk request.

use serde::Serialize;
use serde_json::{Value, json};

/// The `schemas` URI of a bulk response (RFC 7644 §3.7).
pub const BULK_RESPONSE_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// What became of one operation (RFC 7644 §3.7.3).
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationResponse {
    /// The URI of the resource, unless its creation failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The bulkId.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulk_id: Option<String>,
    /// The ETag of the resource as it is now, unless it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The HTTP status, as text.
    pub status: String,
    /// The error (RFC 7644 §3.12), where it is one. "For normal completion, the server MAY elect
    /// to omit the response body."
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Value>,
}

/// The BulkResponse with these operations.
#[must_use]
pub fn response(operations: &[OperationResponse]) -> Value {
    json!({ "schemas": [BULK_RESPONSE_SCHEMA], "Operations": operations })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_not_is_left_out() {
        let failed = OperationResponse {
            method: Some("POST".into()),
            bulk_id: Some("qwerty".into()),
            status: "400".into(),
            response: Some(json!({ "status": "400" })),
            ..OperationResponse::default()
        };
        let expected = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],
            "Operations": [{ "method": "POST", "bulkId": "qwerty", "status": "400",
                "response": { "status": "400" } }]
        });
        assert_eq!(response(&[failed]), expected);
    }
}
