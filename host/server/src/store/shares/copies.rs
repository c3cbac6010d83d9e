//! Copies of a parent's resources, as they are written. They are the same rows as those of other writes,
//! with their events and records, and the version that the original has.
//!
//! A page of them is one transaction, in which the counter is the last row, as in other writes.

use sqlx::PgConnection;
use tenon_scim::index::Entry;
use tenon_scim::resource::UniqueValue;
use tenon_scim::stored::Document;
use time::OffsetDateTime;
use uuid::Uuid;

use super::originals::Original;
use crate::store::audit::By;
use crate::store::{StoreError, TenantId};

/// A copy that is about to be written.
#[derive(Debug)]
pub struct Copy {
    /// What it is a copy of.
    pub original: Original,
    /// The version of the copy that there is.
    pub before: Option<i64>,
    /// Its attributes as the child's schemas know them.
    pub document: Document,
    /// Its unique values.
    pub unique: Vec<UniqueValue>,
    /// Entries in the index that it has to have.
    pub entries: Vec<Entry>,
}

/// A unique value that is taken.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Taken {
    /// The name of the type.
    #[sqlx(rename = "type")]
    pub resource_type: String,
    /// The path of the attribute.
    pub attr: String,
    /// The value.
    pub val: String,
    /// Who has it.
    pub id: Uuid,
}

/// Who has the unique values of copies, they themselves among them.
///
/// # Errors
/// The database fails.
pub async fn taken(
    conn: &mut PgConnection,
    tenant: TenantId,
    copies: &[Copy],
) -> Result<Vec<Taken>, StoreError> {
    let (types, values): (Vec<&str>, Vec<&UniqueValue>) = copies
        .iter()
        .flat_map(|it| it.unique.iter().map(|value| (it.original.resource_type.as_str(), value)))
        .unzip();
    let taken = sqlx::query_as(
        "SELECT wanted.type, wanted.attr, wanted.val, held.id \
         FROM unnest($2::text[], $3::text[], $4::text[]) AS wanted (type, attr, val) \
         CROSS JOIN LATERAL ( \
             SELECT id FROM unique_values \
             WHERE tenant_id = $1 AND type = wanted.type AND attr = wanted.attr AND val = wanted.val \
             OFFSET 0) AS held",
    )
    .bind(tenant.0)
    .bind(types)
    .bind(values.iter().map(|it| it.path.as_str()).collect::<Vec<_>>())
    .bind(values.iter().map(|it| it.value.as_str()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(taken)
}

/// Takes away by what copies are found, which are about to be replaced. `entries` are of one type.
///
/// # Errors
/// The database fails.
pub async fn give_up_keys(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
    id: Uuid,
    entries: &[Entry],
) -> Result<(), StoreError> {
    sqlx::query(
        "WITH given_up AS ( \
             DELETE FROM unique_values AS held USING ( \
                 SELECT $1::uuid AS tenant_id, $3::uuid AS id OFFSET 0) AS old \
             WHERE held.tenant_id = old.tenant_id AND held.id = old.id \
         ) \
         DELETE FROM attr_index AS entry USING ( \
             SELECT $1::uuid AS tenant_id, $2::text COLLATE \"C\" AS type, $3::uuid AS id, attr, val, \
                    elem \
             FROM unnest($4::text[], $5::text[], $6::smallint[]) AS old (attr, val, elem) \
             OFFSET 0) AS old \
         WHERE entry.tenant_id = old.tenant_id AND entry.type = old.type AND entry.attr = old.attr \
           AND entry.val = old.val AND entry.id = old.id AND entry.elem = old.elem",
    )
    .bind(tenant.0)
    .bind(resource_type)
    .bind(id)
    .bind(entries.iter().map(|it| it.attr.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|it| it.val.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|it| it.elem).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes copies, of which those that replace others have given up their keys. False where the child has
/// one of the ids, or a value, meanwhile: then the transaction is to be given up.
///
/// # Errors
/// The database fails.
pub async fn put(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
    by: By<'_>,
    copies: &[Copy],
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let written = put_resources(conn, tenant, parent, copies).await?;
    if usize::try_from(written) != Ok(copies.len()) || !put_unique(conn, tenant, copies).await? {
        return Ok(false);
    }
    put_entries(conn, tenant, copies).await?;
    record(conn, tenant, by, copies, now).await?;
    count(conn, tenant, copies).await?;
    Ok(true)
}

async fn put_resources(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
    copies: &[Copy],
) -> Result<u64, StoreError> {
    let originals = || copies.iter().map(|it| &it.original);
    let documents = || copies.iter().map(|it| &it.document);
    let written = sqlx::query(
        "INSERT INTO resources (tenant_id, id, type, version, created, modified, body, search, shape, \
                                display, shared_from) \
         SELECT $1, new.id, new.type, new.version, new.created, new.modified, new.body, new.search, \
                new.shape, new.display, $2 \
         FROM unnest($3::uuid[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], \
                     $8::text[], $9::text[], $10::bigint[], $11::text[]) \
             AS new (id, type, version, created, modified, body, search, shape, display) \
         ORDER BY new.id \
         ON CONFLICT (tenant_id, id) DO UPDATE SET \
             version = excluded.version, created = excluded.created, modified = excluded.modified, \
             body = excluded.body, search = excluded.search, shape = excluded.shape, \
             display = excluded.display \
         WHERE resources.shared_from = excluded.shared_from",
    )
    .bind(tenant.0)
    .bind(parent.0)
    .bind(originals().map(|it| it.id).collect::<Vec<_>>())
    .bind(originals().map(|it| it.resource_type.as_str()).collect::<Vec<_>>())
    .bind(originals().map(|it| it.version).collect::<Vec<_>>())
    .bind(originals().map(|it| it.created).collect::<Vec<_>>())
    .bind(originals().map(|it| it.modified).collect::<Vec<_>>())
    .bind(documents().map(|it| it.body.as_str()).collect::<Vec<_>>())
    .bind(documents().map(|it| it.search.as_deref()).collect::<Vec<_>>())
    .bind(documents().map(|it| it.shape).collect::<Vec<_>>())
    .bind(originals().map(|it| it.display.as_deref()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(written.rows_affected())
}

async fn put_unique(
    conn: &mut PgConnection,
    tenant: TenantId,
    copies: &[Copy],
) -> Result<bool, StoreError> {
    let values: Vec<(&Copy, &UniqueValue)> =
        copies.iter().flat_map(|it| it.unique.iter().map(move |value| (it, value))).collect();
    let put = sqlx::query(
        "INSERT INTO unique_values (tenant_id, type, attr, val, id) \
         SELECT $1, new.type, new.attr, new.val, new.id \
         FROM unnest($2::text[], $3::text[], $4::text[], $5::uuid[]) AS new (type, attr, val, id) \
         ORDER BY new.type, new.attr, new.val ON CONFLICT DO NOTHING",
    )
    .bind(tenant.0)
    .bind(values.iter().map(|it| it.0.original.resource_type.as_str()).collect::<Vec<_>>())
    .bind(values.iter().map(|it| it.1.path.as_str()).collect::<Vec<_>>())
    .bind(values.iter().map(|it| it.1.value.as_str()).collect::<Vec<_>>())
    .bind(values.iter().map(|it| it.0.original.id).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(usize::try_from(put.rows_affected()) == Ok(values.len()))
}

async fn put_entries(
    conn: &mut PgConnection,
    tenant: TenantId,
    copies: &[Copy],
) -> Result<(), StoreError> {
    let entries: Vec<(&Original, &Entry)> = copies
        .iter()
        .flat_map(|it| it.entries.iter().map(move |entry| (&it.original, entry)))
        .collect();
    sqlx::query(
        "INSERT INTO attr_index (tenant_id, type, attr, val, id, elem, substrings) \
         SELECT $1, new.type, new.attr, new.val, new.id, new.elem, new.substrings \
         FROM unnest($2::text[], $3::text[], $4::text[], $5::uuid[], $6::smallint[], $7::boolean[]) \
             AS new (type, attr, val, id, elem, substrings) \
         ON CONFLICT DO NOTHING",
    )
    .bind(tenant.0)
    .bind(entries.iter().map(|it| it.0.resource_type.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|it| it.1.attr.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|it| it.1.val.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|it| it.0.id).collect::<Vec<_>>())
    .bind(entries.iter().map(|it| it.1.elem).collect::<Vec<_>>())
    .bind(entries.iter().map(|it| it.1.substrings).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

async fn record(
    conn: &mut PgConnection,
    tenant: TenantId,
    by: By<'_>,
    copies: &[Copy],
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let operation = |it: &Copy| if it.before.is_some() { "replace" } else { "create" };
    sqlx::query(
        "WITH new AS ( \
             SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], \
                                  $7::bigint[]) \
                 AS new (event, operation, type, id, before, version) \
         ), event AS ( \
             INSERT INTO outbox (tenant_id, id, type, resource_id, version, operation, request_id, \
                                 created) \
             SELECT $1, event, type, id, version, operation, $9, $10 FROM new \
         ), delivery AS ( \
             INSERT INTO deliveries (tenant_id, plugin, event, type, resource_id, version, \
                                     operation, actor, request_id, created, written, attempts, \
                                     due) \
             SELECT $1, plugin, event, type, id, version, operation, $8, $9, $10, \
                    statement_timestamp(), 0, statement_timestamp() \
             FROM new, unnest($11::text[]) AS told (plugin) \
         ) \
         INSERT INTO audit (tenant_id, id, at, actor, action, type, resource_id, version_before, \
                            version_after, request_id) \
         SELECT $1, event, $10, $8, operation, type, id, before, version, $9 FROM new",
    )
    .bind(tenant.0)
    .bind(copies.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>())
    .bind(copies.iter().map(operation).collect::<Vec<_>>())
    .bind(copies.iter().map(|it| it.original.resource_type.as_str()).collect::<Vec<_>>())
    .bind(copies.iter().map(|it| it.original.id).collect::<Vec<_>>())
    .bind(copies.iter().map(|it| it.before).collect::<Vec<_>>())
    .bind(copies.iter().map(|it| it.original.version).collect::<Vec<_>>())
    .bind(by.actor)
    .bind(by.request_id)
    .bind(now)
    .bind(by.told)
    .execute(conn)
    .await?;
    Ok(())
}

/// Copies count among the resources of a type, and not for its limit.
async fn count(
    conn: &mut PgConnection,
    tenant: TenantId,
    copies: &[Copy],
) -> Result<(), StoreError> {
    let new: Vec<&str> = copies
        .iter()
        .filter(|it| it.before.is_none())
        .map(|it| it.original.resource_type.as_str())
        .collect();
    sqlx::query(
        "INSERT INTO counters AS counter (tenant_id, type, n, shared) \
         SELECT $1, new.type, count(*), count(*) FROM unnest($2::text[]) AS new (type) \
         GROUP BY new.type ORDER BY new.type \
         ON CONFLICT (tenant_id, type) DO UPDATE SET \
             n = counter.n + excluded.n, shared = counter.shared + excluded.shared",
    )
    .bind(tenant.0)
    .bind(new)
    .execute(conn)
    .await?;
    Ok(())
}

/// Copies of a parent's resources in order, from after one of them on. In the order that the index of
/// copies alone has: the child may have many resources of its own.
///
/// # Errors
/// The database fails.
pub async fn after(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>, StoreError> {
    let ids = sqlx::query_scalar(
        "SELECT id FROM resources \
         WHERE tenant_id = $1 AND (shared_from, id) > ($2, $3) AND shared_from <= $2 \
         ORDER BY shared_from, id LIMIT $4",
    )
    .bind(tenant.0)
    .bind(parent.0)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(ids)
}
