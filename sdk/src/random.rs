//! Randomness that nobody can guess.

/// So many random bytes. Each costs fuel.
///
/// In native tests they are 0, 1, 2 and so on.
#[must_use]
pub fn bytes(count: u32) -> Vec<u8> {
    host::bytes(count)
}

#[cfg(target_arch = "wasm32")]
use crate::glue::random as host;

#[cfg(not(target_arch = "wasm32"))]
mod host {
    pub(super) fn bytes(count: u32) -> Vec<u8> {
        (0..=u8::MAX).cycle().take(usize::try_from(count).unwrap_or(usize::MAX)).collect()
    }
}
