//! Making a component of a core module: the second half of `tenon plugin build`.

use wit_component::ComponentEncoder;

use crate::imports::PACKAGE;
use crate::shape::{self, API_SECTION};

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
        .map(with_api_version)
        .map_err(|error| PackageError { reason: format!("{error:#}") })
}

/// Adds a custom section that says for what version of the contract the component was built, which
/// its names tell: a reader of the section needs to know none of them.
fn with_api_version(mut component: Vec<u8>) -> Vec<u8> {
    const CUSTOM_SECTION: u8 = 0;
    let shape = shape::read(&component).unwrap_or_default();
    let ours = shape.exports.iter().find(|name| name.starts_with(PACKAGE));
    let Some((_, version)) = ours.and_then(|name| name.split_once('@')) else { return component };
    let body = API_SECTION.len() + 1 + version.len();
    // Lengths are LEB128, in which one byte is enough up to 127.
    let (Ok(body @ ..128), Ok(name)) = (u8::try_from(body), u8::try_from(API_SECTION.len())) else {
        return component;
    };
    component.extend([CUSTOM_SECTION, body, name]);
    component.extend_from_slice(API_SECTION.as_bytes());
    component.extend_from_slice(version.as_bytes());
    component
}
