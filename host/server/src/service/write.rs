//! Creating, replacing, patching and deleting resources of any type.
//!
//! A write is read, validated, shown to the plugins, and only then put into one statement, which
//! checks that the version is still the one that was read.

mod create;
mod delete;
pub(super) mod import;
mod keys;

use std::sync::Arc;
use std::time::Duration;

use tenon_plugin::Capability;
use tenon_scim::membership::members_of;
use tenon_scim::patch::members::{NamedMembers, Reach, listed, reach};
use tenon_scim::patch::{self, PatchRequest};
use tenon_scim::path::AttributeRef;
use tenon_scim::precondition::Preconditions;
use tenon_scim::project::Hidden;
use tenon_scim::resource::{self, Known, Meta};
use tenon_scim::schema::validate::{self, ValidResource};
use tenon_scim::schema::{Attribute, ResourceType};
use tenon_scim::stored::Document;
use tenon_scim::value::is_unassigned;
use tenon_scim::{Dialect, Object};
use tokio::time::sleep;

use super::hooks::{Edited, Operation};
use super::large::{LARGE, is_large, is_large_patch};
use super::memberships::{MembersChange, MembersPatch, count_members};
use super::read::{Resource, known};
use super::{Error, Request, Services, check_own, not_found, parse_id};
use crate::clock;
use crate::store::StoreError;
use crate::store::resources::{self, Stored};
use crate::store::writes::{self, Keys, Outcome, Version};

/// How often a write is tried anew when others change the resource meanwhile.
pub(super) const ATTEMPTS: u32 = 12;
/// The pause before the second attempt, at the most; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Members from which on a group is large.
const MEMBERS: usize = 500;

/// What is to be done to a stored resource.
enum Change<'r> {
    /// By this, which is without what is hidden from the client.
    Replace(&'r Object, Hidden),
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
            Self::Replace(input, hidden) => {
                validate::replace(resource_type, current, input, hidden)?
            }
            Self::Patch(patch) => {
                let candidate = patch::apply(resource_type, current, patch, dialect)
                    .map_err(tenon_scim::Error::from)?;
                validate::patched(resource_type, current, &candidate)?
            }
        })
    }

    /// The members that it looks at, where the resource is a group. Plugins look at all.
    fn reach(&self, request: &Request, resource_type: &ResourceType) -> Reach {
        match (members_of(resource_type), self) {
            (None, _) => Reach::Named(NamedMembers::default()),
            (Some(_), _) if request.needs_all_members() => Reach::All,
            (Some(members), Self::Replace(input, hidden)) if keeps(hidden, members, input) => {
                Reach::Named(NamedMembers::default())
            }
            (Some(members), Self::Replace(input, _)) => Reach::Named(listed(members, input)),
            (Some(members), Self::Patch(patch)) => reach(resource_type, members, patch),
        }
    }

    const fn operation(&self) -> Operation {
        match self {
            Self::Replace(..) => Operation::Replace,
            Self::Patch(_) => Operation::Patch,
        }
    }

    fn is_large(&self) -> bool {
        match self {
            Self::Replace(input, _) => is_large(input),
            Self::Patch(patch) => is_large_patch(patch),
        }
    }
}

impl Services {
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
        let change = Change::Replace(&input, request.hidden(resource_type));
        self.change(request, resource_type, id, preconditions, &change).await
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
        if let Some(patch) = MembersPatch::of(request, resource_type, id, &input, preconditions)? {
            return self.patch_members(request, resource_type, &patch).await;
        }
        self.change(request, resource_type, id, preconditions, &Change::Patch(&input)).await
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
                let mut conn = self.database.read_for(request.tenant.place).await?;
                resources::get(&mut conn, request.tenant.id, &resource_type.name, uuid).await?
            };
            let stored = stored.ok_or_else(|| not_found(resource_type, id))?;
            // After the read: the version that is seen is this one or a later one, which then is in
            // the way of the write.
            self.check_seen(request, change.operation(), resource_type, uuid).await?;
            check_own(resource_type, &stored)?;
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
        let Known { attributes: mut current, hidden } = known(resource_type, stored)?;
        let dialect = &request.tenant.dialect;
        let reach = change.reach(request, resource_type);
        self.load_members(request, resource_type, stored.id, &reach, &mut current).await?;
        let large = stored.body.len() >= LARGE
            || change.is_large()
            || count_members(resource_type, &current) >= MEMBERS;
        let (shown, mut unseen) = self.without_unseen(request, resource_type, &current).await?;
        let carry_out = || change.carry_out(resource_type, &shown, dialect);
        let valid = request.work(large, carry_out).await?;
        log_ignored(&valid);
        let mut attributes = valid.into_attributes();
        let changes = attributes != *shown;
        unseen.put_back(resource_type, &mut attributes);
        let (now, operation) = (clock::now(), change.operation());
        let meta = Meta { last_modified: now, version: stored.version + 1, ..stored.meta() };
        let shown_current = request.is_judged().then(|| {
            resource::assemble(resource_type, &current, &stored.meta(), &request.base_url)
        });
        let mut edited = Edited::default();
        if request.has_hook(Capability::BeforeWrite) && changes {
            let (candidate, current) = ((&mut attributes, &meta), shown_current.as_ref());
            edited =
                self.before_write(request, operation, resource_type, candidate, current).await?;
        }
        let before = Some(&current);
        let mut members =
            self.resolve_members(request, resource_type, before, &mut attributes, &unseen).await?;
        self.leave_out_others(request, stored.id, &reach, &mut members).await?;
        let next = (stored.id, &attributes);
        self.check_members(request, resource_type, next, &reach, &members).await?;
        // RFC 7644 §3.5.2: a request that changes nothing leaves version and lastModified alone.
        if attributes == current && members.is_empty() {
            hide_members(resource_type, &reach, &mut attributes);
            return Ok(Some(Resource { meta: stored.meta(), attributes }));
        }
        if request.has_hook(Capability::Validation) {
            let shown = resource::assemble(resource_type, &attributes, &meta, &request.base_url);
            let current = shown_current.as_ref();
            self.validate(request, operation, resource_type, &shown, current).await?;
        }
        self.sealer.seal(resource_type, &mut attributes, Some(&current)).await?;

        let document = Document::of(resource_type, &meta.id, &attributes, hidden);
        let keys = request.changed_keys(resource_type, &current, &attributes);
        let details = edited.details().map(|it| it.to_string());
        let next = Version {
            resource_type: &resource_type.name,
            id: stored.id,
            version: meta.version,
            at: now,
            document: &document,
            display: resource::display(&attributes),
            details: details.as_deref(),
        };
        match self.put(request, operation, &next, &keys, &members).await? {
            Outcome::Done => {
                hide_members(resource_type, &reach, &mut attributes);
                Ok(Some(Resource { meta, attributes }))
            }
            Outcome::NotUnique => self.not_unique(request, &next, &keys).await.map(|()| None),
            Outcome::OtherVersion | Outcome::LimitReached | Outcome::KeyTaken => Ok(None),
        }
    }

    /// One statement; where members of a group change, a transaction with others.
    async fn put(
        &self,
        request: &Request,
        operation: Operation,
        next: &Version<'_>,
        keys: &Keys,
        members: &MembersChange,
    ) -> Result<Outcome, Error> {
        let (tenant, by, operation) = (request.tenant.id, request.by(), operation.as_str());
        if members.is_empty() {
            let mut conn = self.database.autocommit_for(request.tenant.place).await?;
            let put = writes::replace(&mut conn, tenant, by, operation, next, keys).await;
            return Ok(conn.finish(put).await?);
        }
        let mut transaction = self.database.begin_for(request.tenant.place).await?;
        if !members.add(&mut transaction, tenant, next.id).await? {
            return Ok(Outcome::OtherVersion);
        }
        let put = writes::replace(&mut transaction, tenant, by, operation, next, keys).await?;
        if put != Outcome::Done {
            return Ok(put);
        }
        members.remove(&mut transaction, tenant, next.id).await?;
        transaction.commit().await?;
        Ok(Outcome::Done)
    }

    /// The error where another resource has a unique value of this one; none where it has given it
    /// up meanwhile.
    async fn not_unique(
        &self,
        request: &Request,
        version: &Version<'_>,
        keys: &Keys,
    ) -> Result<(), Error> {
        let (tenant, resource_type) = (request.tenant.id, version.resource_type);
        let mut conn = self.database.read_for(request.tenant.place).await?;
        let taken =
            writes::taken(&mut conn, tenant, resource_type, version.id, &keys.unique).await?;
        taken.map_or(Ok(()), |attribute| {
            Err(Error::NotUnique { resource_type: resource_type.to_owned(), attribute })
        })
    }
}

/// Whether a replacement leaves the members alone: they are hidden from the client, who sends none.
fn keeps(hidden: &Hidden, members: &Attribute, replacement: &Object) -> bool {
    let target = AttributeRef { extension: None, attribute: members, sub: None };
    let given = replacement.iter().find(|(name, _)| name.eq_ignore_ascii_case(&members.name));
    hidden.has(target) && given.is_none_or(|(_, value)| is_unassigned(value))
}

/// Takes members away that are not all there are: who answers reads those that it shows.
fn hide_members(resource_type: &ResourceType, reach: &Reach, attributes: &mut Object) {
    if let (Some(members), Reach::Named(_)) = (members_of(resource_type), reach) {
        attributes.shift_remove(&members.name);
    }
}

/// Lets the others get out of the way before a further attempt: none before the first, then up to
/// twice as long each time, by chance.
pub(super) async fn pause(attempt: u32) {
    if attempt == 0 {
        return;
    }
    let longest = FIRST_PAUSE.saturating_mul(1 << attempt.min(16)).min(LONGEST_PAUSE);
    let chance = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    sleep(longest.mul_f64(chance)).await;
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
