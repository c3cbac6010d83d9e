//! PATCH requests about members and nothing else, however many the group has.
//!
//! Of the group, the engine is given the members that the request names, and what comes out is
//! written as rows that are added and removed. So a request costs what it changes. Plugins that
//! validate are shown whole resources: where there are any, requests take the way of other writes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use sqlx::PgConnection;
use tenon_scim::Object;
use tenon_scim::membership::{self, members_of};
use tenon_scim::patch::members::{NamedMembers, Place, Reach, reach};
use tenon_scim::patch::{self, PatchError, PatchErrorKind, PatchRequest};
use tenon_scim::precondition::Preconditions;
use tenon_scim::resource::{Known, etag};
use tenon_scim::schema::validate::{self, Invalid, Issue, Rule};
use tenon_scim::schema::{Attribute, ResourceType};
use time::OffsetDateTime;
use tokio::task::block_in_place;
use uuid::Uuid;

use super::limit::counted;
use super::{member_value, refused, set_values};
use crate::clock;
use crate::service::large::is_large_patch;
use crate::service::read::{Resource, known};
use crate::service::write::{ATTEMPTS, pause};
use crate::service::{Error, Request, Services, check_own, not_found, parse_id, parse_uuid};
use crate::store::members::{self, Changes, Event, Named, Versions};
use crate::store::{StoreError, resources};

/// A PATCH of the members of a group.
#[derive(Debug)]
pub(in crate::service) struct MembersPatch<'r> {
    group: Uuid,
    patch: Cow<'r, PatchRequest>,
    named: NamedMembers,
    preconditions: Preconditions,
}

impl<'r> MembersPatch<'r> {
    /// `None` where the request is about other attributes too, or looks at members that it does not
    /// name, or plugins want to see the whole group.
    pub(in crate::service) fn of(
        request: &Request,
        resource_type: &ResourceType,
        id: &str,
        patch: &'r PatchRequest,
        preconditions: &Preconditions,
    ) -> Result<Option<Self>, Error> {
        let Some(attribute) = members_of(resource_type).filter(|_| !request.needs_all_members())
        else {
            return Ok(None);
        };
        match reach(resource_type, attribute, patch) {
            Reach::Named(named) if named.nothing_else => {
                let group = parse_id(resource_type, id)?;
                let (patch, preconditions) = (Cow::Borrowed(patch), preconditions.clone());
                Ok(Some(Self { group, patch, named, preconditions }))
            }
            _ => Ok(None),
        }
    }

    /// The same, with a request of its own.
    pub(in crate::service) fn into_owned(self) -> MembersPatch<'static> {
        let Self { group, patch, named, preconditions } = self;
        MembersPatch { group, patch: Cow::Owned(patch.into_owned()), named, preconditions }
    }

    /// Whether it needs no more than the members that it names.
    pub(in crate::service) const fn keeps_others(&self) -> bool {
        !self.named.removes_others
    }

    fn is_large(&self) -> bool {
        is_large_patch(&self.patch)
    }

    /// The ids that may be of somebody.
    fn ids(&self) -> impl Iterator<Item = Uuid> {
        self.named.places.keys().filter_map(|id| parse_uuid(id))
    }
}

impl Services {
    /// Carries out one request; the resource in the answer is without its members.
    ///
    /// # Errors
    /// As [`Services::patch`].
    pub(in crate::service) async fn patch_members(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        patch: &MembersPatch<'_>,
    ) -> Result<Resource, Error> {
        let _place = request.place(patch.is_large()).await;
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            // To be first is enough for most. Who was not locks the group, and then nobody is.
            let locks = attempt > 0 || !patch.keeps_others();
            match self.patch_members_once(request, resource_type, patch, locks).await {
                Ok(None) | Err(Error::Store(StoreError::LostRace(_))) => {}
                Ok(Some(resource)) => return Ok(resource),
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contended)
    }

    /// `None` where another request was quicker.
    async fn patch_members_once(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        patch: &MembersPatch<'_>,
        locks: bool,
    ) -> Result<Option<Resource>, Error> {
        if locks {
            let mut transaction = self.database.begin_for(request.tenant.place).await?;
            let (tenant, group) = (request.tenant.id, [patch.group]);
            members::lock_groups(&mut transaction, tenant, &resource_type.name, &group).await?;
            let (scene, resource) =
                try_one(&mut transaction, request, resource_type, patch).await?;
            if !scene.write(&mut transaction, request).await? {
                return Ok(None);
            }
            transaction.commit().await?;
            return Ok(Some(resource));
        }
        let mut conn = self.database.read_for(request.tenant.place).await?;
        let (scene, resource) = try_one(&mut conn, request, resource_type, patch).await?;
        drop(conn);
        if scene.events.is_empty() {
            return Ok(Some(resource));
        }
        let mut conn = self.database.autocommit_for(request.tenant.place).await?;
        let written = scene.write(&mut conn, request).await;
        let written = conn.finish(written).await?;
        Ok(written.then_some(resource))
    }

    /// Carries out several requests in one transaction, one after the other, until `failures` of
    /// them have failed; there is a result for each that was begun: the version of its group, or why
    /// it has failed alone. They name all the members that they need.
    ///
    /// # Errors
    /// All of them fail, and nothing is changed.
    pub(in crate::service) async fn patch_members_together(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        patches: &[MembersPatch<'_>],
        failures: usize,
    ) -> Result<Vec<Result<i64, Error>>, Error> {
        let _place = request.place(patches.iter().any(MembersPatch::is_large)).await;
        let mut transaction = self.database.begin_for(request.tenant.place).await?;
        let mut groups: Vec<Uuid> = patches.iter().map(|patch| patch.group).collect();
        groups.sort_unstable();
        groups.dedup();
        let (tenant, name) = (request.tenant.id, &resource_type.name);
        let versions = members::lock_groups(&mut transaction, tenant, name, &groups).await?;
        if versions.len() < groups.len() {
            // Each is told on its own whether its group is not there, or not the tenant's to change.
            return Err(Error::Contended);
        }
        let mut scene = Scene::read(&mut transaction, request, versions, patches).await?;
        let mut results = Vec::with_capacity(patches.len());
        let mut failed = 0;
        for patch in patches {
            if failed >= failures {
                break;
            }
            let result = scene.try_out(request, resource_type, patch);
            failed += usize::from(result.is_err());
            results.push(result);
        }
        if !scene.write(&mut transaction, request).await? {
            return Err(Error::Contended);
        }
        transaction.commit().await?;
        Ok(results)
    }
}

/// What comes of a request, before it is written.
async fn try_one(
    conn: &mut PgConnection,
    request: &Request,
    resource_type: &Arc<ResourceType>,
    patch: &MembersPatch<'_>,
) -> Result<(Scene, Resource), Error> {
    let (tenant, group) = (request.tenant.id, patch.group);
    let stored = resources::get(conn, tenant, &resource_type.name, group).await?;
    let stored = stored.ok_or_else(|| not_found(resource_type, group))?;
    check_own(resource_type, &stored)?;
    let one = std::slice::from_ref(patch);
    let mut scene = Scene::read(conn, request, vec![(group, stored.version)], one).await?;
    let version = scene.try_out(request, resource_type, patch)?;
    let Known { attributes, .. } = known(resource_type, &stored)?;
    let mut resource = Resource { meta: stored.meta(), attributes };
    // RFC 7644 §3.5.2: a request that changes nothing leaves version and lastModified alone.
    if version != stored.version {
        resource.meta.version = version;
        resource.meta.last_modified = scene.now;
    }
    Ok((scene, resource))
}

/// What requests look at, as it is after those that have been tried out.
struct Scene {
    now: OffsetDateTime,
    groups: BTreeMap<Uuid, Versions>,
    /// The resources that are named.
    named: HashMap<Uuid, Named>,
    /// A group and a member of it, as far as they are named together.
    members: HashSet<(Uuid, Uuid)>,
    /// By group and id, who was a member before and may not be now, or the other way round.
    before: BTreeMap<(Uuid, Uuid), bool>,
    /// How many members the groups have, where the tenant has a limit for it.
    counted: BTreeMap<Uuid, usize>,
    /// By group, the members that stay where those that are not named go.
    kept: BTreeMap<Uuid, Vec<Uuid>>,
    events: Vec<Event>,
}

impl Scene {
    async fn read(
        conn: &mut PgConnection,
        request: &Request,
        versions: Vec<(Uuid, i64)>,
        patches: &[MembersPatch<'_>],
    ) -> Result<Self, Error> {
        let versions = versions
            .into_iter()
            .map(|(group, before)| (group, Versions { group, before, after: before }));
        let mut scene = Self {
            now: clock::now(),
            groups: versions.collect(),
            named: HashMap::new(),
            members: HashSet::new(),
            before: BTreeMap::new(),
            counted: BTreeMap::new(),
            kept: BTreeMap::new(),
            events: Vec::new(),
        };
        let pairs: BTreeSet<(Uuid, Uuid)> =
            patches.iter().flat_map(|it| it.ids().map(|id| (it.group, id))).collect();
        let (groups, ids): (Vec<Uuid>, Vec<Uuid>) = pairs.into_iter().unzip();
        let tenant = request.tenant.id;
        if !ids.is_empty() {
            for seen in members::sightings(conn, tenant, &groups, &ids).await? {
                if seen.is_member {
                    scene.members.insert((seen.group_id, seen.named.id));
                }
                scene.named.insert(seen.named.id, seen.named);
            }
        }
        let all: Vec<Uuid> = scene.groups.keys().copied().collect();
        scene.counted = counted(conn, request, &all, ids.len()).await?;
        for patch in patches.iter().filter(|it| it.named.removes_others) {
            let kept: Vec<Uuid> = patch.ids().collect();
            if members::has_others(conn, tenant, patch.group, &kept).await? {
                scene.kept.insert(patch.group, kept);
            }
        }
        Ok(scene)
    }

    /// The version that the group has after a request. One that fails leaves the scene as it is.
    fn try_out(
        &mut self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        patch: &MembersPatch<'_>,
    ) -> Result<i64, Error> {
        let mut try_out = || self.carry_out(request, resource_type, patch);
        if patch.is_large() { block_in_place(try_out) } else { try_out() }
    }

    fn carry_out(
        &mut self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        patch: &MembersPatch<'_>,
    ) -> Result<i64, Error> {
        let group = patch.group;
        let (Some(attribute), Some(versions)) =
            (members_of(resource_type), self.groups.get_mut(&group))
        else {
            return Err(not_found(resource_type, group));
        };
        patch.preconditions.check(&etag(versions.after))?;
        let known: BTreeSet<Uuid> =
            patch.ids().filter(|id| self.members.contains(&(group, *id))).collect();
        let values = known.iter().filter_map(|id| self.named.get(id));
        let mut current = Object::new();
        set_values(&mut current, attribute, values.map(|it| member_value(request, it)).collect());
        let candidate =
            patch::apply(resource_type, &current, &patch.patch, &request.tenant.dialect)
                .map_err(tenon_scim::Error::from)?;
        let next = validate::patched(resource_type, &current, &candidate)?.into_attributes();
        let listed = patch.listed(attribute, &next, &known, &self.named)?;

        let changed: Vec<Uuid> = known.symmetric_difference(&listed).copied().collect();
        let removes_others = self.kept.contains_key(&group);
        if changed.is_empty() && !removes_others {
            return Ok(versions.after);
        }
        if let Some(counted) = self.counted.get_mut(&group) {
            let added = listed.difference(&known).count();
            let removed = changed.len() - added;
            let after = if removes_others {
                listed.len()
            } else {
                (*counted + added).saturating_sub(removed)
            };
            request.check_members(added, after)?;
            *counted = after;
        }
        for id in changed {
            let is_member = known.contains(&id);
            self.before.entry((group, id)).or_insert(is_member);
            if is_member {
                self.members.remove(&(group, id));
            } else {
                self.members.insert((group, id));
            }
        }
        versions.after += 1;
        self.events.push(Event { id: Uuid::now_v7(), group, version: versions.after });
        Ok(versions.after)
    }

    /// Writes what has changed; false where another request was quicker. Then the transaction is to
    /// be given up.
    async fn write(&self, conn: &mut PgConnection, request: &Request) -> Result<bool, StoreError> {
        let mut changes = Changes { events: self.events.clone(), ..Changes::default() };
        let is_changed = |versions: &&Versions| versions.before != versions.after;
        changes.groups.extend(self.groups.values().filter(is_changed));
        if changes.groups.is_empty() {
            return Ok(true);
        }
        for ((group, id), was_member) in &self.before {
            match (was_member, self.members.contains(&(*group, *id))) {
                (true, false) => changes.removed.push((*group, *id)),
                (false, true) => changes.added.push((*group, *id)),
                _ => {}
            }
        }
        let tenant = request.tenant.id;
        for (group, kept) in &self.kept {
            members::remove_others(conn, tenant, *group, kept).await?;
        }
        members::write(conn, tenant, request.by(), self.now, &changes).await
    }
}

impl MembersPatch<'_> {
    /// Who is a member after the request, of those that it names.
    ///
    /// # Errors
    /// One that was none before is not the id of a resource that may be a member. The error names
    /// the first operation with such, and all of them in it.
    fn listed(
        &self,
        attribute: &Attribute,
        group: &Object,
        known: &BTreeSet<Uuid>,
        found: &HashMap<Uuid, Named>,
    ) -> Result<BTreeSet<Uuid>, Error> {
        let mut listed = BTreeSet::new();
        let mut wrong: Vec<(Place, Rule)> = Vec::new();
        let nowhere = Place { operation: 0, index: None };
        for text in membership::ids(attribute, group)? {
            let place = self.named.places.get(text).copied().unwrap_or(nowhere);
            match parse_uuid(text) {
                Some(id) if known.contains(&id) => {
                    listed.insert(id);
                }
                Some(id) => match refused(attribute, id, found.get(&id)) {
                    Some(rule) => wrong.push((place, rule)),
                    None => {
                        listed.insert(id);
                    }
                },
                None => wrong.push((place, Rule::Id)),
            }
        }
        let Some(operation) = wrong.iter().map(|(place, _)| place.operation).min() else {
            return Ok(listed);
        };
        wrong.retain(|(place, _)| place.operation == operation);
        wrong.sort_by_key(|(place, _)| *place);
        let issue = |(place, rule): (Place, Rule)| Issue { path: place.path(attribute), rule };
        let issues = wrong.into_iter().map(issue).collect();
        let kind = PatchErrorKind::Value(Invalid { issues });
        Err(tenon_scim::Error::from(PatchError { operation: Some(operation), kind }).into())
    }
}
