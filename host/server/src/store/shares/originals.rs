//! What a parent has of the types that it shares. Copies that it has itself are not shared further.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::{StoreError, TenantId};

/// A resource as a version of it is known by.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Seen {
    /// Its id.
    pub id: Uuid,
    /// The name of its type.
    #[sqlx(rename = "type")]
    pub resource_type: String,
    /// Counts its changes.
    pub version: i64,
    /// Whose copy it is.
    pub shared_from: Option<Uuid>,
}

/// A resource as it is copied: without what is returned to nobody.
#[derive(Clone, sqlx::FromRow)]
pub struct Original {
    /// Its id.
    pub id: Uuid,
    /// The name of its type.
    #[sqlx(rename = "type")]
    pub resource_type: String,
    /// Counts its changes.
    pub version: i64,
    /// When it was created.
    pub created: OffsetDateTime,
    /// When it was last changed.
    pub modified: OffsetDateTime,
    /// The attributes as JSON.
    pub body: String,
    /// What others call it.
    pub display: Option<String>,
}

/// Without the attributes.
impl std::fmt::Debug for Original {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Original").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What happened to a resource.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Event {
    /// A version 7 UUID, of when the write began.
    pub id: Uuid,
    /// The name of the type.
    #[sqlx(rename = "type")]
    pub resource_type: String,
    /// The resource.
    pub resource_id: Uuid,
}

/// Events after one id and up to another, in their order.
///
/// # Errors
/// The database fails.
pub async fn events(
    conn: &mut PgConnection,
    tenant: TenantId,
    after: Uuid,
    up_to: Uuid,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let events = sqlx::query_as(
        "SELECT id, type, resource_id FROM outbox \
         WHERE tenant_id = $1 AND id > $2 AND id <= $3 ORDER BY id LIMIT $4",
    )
    .bind(tenant.0)
    .bind(after)
    .bind(up_to)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(events)
}

/// Ids of a tenant's own resources of a type, in order, from after one of them on.
///
/// # Errors
/// The database fails.
pub async fn after(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>, StoreError> {
    let ids = sqlx::query_scalar(
        "SELECT id FROM resources WHERE tenant_id = $1 AND type = $2 AND id > $3 \
         ORDER BY id LIMIT $4",
    )
    .bind(tenant.0)
    .bind(resource_type)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(ids)
}

/// Those of these ids that are resources, of any type, copies among them.
///
/// # Errors
/// The database fails.
pub async fn seen(
    conn: &mut PgConnection,
    tenant: TenantId,
    ids: &[Uuid],
) -> Result<Vec<Seen>, StoreError> {
    let seen = sqlx::query_as(
        "SELECT r.id, r.type, r.version, r.shared_from FROM unnest($2::uuid[]) AS wanted (id) \
         CROSS JOIN LATERAL ( \
             SELECT id, type, version, shared_from FROM resources \
             WHERE tenant_id = $1 AND id BETWEEN wanted.id AND wanted.id ORDER BY id LIMIT 1) AS r",
    )
    .bind(tenant.0)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(seen)
}

/// Those of these ids that are resources, as they are copied.
///
/// # Errors
/// The database fails.
pub async fn get(
    conn: &mut PgConnection,
    tenant: TenantId,
    ids: &[Uuid],
) -> Result<Vec<Original>, StoreError> {
    let originals = sqlx::query_as(
        "SELECT r.id, r.type, r.version, r.created, r.modified, r.body, r.display \
         FROM unnest($2::uuid[]) AS wanted (id) \
         CROSS JOIN LATERAL ( \
             SELECT id, type, version, created, modified, body, display FROM resources \
             WHERE tenant_id = $1 AND id BETWEEN wanted.id AND wanted.id ORDER BY id LIMIT 1) AS r",
    )
    .bind(tenant.0)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(originals)
}

/// The ids of a group's members in order, from after one of them on.
///
/// # Errors
/// The database fails.
pub async fn members_after(
    conn: &mut PgConnection,
    tenant: TenantId,
    group: Uuid,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>, StoreError> {
    let ids = sqlx::query_scalar(
        "SELECT member_id FROM group_members \
         WHERE tenant_id = $1 AND (group_id, member_id) > ($2, $3) AND group_id <= $2 \
         ORDER BY group_id, member_id LIMIT $4",
    )
    .bind(tenant.0)
    .bind(group)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(ids)
}

/// The groups that these resources are members of themselves, as pairs of a group and a member.
///
/// # Errors
/// The database fails.
pub async fn groups_of(
    conn: &mut PgConnection,
    tenant: TenantId,
    members: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
    let pairs = sqlx::query_as(
        "SELECT m.group_id, m.member_id FROM unnest($2::uuid[]) AS wanted (id) \
         CROSS JOIN LATERAL ( \
             SELECT group_id, member_id FROM group_members \
             WHERE tenant_id = $1 AND member_id BETWEEN wanted.id AND wanted.id \
             ORDER BY member_id, group_id OFFSET 0) AS m",
    )
    .bind(tenant.0)
    .bind(members)
    .fetch_all(conn)
    .await?;
    Ok(pairs)
}
