//! Adds members to groups and removes them.
//!
//! No foreign key keeps memberships right, so the order of locks does. Who adds a member locks it
//! first, as a foreign key would (`FOR KEY SHARE`), and who deletes a resource locks it before it
//! looks for its memberships: either finds what the other has done. And every change of the members
//! locks the group's row, whose version it counts up.
//!
//! Rows are deleted by their whole keys, which come from a subquery: the planner knows nothing of
//! them, so it compares looking up each with going through all of the table. Of `tenant_id = $1` it
//! might believe that it finds one row, and go through all of the tenant.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::audit::By;
use crate::store::{StoreError, TenantId};

/// What happens to groups of one type, all of it or nothing.
#[derive(Debug, Default)]
pub struct Changes {
    /// The groups, each once, in the order of their ids.
    pub groups: Vec<Versions>,
    /// Who becomes a member, and of which group; as pairs in the order of members.
    pub added: Vec<(Uuid, Uuid)>,
    /// Who is a member no more, and of which group.
    pub removed: Vec<(Uuid, Uuid)>,
    /// One for each new version.
    pub events: Vec<Event>,
}

/// The version of a group that is stored, and the one that it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The group.
    pub group: Uuid,
    /// As it was read.
    pub before: i64,
    /// As it is written.
    pub after: i64,
}

/// A new version of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Identifies the event: a version 7 UUID.
    pub id: Uuid,
    /// The group.
    pub group: Uuid,
    /// The version.
    pub version: i64,
}

/// Members that are locked, so that none of them is deleted before the end of the transaction.
macro_rules! held {
    ($members:literal) => {
        concat!(
            "held AS ( \
             SELECT r.id FROM unnest(",
            $members,
            "::uuid[]) AS wanted (id) \
             CROSS JOIN LATERAL ( \
                 SELECT id FROM resources \
                 WHERE tenant_id = $1 AND id BETWEEN wanted.id AND wanted.id \
                 ORDER BY id FOR KEY SHARE) AS r)"
        )
    };
}

/// Carries out all changes with one statement; false, and nothing is changed, where a version is not
/// the stored one any more, or a new member has been deleted. With several groups, of which one may
/// fail alone, it belongs into a transaction that is then given up.
///
/// # Errors
/// The database fails.
pub async fn write(
    conn: &mut PgConnection,
    tenant: TenantId,
    by: By<'_>,
    now: OffsetDateTime,
    changes: &Changes,
) -> Result<bool, StoreError> {
    let Changes { groups, added, removed, events } = changes;
    let mut members: Vec<Uuid> = added.iter().map(|(_, member)| *member).collect();
    members.sort_unstable();
    members.dedup();
    let (added_to, added): (Vec<Uuid>, Vec<Uuid>) = added.iter().copied().unzip();
    let (removed_from, removed): (Vec<Uuid>, Vec<Uuid>) = removed.iter().copied().unzip();
    let written: i64 = sqlx::query_scalar(
        concat!("WITH ", held!("$6"), ", written AS ( \
             UPDATE resources AS r SET version = next.after, modified = $2 \
             FROM ( \
                 SELECT old.tenant_id, old.id, old.type, wanted.before, wanted.after \
                 FROM unnest($3::uuid[], $4::bigint[], $5::bigint[]) AS wanted (id, before, after) \
                 CROSS JOIN LATERAL ( \
                     SELECT tenant_id, id, type FROM resources \
                     WHERE tenant_id = $1 AND id BETWEEN wanted.id AND wanted.id ORDER BY id) AS old \
                 OFFSET 0) AS next \
             WHERE r.tenant_id = next.tenant_id AND r.id = next.id AND r.type = next.type \
               AND r.version = next.before \
               AND (SELECT count(*) FROM held) = cardinality($6::uuid[]) \
             RETURNING r.tenant_id, r.id, r.type \
         ), added AS ( \
             INSERT INTO group_members (tenant_id, group_id, member_id) \
             SELECT written.tenant_id, written.id, new.member_id \
             FROM unnest($7::uuid[], $8::uuid[]) AS new (group_id, member_id) \
             JOIN written ON written.id = new.group_id \
             ON CONFLICT DO NOTHING \
         ), removed AS ( \
             DELETE FROM group_members AS m USING ( \
                 SELECT written.tenant_id, written.id, old.member_id \
                 FROM unnest($9::uuid[], $10::uuid[]) AS old (group_id, member_id) \
                 JOIN written ON written.id = old.group_id OFFSET 0) AS old \
             WHERE m.tenant_id = old.tenant_id AND m.group_id = old.id \
               AND m.member_id = old.member_id \
         ), event AS ( \
             INSERT INTO outbox (tenant_id, id, type, resource_id, version, operation, request_id, \
                                 created) \
             SELECT written.tenant_id, event.id, written.type, written.id, event.version, 'patch', \
                    $15, $2 \
             FROM unnest($11::uuid[], $12::uuid[], $13::bigint[]) AS event (id, group_id, version) \
             JOIN written ON written.id = event.group_id \
         ), delivery AS ( \
             INSERT INTO deliveries (tenant_id, plugin, event, type, resource_id, version, \
                                     operation, actor, request_id, created, written, attempts, \
                                     due) \
             SELECT written.tenant_id, plugin, event.id, written.type, written.id, event.version, \
                    'patch', $14, $15, $2, statement_timestamp(), 0, statement_timestamp() \
             FROM unnest($11::uuid[], $12::uuid[], $13::bigint[]) AS event (id, group_id, version) \
             JOIN written ON written.id = event.group_id \
             CROSS JOIN unnest($16::text[]) AS told (plugin) \
         ), record AS ( \
             INSERT INTO audit (tenant_id, id, at, actor, action, type, resource_id, \
                                version_before, version_after, request_id) \
             SELECT written.tenant_id, event.id, $2, $14, 'patch', written.type, written.id, \
                    event.version - 1, event.version, $15 \
             FROM unnest($11::uuid[], $12::uuid[], $13::bigint[]) AS event (id, group_id, version) \
             JOIN written ON written.id = event.group_id \
         ) \
         SELECT count(*) FROM written"),
    )
    .bind(tenant.0)
    .bind(now)
    .bind(groups.iter().map(|it| it.group).collect::<Vec<_>>())
    .bind(groups.iter().map(|it| it.before).collect::<Vec<_>>())
    .bind(groups.iter().map(|it| it.after).collect::<Vec<_>>())
    .bind(members)
    .bind(added_to)
    .bind(added)
    .bind(removed_from)
    .bind(removed)
    .bind(events.iter().map(|it| it.id).collect::<Vec<_>>())
    .bind(events.iter().map(|it| it.group).collect::<Vec<_>>())
    .bind(events.iter().map(|it| it.version).collect::<Vec<_>>())
    .bind(by.actor)
    .bind(by.request_id)
    .bind(by.told)
    .fetch_one(conn)
    .await?;
    Ok(usize::try_from(written) == Ok(groups.len()))
}

/// Locks groups of a type until the end of the transaction: nobody changes their members, and they
/// may still be added to other groups. The ids are in order, so that two who lock several wait for
/// each other and not both. The answer is their versions, without those of copies of another tenant's.
///
/// # Errors
/// The database fails.
pub async fn lock_groups(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
    groups: &[Uuid],
) -> Result<Vec<(Uuid, i64)>, StoreError> {
    let versions = sqlx::query_as(
        "SELECT r.id, r.version FROM unnest($3::uuid[]) AS wanted (id) \
         CROSS JOIN LATERAL ( \
             SELECT id, version FROM resources \
             WHERE tenant_id = $1 AND id BETWEEN wanted.id AND wanted.id AND type = $2 \
               AND shared_from IS NULL \
             ORDER BY id FOR NO KEY UPDATE) AS r",
    )
    .bind(tenant.0)
    .bind(resource_type)
    .bind(groups)
    .fetch_all(conn)
    .await?;
    Ok(versions)
}

/// Adds members to a group; false where one of them has been deleted meanwhile. Then the
/// transaction is to be given up.
///
/// It locks the members, and comes before the group is written: a deletion locks in this order.
///
/// # Errors
/// The database fails.
pub async fn add(
    conn: &mut PgConnection,
    tenant: TenantId,
    group: Uuid,
    members: &[Uuid],
) -> Result<bool, StoreError> {
    let mut members = members.to_vec();
    members.sort_unstable();
    members.dedup();
    let held: i64 = sqlx::query_scalar(concat!(
        "WITH ",
        held!("$3"),
        ", added AS ( \
             INSERT INTO group_members (tenant_id, group_id, member_id) \
             SELECT $1, $2, id FROM held ON CONFLICT DO NOTHING \
         ) \
         SELECT count(*) FROM held"
    ))
    .bind(tenant.0)
    .bind(group)
    .bind(&members)
    .fetch_one(conn)
    .await?;
    Ok(usize::try_from(held) == Ok(members.len()))
}

/// Removes members from a group.
///
/// # Errors
/// The database fails.
pub async fn remove(
    conn: &mut PgConnection,
    tenant: TenantId,
    group: Uuid,
    members: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM group_members AS m USING ( \
             SELECT $1::uuid AS tenant_id, $2::uuid AS group_id, id \
             FROM unnest($3::uuid[]) AS old (id) OFFSET 0) AS old \
         WHERE m.tenant_id = old.tenant_id AND m.group_id = old.group_id AND m.member_id = old.id",
    )
    .bind(tenant.0)
    .bind(group)
    .bind(members)
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes all members of a group but these.
///
/// # Errors
/// The database fails.
pub async fn remove_others(
    conn: &mut PgConnection,
    tenant: TenantId,
    group: Uuid,
    members: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM group_members AS m USING ( \
             SELECT $1::uuid AS tenant_id, $2::uuid AS group_id OFFSET 0) AS old \
         WHERE m.tenant_id = old.tenant_id AND m.group_id = old.group_id \
           AND m.member_id NOT IN (SELECT unnest($3::uuid[]))",
    )
    .bind(tenant.0)
    .bind(group)
    .bind(members)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes a resource out of all groups, which get a new version, and takes all members out of it,
/// since it is about to be deleted. It is locked, so nobody adds it to another group meanwhile, and
/// nobody adds a member to it.
///
/// The groups are locked in one order, so that two deletions wait for each other and not both.
///
/// # Errors
/// The database fails.
pub async fn leave_all(
    conn: &mut PgConnection,
    tenant: TenantId,
    by: By<'_>,
    resource: Uuid,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let groups: Vec<Uuid> = sqlx::query_scalar(
        "SELECT group_id FROM group_members \
         WHERE tenant_id = $1 AND member_id BETWEEN $2 AND $2 ORDER BY member_id, group_id",
    )
    .bind(tenant.0)
    .bind(resource)
    .fetch_all(&mut *conn)
    .await?;
    if !groups.is_empty() {
        leave(conn, tenant, by, resource, &groups, now).await?;
    }
    sqlx::query(
        "DELETE FROM group_members AS m USING ( \
             SELECT $1::uuid AS tenant_id, $2::uuid AS group_id OFFSET 0) AS old \
         WHERE m.tenant_id = old.tenant_id AND m.group_id = old.group_id",
    )
    .bind(tenant.0)
    .bind(resource)
    .execute(conn)
    .await?;
    Ok(())
}

async fn leave(
    conn: &mut PgConnection,
    tenant: TenantId,
    by: By<'_>,
    member: Uuid,
    groups: &[Uuid],
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query(
        "SELECT r.id FROM unnest($2::uuid[]) AS wanted (id) \
         CROSS JOIN LATERAL ( \
             SELECT id FROM resources \
             WHERE tenant_id = $1 AND id BETWEEN wanted.id AND wanted.id \
             ORDER BY id FOR NO KEY UPDATE) AS r",
    )
    .bind(tenant.0)
    .bind(groups)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "WITH old AS ( \
             SELECT $1::uuid AS tenant_id, $2::uuid AS member_id, old.id, old.event \
             FROM unnest($3::uuid[], $4::uuid[]) AS old (id, event) OFFSET 0 \
         ), touched AS ( \
             UPDATE resources AS r SET version = version + 1, modified = $5 FROM old \
             WHERE r.tenant_id = old.tenant_id AND r.id = old.id \
             RETURNING r.tenant_id, old.event, r.type, r.id, r.version \
         ), left_behind AS ( \
             DELETE FROM group_members AS m USING old \
             WHERE m.tenant_id = old.tenant_id AND m.group_id = old.id \
               AND m.member_id = old.member_id \
         ), event AS ( \
             INSERT INTO outbox (tenant_id, id, type, resource_id, version, operation, request_id, \
                                 created) \
             SELECT tenant_id, event, type, id, version, 'patch', $7, $5 FROM touched \
         ), delivery AS ( \
             INSERT INTO deliveries (tenant_id, plugin, event, type, resource_id, version, \
                                     operation, actor, request_id, created, written, attempts, \
                                     due) \
             SELECT tenant_id, plugin, event, type, id, version, 'patch', $6, $7, $5, \
                    statement_timestamp(), 0, statement_timestamp() \
             FROM touched, unnest($8::text[]) AS told (plugin) \
         ) \
         INSERT INTO audit (tenant_id, id, at, actor, action, type, resource_id, \
                            version_before, version_after, request_id) \
         SELECT tenant_id, event, $5, $6, 'patch', type, id, version - 1, version, $7 FROM touched",
    )
    .bind(tenant.0)
    .bind(member)
    .bind(groups)
    .bind(groups.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>())
    .bind(now)
    .bind(by.actor)
    .bind(by.request_id)
    .bind(by.told)
    .execute(conn)
    .await?;
    Ok(())
}
