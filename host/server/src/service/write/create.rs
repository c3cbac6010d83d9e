//! Creating a resource (RFC 7644 §3.3).

use std::sync::Arc;

use serde_json::Value;
use tenon_plugin::Capability;
use tenon_scim::Object;
use tenon_scim::project::Projection;
use tenon_scim::resource::{self, Kept, Meta};
use tenon_scim::schema::ResourceType;
use tenon_scim::schema::validate;
use tenon_scim::stored::Document;
use uuid::Uuid;

use super::{ATTEMPTS, log_ignored, pause};
use crate::clock;
use crate::service::hooks::{Edited, Operation};
use crate::service::idempotency::{Answer, Keyed};
use crate::service::large::is_large;
use crate::service::memberships::{MembersChange, Unseen, count_members};
use crate::service::read::Resource;
use crate::service::{Error, Request, Services};
use crate::store::counters::{self, Warning};
use crate::store::idempotency::Answered;
use crate::store::writes::{self, Inserted, Keys, Outcome, Version};
use crate::store::{StoreError, TenantId};

/// A resource that is about to be created.
pub(super) struct New {
    id: Uuid,
    resource: Resource,
    document: Document,
    pub(super) keys: Keys,
    members: MembersChange,
    /// What no schema knows, and is not stored.
    pub(super) ignored: Vec<String>,
    edited: Edited,
}

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
            let new = self.prepare(request, resource_type, Uuid::now_v7(), &input).await?;
            if self.insert(request, resource_type, &new, None).await? {
                return Ok(new.resource);
            }
        }
        Err(Error::Contended)
    }

    /// Creates a resource, unless a request with this key has created it before: then the answer is
    /// that of the first.
    ///
    /// # Errors
    /// As [`Services::create`]; or the key is that of another request.
    pub async fn create_once(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        input: &Object,
        keyed: &Keyed,
        projection: &Projection,
    ) -> Result<Answer, Error> {
        let input = request.read_resource(resource_type, input).await?;
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            if let Some(answer) = self.first_answer(request, keyed).await? {
                return Ok(answer);
            }
            let new = self.prepare(request, resource_type, Uuid::now_v7(), &input).await?;
            let shown = self.show_written(request, resource_type, projection, &new.resource).await;
            let answer = new.answer(request, resource_type, shown);
            let text = answer.text()?;
            let answered = keyed.answered(&answer, &text);
            match self.insert(request, resource_type, &new, Some(answered)).await {
                Ok(true) => return Ok(answer),
                Ok(false) => {}
                // What stands in the way may be the resource that the same request has created.
                Err(error) => {
                    return self.first_answer(request, keyed).await?.ok_or(error);
                }
            }
        }
        Err(Error::Contended)
    }

    /// A resource as it would be stored under this id.
    pub(super) async fn prepare(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        id: Uuid,
        input: &Object,
    ) -> Result<New, Error> {
        let create = || validate::create(resource_type, input);
        let valid = request.work(is_large(input), create).await?;
        log_ignored(&valid);
        let ignored = valid.ignored().to_vec();
        let mut attributes = valid.into_attributes();
        let now = clock::now();
        let meta = Meta { id: id.to_string(), created: now, last_modified: now, version: 1 };
        let mut edited = Edited::default();
        if request.has_hook(Capability::BeforeWrite) {
            let (operation, candidate) = (Operation::Create, (&mut attributes, &meta));
            edited = self.before_write(request, operation, resource_type, candidate, None).await?;
        }
        let unseen = Unseen::default();
        let members =
            self.resolve_members(request, resource_type, None, &mut attributes, &unseen).await?;
        let listed = count_members(resource_type, &attributes);
        request.check_members(listed, listed)?;
        if request.has_hook(Capability::Validation) {
            let shown = resource::assemble(resource_type, &attributes, &meta, &request.base_url);
            self.validate(request, Operation::Create, resource_type, &shown, None).await?;
        }
        self.sealer.seal(resource_type, &mut attributes, None).await?;
        let document = Document::of(resource_type, &meta.id, &attributes, Kept::default());
        let keys = request.keys(resource_type, &attributes);
        let resource = Resource { meta, attributes };
        Ok(New { id, resource, document, keys, members, ignored, edited })
    }

    /// False where another request was in its way, and is no longer.
    pub(super) async fn insert(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        new: &New,
        answered: Option<Answered<'_>>,
    ) -> Result<bool, Error> {
        let details = new.edited.details().map(|it| it.to_string());
        let version = Version {
            resource_type: &resource_type.name,
            id: new.id,
            version: new.resource.meta.version,
            at: new.resource.meta.created,
            document: &new.document,
            display: resource::display(&new.resource.attributes),
            details: details.as_deref(),
        };
        let inserted = self.insert_version(request, &version, new, answered).await;
        if let Ok(Inserted { outcome: Outcome::Done, warning: Some(n) }) = inserted {
            let resource_type = resource_type.name.clone();
            self.warn_of_quota(request.tenant.id, &Warning { resource_type, n });
        }
        match inserted.map(|it| it.outcome) {
            Ok(Outcome::Done) => Ok(true),
            Ok(Outcome::NotUnique) => {
                self.not_unique(request, &version, &new.keys).await.map(|()| false)
            }
            Ok(Outcome::LimitReached) => {
                self.limit_reached(request, resource_type).await.map(|()| false)
            }
            Ok(Outcome::OtherVersion | Outcome::KeyTaken)
            | Err(Error::Store(StoreError::LostRace(_))) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// One statement; for a group with members, a transaction with another one.
    async fn insert_version(
        &self,
        request: &Request,
        version: &Version<'_>,
        new: &New,
        answered: Option<Answered<'_>>,
    ) -> Result<Inserted, Error> {
        let (tenant, by, keys) = (request.tenant.id, request.by(), &new.keys);
        if new.members.is_empty() {
            let mut conn = self.database.autocommit_for(request.tenant.place).await?;
            let inserted = writes::insert(&mut conn, tenant, by, version, keys, answered).await;
            return Ok(conn.finish(inserted).await?);
        }
        // The members come first: the counter is held for no longer than its statement takes.
        let mut transaction = self.database.begin_for(request.tenant.place).await?;
        if !new.members.add(&mut transaction, tenant, new.id).await? {
            return Ok(Inserted { outcome: Outcome::OtherVersion, warning: None });
        }
        let inserted =
            writes::insert(&mut transaction, tenant, by, version, keys, answered).await?;
        if inserted.outcome == Outcome::Done {
            transaction.commit().await?;
        }
        Ok(inserted)
    }

    /// Tells that a tenant has come to 80 % of a quota, for which there is an event already.
    pub fn warn_of_quota(&self, tenant: TenantId, warning: &Warning) {
        let Warning { resource_type, n } = warning;
        self.metrics.quota_warned();
        tracing::warn!(%tenant, resource_type, n, "80 % of a quota are used");
    }

    /// The error where there are as many resources as there may be; none where there is room again.
    async fn limit_reached(
        &self,
        request: &Request,
        resource_type: &ResourceType,
    ) -> Result<(), Error> {
        let mut conn = self.database.read_for(request.tenant.place).await?;
        let counter = counters::get(&mut conn, request.tenant.id, &resource_type.name).await?;
        let full = counter.and_then(|it| Some((it.n, it.max_n.filter(|limit| it.n >= *limit)?)));
        full.map_or(Ok(()), |(n, limit)| {
            Err(Error::LimitReached { resource_type: resource_type.name.clone(), n, limit })
        })
    }
}

impl New {
    fn answer(&self, request: &Request, resource_type: &ResourceType, shown: Object) -> Answer {
        Answer {
            status: 201,
            location: Some(self.resource.meta.location(resource_type, &request.base_url)),
            etag: Some(self.resource.meta.etag()),
            body: Value::Object(shown).to_string(),
            is_replayed: false,
        }
    }
}
