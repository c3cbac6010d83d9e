//! References to what other operations create: `bulkId:qwerty` (RFC 7644 §3.7.2).

use serde_json::Value;

use crate::Object;
use crate::patch::without_filter;
use crate::path::{self, Target};
use crate::schema::{Attribute, ResourceType, Returned};

const PREFIX: &str = "bulkId:";

/// The bulkId to which a text refers.
pub(super) fn referred(text: &str) -> Option<&str> {
    text.strip_prefix(PREFIX)
}

/// What names the members of an object.
///
/// RFC 7644 §3.7.2: "Extensions that include references to other resources MUST be handled in the
/// same way". No schema tells in which attributes those are, so any string may be a reference,
/// but for what nobody may read: a password is a password, whatever it begins with.
#[derive(Clone, Copy)]
pub(super) enum Scope<'t> {
    /// Attributes of resources of this type, by their paths.
    Resource(&'t ResourceType),
    /// These attributes; others stand for themselves.
    Attributes(&'t [Attribute]),
}

impl<'t> Scope<'t> {
    /// That of the values of an attribute; `None` where none of them is a reference.
    pub(super) fn of(attribute: &'t Attribute) -> Option<Self> {
        let is_secret = attribute.returned == Returned::Never;
        (!is_secret).then_some(Self::Attributes(&attribute.sub_attributes))
    }

    /// That of the values of a member; `None` where none of them is a reference.
    pub(super) fn below(self, name: &str) -> Option<Self> {
        match self {
            Self::Attributes(attributes) => {
                Attribute::named(attributes, name).map_or(Some(Self::Attributes(&[])), Self::of)
            }
            Self::Resource(resource_type) => {
                match path::resolve(resource_type, &without_filter(name)) {
                    Ok(Target::Extension(it)) if it.id == resource_type.schema.id => Some(self),
                    Ok(Target::Extension(it)) => Some(Self::Attributes(&it.attributes)),
                    Ok(Target::Attribute(it)) => {
                        Self::of(it.attribute).and_then(|_| Self::of(it.leaf()))
                    }
                    Err(_) => Some(Self::Attributes(&[])),
                }
            }
        }
    }

    /// Whether there is any reference in `value`.
    pub(super) fn any_in(self, value: &Value) -> bool {
        match value {
            Value::String(text) => referred(text).is_some(),
            Value::Array(values) => values.iter().any(|it| self.any_in(it)),
            Value::Object(members) => members
                .iter()
                .any(|(name, value)| self.below(name).is_some_and(|below| below.any_in(value))),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn replace(self, value: &mut Value, id_of: &mut impl FnMut(&str) -> Option<String>) {
        match value {
            Value::String(text) => replace_text(text, id_of),
            Value::Array(values) => values.iter_mut().for_each(|it| self.replace(it, id_of)),
            Value::Object(members) => self.replace_members(members, id_of),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn replace_members(self, members: &mut Object, id_of: &mut impl FnMut(&str) -> Option<String>) {
        for (name, value) in members {
            if let Some(below) = self.below(name) {
                below.replace(value, id_of);
            }
        }
    }
}

/// Shows every reference in a resource to `id_of`, and puts the id that it answers in its place.
pub(super) fn replace_in_resource(
    resource_type: &ResourceType,
    resource: &mut Object,
    id_of: &mut impl FnMut(&str) -> Option<String>,
) {
    Scope::Resource(resource_type).replace_members(resource, id_of);
}

/// The same in the body of a PATCH request, where the filter of a path may have references too:
/// `members[value eq "bulkId:qwerty"]`.
pub fn replace_in_patch(
    resource_type: &ResourceType,
    body: &mut Object,
    id_of: &mut impl FnMut(&str) -> Option<String>,
) {
    let operations = named_mut(body, "Operations").and_then(Value::as_array_mut);
    for operation in operations.into_iter().flatten().filter_map(Value::as_object_mut) {
        let mut scope = Some(Scope::Resource(resource_type));
        if let Some(Value::String(path)) = named_mut(operation, "path") {
            *path = with_ids(path, id_of);
            scope = scope.and_then(|it| it.below(path));
        }
        if let (Some(scope), Some(value)) = (scope, named_mut(operation, "value")) {
            scope.replace(value, id_of);
        }
    }
}

/// The same in a text that is a reference as a whole.
pub(super) fn replace_text(text: &mut String, id_of: &mut impl FnMut(&str) -> Option<String>) {
    if let Some(id) = referred(text).and_then(id_of) {
        *text = id;
    }
}

/// A path with ids in the place of the references between quotes.
fn with_ids(path: &str, id_of: &mut impl FnMut(&str) -> Option<String>) -> String {
    let mut parts = path.split('"');
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push('"');
        match referred(part).and_then(&mut *id_of) {
            Some(id) => result.push_str(&id),
            None => result.push_str(part),
        }
    }
    result
}

fn named_mut<'v>(members: &'v mut Object, name: &str) -> Option<&'v mut Value> {
    members.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Registry;
    use crate::schema::core::{ENTERPRISE_USER, USER};
    use crate::schema::describe::Description;

    /// A PATCH request on users with its references replaced, and which these were.
    fn patch(mut body: Value) -> (Value, Vec<String>) {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let body_members = body.as_object_mut().unwrap();
        let seen = replaced(|mut id_of| replace_in_patch(user, body_members, &mut id_of));
        (body, seen)
    }

    /// A resource with its references replaced, and which these were.
    fn resource(resource_type: &ResourceType, mut resource: Value) -> (Value, Vec<String>) {
        let members = resource.as_object_mut().unwrap();
        let seen = replaced(|mut id_of| replace_in_resource(resource_type, members, &mut id_of));
        (resource, seen)
    }

    fn replaced(replace: impl FnOnce(&mut dyn FnMut(&str) -> Option<String>)) -> Vec<String> {
        let mut seen = Vec::new();
        let mut id_of = |bulk_id: &str| {
            seen.push(bulk_id.to_owned());
            (bulk_id != "later").then(|| format!("id-{bulk_id}"))
        };
        replace(&mut id_of);
        seen
    }

    #[test]
    fn references_are_found_at_any_depth_and_replaced_where_the_id_is_known() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let (body, seen) = resource(
            user,
            json!({
                "displayName": "not bulkId:a",
                "members": [{ "value": "bulkId:a" }, { "value": "bulkId:later" }, "bulkId:"],
                "urn:x": { "manager": { "value": "bulkId:b" } }
            }),
        );
        let expected = json!({
            "displayName": "not bulkId:a",
            "members": [{ "value": "id-a" }, { "value": "bulkId:later" }, "id-"],
            "urn:x": { "manager": { "value": "id-b" } }
        });
        assert_eq!(body, expected);
        assert_eq!(seen, ["a", "later", "", "b"]);
    }

    #[test]
    fn the_filter_of_a_patch_path_may_refer() {
        let path = |path: &str| json!({ "operations": [{ "op": "remove", "Path": path }] });
        let (body, seen) =
            patch(path("members[value eq \"bulkId:a\" or value eq \"bulkId:later\"].display"));
        let expected = "members[value eq \"id-a\" or value eq \"bulkId:later\"].display";
        assert_eq!(body, path(expected));
        assert_eq!(seen, ["a", "later"]);
        let (body, seen) = patch(path("members[value eq \"a bulkId:a\"]"));
        assert_eq!((body, seen.len()), (path("members[value eq \"a bulkId:a\"]"), 0));
    }

    #[test]
    fn what_nobody_may_read_is_no_reference() {
        let secret = json!([
            { "name": "keys", "type": "complex", "multiValued": true, "subAttributes": [
                { "name": "value", "returned": "never" },
                { "name": "issuer" }
            ] },
            { "name": "pin", "returned": "never", "mutability": "writeOnly" }
        ]);
        let description = Description::parse(&[
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
                "id": "urn:example:2.0:Lock", "attributes": secret
            }),
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "name": "Lock", "endpoint": "/Locks", "schema": USER,
                "schemaExtensions": [{ "schema": "urn:example:2.0:Lock", "required": false }]
            }),
        ]);
        let registry = Registry::core().with(&description.unwrap()).unwrap();
        let lock = registry.resource_type("Lock").unwrap();
        let (keys, urn) =
            (json!([{ "value": "bulkId:a", "issuer": "bulkId:b" }]), "urn:EXAMPLE:2.0:Lock");
        let all = json!({ "Password": "bulkId:c", urn: { "keys": keys, "PIN": "bulkId:d" } });
        let (body, seen) = resource(lock, all.clone());
        assert_eq!((&body["Password"], seen), (&json!("bulkId:c"), vec!["b".to_owned()]));
        assert!(!Scope::Resource(lock).any_in(&json!({ urn: { "pin": "bulkId:d" } })));
        assert!(Scope::Resource(lock).any_in(&all));

        let operation = |path: &str| json!({ "op": "add", "path": path, "value": "bulkId:a" });
        let paths = ["password", &format!("{USER}:password"), "title"];
        let mut operations: Vec<Value> = paths.into_iter().map(operation).collect();
        operations.push(json!({ "op": "add", "value": {
            "password": "bulkId:b", (format!("{USER}:PASSWORD")): "bulkId:c",
            USER: { "password": "bulkId:d" }, ENTERPRISE_USER: { "division": "bulkId:e" }
        } }));
        let (_, seen) = patch(json!({ "Operations": operations }));
        assert_eq!(seen, ["a", "e"]);
    }
}
