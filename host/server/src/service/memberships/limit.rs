//! How many members a group may have.
//!
//! They are counted after the version of the group was read, and every change of them is a new version:
//! a write that finds the version as it was read finds as many members as were counted. So two who add
//! the last one do not both do it, at whichever servers.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use tenon_scim::Object;
use tenon_scim::patch::members::{NamedMembers, Reach};
use tenon_scim::schema::ResourceType;
use uuid::Uuid;

use super::{MembersChange, count_members};
use crate::service::{Error, Request, Services};
use crate::store::members;

impl Services {
    /// Refuses a write of a stored group that adds members beyond the tenant's limit; `attributes` are
    /// those of the new version.
    ///
    /// # Errors
    /// It does, or the database fails.
    pub(in crate::service) async fn check_members(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        (group, attributes): (Uuid, &Object),
        reach: &Reach,
        change: &MembersChange,
    ) -> Result<(), Error> {
        let (added, removed) = (change.added.len(), change.removed.len());
        if request.tenant.limits.max_members.is_none() || added == 0 {
            return Ok(());
        }
        let after = match reach {
            Reach::Named(NamedMembers { removes_others: false, .. }) => {
                let mut conn = self.database.read_for(request.tenant.place).await?;
                let counted = counted(&mut conn, request, &[group], removed).await?;
                let before = counted.get(&group).copied().unwrap_or_default();
                before.saturating_add(added).saturating_sub(removed)
            }
            // All that there are, or all that stay.
            Reach::Named(_) | Reach::All => count_members(resource_type, attributes),
        };
        request.check_members(added, after)
    }
}

impl Request {
    /// Refuses a write that adds members to a group, which then has `after`, beyond the tenant's limit.
    ///
    /// # Errors
    /// It does.
    pub(in crate::service) fn check_members(
        &self,
        added: usize,
        after: usize,
    ) -> Result<(), Error> {
        match self.tenant.limits.max_members {
            Some(limit) if added > 0 && after > limit => Err(Error::MembersLimit { limit }),
            _ => Ok(()),
        }
    }
}

/// How many members groups have, where the tenant has a limit for it: enough of them are counted to tell
/// whether there are too many when `removed` of them go.
pub(super) async fn counted(
    conn: &mut PgConnection,
    request: &Request,
    groups: &[Uuid],
    removed: usize,
) -> Result<BTreeMap<Uuid, usize>, Error> {
    let mut counted = BTreeMap::new();
    let Some(limit) = request.tenant.limits.max_members else { return Ok(counted) };
    let enough = limit.saturating_add(removed).saturating_add(1);
    let enough = i64::try_from(enough).unwrap_or(i64::MAX);
    for group in groups {
        let members = members::count(conn, request.tenant.id, *group, enough).await?;
        counted.insert(*group, usize::try_from(members).unwrap_or(usize::MAX));
    }
    Ok(counted)
}
