//! The one place that asks what time it is.

use time::OffsetDateTime;

/// Now, in UTC, to the millisecond: what a resource's `meta` shows is what is stored.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_millisecond(now.millisecond()).unwrap_or(now)
}
