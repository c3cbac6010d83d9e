//! Deleting a resource (RFC 7644 §3.6).

use std::sync::Arc;

use tenon_scim::precondition::Preconditions;
use tenon_scim::schema::ResourceType;
use uuid::Uuid;

use super::{ATTEMPTS, pause};
use crate::clock;
use crate::service::read::known;
use crate::service::{Error, Request, Services, check_own, not_found, parse_id};
use crate::store::place::Place;
use crate::store::{StoreError, TenantId, members, resources, tokens, writes};

impl Services {
    /// Removes a resource.
    ///
    /// # Errors
    /// There is none, or its version is not one of `preconditions`.
    pub async fn delete(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        id: &str,
        preconditions: &Preconditions,
    ) -> Result<(), Error> {
        let uuid = parse_id(resource_type, id)?;
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            match self.delete_once(request, resource_type, uuid, preconditions).await {
                Err(Error::Store(StoreError::LostRace(_))) => {}
                done => return done,
            }
        }
        Err(Error::Contended)
    }

    /// One attempt. The resource is locked before anything is done: the version that was checked
    /// is the one that is deleted, and no group gets it as a member meanwhile.
    async fn delete_once(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        id: Uuid,
        preconditions: &Preconditions,
    ) -> Result<(), Error> {
        let (tenant, now) = (request.tenant.id, clock::now());
        let name = &resource_type.name;
        let mut transaction = self.database.begin_for(request.tenant.place).await?;
        let stored = resources::lock(&mut transaction, tenant, name, id).await?;
        let stored = stored.ok_or_else(|| not_found(resource_type, id))?;
        check_own(resource_type, &stored)?;
        preconditions.check(&stored.meta().etag())?;
        let entries = request.entries(resource_type, &known(resource_type, &stored)?.attributes);
        let by = request.by();
        members::leave_all(&mut transaction, tenant, by, id, now).await?;
        writes::delete(&mut transaction, tenant, by, name, id, &entries, now).await?;
        if transaction.is_apart() {
            self.revoke_tokens_of(tenant, id).await?;
        }
        transaction.commit().await?;
        self.credentials.forget_subject(id);
        Ok(())
    }

    /// Tokens are in the database of the servers. They go before the user that they speak for, who is locked: no
    /// others are added meanwhile, and none is left where this server ends in between.
    async fn revoke_tokens_of(&self, tenant: TenantId, user: Uuid) -> Result<(), Error> {
        let mut conn = self.database.autocommit_for(Place::of_all(tenant)).await?;
        let revoked = tokens::delete_of_user(&mut conn, tenant, user).await;
        Ok(conn.finish(revoked).await?)
    }
}
