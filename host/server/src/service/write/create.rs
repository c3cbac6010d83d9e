//! Creating a resource (RFC 7644 §3.3).

use std::sync::Arc;

use tenon_scim::Object;
use tenon_scim::resource::{self, Meta};
use tenon_scim::schema::ResourceType;
use tenon_scim::schema::validate;
use tenon_scim::stored::Document;
use uuid::Uuid;

use super::{ATTEMPTS, log_ignored, pause};
use crate::clock;
use crate::service::hooks::Operation;
use crate::service::large::is_large;
use crate::service::memberships::MembersChange;
use crate::service::read::Resource;
use crate::service::{Error, Request, Services};
use crate::store::writes::{self, Keys, Outcome, Version};
use crate::store::{StoreError, counters};

impl Services {
    /// Creates a resource.
    ///
    /// # Errors
    /// It is invalid, refused by a plugin, not unique, or one too many; or the server cannot.
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

    /// One attempt; `None` where another request was in its way, and is no longer.
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
        let uuid = Uuid::now_v7();
        let id = uuid.to_string();
        let meta = Meta { id, created: now, last_modified: now, version: 1 };
        if request.is_validated() {
            let shown = resource::assemble(resource_type, &attributes, &meta, &request.base_url);
            self.validate(request, Operation::Create, resource_type, &shown, None).await?;
        }
        self.sealer.seal(resource_type, &mut attributes, None).await?;

        let document = Document::of(resource_type, &meta.id, &attributes, Object::new());
        let keys = request.keys(resource_type, &attributes);
        let new = Version {
            resource_type: &resource_type.name,
            id: uuid,
            version: meta.version,
            at: now,
            document: &document,
            display: resource::display(&attributes),
        };
        match self.insert(request, &new, &keys, &members).await? {
            Outcome::Done => Ok(Some(Resource { meta, attributes })),
            Outcome::NotUnique => self.not_unique(request, &new, &keys).await.map(|()| None),
            Outcome::LimitReached => {
                self.limit_reached(request, resource_type).await.map(|()| None)
            }
            Outcome::OtherVersion | Outcome::KeyTaken => Ok(None),
        }
    }

    /// One statement; for a group with members, a transaction with another one.
    async fn insert(
        &self,
        request: &Request,
        new: &Version<'_>,
        keys: &Keys,
        members: &MembersChange,
    ) -> Result<Outcome, Error> {
        let (tenant, by) = (request.tenant.id, request.by());
        if members.is_empty() {
            let mut conn = self.database.autocommit().await?;
            let inserted = writes::insert(&mut conn, tenant, by, new, keys, None).await;
            return Ok(conn.finish(inserted).await?);
        }
        let mut transaction = self.database.begin().await?;
        let inserted = writes::insert(&mut transaction, tenant, by, new, keys, None).await?;
        if inserted != Outcome::Done {
            return Ok(inserted);
        }
        if !members.add(&mut transaction, tenant, new.id).await? {
            return Ok(Outcome::OtherVersion);
        }
        transaction.commit().await?;
        Ok(Outcome::Done)
    }

    /// The error where there are as many resources as there may be; none where there is room again.
    async fn limit_reached(
        &self,
        request: &Request,
        resource_type: &ResourceType,
    ) -> Result<(), Error> {
        let mut conn = self.database.read().await?;
        let counter = counters::get(&mut conn, request.tenant.id, &resource_type.name).await?;
        let full = counter.and_then(|it| Some((it.n, it.max_n.filter(|limit| it.n >= *limit)?)));
        full.map_or(Ok(()), |(n, limit)| {
            Err(Error::LimitReached { resource_type: resource_type.name.clone(), n, limit })
        })
    }
}
