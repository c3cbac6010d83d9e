//! Writing a resource that comes from another service, under the id that it has to have: it is
//! created, or brought to the state of the source, or left alone where there is nothing to do.

use std::sync::Arc;

use tenon_scim::Object;
use tenon_scim::membership::members_of;
use tenon_scim::precondition::Preconditions;
use tenon_scim::project::Hidden;
use tenon_scim::resource::{Known, Meta};
use tenon_scim::schema::ResourceType;
use tenon_scim::schema::validate;
use uuid::Uuid;

use super::{ATTEMPTS, Change, pause};
use crate::service::read::known;
use crate::service::transfer::{Imported, Mode, Outcome, Refusal};
use crate::service::{Error, Request, Services, check_own};
use crate::store::resources::{self, Stored};
use crate::store::writes;
use crate::tenant::access::Permission;

/// A resource of the source.
pub(in crate::service) struct Incoming<'i> {
    /// The id in the tenant.
    pub(in crate::service) id: Uuid,
    /// Its attributes, without members.
    pub(in crate::service) attributes: &'i Object,
    pub(in crate::service) mode: Mode,
    /// Whether its source has changed it after the tenant did.
    pub(in crate::service) is_newer_than: &'i (dyn Fn(&Meta) -> bool + Send + Sync),
}

impl Services {
    /// Brings a resource to the state of the source, but for its members.
    ///
    /// # Errors
    /// As [`Services::create`]; another resource has its id, or the tenant's is newer.
    pub(in crate::service) async fn write_imported(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        incoming: &Incoming<'_>,
    ) -> Result<Imported, Refusal> {
        let input = request.read_resource(resource_type, incoming.attributes).await?;
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            let stored = {
                let mut conn =
                    self.database.read_for(request.tenant.place).await.map_err(Error::from)?;
                let (tenant, name) = (request.tenant.id, &resource_type.name);
                resources::get(&mut conn, tenant, name, incoming.id).await.map_err(Error::from)?
            };
            if let Some(stored) = stored {
                return self.update(request, resource_type, &stored, incoming, &input).await;
            }
            let new = self.prepare(request, resource_type, incoming.id, &input).await?;
            let is_done = match incoming.mode {
                Mode::DryRun => {
                    self.check_values(request, resource_type, incoming.id, &new.keys).await?;
                    true
                }
                Mode::Write { .. } => self.insert(request, resource_type, &new, None).await?,
            };
            if !is_done || incoming.mode == Mode::DryRun {
                self.check_id(request, resource_type, incoming.id).await?;
            }
            if is_done {
                return Ok(Imported::new(Outcome::Created, incoming.id, new.ignored));
            }
        }
        Err(Error::Contended.into())
    }

    async fn update(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        stored: &Stored,
        incoming: &Incoming<'_>,
        input: &Object,
    ) -> Result<Imported, Refusal> {
        let Known { attributes: current, .. } = known(resource_type, stored)?;
        let left_alone = left_alone(request, resource_type);
        let valid =
            validate::replace(resource_type, &current, input, &left_alone).map_err(Error::from)?;
        let ignored = valid.ignored().to_vec();
        // Else whoever guesses a value that is hidden from them would be told whether it is right.
        let is_told = request.may_compare(resource_type, input);
        if is_told && *valid.attributes() == current {
            return Ok(Imported::new(Outcome::Unchanged, incoming.id, ignored));
        }
        check_own(resource_type, stored)?;
        let source_wins = matches!(incoming.mode, Mode::Write { overwrite: true });
        if !source_wins && !(incoming.is_newer_than)(&stored.meta()) {
            return Err(Refusal::Newer);
        }
        if incoming.mode != Mode::DryRun {
            let id = incoming.id.to_string();
            let (any, change) = (Preconditions::default(), Change::Replace(input, left_alone));
            self.change(request, resource_type, &id, &any, &change).await?;
        }
        Ok(Imported::new(Outcome::Updated, incoming.id, ignored))
    }

    /// Refuses an id that a resource of another type has.
    async fn check_id(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        id: Uuid,
    ) -> Result<(), Refusal> {
        let mut conn = self.database.read_for(request.tenant.place).await.map_err(Error::from)?;
        let found = resources::type_of(&mut conn, request.tenant.id, id).await;
        match found.map_err(Error::from)? {
            Some(other) if other != resource_type.name => {
                let other = request.tenant.registry.resource_type(&other);
                let readable =
                    other.filter(|it| request.require(Permission::Read, Some(it)).is_ok());
                Err(Refusal::IdTaken { id, resource_type: readable.map(|it| it.name.clone()) })
            }
            // None, or what another import has just written.
            _ => Ok(()),
        }
    }

    /// Refuses what could not be created, because others have its unique values.
    async fn check_values(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        id: Uuid,
        keys: &writes::Keys,
    ) -> Result<(), Error> {
        let (tenant, name) = (request.tenant.id, &resource_type.name);
        let mut conn = self.database.read_for(request.tenant.place).await?;
        let taken = writes::taken(&mut conn, tenant, name, id, &keys.unique).await?;
        taken.map_or(Ok(()), |attribute| {
            Err(Error::NotUnique { resource_type: name.clone(), attribute })
        })
    }
}

/// What a resource of the source leaves as it is: the members, which come later, and what is hidden
/// from who imports.
fn left_alone(request: &Request, resource_type: &ResourceType) -> Hidden {
    let mut names = request.principal.grants.hidden().to_vec();
    names.extend(members_of(resource_type).map(|members| members.name.clone()));
    Hidden::of(resource_type, &names)
}
