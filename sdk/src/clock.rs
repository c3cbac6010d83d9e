//! The time. It stands still during a call.

/// Milliseconds since the beginning of 1970, in UTC.
///
/// In native tests it is what [`crate::testing::with_time`] sets.
#[must_use]
pub fn now() -> u64 {
    host::now()
}

#[cfg(target_arch = "wasm32")]
use crate::glue::clock as host;

#[cfg(not(target_arch = "wasm32"))]
use crate::testing as host;
