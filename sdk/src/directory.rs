//! Other resources of the same tenant, to read.
//!
//! They come as they are stored, less their secrets and without members or groups. A call may look
//! up some sixty times; one more ends it. In native tests [`crate::testing::with_directory`] says
//! what is found.

use serde::de::DeserializeOwned;

use crate::answer::Failure;

/// The resource of a type, `User`, with this id.
///
/// # Errors
///
/// The tenant has no such type, or the resource is no `T`.
pub fn get<T: DeserializeOwned>(resource_type: &str, id: &str) -> Result<Option<T>, Failure> {
    let found = host::get(resource_type, id).map_err(Failure::new)?;
    found.as_deref().map(read).transpose()
}

/// Resources that match a filter (RFC 7644 §3.4.2.2): the first so many, in no order that is
/// promised. At most 100 come. [`quoted`] puts a text into a filter.
///
/// # Errors
///
/// The tenant has no such type, the filter is wrong or needs an index, or a resource is no `T`.
pub fn find<T: DeserializeOwned>(
    resource_type: &str,
    filter: &str,
    limit: u32,
) -> Result<Vec<T>, Failure> {
    let found = host::find(resource_type, filter, limit).map_err(Failure::new)?;
    found.iter().map(|resource| read(resource)).collect()
}

/// How many resources match a filter; all of the type, without one.
///
/// # Errors
///
/// The tenant has no such type, or the filter is wrong or needs an index.
pub fn count(resource_type: &str, filter: Option<&str>) -> Result<u64, Failure> {
    host::count(resource_type, filter).map_err(Failure::new)
}

/// A text as a value in a filter, whatever is in it.
///
/// ```
/// let filter = format!("userName eq {}", tenon_sdk::directory::quoted(r#"a"b"#));
/// assert_eq!(filter, r#"userName eq "a\"b""#);
/// ```
#[must_use]
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn read<T: DeserializeOwned>(resource: &str) -> Result<T, Failure> {
    serde_json::from_str(resource)
        .map_err(|error| Failure::new(format!("the resource found is not of this shape: {error}")))
}

#[cfg(target_arch = "wasm32")]
use crate::glue::directory as host;

#[cfg(not(target_arch = "wasm32"))]
use crate::testing::directory as host;
