//! What a client is told of how fast it may ask (draft-ietf-httpapi-ratelimit-headers-11).

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use crate::service::charge::Charged;
use crate::tenant::limits::Rate;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// `RateLimit-Policy: "tenant";q=200;w=2` and `RateLimit: "tenant";r=199;t=1`.
pub(super) fn tell(response: &mut Response, charged: &Charged) {
    let Charged { policy: name, rate: Rate { per_second, burst }, standing } = *charged;
    let window = burst.div_ceil(per_second.max(1));
    let policy = format!("\"{name}\";q={burst};w={window}");
    let now = format!("\"{name}\";r={};t={}", standing.remaining, standing.resets_in);
    for (name, value) in [(POLICY, policy), (STANDING, now)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
}
