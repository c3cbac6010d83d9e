//! Who is a member of which group.

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

/// The members of all these groups, each group's in order of creation; `limit` of them at the most.
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
        "SELECT m.group_id, r.id, r.type, r.display FROM group_members AS m \
         JOIN resources AS r ON r.tenant_id = m.tenant_id AND r.id = m.member_id \
         WHERE m.tenant_id = $1 AND m.group_id = ANY($2) ORDER BY m.group_id, m.member_id LIMIT $3",
    )
    .bind(tenant.0)
    .bind(groups)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(members)
}

/// The groups that these resources belong to, directly or through nested groups, each resource's
/// in order of creation; `limit` at the most. `UNION` keeps each pair once, so groups that contain
/// each other come to an end.
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
             SELECT member_id, group_id FROM group_members \
             WHERE tenant_id = $1 AND member_id = ANY($2) \
             UNION \
             SELECT b.member_id, m.group_id FROM belongs AS b \
             JOIN group_members AS m ON m.tenant_id = $1 AND m.member_id = b.group_id) \
         SELECT b.member_id, r.id, r.type, r.display, \
                EXISTS (SELECT FROM group_members AS m WHERE m.tenant_id = $1 \
                        AND m.group_id = b.group_id AND m.member_id = b.member_id) AS direct \
         FROM belongs AS b JOIN resources AS r ON r.tenant_id = $1 AND r.id = b.group_id \
         ORDER BY b.member_id, b.group_id LIMIT $3",
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
        "SELECT id, type, display FROM resources WHERE tenant_id = $1 AND id = ANY($2)",
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
    sqlx::query(
        "DELETE FROM group_members \
         WHERE tenant_id = $1 AND group_id = $2 AND member_id = ANY($3)",
    )
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
    sqlx::query(
        "WITH locked AS ( \
             SELECT id FROM resources WHERE tenant_id = $1 AND id IN ( \
                 SELECT group_id FROM group_members WHERE tenant_id = $1 AND member_id = $2) \
             ORDER BY id FOR NO KEY UPDATE) \
         UPDATE resources SET version = version + 1, modified = $3 \
         WHERE tenant_id = $1 AND id IN (SELECT id FROM locked)",
    )
    .bind(tenant.0)
    .bind(member)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}
