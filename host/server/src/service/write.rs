//! Creating, replacing, patching and deleting resources of any type.
//!
//! A write is read, validated, shown to the plugins, and only then put into one short
//! transaction, which checks that the version is still the one that was read.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sqlx::PgConnection;
use tenon_scim::patch::{self, PatchRequest};
use tenon_scim::precondition::Preconditions;
use tenon_scim::resource::{self, Known, Meta};
use tenon_scim::schema::ResourceType;
use tenon_scim::schema::validate::{self, ValidResource};
use tenon_scim::{Dialect, Object};
use tokio::time::sleep;
use uuid::Uuid;

use super::hooks::Operation;
use super::large::{LARGE, is_large, is_large_patch};
use super::memberships::{count_members, without_members};
use super::read::Resource;
use super::{Error, Request, Services, not_found, parse_id};
use crate::clock;
use crate::store::resources::{self, Stored};
use crate::store::{StoreError, members};

/// How often a write is tried anew when others change the resource meanwhile.
const ATTEMPTS: u32 = 12;
/// The pause before the second attempt, at the most; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Members from which on a group is large.
const MEMBERS: usize = 500;

/// What is to be done to a stored resource.
enum Change<'r> {
    Replace(&'r Object),
    Patch(&'r PatchRequest),
}

impl Change<'_> {
    fn carry_out(
        &self,
        resource_type: &Arc<ResourceType>,
        current: &Object,
        dialect: &Dialect,
    ) -> Result<ValidResource, Error> {
        Ok(match self {
            Self::Replace(input) => validate::replace(resource_type, current, input)?,
            Self::Patch(patch) => {
                let candidate = patch::apply(resource_type, current, patch, dialect)
                    .map_err(tenon_scim::Error::from)?;
                validate::patched(resource_type, current, &candidate)?
            }
        })
    }

    const fn operation(&self) -> Operation {
        match self {
            Self::Replace(_) => Operation::Replace,
            Self::Patch(_) => Operation::Patch,
        }
    }

    fn is_large(&self) -> bool {
        match self {
            Self::Replace(input) => is_large(input),
            Self::Patch(patch) => is_large_patch(patch),
        }
    }
}

impl Services {
    /// Creates a resource (RFC 7644 §3.3).
    ///
    /// # Errors
    /// It is invalid, refused by a plugin, or not unique; or the server cannot.
    pub async fn create(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        input: &Object,
    ) -> Result<Resource, Error> {
        let input = request.read_resource(resource_type, input).await?;
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            match self.create_once(request, resource_type, &input).await {
                Ok(None) | Err(Error::Store(StoreError::LostRace(_))) => {}
                Ok(Some(resource)) => return Ok(resource),
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contended)
    }

    /// One attempt; `None` where a member of the new group has been deleted meanwhile.
    async fn create_once(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        input: &Object,
    ) -> Result<Option<Resource>, Error> {
        let create = || validate::create(resource_type, input);
        let valid = request.work(is_large(input), create).await?;
        log_ignored(&valid);
        let mut attributes = valid.into_attributes();
        let members = self.resolve_members(request, resource_type, None, &mut attributes).await?;
        let now = clock::now();
        let id = Uuid::now_v7();
        let meta = Meta { id: id.to_string(), created: now, last_modified: now, version: 1 };
        let shown = resource::assemble(resource_type, &attributes, &meta, &request.base_url);
        self.validate(request, Operation::Create, resource_type, &shown, None).await?;

        self.sealer.seal(resource_type, &mut attributes, None).await?;
        let body = Value::Object(without_members(resource_type, &attributes)).to_string();
        let stored = Stored { id, version: 1, created: now, modified: now, body };
        let (tenant, display) = (request.tenant.id, resource::display(&attributes));
        let mut transaction = self.database.begin().await?;
        resources::insert(&mut transaction, tenant, &resource_type.name, &stored, display).await?;
        if !members.add(&mut transaction, tenant, id).await? {
            return Ok(None);
        }
        set_unique_values(&mut transaction, request, resource_type, id, &attributes).await?;
        transaction.commit().await?;
        Ok(Some(Resource { meta, attributes }))
    }

    /// Puts a resource in the place of a stored one (RFC 7644 §3.5.1).
    ///
    /// # Errors
    /// As [`Services::create`]; there is none, or its version is not one of `preconditions`.
    pub async fn replace(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        id: &str,
        input: &Object,
        preconditions: &Preconditions,
    ) -> Result<Resource, Error> {
        let input = request.read_resource(resource_type, input).await?;
        self.change(request, resource_type, id, preconditions, &Change::Replace(&input)).await
    }

    /// Changes a stored resource (RFC 7644 §3.5.2).
    ///
    /// # Errors
    /// As [`Services::replace`].
    pub async fn patch(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        id: &str,
        input: &PatchRequest,
        preconditions: &Preconditions,
    ) -> Result<Resource, Error> {
        let input = request.read_patch(resource_type, input).await?;
        self.change(request, resource_type, id, preconditions, &Change::Patch(&input)).await
    }

    /// Removes a resource (RFC 7644 §3.6).
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
        let tenant = request.tenant.id;
        let mut transaction = self.database.begin().await?;
        let stored = resources::lock(&mut transaction, tenant, &resource_type.name, id).await?;
        let stored = stored.ok_or_else(|| not_found(resource_type, id))?;
        preconditions.check(&stored.meta().etag())?;
        members::touch_groups_of(&mut transaction, tenant, id, clock::now()).await?;
        resources::delete(&mut transaction, tenant, id).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn change(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        id: &str,
        preconditions: &Preconditions,
        change: &Change<'_>,
    ) -> Result<Resource, Error> {
        let uuid = parse_id(resource_type, id)?;
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            let stored = {
                let mut conn = self.database.read().await?;
                resources::get(&mut conn, request.tenant.id, &resource_type.name, uuid).await?
            };
            let stored = stored.ok_or_else(|| not_found(resource_type, id))?;
            preconditions.check(&stored.meta().etag())?;
            match self.change_once(request, resource_type, &stored, change).await {
                Ok(None) | Err(Error::Store(StoreError::LostRace(_))) => {}
                Ok(Some(resource)) => return Ok(resource),
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contended)
    }

    /// One attempt; `None` where another request was quicker.
    async fn change_once(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        stored: &Stored,
        change: &Change<'_>,
    ) -> Result<Option<Resource>, Error> {
        let Known { attributes: mut current, hidden } =
            Known::of(resource_type, super::read::parse_body(&stored.body)?);
        let dialect = &request.tenant.dialect;
        self.load_members(request, resource_type, stored.id, &mut current).await?;
        let large = stored.body.len() >= LARGE
            || change.is_large()
            || count_members(resource_type, &current) >= MEMBERS;
        let carry_out = || change.carry_out(resource_type, &current, dialect);
        let valid = request.work(large, carry_out).await?;
        log_ignored(&valid);
        let mut attributes = valid.into_attributes();
        let members =
            self.resolve_members(request, resource_type, Some(&current), &mut attributes).await?;
        // RFC 7644 §3.5.2: a request that changes nothing leaves version and lastModified alone.
        if attributes == current {
            return Ok(Some(Resource { meta: stored.meta(), attributes }));
        }
        let meta =
            Meta { last_modified: clock::now(), version: stored.version + 1, ..stored.meta() };
        let show = |attributes: &Object, meta: &Meta| {
            resource::assemble(resource_type, attributes, meta, &request.base_url)
        };
        let shown = show(&attributes, &meta);
        let shown_current = show(&current, &stored.meta());
        let operation = change.operation();
        self.validate(request, operation, resource_type, &shown, Some(&shown_current)).await?;

        self.sealer.seal(resource_type, &mut attributes, Some(&current)).await?;
        let body = without_members(resource_type, &attributes);
        let body = Known { attributes: body, hidden }.into_stored();
        let next = Stored {
            id: stored.id,
            version: meta.version,
            created: stored.created,
            modified: meta.last_modified,
            body: Value::Object(body).to_string(),
        };
        let (tenant, display) = (request.tenant.id, resource::display(&attributes));
        let mut transaction = self.database.begin().await?;
        if !members.add(&mut transaction, tenant, next.id).await?
            || !resources::replace(&mut transaction, tenant, &next, display).await?
        {
            return Ok(None);
        }
        members.remove(&mut transaction, tenant, next.id).await?;
        set_unique_values(&mut transaction, request, resource_type, next.id, &attributes).await?;
        transaction.commit().await?;
        Ok(Some(Resource { meta, attributes }))
    }
}

/// Lets the others get out of the way before a further attempt: none before the first, then up to
/// twice as long each time, by chance.
async fn pause(attempt: u32) {
    if attempt == 0 {
        return;
    }
    let longest = FIRST_PAUSE.saturating_mul(1 << attempt.min(16)).min(LONGEST_PAUSE);
    let chance = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    sleep(longest.mul_f64(chance)).await;
}

async fn set_unique_values(
    conn: &mut PgConnection,
    request: &Request,
    resource_type: &ResourceType,
    id: Uuid,
    attributes: &Object,
) -> Result<(), Error> {
    let paths = resource::unique_paths(resource_type);
    if paths.is_empty() {
        return Ok(());
    }
    let values = resource::unique_values(resource_type, attributes);
    let tenant = request.tenant.id;
    let taken =
        resources::set_unique_values(conn, tenant, &resource_type.name, id, &paths, &values)
            .await?;
    taken.map_or(Ok(()), |attribute| {
        Err(Error::NotUnique { resource_type: resource_type.name.clone(), attribute })
    })
}

/// RFC 7644 §3.3 lets a server ignore what its schemas do not know. It is told in the log.
fn log_ignored(valid: &ValidResource) {
    if !valid.ignored().is_empty() {
        tracing::debug!(
            attributes = valid.ignored().join(", "),
            "attributes that no schema of the resource type has were left out"
        );
    }
}
