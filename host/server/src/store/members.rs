//! Who is a member of which group.
//!
//! The planner knows nothing yet of a tenant that has just been filled, takes it for a single row,
//! and joins by going through all of it once for each membership. So nothing is left to its
//! estimates here: each id is looked up on its own (`LATERAL`), as a range in the order that one
//! index alone has (`BETWEEN … ORDER BY`, `… LIMIT 1`).

mod write;

use sqlx::PgConnection;
use uuid::Uuid;

pub use self::write::{
    Changes, Event, Versions, add, leave_all, lock_groups, remove, remove_others, write,
};
use super::{StoreError, TenantId};

/// What others show of a resource.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Named {
    /// Its id.
    pub id: Uuid,
    /// The name of its type.
    #[sqlx(rename = "type")]
    pub resource_type: String,
    /// What it is called.
    pub display: Option<String>,
}

/// A member of a group.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Member {
    /// The group.
    pub group_id: Uuid,
    /// The member.
    #[sqlx(flatten)]
    pub named: Named,
}

/// A group that a resource belongs to.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Belonging {
    /// The resource.
    pub member_id: Uuid,
    /// The group.
    #[sqlx(flatten)]
    pub named: Named,
    /// Whether it is a member itself, and not only through a nested group.
    pub direct: bool,
}

/// The members of all these groups, each group's in order of creation; `limit` of any of them at
/// the most.
///
/// # Errors
/// The database fails.
pub async fn of_groups(
    conn: &mut PgConnection,
    tenant: TenantId,
    groups: &[Uuid],
    limit: i64,
) -> Result<Vec<Member>, StoreError> {
    let members = sqlx::query_as(
        "SELECT group_id, id, type, display FROM ( \
             SELECT m.group_id, r.id, r.type, r.display FROM unnest($2::uuid[]) AS wanted (id) \
             CROSS JOIN LATERAL ( \
                 SELECT group_id, member_id FROM group_members \
                 WHERE tenant_id = $1 AND group_id BETWEEN wanted.id AND wanted.id \
                 ORDER BY group_id, member_id OFFSET 0) AS m \
             CROSS JOIN LATERAL ( \
                 SELECT id, type, display FROM resources \
                 WHERE tenant_id = $1 AND id BETWEEN m.member_id AND m.member_id \
                     ORDER BY id LIMIT 1) AS r \
             WHERE r.id = m.member_id LIMIT $3) AS found \
         ORDER BY group_id, id",
    )
    .bind(tenant.0)
    .bind(groups)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(members)
}

/// The groups that these resources belong to, directly or through nested groups, each resource's
/// in order of creation; `limit` of any of them at the most. `UNION` keeps each pair once, so groups
/// that contain each other come to an end; and a recursion goes no further than it is read, so the
/// limit ends it.
///
/// # Errors
/// The database fails.
pub async fn groups_of(
    conn: &mut PgConnection,
    tenant: TenantId,
    members: &[Uuid],
    limit: i64,
) -> Result<Vec<Belonging>, StoreError> {
    let groups = sqlx::query_as(
        "WITH RECURSIVE belongs (member_id, group_id) AS ( \
             SELECT m.member_id, m.group_id FROM unnest($2::uuid[]) AS wanted (id) \
             CROSS JOIN LATERAL ( \
                 SELECT member_id, group_id FROM group_members \
                 WHERE tenant_id = $1 AND member_id BETWEEN wanted.id AND wanted.id \
                 ORDER BY member_id, group_id OFFSET 0) AS m \
             UNION \
             SELECT b.member_id, m.group_id FROM belongs AS b \
             CROSS JOIN LATERAL ( \
                 SELECT group_id FROM group_members \
                 WHERE tenant_id = $1 AND member_id BETWEEN b.group_id AND b.group_id \
                 ORDER BY member_id, group_id OFFSET 0) AS m) \
         SELECT b.member_id, r.id, r.type, r.display, \
                EXISTS (SELECT FROM group_members AS m WHERE m.tenant_id = $1 \
                        AND m.group_id = b.group_id AND m.member_id = b.member_id) AS direct \
         FROM (SELECT member_id, group_id FROM belongs LIMIT $3) AS b \
         CROSS JOIN LATERAL ( \
             SELECT id, type, display FROM resources \
             WHERE tenant_id = $1 AND id BETWEEN b.group_id AND b.group_id \
                 ORDER BY id LIMIT 1) AS r \
         WHERE r.id = b.group_id ORDER BY b.member_id, b.group_id",
    )
    .bind(tenant.0)
    .bind(members)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(groups)
}

/// Those of these ids that are resources, of any type, in any order.
///
/// # Errors
/// The database fails.
pub async fn named(
    conn: &mut PgConnection,
    tenant: TenantId,
    ids: &[Uuid],
) -> Result<Vec<Named>, StoreError> {
    let named = sqlx::query_as(
        "SELECT r.id, r.type, r.display FROM unnest($2::uuid[]) AS wanted (id) \
         CROSS JOIN LATERAL ( \
             SELECT id, type, display FROM resources \
             WHERE tenant_id = $1 AND id BETWEEN wanted.id AND wanted.id ORDER BY id LIMIT 1) AS r \
         WHERE r.id = wanted.id",
    )
    .bind(tenant.0)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(named)
}

/// A resource that a request names together with a group.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Sighting {
    /// The group.
    pub group_id: Uuid,
    /// The resource.
    #[sqlx(flatten)]
    pub named: Named,
    /// Whether it is a member of the group.
    pub is_member: bool,
}

/// Those of these pairs of a group and an id in which the id is that of a resource, of any type.
///
/// # Errors
/// The database fails.
pub async fn sightings(
    conn: &mut PgConnection,
    tenant: TenantId,
    groups: &[Uuid],
    ids: &[Uuid],
) -> Result<Vec<Sighting>, StoreError> {
    let sightings = sqlx::query_as(
        "SELECT wanted.group_id, r.id, r.type, r.display, m.member_id IS NOT NULL AS is_member \
         FROM unnest($2::uuid[], $3::uuid[]) AS wanted (group_id, id) \
         CROSS JOIN LATERAL ( \
             SELECT id, type, display FROM resources \
             WHERE tenant_id = $1 AND id BETWEEN wanted.id AND wanted.id ORDER BY id LIMIT 1) AS r \
         LEFT JOIN LATERAL ( \
             SELECT group_id, member_id FROM group_members \
             WHERE tenant_id = $1 AND (group_id, member_id) >= (wanted.group_id, wanted.id) \
             ORDER BY group_id, member_id LIMIT 1) AS m \
             ON m.group_id = wanted.group_id AND m.member_id = wanted.id \
         WHERE r.id = wanted.id",
    )
    .bind(tenant.0)
    .bind(groups)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(sightings)
}

/// Whether a group has members beside these.
///
/// # Errors
/// The database fails.
pub async fn has_others(
    conn: &mut PgConnection,
    tenant: TenantId,
    group: Uuid,
    members: &[Uuid],
) -> Result<bool, StoreError> {
    let has_others = sqlx::query_scalar(
        "SELECT EXISTS ( \
             SELECT FROM ( \
                 SELECT member_id FROM group_members \
                 WHERE tenant_id = $1 AND group_id BETWEEN $2 AND $2 \
                 ORDER BY group_id, member_id OFFSET 0) AS m \
             WHERE m.member_id NOT IN (SELECT unnest($3::uuid[])))",
    )
    .bind(tenant.0)
    .bind(group)
    .bind(members)
    .fetch_one(conn)
    .await?;
    Ok(has_others)
}

/// How many members a group has; no more than `limit` are counted.
///
/// # Errors
/// The database fails.
pub async fn count(
    conn: &mut PgConnection,
    tenant: TenantId,
    group: Uuid,
    limit: i64,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "SELECT count(*) FROM ( \
             SELECT FROM group_members \
             WHERE tenant_id = $1 AND group_id BETWEEN $2 AND $2 \
             ORDER BY group_id, member_id LIMIT $3) AS counted",
    )
    .bind(tenant.0)
    .bind(group)
    .bind(limit)
    .fetch_one(conn)
    .await?;
    Ok(count)
}

/// A page of the members of a group, in order of creation: those that come after the id `after`.
///
/// # Errors
/// The database fails.
pub async fn page(
    conn: &mut PgConnection,
    tenant: TenantId,
    group: Uuid,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Named>, StoreError> {
    let members = sqlx::query_as(
        "SELECT r.id, r.type, r.display FROM ( \
             SELECT group_id, member_id FROM group_members \
             WHERE tenant_id = $1 AND (group_id, member_id) > ($2, $3) AND group_id <= $2 \
             ORDER BY group_id, member_id LIMIT $4) AS m \
         CROSS JOIN LATERAL ( \
             SELECT id, type, display FROM resources \
             WHERE tenant_id = $1 AND id BETWEEN m.member_id AND m.member_id \
                 ORDER BY id LIMIT 1) AS r \
         WHERE r.id = m.member_id ORDER BY r.id",
    )
    .bind(tenant.0)
    .bind(group)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(members)
}

/// A page of all memberships of the tenant, as pairs of a group and a member: those that come after
/// the pair `after`.
///
/// # Errors
/// The database fails.
pub async fn page_of_all(
    conn: &mut PgConnection,
    tenant: TenantId,
    after: (Uuid, Uuid),
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
    let pairs = sqlx::query_as(
        "SELECT group_id, member_id FROM group_members \
         WHERE tenant_id = $1 AND (group_id, member_id) > ($2, $3) \
         ORDER BY group_id, member_id LIMIT $4",
    )
    .bind(tenant.0)
    .bind(after.0)
    .bind(after.1)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(pairs)
}

#[cfg(test)]
mod tests;
