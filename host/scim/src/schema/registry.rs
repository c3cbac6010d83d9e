//! The schemas and resource types of one tenant: the core's and what its plugins add.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::describe::{Description, ResourceTypeDocument, SchemaError};
use super::{Attribute, Indexed, Schema, core};
use crate::path::{self, AttributeRef, Target};
use crate::project;

/// Endpoints that the protocol uses itself (RFC 7644 §3.2, §3.7, §3.11, §4), and the one below which
/// clients are given access tokens.
const RESERVED_ENDPOINTS: [&str; 6] =
    ["/Me", "/Bulk", "/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/oauth2"];

/// Whether the protocol uses this endpoint itself.
pub(crate) fn is_reserved_endpoint(endpoint: &str) -> bool {
    RESERVED_ENDPOINTS.iter().any(|reserved| reserved.eq_ignore_ascii_case(endpoint))
}

/// What a tenant's resources may be.
#[derive(Debug, Clone)]
pub struct Registry {
    schemas: Vec<Arc<Schema>>,
    resource_types: Vec<Arc<ResourceType>>,
}

/// A resource type with its schemas at hand.
#[derive(Debug, Clone)]
pub struct ResourceType {
    /// The name, `User`.
    pub name: String,
    /// The path of the endpoint below the base URL, `/Users`.
    pub endpoint: String,
    /// What it is for.
    pub description: String,
    /// The base schema.
    pub schema: Arc<Schema>,
    /// The extensions, in the order they were added.
    pub extensions: Vec<Extension>,
    shape: i64,
    shown_whole: bool,
}

/// An extension of a resource type (RFC 7643 §3.3).
#[derive(Debug, Clone)]
pub struct Extension {
    /// Its schema.
    pub schema: Arc<Schema>,
    /// Whether every resource must have data of it.
    pub required: bool,
}

impl Registry {
    /// User with the enterprise extension, and Group.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the core is compiled in; every test builds it")]
    pub fn core() -> Self {
        let empty = Self { schemas: Vec::new(), resource_types: Vec::new() };
        empty.with(core::description()).expect("the core schemas fit together")
    }

    /// This registry and `description`, or the reason why the two do not fit.
    ///
    /// # Errors
    /// A schema or endpoint that exists already, a reference to a schema that does not, an
    /// endpoint that the protocol uses itself.
    pub fn with(&self, description: &Description) -> Result<Self, SchemaError> {
        let mut registry = self.clone();
        for schema in &description.schemas {
            if registry.schema(&schema.id).is_some() {
                return Err(SchemaError::DuplicateSchema { id: schema.id.clone() });
            }
            if let Some(other) = registry.schemas.iter().find(|it| shadows(&it.id, &schema.id)) {
                let (id, other) = (schema.id.clone(), other.id.clone());
                return Err(SchemaError::AmbiguousSchema { id, other });
            }
            registry.schemas.push(Arc::new(schema.clone()));
        }
        for document in &description.resource_types {
            match registry.position(&document.name) {
                Some(position) => registry.extend_type(position, document)?,
                None => registry.add_type(document)?,
            }
        }
        for resource_type in &mut registry.resource_types {
            Arc::make_mut(resource_type).set_derived();
        }
        Ok(registry)
    }

    /// The schemas, the core's first.
    #[must_use]
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// The schema with that URN, without regard to case.
    #[must_use]
    pub fn schema(&self, id: &str) -> Option<&Arc<Schema>> {
        self.schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(id))
    }

    /// The resource types, the core's first.
    #[must_use]
    pub fn resource_types(&self) -> &[Arc<ResourceType>] {
        &self.resource_types
    }

    /// The resource type of that name, `User`.
    #[must_use]
    pub fn resource_type(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|resource_type| resource_type.name == name)
    }

    /// The resource type that is served at that endpoint, `/Users`.
    #[must_use]
    pub fn at_endpoint(&self, endpoint: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|resource_type| resource_type.endpoint == endpoint)
    }

    /// Has an attribute of a type indexed, as if its schema said so; where the schema asks for more,
    /// that stays. False where there is no such attribute, or it is a common one (RFC 7643 §3.1):
    /// these are the same for all tenants.
    pub fn index(&mut self, resource_type: &str, path: &str, indexed: Indexed) -> bool {
        let known = self.resource_types.iter_mut().find(|it| it.name == resource_type);
        let attribute = known.and_then(|it| Arc::make_mut(it).attribute_mut(path));
        attribute.is_some_and(|attribute| {
            attribute.indexed = attribute.indexed.max(indexed);
            true
        })
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.resource_types
            .iter()
            .position(|resource_type| resource_type.name.eq_ignore_ascii_case(name))
    }

    fn add_type(&mut self, document: &ResourceTypeDocument) -> Result<(), SchemaError> {
        let (Some(endpoint), Some(schema)) = (&document.endpoint, &document.schema) else {
            return Err(SchemaError::Incomplete { resource_type: document.name.clone() });
        };
        self.check_endpoint(&document.name, endpoint)?;
        let mut resource_type = ResourceType {
            name: document.name.clone(),
            endpoint: endpoint.clone(),
            description: document.description.clone(),
            schema: self.known_schema(&document.name, schema)?,
            extensions: Vec::new(),
            shape: 0,
            shown_whole: false,
        };
        self.add_extensions(&mut resource_type, document)?;
        self.resource_types.push(Arc::new(resource_type));
        Ok(())
    }

    fn extend_type(
        &mut self,
        position: usize,
        document: &ResourceTypeDocument,
    ) -> Result<(), SchemaError> {
        let Some(existing) = self.resource_types.get(position) else { return Ok(()) };
        let mut resource_type = ResourceType::clone(existing);
        let redefined =
            |member| SchemaError::Redefined { resource_type: document.name.clone(), member };
        if document.endpoint.as_ref().is_some_and(|it| *it != resource_type.endpoint) {
            return Err(redefined("endpoint"));
        }
        if document.schema.as_ref().is_some_and(|it| *it != resource_type.schema.id) {
            return Err(redefined("schema"));
        }
        self.add_extensions(&mut resource_type, document)?;
        if let Some(slot) = self.resource_types.get_mut(position) {
            *slot = Arc::new(resource_type);
        }
        Ok(())
    }

    fn add_extensions(
        &self,
        resource_type: &mut ResourceType,
        document: &ResourceTypeDocument,
    ) -> Result<(), SchemaError> {
        for extension in &document.schema_extensions {
            let schema = self.known_schema(&document.name, &extension.schema)?;
            if resource_type.extension(&schema.id).is_some() || resource_type.schema.id == schema.id
            {
                return Err(SchemaError::DuplicateExtension {
                    resource_type: document.name.clone(),
                    schema: schema.id.clone(),
                });
            }
            resource_type.extensions.push(Extension { schema, required: extension.required });
        }
        Ok(())
    }

    fn known_schema(&self, resource_type: &str, id: &str) -> Result<Arc<Schema>, SchemaError> {
        self.schema(id).cloned().ok_or_else(|| SchemaError::UnknownSchema {
            resource_type: resource_type.to_owned(),
            schema: id.to_owned(),
        })
    }

    fn check_endpoint(&self, resource_type: &str, endpoint: &str) -> Result<(), SchemaError> {
        let refuse = |rule| {
            Err(SchemaError::Endpoint {
                resource_type: resource_type.to_owned(),
                endpoint: endpoint.to_owned(),
                rule,
            })
        };
        let segment = endpoint.strip_prefix('/').unwrap_or_default();
        if !crate::path::is_attribute_name(segment) {
            return refuse("must be \"/\" and one name of letters, digits, \"-\" or \"_\"");
        }
        if is_reserved_endpoint(endpoint) {
            return refuse("is used by the protocol itself");
        }
        if self.resource_types.iter().any(|it| it.endpoint.eq_ignore_ascii_case(endpoint)) {
            return refuse("is that of another resource type");
        }
        Ok(())
    }
}

/// Whether a path below one URN could be read as one below the other.
fn shadows(a: &str, b: &str) -> bool {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    a.starts_with(&format!("{b}:")) || b.starts_with(&format!("{a}:"))
}

impl ResourceType {
    /// The base schema and the extensions' schemas.
    pub fn schemas(&self) -> impl Iterator<Item = &Schema> {
        std::iter::once(&*self.schema).chain(self.extensions.iter().map(|it| &*it.schema))
    }

    /// The extension with that URN, without regard to case.
    #[must_use]
    pub fn extension(&self, id: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.schema.id.eq_ignore_ascii_case(id))
    }

    /// The attribute of that name: a common one (RFC 7643 §3.1) or one of the base schema.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        Attribute::named(&self.schema.attributes, name)
            .or_else(|| Attribute::named(core::common_attributes(), name))
    }

    /// Every attribute that a path can name, sub-attributes included: the common ones, those of the
    /// base schema, those of the extensions.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeRef<'_>> {
        let common = core::common_attributes().iter().map(|it| (None, it));
        let base = self.schema.attributes.iter().map(|it| (None, it));
        let extensions = self.extensions.iter().flat_map(|extension| {
            let urn = extension.schema.id.as_str();
            extension.schema.attributes.iter().map(move |it| (Some(urn), it))
        });
        common.chain(base).chain(extensions).flat_map(|(extension, attribute)| {
            let whole = AttributeRef { extension, attribute, sub: None };
            let subs = attribute.sub_attributes.iter();
            std::iter::once(whole)
                .chain(subs.map(move |sub| AttributeRef { sub: Some(sub), ..whole }))
        })
    }

    /// The attribute or sub-attribute at a path, where a schema of the type defines it.
    fn attribute_mut(&mut self, path: &str) -> Option<&mut Attribute> {
        let Ok(Target::Attribute(target)) = path::resolve(self, path) else { return None };
        let name = target.attribute.name.clone();
        let sub = target.sub.map(|sub| sub.name.clone());
        let schema = match target.extension.map(str::to_owned) {
            None => &mut self.schema,
            Some(urn) => &mut self.extensions.iter_mut().find(|it| it.schema.id == urn)?.schema,
        };
        let mut attributes = Arc::make_mut(schema).attributes.iter_mut();
        let attribute = attributes.find(|it| it.name == name)?;
        match sub {
            None => Some(attribute),
            Some(sub) => attribute.sub_attributes.iter_mut().find(|it| it.name == sub),
        }
    }

    /// Stands for the schemas of the type: what is written under one shape and read under the same
    /// is shown as it was written. Never 0.
    #[must_use]
    pub const fn shape(&self) -> i64 {
        self.shape
    }

    /// As [`ResourceType::shape`], of a body that has more than the type shows, or that is not shown
    /// as it is for another reason. No type's shape is such a number: those are odd, this is even.
    #[must_use]
    pub const fn unshown_shape(&self) -> i64 {
        self.shape & !1
    }

    /// Whether a body without secrets is shown as it is where a request asks for no attributes: none
    /// is returned on request alone.
    #[must_use]
    pub const fn is_shown_whole(&self) -> bool {
        self.shown_whole
    }

    fn set_derived(&mut self) {
        self.shown_whole = project::shows_whole(self);
        self.set_shape();
    }

    fn set_shape(&mut self) {
        // Another number where the form of a stored body changes.
        const FORM: u8 = 1;
        let schemas: Vec<&Schema> = self.schemas().collect();
        let text = serde_json::to_vec(&schemas).unwrap_or_default();
        let digest = Sha256::new().chain_update([FORM]).chain_update(text).finalize();
        let first = digest.first_chunk::<8>().copied().unwrap_or_default();
        self.shape = i64::from_be_bytes(first) | 1;
    }
}

#[cfg(test)]
mod tests;
