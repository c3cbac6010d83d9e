//! Members of groups that are copies: those of the original that are copies too. They change without a
//! version of their own, as that is the original's.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::{StoreError, TenantId};

/// Brings the members of a copied group between two ids (`after` is not among them) to those of the
/// original, as far as they are copies.
///
/// # Errors
/// The database fails.
pub async fn set(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
    group: Uuid,
    (after, up_to): (Uuid, Uuid),
    members: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM group_members AS m USING ( \
             SELECT $1::uuid AS tenant_id, $2::uuid AS group_id OFFSET 0) AS old \
         WHERE m.tenant_id = old.tenant_id AND m.group_id = old.group_id \
           AND m.member_id > $3 AND m.member_id <= $4 \
           AND m.member_id NOT IN (SELECT unnest($5::uuid[]))",
    )
    .bind(tenant.0)
    .bind(group)
    .bind(after)
    .bind(up_to)
    .bind(members)
    .execute(&mut *conn)
    .await?;
    let pairs: Vec<(Uuid, Uuid)> = members.iter().map(|member| (group, *member)).collect();
    add(conn, tenant, parent, &pairs).await
}

/// Adds members to groups where both are copies of the parent's; pairs of a group and a member.
///
/// # Errors
/// The database fails.
pub async fn add(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
    pairs: &[(Uuid, Uuid)],
) -> Result<(), StoreError> {
    if pairs.is_empty() {
        return Ok(());
    }
    let (groups, members): (Vec<Uuid>, Vec<Uuid>) = pairs.iter().copied().unzip();
    sqlx::query(
        "INSERT INTO group_members (tenant_id, group_id, member_id) \
         SELECT $1, g.id, m.id \
         FROM unnest($3::uuid[], $4::uuid[]) AS wanted (group_id, member_id) \
         CROSS JOIN LATERAL ( \
             SELECT id, shared_from FROM resources \
             WHERE tenant_id = $1 AND id BETWEEN wanted.group_id AND wanted.group_id \
             ORDER BY id LIMIT 1) AS g \
         CROSS JOIN LATERAL ( \
             SELECT id, shared_from FROM resources \
             WHERE tenant_id = $1 AND id BETWEEN wanted.member_id AND wanted.member_id \
             ORDER BY id LIMIT 1) AS m \
         WHERE g.shared_from = $2 AND m.shared_from = $2 \
         ON CONFLICT DO NOTHING",
    )
    .bind(tenant.0)
    .bind(parent.0)
    .bind(groups)
    .bind(members)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes a copy that is about to be deleted out of the groups that are copies. Those of the child get a
/// new version when it leaves them.
///
/// # Errors
/// The database fails.
pub async fn leave_copies(
    conn: &mut PgConnection,
    tenant: TenantId,
    member: Uuid,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM group_members AS m USING ( \
             SELECT of.tenant_id, of.group_id, of.member_id FROM ( \
                 SELECT tenant_id, group_id, member_id FROM group_members \
                 WHERE tenant_id = $1 AND member_id BETWEEN $2 AND $2 \
                 ORDER BY member_id, group_id OFFSET 0) AS of \
             CROSS JOIN LATERAL ( \
                 SELECT shared_from FROM resources \
                 WHERE tenant_id = $1 AND id BETWEEN of.group_id AND of.group_id \
                 ORDER BY id LIMIT 1) AS g \
             WHERE g.shared_from IS NOT NULL OFFSET 0) AS old \
         WHERE m.tenant_id = old.tenant_id AND m.group_id = old.group_id \
           AND m.member_id = old.member_id",
    )
    .bind(tenant.0)
    .bind(member)
    .execute(conn)
    .await?;
    Ok(())
}
