//! Real components against the real host: through the gate, the compile child and the hooks.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends by panicking")]

mod cache;
mod calls;
mod recordings;
mod support;
mod uploads;
