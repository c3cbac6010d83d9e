//! Stand-ins for the host, so that a plugin's tests run natively. Not there on `wasm32`.
//!
//! ```
//! use serde_json::json;
//! use tenon_sdk::{Document, testing};
//!
//! let user = Document::from_json(json!({ "userName": "ada" }));
//! testing::with_config(json!({ "domain": "example.com" }), || {
//!     assert_eq!(user.get::<String>("userName").unwrap().as_deref(), Some("ada"));
//!     assert_eq!(tenon_sdk::config::get::<String>("domain").unwrap().as_deref(), Some("example.com"));
//! });
//! ```
//!
//! # How far the stand-in for documents goes
//!
//! It reads `attribute`, `attribute.sub` and `urn:…:attribute.sub`, without regard to case, as
//! the server does. Two things it does not:
//!
//! - Filters (`emails[type eq "work"]`) **panic**, since a wrong answer would be worse.
//! - It knows no schemas. A misspelt attribute is an error in the server and unassigned here.
//!
//! It has no limits either. `tenon plugin check` and an upload tell about those.

pub(crate) mod directory;
#[cfg(feature = "filters")]
mod filters;

use std::cell::{Cell, RefCell};

use serde_json::{Map, Value};

use crate::context::{Context, Operation};

pub use self::directory::Directory;

/// One line of the plugin's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// The text.
    pub message: String,
}

/// Runs `test` with this configuration, on this thread.
///
/// # Panics
///
/// `config` is no JSON object.
pub fn with_config<T>(config: Value, test: impl FnOnce() -> T) -> T {
    let Value::Object(config) = config else {
        panic!("a configuration is a JSON object, found {config}");
    };
    let _restored = Restored { before: CONFIG.replace(config) };
    test()
}

/// Runs `test` where [`crate::directory`] finds this, on this thread.
pub fn with_directory<T>(directory: Directory, test: impl FnOnce() -> T) -> T {
    directory.during(test)
}

/// Runs `test` at this time, in milliseconds since the beginning of 1970, on this thread.
pub fn with_time<T>(now: u64, test: impl FnOnce() -> T) -> T {
    let before = NOW.replace(Some(now));
    let result = test();
    NOW.set(before);
    result
}

/// Runs `test`, and returns what was logged on this thread too.
pub fn capture_log<T>(test: impl FnOnce() -> T) -> (T, Vec<Line>) {
    let before = LOG.replace(Some(Vec::new()));
    let result = test();
    (result, LOG.replace(before).unwrap_or_default())
}

/// The context of a request that does this to a resource of this type.
pub fn context(operation: Operation, resource_type: &str) -> Context {
    Context {
        request_id: "test".to_owned(),
        resource_type: resource_type.to_owned(),
        operation,
        actor: "token:test".to_owned(),
    }
}

thread_local! {
    static CONFIG: RefCell<Map<String, Value>> = RefCell::default();
    static NOW: Cell<Option<u64>> = const { Cell::new(None) };
    static LOG: RefCell<Option<Vec<Line>>> = const { RefCell::new(None) };
}

/// Puts the former configuration back, after a panic as well.
struct Restored {
    before: Map<String, Value>,
}

impl Drop for Restored {
    fn drop(&mut self) {
        CONFIG.set(std::mem::take(&mut self.before));
    }
}

pub(crate) fn config() -> Map<String, Value> {
    CONFIG.with_borrow(Clone::clone)
}

pub(crate) fn now() -> u64 {
    NOW.get().expect("a test of a plugin that asks for the time says it: testing::with_time")
}

pub(crate) fn write(level: &str, message: &str) {
    LOG.with_borrow_mut(|log| match log {
        Some(lines) => {
            lines.push(Line { level: level.to_owned(), message: message.to_owned() });
        }
        None => eprintln!("{level}: {message}"),
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn configuration_is_put_back_after_a_panic() {
        let panicked = std::panic::catch_unwind(|| with_config(json!({"a": 1}), || panic!("no")));
        assert!(panicked.is_err());
        assert!(config().is_empty());
    }

    #[test]
    fn a_wrong_member_is_named() {
        let failure = with_config(json!({"limit": "ten"}), || crate::config::get::<u32>("limit"));
        let message = failure.unwrap_err().message;
        assert!(message.contains("`limit`") && message.contains("u32"), "{message}");
    }

    #[test]
    fn null_is_absent() {
        let value = with_config(json!({"limit": null}), || crate::config::get::<u32>("limit"));
        assert_eq!(value, Ok(None));
    }

    #[test]
    fn lines_are_captured_in_order() {
        let ((), lines) = capture_log(|| {
            crate::log::warn("one");
            crate::log::info(String::from("two"));
        });
        let lines: Vec<_> = lines.iter().map(|line| (&*line.level, &*line.message)).collect();
        assert_eq!(lines, [("warn", "one"), ("info", "two")]);
    }
}
