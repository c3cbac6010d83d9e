//! The resource types that are tried: those of RFC 7643, and one with every kind of attribute
//! and every characteristic, as a plugin may bring it.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use tenon_scim::Registry;
use tenon_scim::schema::describe::Description;
use tenon_scim::schema::{Attribute, Kind, Mutability, ResourceType};

/// A resource type that is printed by its name.
#[derive(Clone)]
pub(crate) struct Type(Arc<ResourceType>);

impl Deref for Type {
    type Target = Arc<ResourceType>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name)
    }
}

/// Any of the resource types.
pub(crate) fn any_type() -> impl Strategy<Value = Type> {
    select(TYPES.as_slice())
}

/// All of them.
pub(crate) fn all_types() -> &'static [Type] {
    &TYPES
}

/// An attribute, and the extension that holds it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) extension: Option<String>,
    pub(crate) attribute: Attribute,
}

impl Place {
    /// Its path, as the schemas spell it.
    pub(crate) fn path(&self) -> String {
        match &self.extension {
            Some(urn) => format!("{urn}:{}", self.attribute.name),
            None => self.attribute.name.clone(),
        }
    }
}

/// All attributes of a type, common ones too.
pub(crate) fn places(resource_type: &ResourceType) -> Vec<Place> {
    let common = tenon_scim::schema::core::common_attributes();
    let base = common.iter().chain(&resource_type.schema.attributes);
    let base = base.map(|attribute| Place { extension: None, attribute: attribute.clone() });
    let extensions = resource_type.extensions.iter().flat_map(|extension| {
        extension.schema.attributes.iter().map(|attribute| Place {
            extension: Some(extension.schema.id.clone()),
            attribute: attribute.clone(),
        })
    });
    base.chain(extensions).collect()
}

/// The attributes that a client may write.
pub(crate) fn writable_places(resource_type: &ResourceType) -> Vec<Place> {
    let mut places = places(resource_type);
    places.retain(|place| is_writable(&place.attribute));
    places
}

/// Whether a client may write it, or some of its parts.
pub(crate) fn is_writable(attribute: &Attribute) -> bool {
    let writes = attribute.mutability != Mutability::ReadOnly;
    writes && (attribute.kind != Kind::Complex || attribute.sub_attributes.iter().any(is_writable))
}

static TYPES: LazyLock<Vec<Type>> = LazyLock::new(|| {
    let registry = Registry::core().with(&every_characteristic()).unwrap();
    registry.resource_types().iter().cloned().map(Type).collect()
});

fn every_characteristic() -> Description {
    let attributes = json!([
        { "name": "serial", "required": true, "uniqueness": "server", "caseExact": true },
        { "name": "model", "mutability": "immutable" },
        { "name": "level", "type": "integer" },
        { "name": "weight", "type": "decimal", "returned": "request" },
        { "name": "since", "type": "dateTime", "returned": "always" },
        { "name": "locked", "type": "boolean" },
        { "name": "key", "type": "binary" },
        { "name": "pin", "mutability": "writeOnly", "returned": "never" },
        { "name": "seen", "type": "dateTime", "mutability": "readOnly" },
        { "name": "tags", "multiValued": true },
        { "name": "codes", "type": "integer", "multiValued": true },
        { "name": "owner", "type": "complex", "subAttributes": [
            { "name": "value", "caseExact": true },
            { "name": "$ref", "type": "reference" },
            { "name": "rank", "type": "decimal", "returned": "request" },
            { "name": "display", "mutability": "readOnly" }
        ] },
        { "name": "doors", "type": "complex", "multiValued": true, "subAttributes": [
            { "name": "value", "required": true },
            { "name": "type", "canonicalValues": ["in", "out"] },
            { "name": "floor", "type": "integer", "returned": "always" },
            { "name": "note", "returned": "never" },
            { "name": "primary", "type": "boolean" }
        ] }
    ]);
    let schema = "urn:ietf:params:scim:schemas:core:2.0:Schema";
    let resource_type = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
    Description::parse(&[
        json!({ "schemas": [schema], "id": "urn:example:2.0:Device", "attributes": attributes }),
        json!({ "schemas": [schema], "id": "urn:example:ext:2.0:Device", "attributes": attributes }),
        json!({ "schemas": [resource_type], "name": "Device", "endpoint": "/Devices",
            "schema": "urn:example:2.0:Device",
            "schemaExtensions": [{ "schema": "urn:example:ext:2.0:Device" }] }),
    ])
    .unwrap()
}
