//! Brings copies to the state of their originals.

use std::collections::HashMap;

use sqlx::PgConnection;
use tenon_scim::index::{self, Entry};
use tenon_scim::membership::members_of;
use tenon_scim::resource::{Known, unique_values};
use tenon_scim::schema::ResourceType;
use tenon_scim::stored::{self, Document};
use tenon_scim::{Object, Registry};
use time::OffsetDateTime;
use uuid::Uuid;

use super::blocked::{Blocked, blocked};
use crate::service::Error;
use crate::service::read::known;
use crate::store::audit::By;
use crate::store::shares::conflicts::{self, Conflict};
use crate::store::shares::copies::{self, Copy};
use crate::store::shares::originals::{self, Original, Seen};
use crate::store::shares::{Share, members as copied_members};
use crate::store::{StoreError, TenantId, members, resources, writes};
use crate::tenant::runtime::load_registry;

/// Members of a group that are read at a time.
const MEMBERS: i64 = 5_000;
/// Stands for a request in the records of what is done here.
const REQUEST_ID: &str = "share";

/// A batch of a share.
pub(super) struct Copying {
    child: TenantId,
    parent: TenantId,
    types: Vec<String>,
    actor: String,
    /// The plugins of the child that are told of what is written.
    told: Vec<String>,
    now: OffsetDateTime,
}

/// What became of a batch.
#[derive(Default)]
pub(super) struct Synced {
    /// Copies that are no more.
    pub(super) deleted: Vec<Uuid>,
    /// Whether some were left out, because the child does not have their type any more.
    pub(super) lacks_type: bool,
}

impl Copying {
    pub(super) fn of(share: &Share, told: Vec<String>, now: OffsetDateTime) -> Self {
        let Share { child, parent, types, .. } = share.clone();
        Self { child, parent, types, actor: format!("share:{parent}"), told, now }
    }

    fn by(&self) -> By<'_> {
        By { actor: &self.actor, request_id: REQUEST_ID, told: &self.told }
    }

    fn is_copy(&self, seen: Option<&Seen>) -> bool {
        seen.is_some_and(|it| it.shared_from == Some(self.parent.0))
    }

    fn is_shared(&self, original: &Seen) -> bool {
        original.shared_from.is_none() && self.types.contains(&original.resource_type)
    }

    /// Brings the copies with these ids to the state of the originals.
    pub(super) async fn sync(
        &self,
        conn: &mut PgConnection,
        ids: &[Uuid],
    ) -> Result<Synced, Error> {
        if ids.is_empty() {
            return Ok(Synced::default());
        }
        let seen = originals::seen(conn, self.parent, ids).await?.into_iter();
        let shared: HashMap<Uuid, Seen> =
            seen.filter(|it| self.is_shared(it)).map(|it| (it.id, it)).collect();
        let present = by_id(originals::seen(conn, self.child, ids).await?);

        let is_gone = |copy: &Seen| {
            shared.get(&copy.id).is_none_or(|it| it.resource_type != copy.resource_type)
        };
        let gone: Vec<Uuid> = present
            .values()
            .filter(|it| self.is_copy(Some(it)) && is_gone(it))
            .map(|it| it.id)
            .collect();
        let present: HashMap<Uuid, Seen> =
            present.into_iter().filter(|(id, _)| !gone.contains(id)).collect();
        let is_same = |it: &Seen| {
            let copy = present.get(&it.id);
            self.is_copy(copy) && copy.is_some_and(|copy| copy.version == it.version)
        };
        let mut outdated: Vec<Uuid> =
            shared.values().filter(|it| !is_same(it)).map(|it| it.id).collect();
        outdated.sort_unstable();
        let unshared: Vec<Uuid> =
            ids.iter().filter(|id| !shared.contains_key(*id)).copied().collect();
        conflicts::delete(conn, self.child, self.parent, &unshared).await?;
        self.remove(conn, &gone).await?;
        let mut synced = Synced { deleted: gone, lacks_type: false };
        if outdated.is_empty() {
            return Ok(synced);
        }
        let registry = load_registry(conn, self.child).await?;
        let is_known = |id: &Uuid| {
            shared.get(id).is_some_and(|it| registry.resource_type(&it.resource_type).is_some())
        };
        let (known, others): (Vec<Uuid>, Vec<Uuid>) = outdated.into_iter().partition(is_known);
        synced.lacks_type = !others.is_empty();
        synced.deleted.extend(self.write(conn, &registry, &known, &present).await?);
        Ok(synced)
    }

    /// The first of the types that the child does not have any more.
    pub(super) async fn missing_type(
        &self,
        conn: &mut PgConnection,
    ) -> Result<Option<&String>, Error> {
        let registry = load_registry(conn, self.child).await?;
        Ok(self.types.iter().find(|it| registry.resource_type(it).is_none()))
    }

    /// Writes copies of these, and tells which of the copies that there were had to go.
    async fn write(
        &self,
        conn: &mut PgConnection,
        registry: &Registry,
        ids: &[Uuid],
        present: &HashMap<Uuid, Seen>,
    ) -> Result<Vec<Uuid>, Error> {
        let is_free = |id: &Uuid| present.get(id).is_none_or(|it| self.is_copy(Some(it)));
        let (free, others): (Vec<Uuid>, Vec<Uuid>) = ids.iter().copied().partition(is_free);
        let mut copies = Vec::with_capacity(free.len());
        for original in originals::get(conn, self.parent, &free).await? {
            let before = present.get(&original.id).map(|it| it.version);
            copies.extend(copy_of(registry, original, before)?);
        }
        let taken = copies::taken(conn, self.child, &copies).await?;
        let blocked = blocked(&copies, &taken);
        let (blocked_copies, copies): (Vec<Copy>, Vec<Copy>) =
            copies.into_iter().partition(|it| blocked.contains_key(&it.original.id));

        let outdated = self.without_value(conn, &blocked_copies, &blocked).await?;
        self.remove(conn, &outdated).await?;
        self.tell(conn, &blocked_copies, &blocked, &others).await?;
        self.replace_keys(conn, registry, &copies).await?;
        let is_put =
            copies::put(conn, self.child, self.parent, self.by(), &copies, self.now).await?;
        if !is_put {
            return Err(Error::Contended);
        }
        let written: Vec<Uuid> = copies.iter().map(|it| it.original.id).collect();
        conflicts::delete(conn, self.child, self.parent, &written).await?;
        self.write_members(conn, registry, &copies).await?;
        Ok(outdated)
    }

    /// Of the copies that cannot be brought up to date, those that go: they would show what is not true
    /// any more. One that waits for a value of another copy gets it when that one is brought up to date.
    async fn without_value(
        &self,
        conn: &mut PgConnection,
        copies: &[Copy],
        blocked: &HashMap<Uuid, Blocked>,
    ) -> Result<Vec<Uuid>, Error> {
        let holders: Vec<Uuid> = blocked.values().filter_map(|it| it.holder).collect();
        let holders = by_id(originals::seen(conn, self.child, &holders).await?);
        let waits = |id: &Uuid| {
            let holder = blocked.get(id).and_then(|it| it.holder);
            holder.is_none_or(|holder| self.is_copy(holders.get(&holder)))
        };
        let existing = copies.iter().filter(|it| it.before.is_some()).map(|it| it.original.id);
        Ok(existing.filter(|id| !waits(id)).collect())
    }

    async fn tell(
        &self,
        conn: &mut PgConnection,
        copies: &[Copy],
        blocked: &HashMap<Uuid, Blocked>,
        others: &[Uuid],
    ) -> Result<(), Error> {
        let conflict = |resource_id, resource_type: &str, attr: &str| Conflict {
            resource_id,
            resource_type: resource_type.to_owned(),
            attr: attr.to_owned(),
            since: self.now,
        };
        let others = originals::seen(conn, self.parent, others).await?;
        let mut told: Vec<Conflict> =
            others.iter().map(|it| conflict(it.id, &it.resource_type, "id")).collect();
        told.extend(copies.iter().filter_map(|Copy { original, .. }| {
            let attr = &blocked.get(&original.id)?.attr;
            Some(conflict(original.id, &original.resource_type, attr))
        }));
        if !told.is_empty() {
            conflicts::put(conn, self.child, self.parent, &told, self.now).await?;
            tracing::debug!(child = %self.child, conflicts = told.len(), "not copied");
        }
        Ok(())
    }

    /// Takes away by what the copies are found that are about to be replaced.
    async fn replace_keys(
        &self,
        conn: &mut PgConnection,
        registry: &Registry,
        copies: &[Copy],
    ) -> Result<(), Error> {
        let replaced: Vec<Uuid> =
            copies.iter().filter(|it| it.before.is_some()).map(|it| it.original.id).collect();
        for old in originals::get(conn, self.child, &replaced).await? {
            let Some(resource_type) = registry.resource_type(&old.resource_type) else { continue };
            let Known { attributes, .. } = read(resource_type, &old)?;
            let entries = entries(resource_type, &attributes);
            let (name, id) = (&old.resource_type, old.id);
            copies::give_up_keys(conn, self.child, name, id, &entries).await?;
        }
        Ok(())
    }

    async fn write_members(
        &self,
        conn: &mut PgConnection,
        registry: &Registry,
        copies: &[Copy],
    ) -> Result<(), Error> {
        let has_members =
            |name: &str| registry.resource_type(name).is_some_and(|it| members_of(it).is_some());
        for copy in copies.iter().filter(|it| has_members(&it.original.resource_type)) {
            self.write_members_of(conn, copy.original.id).await?;
        }
        if !self.types.iter().any(|it| has_members(it)) {
            return Ok(());
        }
        let new = copies.iter().filter(|it| it.before.is_none()).map(|it| it.original.id);
        let new: Vec<Uuid> = new.collect();
        let pairs = originals::groups_of(conn, self.parent, &new).await?;
        copied_members::add(conn, self.child, self.parent, &pairs).await?;
        Ok(())
    }

    async fn write_members_of(&self, conn: &mut PgConnection, group: Uuid) -> Result<(), Error> {
        let mut after = Uuid::nil();
        loop {
            let members =
                originals::members_after(conn, self.parent, group, after, MEMBERS).await?;
            let is_last = i64::try_from(members.len()).unwrap_or(i64::MAX) < MEMBERS;
            let up_to = members.last().copied().filter(|_| !is_last).unwrap_or(Uuid::max());
            let (child, parent) = (self.child, self.parent);
            copied_members::set(conn, child, parent, group, (after, up_to), &members).await?;
            if is_last {
                return Ok(());
            }
            after = up_to;
        }
    }

    /// Deletes copies. They leave the groups that they are in.
    pub(super) async fn remove(&self, conn: &mut PgConnection, ids: &[Uuid]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let registry = load_registry(conn, self.child).await?;
        for Seen { id, resource_type, .. } in originals::seen(conn, self.child, ids).await? {
            let stored = resources::lock(conn, self.child, &resource_type, id).await?;
            let Some(stored) = stored.filter(|it| it.is_shared) else { continue };
            // Without its type there is no index of it.
            let entries = match registry.resource_type(&resource_type) {
                Some(known_type) => entries(known_type, &known(known_type, &stored)?.attributes),
                None => Vec::new(),
            };
            copied_members::leave_copies(conn, self.child, id).await?;
            let (child, by, now) = (self.child, self.by(), self.now);
            members::leave_all(conn, child, by, id, now).await?;
            writes::delete(conn, child, by, &resource_type, id, &entries, now).await?;
        }
        Ok(())
    }
}

fn by_id(seen: Vec<Seen>) -> HashMap<Uuid, Seen> {
    seen.into_iter().map(|it| (it.id, it)).collect()
}

fn read(resource_type: &ResourceType, original: &Original) -> Result<Known, Error> {
    stored::read(resource_type, &original.body, None)
        .map_err(|source| StoreError::Corrupt { what: "resource", source }.into())
}

/// What the index of the tenant has of a resource.
fn entries(resource_type: &ResourceType, attributes: &Object) -> Vec<Entry> {
    let wanted: Vec<_> = index::declared(resource_type).collect();
    index::entries(&wanted, attributes)
}

/// The copy as the schemas of the child have it. What they do not know is kept and not shown, as the
/// data of any plugin that is not active. A password stays with the parent.
fn copy_of(
    registry: &Registry,
    original: Original,
    before: Option<i64>,
) -> Result<Option<Copy>, Error> {
    let Some(resource_type) = registry.resource_type(&original.resource_type) else {
        return Ok(None);
    };
    let Known { attributes, hidden } = read(resource_type, &original)?;
    let document = Document::of(resource_type, &original.id.to_string(), &attributes, hidden);
    let unique = unique_values(resource_type, &attributes);
    let entries = entries(resource_type, &attributes);
    Ok(Some(Copy { original, before, document, unique, entries }))
}
