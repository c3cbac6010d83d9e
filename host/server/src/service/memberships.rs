//! `members` of groups and `groups` of users: rows of their own, not part of a resource's body.
//!
//! They are put into a resource where somebody looks at them: a client that wants them returned, a
//! filter or a sort, a PATCH, a plugin. A group and its members are read one after the other: as
//! every change of the members is a new version of the group, a write that has read both finds out
//! when it writes, and a read shows members that are at least as new as the version.

mod limit;
mod pages;
mod patch;
mod seen;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use sqlx::PgConnection;
use tenon_scim::Object;
use tenon_scim::membership::{self, Membership};
use tenon_scim::patch::members::{NamedMembers, Reach};
use tenon_scim::project::Projection;
use tenon_scim::resource::location;
use tenon_scim::schema::validate::{Invalid, Issue, Rule};
use tenon_scim::schema::{Attribute, ResourceType};
use uuid::Uuid;

pub use self::pages::{MemberPages, Members};
pub(super) use self::patch::MembersPatch;
pub(super) use self::seen::Unseen;
use super::read::Resource;
use super::{Error, Request, Services, parse_id, parse_uuid};
use crate::store::TenantId;
use crate::store::members::{self, Named};

/// Memberships that are loaded for several resources together, at the most. Nested groups multiply
/// them: a thousand users of a group within a thousand groups have a million.
pub(super) const MAX_LOADED: usize = 200_000;

/// What a write changes about the members of a group.
#[derive(Debug, Default)]
pub(super) struct MembersChange {
    added: Vec<Uuid>,
    removed: Vec<Uuid>,
    /// Where all others go, those that stay.
    kept: Option<Vec<Uuid>>,
}

impl MembersChange {
    /// Whether nothing changes.
    pub(super) const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.kept.is_none()
    }

    /// Adds the new ones, before the group is written; false where the group or one of them has
    /// been deleted meanwhile. Then the transaction is to be given up.
    pub(super) async fn add(
        &self,
        conn: &mut PgConnection,
        tenant: TenantId,
        group: Uuid,
    ) -> Result<bool, Error> {
        if self.added.is_empty() {
            return Ok(true);
        }
        Ok(members::add(conn, tenant, group, &self.added).await?)
    }

    /// Removes those that are none any more, after the group is written.
    pub(super) async fn remove(
        &self,
        conn: &mut PgConnection,
        tenant: TenantId,
        group: Uuid,
    ) -> Result<(), Error> {
        if !self.removed.is_empty() {
            members::remove(conn, tenant, group, &self.removed).await?;
        }
        if let Some(kept) = &self.kept {
            members::remove_others(conn, tenant, group, kept).await?;
        }
        Ok(())
    }
}

impl Services {
    /// Puts the memberships that an answer shows into a resource that does not have them yet. The
    /// members of a group that are too many for that are the answer.
    ///
    /// # Errors
    /// The database fails.
    pub async fn complete(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        projection: &Projection,
        resource: &mut Resource,
    ) -> Result<Option<MemberPages>, Error> {
        let wanted = wanted(resource_type, projection)
            .filter(|it| !resource.attributes.contains_key(&it.attribute().name));
        if let Some(Membership::Members(attribute)) = wanted {
            let group = parse_id(resource_type, &resource.meta.id)?;
            return match self.members(request, resource_type, projection, group).await? {
                Members::Few(members) => {
                    set_values(&mut resource.attributes, attribute, members);
                    Ok(None)
                }
                Members::Many(pages) => Ok(Some(*pages)),
            };
        }
        if let (Some(membership), Some(id)) = (wanted, parse_uuid(&resource.meta.id)) {
            let mut conn = self.database.read_for(request.tenant.place).await?;
            let mut found = values(&mut conn, request, membership, &[id], usize::MAX).await?;
            drop(conn);
            self.retain_seen(request, found.values_mut()).await?;
            let found = found.remove(&id).unwrap_or_default();
            set_values(&mut resource.attributes, membership.attribute(), found);
        }
        Ok(None)
    }

    /// Puts the members of a stored group that a write looks at into its attributes.
    ///
    /// This is what the filters of a PATCH see, through all of its operations. A member that one of
    /// them adds is what the client sent until all are carried out: a later one finds it by its
    /// `value`, and not by the `display` or `type` that the server derives.
    ///
    /// # Errors
    /// It looks at all of them, and they are too many; or the database fails.
    pub(super) async fn load_members(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        id: Uuid,
        reach: &Reach,
        attributes: &mut Object,
    ) -> Result<(), Error> {
        let Some(attribute) = membership::members_of(resource_type) else { return Ok(()) };
        let mut conn = self.database.read_for(request.tenant.place).await?;
        let members = match reach {
            Reach::Named(named) => seen_members(&mut conn, request.tenant.id, id, named).await?,
            Reach::All => all_members(&mut conn, request.tenant.id, id).await?,
        };
        let members = members.iter().map(|named| member_value(request, named));
        set_values(attributes, attribute, members.collect());
        Ok(())
    }

    /// Adds to what a write changes that the members go which it does not name, where it says so and
    /// there are any.
    pub(super) async fn leave_out_others(
        &self,
        request: &Request,
        group: Uuid,
        reach: &Reach,
        change: &mut MembersChange,
    ) -> Result<(), Error> {
        let Reach::Named(named @ NamedMembers { removes_others: true, .. }) = reach else {
            return Ok(());
        };
        let kept: Vec<Uuid> = named.places.keys().filter_map(|id| parse_uuid(id)).collect();
        let mut conn = self.database.read_for(request.tenant.place).await?;
        if members::has_others(&mut conn, request.tenant.id, group, &kept).await? {
            change.kept = Some(kept);
        }
        Ok(())
    }

    /// Completes the members that a client has listed with what is known of them, in order of
    /// creation, and says how they differ from the `current` ones. Those that are `unseen` stay.
    ///
    /// # Errors
    /// One of them is not the id of a resource that may be a member, or the database fails.
    pub(super) async fn resolve_members(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        current: Option<&Object>,
        attributes: &mut Object,
        unseen: &Unseen,
    ) -> Result<MembersChange, Error> {
        let Some(attribute) = membership::members_of(resource_type) else {
            return Ok(MembersChange::default());
        };
        let mut known = values_by_id(attribute, current);
        let listed = listed_ids(attribute, attributes)?;
        let is_new = |id: &Uuid| !known.contains_key(id) || unseen.is_named(*id);
        let added: Vec<Uuid> = listed.keys().copied().filter(is_new).collect();
        let mut found = self.named(request, &added).await?;
        if let Some(seen) = self.seen_of(request, &added).await? {
            found.retain(|id, _| seen.contains(id));
        }
        check_types(attribute, &listed, &added, &found)?;

        known.extend(found.values().map(|named| (named.id, member_value(request, named))));
        let (kept, removed): (BTreeMap<_, _>, BTreeMap<_, _>) =
            known.into_iter().partition(|(id, _)| listed.contains_key(id) || unseen.has(*id));
        set_values(attributes, attribute, kept.into_values().collect());
        Ok(MembersChange { added, removed: removed.into_keys().collect(), kept: None })
    }

    async fn named(&self, request: &Request, ids: &[Uuid]) -> Result<HashMap<Uuid, Named>, Error> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut conn = self.database.read_for(request.tenant.place).await?;
        let found = members::named(&mut conn, request.tenant.id, ids).await?;
        Ok(found.into_iter().map(|named| (named.id, named)).collect())
    }
}

/// Those of the members that a request names, in order of creation.
async fn seen_members(
    conn: &mut PgConnection,
    tenant: TenantId,
    group: Uuid,
    named: &NamedMembers,
) -> Result<Vec<Named>, Error> {
    let ids: BTreeSet<Uuid> = named.places.keys().filter_map(|id| parse_uuid(id)).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let groups = vec![group; ids.len()];
    let mut seen = members::sightings(conn, tenant, &groups, &ids).await?;
    seen.retain(|it| it.is_member);
    seen.sort_unstable_by_key(|it| it.named.id);
    Ok(seen.into_iter().map(|it| it.named).collect())
}

async fn all_members(
    conn: &mut PgConnection,
    tenant: TenantId,
    group: Uuid,
) -> Result<Vec<Named>, Error> {
    let one_more = i64::try_from(MAX_LOADED).unwrap_or(i64::MAX).saturating_add(1);
    let members = members::of_groups(conn, tenant, &[group], one_more).await?;
    if members.len() > MAX_LOADED {
        return Err(Error::GroupTooLarge { limit: MAX_LOADED });
    }
    Ok(members.into_iter().map(|it| it.named).collect())
}

/// The memberships of a type that a projection shows.
pub(super) fn wanted<'t>(
    resource_type: &'t ResourceType,
    projection: &Projection,
) -> Option<Membership<'t>> {
    membership::of(resource_type).filter(|it| projection.wants(it.attribute()))
}

/// The memberships of resources of one type, by their ids, with one statement for all.
///
/// # Errors
/// They have more than `limit` together, or the database fails.
pub(super) async fn values(
    conn: &mut PgConnection,
    request: &Request,
    membership: Membership<'_>,
    ids: &[Uuid],
    limit: usize,
) -> Result<HashMap<Uuid, Vec<Value>>, Error> {
    let tenant = request.tenant.id;
    let one_more = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let check = |found: usize| {
        if found > limit { Err(Error::TooManyMemberships { limit }) } else { Ok(()) }
    };
    let mut values: HashMap<Uuid, Vec<Value>> = HashMap::with_capacity(ids.len());
    match membership {
        Membership::Members(_) => {
            let members = members::of_groups(conn, tenant, ids, one_more).await?;
            check(members.len())?;
            for member in members {
                let of_group = values.entry(member.group_id).or_default();
                of_group.push(member_value(request, &member.named));
            }
        }
        Membership::Groups(_) => {
            let groups = members::groups_of(conn, tenant, ids, one_more).await?;
            check(groups.len())?;
            for group in groups {
                let of_member = values.entry(group.member_id).or_default();
                of_member.extend(group_value(request, &group.named, group.direct));
            }
        }
    }
    Ok(values)
}

/// How many members a resource has.
pub(super) fn count_members(resource_type: &ResourceType, attributes: &Object) -> usize {
    let members = membership::members_of(resource_type).and_then(|it| attributes.get(&it.name));
    members.and_then(Value::as_array).map_or(0, Vec::len)
}

fn set_values(attributes: &mut Object, attribute: &Attribute, values: Vec<Value>) {
    if values.is_empty() {
        attributes.shift_remove(&attribute.name);
    } else {
        attributes.insert(attribute.name.clone(), Value::Array(values));
    }
}

/// A member of a type that no active plugin defines has no URI, and is a member all the same.
fn member_value(request: &Request, named: &Named) -> Value {
    let uri = uri(request, named);
    let display = named.display.as_deref();
    membership::value(&named.id.to_string(), uri.as_deref(), &named.resource_type, display)
}

/// RFC 7643 §4.1.2: `type` is "direct" or "indirect". A group of a type that no active plugin
/// defines is not shown: clients cannot reach it.
fn group_value(request: &Request, named: &Named, direct: bool) -> Option<Value> {
    let uri = uri(request, named)?;
    let label = if direct { "direct" } else { "indirect" };
    Some(membership::value(&named.id.to_string(), Some(&uri), label, named.display.as_deref()))
}

fn uri(request: &Request, named: &Named) -> Option<String> {
    let resource_type = request.tenant.registry.resource_type(&named.resource_type)?;
    Some(location(resource_type, &named.id.to_string(), &request.base_url))
}

/// The members of a stored group, as they are shown, by their ids.
fn values_by_id(attribute: &Attribute, group: Option<&Object>) -> BTreeMap<Uuid, Value> {
    let members = group.and_then(|group| group.get(&attribute.name)).and_then(Value::as_array);
    let with_id = |value: &Value| Some((parse_uuid(value.get("value")?.as_str()?)?, value.clone()));
    members.into_iter().flatten().filter_map(with_id).collect()
}

/// The ids of the members that a client has listed, each with its first place in the list.
fn listed_ids(attribute: &Attribute, group: &Object) -> Result<BTreeMap<Uuid, usize>, Invalid> {
    let mut places = BTreeMap::new();
    let mut issues = Vec::new();
    for (place, id) in membership::ids(attribute, group)?.into_iter().enumerate() {
        match parse_uuid(id) {
            Some(id) => {
                places.entry(id).or_insert(place);
            }
            None => issues.push(Issue { path: membership::path(attribute, place), rule: Rule::Id }),
        }
    }
    if issues.is_empty() { Ok(places) } else { Err(Invalid { issues }) }
}

fn check_types(
    attribute: &Attribute,
    listed: &BTreeMap<Uuid, usize>,
    added: &[Uuid],
    found: &HashMap<Uuid, Named>,
) -> Result<(), Invalid> {
    let mut wrong: Vec<(usize, Rule)> = Vec::new();
    for id in added {
        if let Some(rule) = refused(attribute, *id, found.get(id)) {
            wrong.push((listed.get(id).copied().unwrap_or_default(), rule));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    wrong.sort_by_key(|(place, _)| *place);
    let issue = |(place, rule)| Issue { path: membership::path(attribute, place), rule };
    Err(Invalid { issues: wrong.into_iter().map(issue).collect() })
}

/// Why a resource cannot be a member. RFC 7643 §4.2: the value is "the value of an "id" attribute of
/// a SCIM resource … such as a "User", or a "Group"". A resource of another tenant is none here.
fn refused(attribute: &Attribute, id: Uuid, found: Option<&Named>) -> Option<Rule> {
    let types = membership::member_types(attribute);
    let found = found.map(|named| &named.resource_type);
    if found.is_some_and(|name| types.contains(name)) {
        return None;
    }
    let (expected, id) = (types.to_vec(), id.to_string());
    Some(Rule::ResourceId { expected, id, found: found.cloned() })
}
