//! Values that no two resources of a type have (RFC 7643 §7, `uniqueness`).

use serde_json::Value;

use crate::Object;
use crate::schema::{Attribute, Kind, ResourceType, Uniqueness};
use crate::value::{instant, normalized};

/// One value that no other resource of the type may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueValue {
    /// The path of the attribute.
    pub path: String,
    /// The value, normalised as the attribute compares it.
    pub value: String,
}

/// The attributes of a type whose values are unique, by their paths (RFC 7643 §7, `uniqueness`).
/// `id` is not among them: the server assigns it.
#[must_use]
pub fn unique_paths(resource_type: &ResourceType) -> Vec<String> {
    unique_attributes(resource_type).map(|(urn, attribute)| path_of(urn, attribute)).collect()
}

/// The unique values of a resource.
#[must_use]
pub fn unique_values(resource_type: &ResourceType, attributes: &Object) -> Vec<UniqueValue> {
    unique_attributes(resource_type)
        .filter_map(|(urn, attribute)| {
            let container = match urn {
                None => Some(attributes),
                Some(urn) => attributes.get(urn).and_then(Value::as_object),
            };
            let value = match container?.get(&attribute.name)? {
                // One instant can be written in many ways.
                Value::String(text) if attribute.kind == Kind::DateTime => {
                    instant(text)?.unix_timestamp_nanos().to_string()
                }
                Value::String(text) => normalized(attribute, text).into_owned(),
                other => other.to_string(),
            };
            Some(UniqueValue { path: path_of(urn, attribute), value })
        })
        .collect()
}

fn unique_attributes(
    resource_type: &ResourceType,
) -> impl Iterator<Item = (Option<&str>, &Attribute)> {
    let base = resource_type.schema.attributes.iter().map(|attribute| (None, attribute));
    let extensions = resource_type.extensions.iter().flat_map(|extension| {
        let urn = extension.schema.id.as_str();
        extension.schema.attributes.iter().map(move |attribute| (Some(urn), attribute))
    });
    base.chain(extensions).filter(|(_, attribute)| attribute.uniqueness != Uniqueness::None)
}

fn path_of(urn: Option<&str>, attribute: &Attribute) -> String {
    urn.map_or_else(|| attribute.name.clone(), |urn| format!("{urn}:{}", attribute.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Registry;

    #[test]
    fn unique_values_are_normalised() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let resource = json!({ "userName": "BJensen", "password": "secret" });
        let expected = UniqueValue { path: "userName".into(), value: "bjensen".into() };
        assert_eq!(unique_values(user, resource.as_object().unwrap()), [expected]);
        assert_eq!(unique_paths(user), ["userName"]);
    }
}
