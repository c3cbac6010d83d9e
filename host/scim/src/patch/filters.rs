//! The filters in the paths of a PATCH.

use serde_json::Value;

use super::request::PatchRequest;
use crate::path::{self, Path, ValuePath};
use crate::schema::ResourceType;

/// The paths of the operations that have a filter, those that a value names as keys included. A path
/// that cannot be read is passed over: [`apply`](super::apply) says what is wrong.
#[must_use]
pub fn filters<'t>(resource_type: &'t ResourceType, request: &PatchRequest) -> Vec<ValuePath<'t>> {
    let mut filters = Filters { resource_type, found: Vec::new() };
    for operation in &request.operations {
        match &operation.path {
            Some(path) => filters.at(path, operation.value.as_ref()),
            None => filters.among("", operation.value.as_ref()),
        }
    }
    filters.found
}

struct Filters<'t> {
    resource_type: &'t ResourceType,
    found: Vec<ValuePath<'t>>,
}

impl Filters<'_> {
    fn at(&mut self, path: &str, value: Option<&Value>) {
        match path::parse(self.resource_type, path) {
            Ok(Path::Value(path)) if path.filter.is_some() => self.found.push(path),
            Ok(Path::Extension(schema)) => {
                // The keys under the base schema's URN are paths of their own.
                self.among("", value);
                self.among(&format!("{}:", schema.id), value);
            }
            Ok(Path::Value(_)) | Err(_) => {}
        }
    }

    fn among(&mut self, prefix: &str, value: Option<&Value>) {
        for (key, value) in value.and_then(Value::as_object).into_iter().flatten() {
            self.at(&format!("{prefix}{key}"), Some(value));
        }
    }
}
