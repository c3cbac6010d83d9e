//! The entries of indexes, as those see them who build an index or drop it: in batches, in order.

use sqlx::PgConnection;
use uuid::Uuid;

use super::index_builds::{IndexBuild, Last};
use super::{StoreError, TenantId};

/// A resource as it is indexed.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Indexable {
    /// Its id.
    pub id: Uuid,
    /// The attributes as JSON.
    pub body: String,
    /// The attributes as filters see them, where that is another text.
    pub search: Option<String>,
}

/// Resources of a type in order, from after one of them on.
///
/// # Errors
/// The database fails.
pub async fn resources_after(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Indexable>, StoreError> {
    let resources = sqlx::query_as(
        "SELECT id, body, search FROM resources \
         WHERE tenant_id = $1 AND type = $2 AND id > $3 ORDER BY id LIMIT $4",
    )
    .bind(tenant.0)
    .bind(resource_type)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(resources)
}

/// Those of the resources that are there. Each is looked up on its own: nothing is left to what the
/// planner believes of the tenant.
///
/// # Errors
/// The database fails.
pub async fn resources(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
    ids: &[Uuid],
) -> Result<Vec<Indexable>, StoreError> {
    let resources = sqlx::query_as(
        "SELECT r.id, r.body, r.search FROM unnest($3::uuid[]) AS wanted (id) \
         CROSS JOIN LATERAL (SELECT id, body, search FROM resources \
             WHERE tenant_id = $1 AND id = wanted.id AND type = $2 LIMIT 1) AS r",
    )
    .bind(tenant.0)
    .bind(resource_type)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(resources)
}

/// The resource with that id, which nobody changes until the end of the transaction.
///
/// # Errors
/// The database fails.
pub async fn lock_resource(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
    id: Uuid,
) -> Result<Option<Indexable>, StoreError> {
    let resource = sqlx::query_as(
        "SELECT id, body, search FROM resources \
         WHERE tenant_id = $1 AND id = $2 AND type = $3 FOR SHARE",
    )
    .bind(tenant.0)
    .bind(id)
    .bind(resource_type)
    .fetch_optional(conn)
    .await?;
    Ok(resource)
}

/// Adds entries; those that are there stay as they are.
///
/// # Errors
/// The database fails.
pub async fn insert(
    conn: &mut PgConnection,
    build: &IndexBuild,
    entries: &[Last],
    substrings: bool,
) -> Result<(), StoreError> {
    let (vals, ids, elems) = columns(entries);
    sqlx::query(
        "INSERT INTO attr_index (tenant_id, type, attr, val, id, elem, substrings) \
         SELECT $1, $2, $3, e.val, e.id, e.elem, $7 \
         FROM unnest($4::text[], $5::uuid[], $6::smallint[]) AS e (val, id, elem) \
         ON CONFLICT DO NOTHING",
    )
    .bind(build.tenant.0)
    .bind(&build.resource_type)
    .bind(&build.attr)
    .bind(vals)
    .bind(ids)
    .bind(elems)
    .bind(substrings)
    .execute(conn)
    .await?;
    Ok(())
}

/// Entries in order, from after one of them on.
///
/// # Errors
/// The database fails.
pub async fn entries_after(
    conn: &mut PgConnection,
    build: &IndexBuild,
    limit: i64,
) -> Result<Vec<Last>, StoreError> {
    let entries: Vec<(String, Uuid, i16)> = sqlx::query_as(
        "SELECT val, id, elem FROM attr_index \
         WHERE tenant_id = $1 AND type = $2 AND attr = $3 AND (val, id, elem) > ($4, $5, $6) \
         ORDER BY val, id, elem LIMIT $7",
    )
    .bind(build.tenant.0)
    .bind(&build.resource_type)
    .bind(&build.attr)
    .bind(&build.last.val)
    .bind(build.last.id)
    .bind(build.last.elem)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(entries.into_iter().map(|(val, id, elem)| Last { val, id, elem }).collect())
}

/// Removes entries.
///
/// # Errors
/// The database fails.
pub async fn delete(
    conn: &mut PgConnection,
    build: &IndexBuild,
    entries: &[Last],
) -> Result<(), StoreError> {
    let (vals, ids, elems) = columns(entries);
    sqlx::query(
        "DELETE FROM attr_index WHERE tenant_id = $1 AND type = $2 AND attr = $3 \
         AND (val, id, elem) IN \
             (SELECT * FROM unnest($4::text[], $5::uuid[], $6::smallint[]))",
    )
    .bind(build.tenant.0)
    .bind(&build.resource_type)
    .bind(&build.attr)
    .bind(vals)
    .bind(ids)
    .bind(elems)
    .execute(conn)
    .await?;
    Ok(())
}

/// What filters see of a resource, made anew of its body.
#[derive(Debug)]
pub struct Rewritten<'b> {
    /// The resource.
    pub id: Uuid,
    /// The body that it was made of.
    pub body: &'b str,
    /// The document, where that is not the body itself.
    pub search: Option<String>,
    /// Stands for the schemas under which it was made.
    pub shape: i64,
}

/// Gives resources the documents that filters look at, where they still have these bodies.
/// A change of memberships is a new version, and leaves the body alone.
///
/// # Errors
/// The database fails.
pub async fn set_search(
    conn: &mut PgConnection,
    tenant: TenantId,
    documents: &[Rewritten<'_>],
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = documents.iter().map(|it| it.id).collect();
    let bodies: Vec<&str> = documents.iter().map(|it| it.body).collect();
    let texts: Vec<Option<&str>> = documents.iter().map(|it| it.search.as_deref()).collect();
    let shapes: Vec<i64> = documents.iter().map(|it| it.shape).collect();
    sqlx::query(
        "UPDATE resources r SET search = d.search, shape = d.shape \
         FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[]) \
              AS d (id, body, search, shape) \
         WHERE r.tenant_id = $1 AND r.id = d.id AND r.body = d.body",
    )
    .bind(tenant.0)
    .bind(ids)
    .bind(bodies)
    .bind(texts)
    .bind(shapes)
    .execute(conn)
    .await?;
    Ok(())
}

fn columns(entries: &[Last]) -> (Vec<&str>, Vec<Uuid>, Vec<i16>) {
    (
        entries.iter().map(|it| it.val.as_str()).collect(),
        entries.iter().map(|it| it.id).collect(),
        entries.iter().map(|it| it.elem).collect(),
    )
}
