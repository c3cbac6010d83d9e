//! Writes of resources: one statement each, which is all or nothing without a transaction around it.
//!
//! Every part of a statement that depends on another one takes its rows, also where it knows the
//! values: so it does nothing where the version is not the expected one; and the planner, which
//! knows nothing of these rows, joins by whole keys. Of `tenant_id = $1` in a deletion from
//! `attr_index` it would believe that it finds one row, where a tenant is new, and go through all
//! entries of the tenant.
//!
//! The counter is the last row that a statement touches: it does not hold it while it waits for a
//! unique value, which another one may have that waits for the counter.

mod binds;

use sqlx::postgres::PgDatabaseError;
use sqlx::{PgConnection, Row};
use tenon_scim::index::Entry;
use tenon_scim::resource::UniqueValue;
use tenon_scim::stored::Document;
use time::OffsetDateTime;
use uuid::Uuid;

use self::binds::{Columns, Pairs, of_version};
use super::audit::By;
use super::idempotency::{self, Answered};
use super::{StoreError, TenantId, breaks};

/// What became of a write. Unless it is done, nothing is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// It is done.
    Done,
    /// The version is not stored any more.
    OtherVersion,
    /// Another resource has one of the unique values: [`taken`] tells which.
    NotUnique,
    /// There are as many resources of the type as there may be.
    LimitReached,
    /// Another request came with the same idempotency key.
    KeyTaken,
}

/// What became of the creation of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inserted {
    /// Whether it is done.
    pub outcome: Outcome,
    /// How many resources of the type there are, where that has just come to 80 % of what may be.
    pub warning: Option<i64>,
}

/// A version of a resource that is about to be written.
#[derive(Debug)]
pub struct Version<'w> {
    /// The name of its type.
    pub resource_type: &'w str,
    /// Identifies it.
    pub id: Uuid,
    /// One more than that of the version before.
    pub version: i64,
    /// When it is written.
    pub at: OffsetDateTime,
    /// Its attributes.
    pub document: &'w Document,
    /// What others call it.
    pub display: Option<&'w str>,
    /// What its audit record tells of it, as JSON.
    pub details: Option<&'w str>,
}

/// How the keys differ by which a resource is found.
#[derive(Debug, Default)]
pub struct Keys {
    /// Unique values that it had.
    pub given_up: Vec<UniqueValue>,
    /// Unique values that it has now, those of before among them.
    pub unique: Vec<UniqueValue>,
    /// Entries in the index that it had.
    pub removed: Vec<Entry>,
    /// Entries that it has now and had not.
    pub added: Vec<Entry>,
}

/// Adds a resource, as its first version.
///
/// # Errors
/// The database fails, or the tenant has been removed.
pub async fn insert(
    conn: &mut PgConnection,
    tenant: TenantId,
    by: By<'_>,
    new: &Version<'_>,
    keys: &Keys,
    answered: Option<Answered<'_>>,
) -> Result<Inserted, StoreError> {
    let (unique, added) = (Pairs::of(&keys.unique), Columns::of(&keys.added));
    // A limit that is reached makes n NULL, which the column does not take: all of it is undone.
    let inserted = of_version(
        tenant,
        new,
        "WITH resource AS ( \
             INSERT INTO resources (tenant_id, id, type, version, created, modified, body, \
                                    secrets, search, shape, display) \
             VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10) \
         ), taken AS ( \
             INSERT INTO unique_values (tenant_id, type, attr, val, id) \
             SELECT $1, $3, new.attr, new.val, $2 \
             FROM unnest($11::text[], $12::text[]) AS new (attr, val) ORDER BY new.attr \
             RETURNING id \
         ), added AS ( \
             INSERT INTO attr_index (tenant_id, type, attr, val, id, elem, substrings) \
             SELECT $1, $3, new.attr, new.val, $2, new.elem, new.substrings \
             FROM unnest($13::text[], $14::text[], $15::smallint[], $16::boolean[]) \
                 AS new (attr, val, elem, substrings) \
         ), answered AS ( \
             INSERT INTO idempotency_keys (tenant_id, key, fingerprint, status, answer, created) \
             SELECT $1, $17, $18, $19, $20, $5 WHERE $17 IS NOT NULL \
             RETURNING key \
         ), event AS ( \
             INSERT INTO outbox (tenant_id, id, type, resource_id, version, operation, request_id, \
                                 created) \
             VALUES ($1, $21, $3, $2, $4, 'create', $23, $5) \
         ), delivery AS ( \
             INSERT INTO deliveries (tenant_id, plugin, event, type, resource_id, version, \
                                     operation, actor, request_id, created, written, attempts, \
                                     due) \
             SELECT $1, plugin, $21, $3, $2, $4, 'create', $22, $23, $5, statement_timestamp(), 0, \
                    statement_timestamp() \
             FROM unnest($27::text[]) AS told (plugin) \
         ), record AS ( \
             INSERT INTO audit (tenant_id, id, at, actor, action, type, resource_id, \
                                version_after, request_id, details) \
             VALUES ($1, $21, $5, $22, 'create', $3, $2, $4, $23, $26) \
         ), counted AS ( \
             INSERT INTO counters AS counter (tenant_id, type, n) \
             SELECT $1, $3, 1 \
             FROM (SELECT count(*) FROM taken) AS first, (SELECT count(*) FROM answered) AS second \
             ON CONFLICT (tenant_id, type) DO UPDATE SET \
                 n = CASE WHEN counter.n - counter.shared >= counter.max_n THEN NULL \
                          ELSE counter.n + 1 END \
             RETURNING tenant_id, type, n - shared AS n, max_n \
         ) \
         INSERT INTO outbox (tenant_id, id, type, resource_id, version, operation, request_id, \
                             created) \
         SELECT tenant_id, $24, type, $25, n, 'quota-warning', $23, $5 FROM counted \
         WHERE n = max_n - max_n / 5 \
         RETURNING version",
    )
    .bind(unique.attrs)
    .bind(unique.vals)
    .bind(added.attrs)
    .bind(added.vals)
    .bind(added.elems)
    .bind(added.substrings)
    .bind(answered.map(|it| it.key))
    .bind(answered.map(|it| it.fingerprint))
    .bind(answered.map(|it| it.status))
    .bind(answered.map(|it| it.answer))
    .bind(Uuid::now_v7())
    .bind(by.actor)
    .bind(by.request_id)
    .bind(Uuid::now_v7())
    .bind(Uuid::nil())
    .bind(new.details)
    .bind(by.told)
    .fetch_optional(conn)
    .await
    .and_then(|row| row.map(|row| row.try_get::<i64, _>(0)).transpose());
    let warning = inserted.as_ref().ok().copied().flatten();
    let outcome = refused(inserted.map(|_| Outcome::Done))?;
    Ok(Inserted { outcome, warning })
}

/// Puts a version in the place of the one before it; `operation` is `replace` or `patch`.
///
/// # Errors
/// The database fails.
pub async fn replace(
    conn: &mut PgConnection,
    tenant: TenantId,
    by: By<'_>,
    operation: &str,
    new: &Version<'_>,
    keys: &Keys,
) -> Result<Outcome, StoreError> {
    let (given_up, unique) = (Pairs::of(&keys.given_up), Pairs::of(&keys.unique));
    let (removed, added) = (Columns::of(&keys.removed), Columns::of(&keys.added));
    // A value that it had may be missing: a plugin made the attribute unique since. And an index
    // that is being built may have an entry already.
    let written = of_version(
        tenant,
        new,
        "WITH resource AS ( \
             UPDATE resources SET version = $4, modified = $5, body = $6, secrets = $7, \
                                  search = $8, shape = $9, display = $10 \
             WHERE tenant_id = $1 AND id = $2 AND type = $3 AND version = $4 - 1 \
               AND shared_from IS NULL \
             RETURNING tenant_id, id, type \
         ), given_up AS ( \
             DELETE FROM unique_values AS held USING ( \
                 SELECT * FROM resource, unnest($11::text[], $12::text[]) AS old (attr, val) \
                 OFFSET 0) AS old \
             WHERE held.tenant_id = old.tenant_id AND held.type = old.type \
               AND held.attr = old.attr AND held.val = old.val AND held.id = old.id \
         ), taken AS ( \
             INSERT INTO unique_values (tenant_id, type, attr, val, id) \
             SELECT resource.tenant_id, resource.type, new.attr, new.val, resource.id \
             FROM resource, unnest($13::text[], $14::text[]) AS new (attr, val) \
             WHERE NOT EXISTS ( \
                 SELECT FROM unique_values AS held \
                 WHERE held.tenant_id = resource.tenant_id AND held.type = resource.type \
                   AND held.attr = new.attr AND held.val = new.val AND held.id = resource.id) \
             ORDER BY new.attr \
         ), removed AS ( \
             DELETE FROM attr_index AS entry USING ( \
                 SELECT * FROM resource, unnest($15::text[], $16::text[], $17::smallint[]) \
                     AS old (attr, val, elem) OFFSET 0) AS old \
             WHERE entry.tenant_id = old.tenant_id AND entry.type = old.type \
               AND entry.attr = old.attr AND entry.val = old.val AND entry.id = old.id \
               AND entry.elem = old.elem \
         ), added AS ( \
             INSERT INTO attr_index (tenant_id, type, attr, val, id, elem, substrings) \
             SELECT resource.tenant_id, resource.type, new.attr, new.val, resource.id, new.elem, \
                    new.substrings \
             FROM resource, unnest($18::text[], $19::text[], $20::smallint[], $21::boolean[]) \
                 AS new (attr, val, elem, substrings) \
             ON CONFLICT DO NOTHING \
         ), event AS ( \
             INSERT INTO outbox (tenant_id, id, type, resource_id, version, operation, request_id, \
                                 created) \
             SELECT tenant_id, $22, type, id, $4, $24, $25, $5 FROM resource \
         ), delivery AS ( \
             INSERT INTO deliveries (tenant_id, plugin, event, type, resource_id, version, \
                                     operation, actor, request_id, created, written, attempts, \
                                     due) \
             SELECT tenant_id, plugin, $22, type, id, $4, $24, $23, $25, $5, \
                    statement_timestamp(), 0, statement_timestamp() \
             FROM resource, unnest($27::text[]) AS told (plugin) \
         ), record AS ( \
             INSERT INTO audit (tenant_id, id, at, actor, action, type, resource_id, \
                                version_before, version_after, request_id, details) \
             SELECT tenant_id, $22, $5, $23, $24, type, id, $4 - 1, $4, $25, $26 FROM resource \
         ) \
         SELECT count(*) FROM resource",
    )
    .bind(given_up.attrs)
    .bind(given_up.vals)
    .bind(unique.attrs)
    .bind(unique.vals)
    .bind(removed.attrs)
    .bind(removed.vals)
    .bind(removed.elems)
    .bind(added.attrs)
    .bind(added.vals)
    .bind(added.elems)
    .bind(added.substrings)
    .bind(Uuid::now_v7())
    .bind(by.actor)
    .bind(operation)
    .bind(by.request_id)
    .bind(new.details)
    .bind(by.told)
    .fetch_one(conn)
    .await
    .and_then(|row| row.try_get::<i64, _>(0));
    refused(written.map(|n| if n > 0 { Outcome::Done } else { Outcome::OtherVersion }))
}

/// Removes a resource with its unique values and the entries that it has in the index. It has no
/// memberships any more. Where a token speaks for it, servers that remember the token are told.
///
/// # Errors
/// The database fails.
pub async fn delete(
    conn: &mut PgConnection,
    tenant: TenantId,
    by: By<'_>,
    resource_type: &str,
    id: Uuid,
    entries: &[Entry],
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let removed = Columns::of(entries);
    // With the type: without it, the index by type seems as good as the primary key where a tenant
    // is new, and all of the tenant in it is gone through.
    sqlx::query(
        "WITH resource AS ( \
             DELETE FROM resources WHERE tenant_id = $1 AND id = $2 AND type = $10 \
             RETURNING tenant_id, id, type, version, shared_from \
         ), given_up AS ( \
             DELETE FROM unique_values AS held USING resource \
             WHERE held.tenant_id = resource.tenant_id AND held.id = resource.id \
             RETURNING held.id \
         ), removed AS ( \
             DELETE FROM attr_index AS entry USING ( \
                 SELECT * FROM resource, unnest($3::text[], $4::text[], $5::smallint[]) \
                     AS old (attr, val, elem) OFFSET 0) AS old \
             WHERE entry.tenant_id = old.tenant_id AND entry.type = old.type \
               AND entry.attr = old.attr AND entry.val = old.val AND entry.id = old.id \
               AND entry.elem = old.elem \
             RETURNING entry.id \
         ), event AS ( \
             INSERT INTO outbox (tenant_id, id, type, resource_id, version, operation, request_id, \
                                 created) \
             SELECT tenant_id, $6, type, id, version, 'delete', $8, $9 FROM resource \
         ), delivery AS ( \
             INSERT INTO deliveries (tenant_id, plugin, event, type, resource_id, version, \
                                     operation, actor, request_id, created, written, attempts, \
                                     due) \
             SELECT tenant_id, plugin, $6, type, id, version, 'delete', $7, $8, $9, \
                    statement_timestamp(), 0, statement_timestamp() \
             FROM resource, unnest($11::text[]) AS told (plugin) \
         ), record AS ( \
             INSERT INTO audit (tenant_id, id, at, actor, action, type, resource_id, \
                                version_before, request_id) \
             SELECT tenant_id, $6, $9, $7, 'delete', type, id, version, $8 FROM resource \
         ), revoked AS ( \
             DELETE FROM tokens WHERE tenant_id = $1 AND user_id = $2 RETURNING id \
         ), told AS ( \
             UPDATE config_epoch SET n = n + 1 WHERE EXISTS (SELECT FROM revoked) \
         ) \
         UPDATE counters AS counter SET n = n - 1, \
                shared = CASE WHEN resource.shared_from IS NULL THEN shared ELSE shared - 1 END \
         FROM resource, (SELECT count(*) FROM given_up) AS first, \
              (SELECT count(*) FROM removed) AS second \
         WHERE counter.tenant_id = $1 AND counter.type = resource.type",
    )
    .bind(tenant.0)
    .bind(id)
    .bind(removed.attrs)
    .bind(removed.vals)
    .bind(removed.elems)
    .bind(Uuid::now_v7())
    .bind(by.actor)
    .bind(by.request_id)
    .bind(now)
    .bind(resource_type)
    .bind(by.told)
    .execute(conn)
    .await?;
    Ok(())
}

/// The path of a value that another resource has, if there still is one.
///
/// # Errors
/// The database fails.
pub async fn taken(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
    id: Uuid,
    values: &[UniqueValue],
) -> Result<Option<String>, StoreError> {
    let wanted = Pairs::of(values);
    let path = sqlx::query_scalar(
        "SELECT wanted.attr FROM unnest($4::text[], $5::text[]) AS wanted (attr, val) \
         CROSS JOIN LATERAL ( \
             SELECT id FROM unique_values \
             WHERE tenant_id = $1 AND type = $2 AND attr = wanted.attr AND val = wanted.val \
             OFFSET 0) AS held \
         WHERE held.id <> $3 LIMIT 1",
    )
    .bind(tenant.0)
    .bind(resource_type)
    .bind(id)
    .bind(wanted.attrs)
    .bind(wanted.vals)
    .fetch_optional(conn)
    .await?;
    Ok(path)
}

/// What a statement that was undone says of the write.
fn refused(result: Result<Outcome, sqlx::Error>) -> Result<Outcome, StoreError> {
    match result {
        Err(error) if breaks(&error, "unique_values_pkey") => Ok(Outcome::NotUnique),
        // Another request has created a resource under this id.
        Err(error) if breaks(&error, "resources_pkey") => Ok(Outcome::OtherVersion),
        Err(error) if breaks(&error, idempotency::ONCE) => Ok(Outcome::KeyTaken),
        Err(error) if breaks_limit(&error) => Ok(Outcome::LimitReached),
        result => Ok(result?),
    }
}

/// 23502 is not_null_violation.
fn breaks_limit(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|it| it.try_downcast_ref::<PgDatabaseError>());
    error.is_some_and(|it| {
        it.code() == "23502" && it.table() == Some("counters") && it.column() == Some("n")
    })
}
