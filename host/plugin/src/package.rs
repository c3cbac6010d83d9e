//! Making a component of a core module: the second half of `tenon plugin build`.

use wit_component::ComponentEncoder;

/// No component can be made of this module.
#[derive(Debug, thiserror::Error)]
#[error(
    "no component can be made of this module: {reason}. It has to be built from a crate that \
     exports a plugin (`tenon_sdk::export!`), as a `cdylib`, for wasm32-unknown-unknown"
)]
pub struct PackageError {
    /// The encoder's reason, with its causes.
    pub reason: String,
}

/// The component of a core module that was built for `wasm32-unknown-unknown` against the
/// plugin's WIT. What it imports and exports is read from the sections that the SDK left in it.
///
/// # Errors
///
/// The module has no such sections, or does not match them.
pub fn encode(core_module: &[u8]) -> Result<Vec<u8>, PackageError> {
    ComponentEncoder::default()
        .validate(true)
        .module(core_module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| PackageError { reason: format!("{error:#}") })
}
