//! The one place that asks what time it is.

use time::OffsetDateTime;

/// Now, in UTC, to the millisecond: what a resource's `meta` shows is what is stored.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_millisecond(now.millisecond()).unwrap_or(now)
}

/// Now, in milliseconds since the beginning of 1970.
#[must_use]
pub fn unix_millis() -> u64 {
    let now = now();
    u64::try_from(now.unix_timestamp()).unwrap_or(0) * 1_000 + u64::from(now.millisecond())
}
