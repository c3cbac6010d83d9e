//! Reading one resource; `list` reads many.

use std::sync::Arc;

use tenon_scim::Object;
use tenon_scim::resource::{self, Known, Meta};
use tenon_scim::schema::ResourceType;
use tenon_scim::stored;
use uuid::Uuid;

use super::hooks::Operation;
use super::{Error, Request, Services, not_found, parse_id};
use crate::store::StoreError;
use crate::store::resources::{self, Stored};
use crate::store::rows::{ById, Row};

/// A resource with what the server knows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its identity and history.
    pub meta: Meta,
    /// What its schemas know.
    pub attributes: Object,
}

impl Resource {
    /// The whole resource.
    #[must_use]
    pub(super) fn whole(&self, request: &Request, resource_type: &ResourceType) -> Object {
        resource::assemble(resource_type, &self.attributes, &self.meta, &request.base_url)
    }
}

impl Services {
    /// One resource as it is stored (RFC 7644 §3.4.1).
    ///
    /// # Errors
    /// There is none of that type and id.
    pub async fn get(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        id: &str,
    ) -> Result<Row, Error> {
        let key =
            ById { resource_type: resource_type.name.clone(), id: parse_id(resource_type, id)? };
        let row = self.lookups.by_id(request.tenant.place, key).await?;
        let row = row.ok_or_else(|| not_found(resource_type, id))?;
        self.check_seen(request, Operation::Read, resource_type, row.id).await?;
        Ok(row)
    }

    /// The type of the resource with this id.
    ///
    /// # Errors
    /// There is none of that id, or the tenant does not have its type any more.
    pub async fn type_of(&self, request: &Request, id: Uuid) -> Result<Arc<ResourceType>, Error> {
        let mut conn = self.database.read_for(request.tenant.place).await?;
        let name = resources::type_of(&mut conn, request.tenant.id, id).await?;
        let known = name.as_deref().and_then(|it| request.tenant.registry.resource_type(it));
        known.cloned().ok_or_else(|| Error::NotFound {
            resource_type: name.unwrap_or_else(|| "resource".to_owned()),
            id: id.to_string(),
        })
    }
}

/// A stored resource, divided by what its type knows today.
pub(super) fn known(resource_type: &ResourceType, stored: &Stored) -> Result<Known, Error> {
    stored::read(resource_type, &stored.body, stored.secrets.as_deref())
        .map_err(|source| StoreError::Corrupt { what: "resource", source }.into())
}
