//! Deleting a resource (RFC 7644 §3.6).

use std::sync::Arc;

use tenon_plugin::Capability;
use tenon_scim::precondition::Preconditions;
use tenon_scim::schema::ResourceType;
use uuid::Uuid;

use super::{ATTEMPTS, pause};
use crate::clock;
use crate::service::hooks::Operation;
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
            let judged = self.judge_deletion(request, resource_type, uuid, preconditions).await?;
            match self.delete_once(request, resource_type, uuid, preconditions, judged).await {
                Ok(false) | Err(Error::Store(StoreError::LostRace(_))) => {}
                Ok(true) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contended)
    }

    /// Has plugins judge the deletion, before any transaction; the version that they have judged.
    /// `None` where there are none that do.
    async fn judge_deletion(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        id: Uuid,
        preconditions: &Preconditions,
    ) -> Result<Option<i64>, Error> {
        let hooks = [Capability::BeforeQuery, Capability::BeforeDelete];
        if !hooks.into_iter().any(|hook| request.has_hook(hook)) {
            return Ok(None);
        }
        let stored = {
            let mut conn = self.database.read_for(request.tenant.place).await?;
            resources::get(&mut conn, request.tenant.id, &resource_type.name, id).await?
        };
        let stored = stored.ok_or_else(|| not_found(resource_type, id))?;
        self.check_seen(request, Operation::Delete, resource_type, id).await?;
        check_own(resource_type, &stored)?;
        preconditions.check(&stored.meta().etag())?;
        if request.has_hook(Capability::BeforeDelete) {
            self.before_delete(request, resource_type, &stored).await?;
        }
        Ok(Some(stored.version))
    }

    /// One attempt; false where the version is another than the one that was judged. The resource is
    /// locked before anything is done: the version that was checked is the one that is deleted, and
    /// no group gets it as a member meanwhile.
    async fn delete_once(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        id: Uuid,
        preconditions: &Preconditions,
        judged: Option<i64>,
    ) -> Result<bool, Error> {
        let (tenant, now) = (request.tenant.id, clock::now());
        let name = &resource_type.name;
        let mut transaction = self.database.begin_for(request.tenant.place).await?;
        let stored = resources::lock(&mut transaction, tenant, name, id).await?;
        let stored = stored.ok_or_else(|| not_found(resource_type, id))?;
        check_own(resource_type, &stored)?;
        preconditions.check(&stored.meta().etag())?;
        if judged.is_some_and(|version| version != stored.version) {
            return Ok(false);
        }
        let entries = request.entries(resource_type, &known(resource_type, &stored)?.attributes);
        let by = request.by();
        members::leave_all(&mut transaction, tenant, by, id, now).await?;
        writes::delete(&mut transaction, tenant, by, name, id, &entries, now).await?;
        if transaction.is_apart() {
            self.revoke_tokens_of(tenant, id).await?;
        }
        transaction.commit().await?;
        self.credentials.forget_subject(id);
        Ok(true)
    }

    /// Tokens are in the database of the servers. They go before the user that they speak for, who is locked: no
    /// others are added meanwhile, and none is left where this server ends in between.
    async fn revoke_tokens_of(&self, tenant: TenantId, user: Uuid) -> Result<(), Error> {
        let mut conn = self.database.autocommit_for(Place::of_all(tenant)).await?;
        let revoked = tokens::delete_of_user(&mut conn, tenant, user).await;
        Ok(conn.finish(revoked).await?)
    }
}
