//! What the tenant configured for this plugin: one JSON object, `{}` where nothing was.
//!
//! In native tests it is what [`crate::testing::with_config`] sets.

use serde::de::DeserializeOwned;

use crate::answer::Failure;

/// One member of the configuration; `None` where it is absent or null.
///
/// # Errors
///
/// The member is no `T`. The failure says which one and what was expected, for the tenant.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Failure> {
    let Some(json) = host::get(key) else { return Ok(None) };
    serde_json::from_str(&json)
        .map_err(|error| Failure::new(format!("the configuration's `{key}` is wrong: {error}")))
}

/// The whole configuration, of a type with `#[derive(Deserialize)]`.
///
/// # Errors
///
/// It is no `T`.
pub fn read<T: DeserializeOwned>() -> Result<T, Failure> {
    serde_json::from_str(&host::all())
        .map_err(|error| Failure::new(format!("the configuration is wrong: {error}")))
}

#[cfg(target_arch = "wasm32")]
use crate::glue::config as host;

#[cfg(not(target_arch = "wasm32"))]
mod host {
    use crate::testing::config;

    pub(super) fn get(key: &str) -> Option<String> {
        config().get(key).map(ToString::to_string)
    }

    pub(super) fn all() -> String {
        serde_json::Value::Object(config()).to_string()
    }
}
