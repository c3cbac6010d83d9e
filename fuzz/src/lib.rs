//! What the fuzz targets have in common: resources to work on, and what must hold of every
//! resource that the protocol core accepts.

use std::sync::{Arc, LazyLock};

use serde_json::{Value, from_str};
use tenon_scim::patch::{self, PatchRequest};
use tenon_scim::project::{Hidden, Projection};
use tenon_scim::resource::{unique_values, without_secrets};
use tenon_scim::schema::ResourceType;
use tenon_scim::schema::validate;
use tenon_scim::{Dialect, Error, Object, Registry};

/// A resource type, and a stored resource of it.
pub struct Sample {
    /// The type.
    pub resource_type: Arc<ResourceType>,
    /// The resource.
    pub resource: Object,
}

/// A User and a Group.
pub static SAMPLES: LazyLock<[Sample; 2]> = LazyLock::new(|| {
    let registry = Registry::core();
    [
        ("User", include_str!("../corpus/resource/rfc7643_full_user.json")),
        ("Group", include_str!("../corpus/resource/rfc7643_group.json")),
    ]
    .map(|(name, document)| {
        let resource_type = Arc::clone(registry.resource_type(name).unwrap());
        let resource = {
            let document = from_str(document).unwrap();
            create(&resource_type, &document, &Dialect::RFC).unwrap()
        };
        Sample { resource_type, resource }
    })
});

/// POST: what is stored.
pub fn create(
    resource_type: &Arc<ResourceType>,
    input: &Object,
    dialect: &Dialect,
) -> Result<Object, Error> {
    let input = dialect.resource(resource_type, input)?.value;
    Ok(validate::create(resource_type, &input)?.into_attributes())
}

/// PUT: what is stored.
pub fn replace(
    resource_type: &Arc<ResourceType>,
    current: &Object,
    input: &Object,
    dialect: &Dialect,
) -> Result<Object, Error> {
    let input = dialect.resource(resource_type, input)?.value;
    Ok(validate::replace(resource_type, current, &input, &Hidden::default())?.into_attributes())
}

/// PATCH: what is stored.
pub fn patch(sample: &Sample, request: &PatchRequest, dialect: &Dialect) -> Result<Object, Error> {
    let Sample { resource_type, resource } = sample;
    let request = dialect.patch(resource_type, request)?.value;
    let candidate = patch::apply(resource_type, resource, &request, dialect)?;
    Ok(validate::patched(resource_type, resource, &candidate)?.into_attributes())
}

/// Panics unless this is a resource that a server may store and show.
pub fn assert_valid(resource_type: &Arc<ResourceType>, resource: &Object) {
    let rfc = &Dialect::RFC;
    assert_eq!(create(resource_type, resource, rfc).as_ref(), Ok(resource));
    assert_eq!(replace(resource_type, resource, resource, rfc).as_ref(), Ok(resource));
    for (name, value) in resource {
        let primary = |value: &&Value| value.get("primary") == Some(&Value::Bool(true));
        let primaries = value.as_array().into_iter().flatten().filter(primary).count();
        assert!(primaries <= 1, "{name}: {value}");
    }
    let _ = unique_values(resource_type, resource);
    let mut shown = without_secrets(resource_type, resource);
    Projection::default().apply(resource_type, &mut shown);
    assert!(!shown.contains_key("password"));
}
