//! A resource, read lazily: it stays in the host, and only what is asked for crosses over.

use serde::de::DeserializeOwned;

use crate::answer::Failure;

/// One SCIM resource, for the length of a call.
///
/// Reading one attribute costs a few thousand units of fuel, reading the whole document a few
/// for each byte; so ask for what you need.
///
/// In native tests, `Document::from_json` makes one of a JSON object; the [module for
/// tests](crate::testing) says how far the stand-in goes.
pub struct Document<'host> {
    source: Source<'host>,
}

#[cfg(target_arch = "wasm32")]
use crate::glue::documents::Document as Handle;

#[cfg(target_arch = "wasm32")]
type Source<'host> = &'host Handle;

#[cfg(not(target_arch = "wasm32"))]
struct Source<'host> {
    value: serde_json::Value,
    _host: std::marker::PhantomData<&'host ()>,
}

impl Document<'_> {
    /// The value at a SCIM path (RFC 7644 §3.10); `None` where the attribute is unassigned.
    ///
    /// - `userName`, `name.familyName`: attributes of the resource type's own schema
    /// - `urn:example:2.0:User:costCenter`: an attribute of an extension
    /// - `emails.value`, `emails[type eq "work"].value`: values of a multi-valued attribute, as
    ///   a list
    ///
    /// # Errors
    ///
    /// The path is malformed or names no attribute of this resource type, or its value is no
    /// `T`. All of these are mistakes in the plugin.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        value_at(path, self.source.read(path))
    }

    /// [`Document::get`] for several paths of one type, at the price of one crossing.
    ///
    /// # Errors
    ///
    /// The first of the paths that [`Document::get`] would not read.
    pub fn get_many<T: DeserializeOwned>(&self, paths: &[&str]) -> Result<Vec<Option<T>>, Failure> {
        let read = self.source.read_many(paths);
        paths.iter().zip(read).map(|(path, read)| value_at(path, read)).collect()
    }

    /// The whole resource.
    ///
    /// # Errors
    ///
    /// It is no `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.source.whole())
            .map_err(|error| Failure::new(format!("the document is not of this shape: {error}")))
    }
}

fn value_at<T: DeserializeOwned>(
    path: &str,
    read: Result<Option<String>, String>,
) -> Result<Option<T>, Failure> {
    let Some(json) = read.map_err(Failure::new)? else { return Ok(None) };
    serde_json::from_str(&json)
        .map(Some)
        .map_err(|error| Failure::new(format!("the value at {path} is not of this type: {error}")))
}

#[cfg(target_arch = "wasm32")]
impl<'host> Document<'host> {
    pub(crate) fn lent(handle: &'host Handle) -> Document<'host> {
        Document { source: handle }
    }
}

#[cfg(target_arch = "wasm32")]
impl Handle {
    fn read(&self, path: &str) -> Result<Option<String>, String> {
        self.get(path)
    }

    fn read_many(&self, paths: &[&str]) -> Vec<Result<Option<String>, String>> {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        self.get_many(&paths)
    }

    fn whole(&self) -> String {
        self.json()
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Document<'static> {
    /// A document of a JSON object, for native tests.
    ///
    /// # Panics
    ///
    /// `value` is no object.
    pub fn from_json(value: serde_json::Value) -> Document<'static> {
        assert!(value.is_object(), "a document is a JSON object, found {value}");
        Document { source: Source { value, _host: std::marker::PhantomData } }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Source<'_> {
    fn read(&self, path: &str) -> Result<Option<String>, String> {
        Ok(crate::path::read(&self.value, path).map(|value| value.to_string()))
    }

    fn read_many(&self, paths: &[&str]) -> Vec<Result<Option<String>, String>> {
        paths.iter().map(|path| self.read(path)).collect()
    }

    fn whole(&self) -> String {
        self.value.to_string()
    }
}
