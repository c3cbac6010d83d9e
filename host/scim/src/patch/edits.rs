//! What plugins may change of a resource by operations of a PATCH: what a client could, and never
//! what the client that waits for it could not see.

use serde_json::Value;

use super::request::Operation;
use super::{PatchError, PatchErrorKind};
use crate::path::{self, AttributeRef, Path};
use crate::schema::{Mutability, ResourceType, Returned};

/// Refuses operations that name something a client cannot write, also where a client's would be passed
/// over: `id`, `meta`, `schemas`, what is readOnly, what no schema has. And what is returned to
/// nobody: plugins do not see it either.
///
/// # Errors
/// The first operation that does.
pub fn check_edits(resource_type: &ResourceType, edits: &[Operation]) -> Result<(), PatchError> {
    for (index, edit) in edits.iter().enumerate() {
        check(resource_type, edit).map_err(|kind| PatchError { operation: Some(index), kind })?;
    }
    Ok(())
}

fn check(resource_type: &ResourceType, edit: &Operation) -> Result<(), PatchErrorKind> {
    match &edit.path {
        Some(path) => check_path(resource_type, path, edit.value.as_ref()),
        None => check_members(resource_type, "", edit.value.as_ref()),
    }
}

fn check_path(
    resource_type: &ResourceType,
    path: &str,
    value: Option<&Value>,
) -> Result<(), PatchErrorKind> {
    match path::parse(resource_type, path).map_err(PatchErrorKind::Path)? {
        Path::Extension(schema) if schema.id == resource_type.schema.id => {
            check_members(resource_type, "", value)
        }
        Path::Extension(schema) => check_members(resource_type, &format!("{}:", schema.id), value),
        Path::Value(path) => check_target(&path.target),
    }
}

/// The members of a value that has no path, or that of an extension.
fn check_members(
    resource_type: &ResourceType,
    prefix: &str,
    value: Option<&Value>,
) -> Result<(), PatchErrorKind> {
    let members = value.and_then(Value::as_object).into_iter().flatten();
    for (name, value) in members {
        check_path(resource_type, &format!("{prefix}{name}"), Some(value))?;
    }
    Ok(())
}

fn check_target(target: &AttributeRef<'_>) -> Result<(), PatchErrorKind> {
    let of_both = [target.attribute, target.leaf()];
    let is_refused = of_both.iter().any(|attribute| {
        attribute.mutability == Mutability::ReadOnly || attribute.returned == Returned::Never
    });
    let is_common = target.extension.is_none()
        && ["id", "meta", "schemas"].iter().any(|name| target.attribute.name == *name);
    if is_refused || is_common {
        return Err(PatchErrorKind::ReadOnly { path: target.path() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Registry;

    fn refused(op: &str, path: Option<&str>, value: Option<Value>) -> bool {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let edit = Operation::of(op, path.map(str::to_owned), value).unwrap();
        check_edits(user, &[edit]).is_err()
    }

    #[test]
    fn what_a_client_cannot_write_or_see_is_refused() {
        for path in ["id", "meta", "meta.version", "schemas", "groups", "password", "nothing"] {
            assert!(refused("replace", Some(path), Some(json!("x"))), "{path}");
            assert!(refused("remove", Some(path), None), "{path}");
            let head = path.split('.').next().unwrap();
            assert!(refused("replace", None, Some(json!({ head: "x" }))), "{path}");
        }
        let base = "urn:ietf:params:scim:schemas:core:2.0:User";
        assert!(refused("replace", Some(base), Some(json!({ "id": "x" }))));
        assert!(refused("replace", None, Some(json!({ base: { "password": "x" } }))));
    }

    #[test]
    fn what_a_client_can_write_passes() {
        for path in ["displayName", "name.givenName", "emails", r#"emails[type eq "work"].value"#] {
            assert!(!refused("replace", Some(path), Some(json!("x"))), "{path}");
        }
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        assert!(!refused("add", None, Some(json!({ enterprise: { "department": "Sales" } }))));
        assert!(!refused("remove", Some(enterprise), None));
    }
}
