//! Real components against the real host: through the gate, the compile child and the hooks.

mod cache;
mod calls;
mod support;
mod uploads;
