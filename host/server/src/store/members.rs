//! Who is a member of which group.
//!
//! The planner knows nothing yet of a tenant that has just been filled, takes it for a single row,
//! and joins by going through all of it once for each membership. So nothing is left to its
//! estimates here: each id is looked up on its own (`LATERAL`), as a range in the order that one
//! index alone has (`BETWEEN … ORDER BY`, `>= … ORDER BY … LIMIT 1`).

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantId, breaks};

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
                 WHERE tenant_id = $1 AND id >= m.member_id ORDER BY id LIMIT 1) AS r \
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
             WHERE tenant_id = $1 AND id >= b.group_id ORDER BY id LIMIT 1) AS r \
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
             WHERE tenant_id = $1 AND id >= wanted.id ORDER BY id LIMIT 1) AS r \
         WHERE r.id = wanted.id",
    )
    .bind(tenant.0)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(named)
}

/// Adds members to a group; false where the group or one of them has been deleted meanwhile. Then
/// the transaction is to be given up.
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
    let added = sqlx::query(
        "INSERT INTO group_members (tenant_id, group_id, member_id) \
         SELECT $1, $2, new.id FROM unnest($3::uuid[]) AS new (id) ORDER BY new.id \
         ON CONFLICT DO NOTHING",
    )
    .bind(tenant.0)
    .bind(group)
    .bind(members)
    .execute(conn)
    .await;
    match added {
        Ok(_) => Ok(true),
        Err(error)
            if breaks(&error, "group_members_member") || breaks(&error, "group_members_group") =>
        {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
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
    // Planned anew for these members: where a plan for any members goes through the group, it goes
    // through the list for each of its members.
    sqlx::query(
        "DELETE FROM group_members \
         WHERE tenant_id = $1 AND group_id = $2 AND member_id = ANY($3)",
    )
    .persistent(false)
    .bind(tenant.0)
    .bind(group)
    .bind(members)
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives the groups that a resource is a member of a new version, since they are about to lose it.
/// The resource is locked, so nobody adds it to another group meanwhile.
///
/// The groups are locked in one order, so that two deletions wait for each other and not both.
///
/// # Errors
/// The database fails.
pub async fn touch_groups_of(
    conn: &mut PgConnection,
    tenant: TenantId,
    member: Uuid,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let groups: Vec<Uuid> = sqlx::query_scalar(
        "SELECT group_id FROM group_members WHERE tenant_id = $1 AND member_id = $2",
    )
    .bind(tenant.0)
    .bind(member)
    .fetch_all(&mut *conn)
    .await?;
    if groups.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "SELECT id FROM resources WHERE tenant_id = $1 AND id = ANY($2) \
         ORDER BY id FOR NO KEY UPDATE",
    )
    .persistent(false)
    .bind(tenant.0)
    .bind(&groups)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "UPDATE resources SET version = version + 1, modified = $3 \
         WHERE tenant_id = $1 AND id = ANY($2)",
    )
    .persistent(false)
    .bind(tenant.0)
    .bind(&groups)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
