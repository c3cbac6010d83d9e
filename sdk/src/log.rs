//! The plugin's log. Lines go to the tenant's log, with the plugin's name and the request's id.
//!
//! A call may write some lines; the server drops the rest. In native tests
//! [`crate::testing::capture_log`] catches them, and otherwise they go to standard error.

/// For the author, while working on the plugin.
pub fn debug(message: impl AsRef<str>) {
    host::write("debug", message.as_ref());
}

/// Worth knowing.
pub fn info(message: impl AsRef<str>) {
    host::write("info", message.as_ref());
}

/// Somebody should look at it some time.
pub fn warn(message: impl AsRef<str>) {
    host::write("warn", message.as_ref());
}

/// Somebody should look at it now.
pub fn error(message: impl AsRef<str>) {
    host::write("error", message.as_ref());
}

#[cfg(target_arch = "wasm32")]
use crate::glue::log as host;

#[cfg(not(target_arch = "wasm32"))]
use crate::testing as host;
