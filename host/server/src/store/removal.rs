//! The removal of a tenant with all that it has.
//!
//! It begins with a transaction after which the tenant is nobody's any more: it has no name and no
//! credentials. What it has then goes in batches, which any server carries on with, one of them at a
//! time. The last transaction finds next to nothing, and sees to it that no row comes behind it.
//!
//! Whoever adds rows of a tenant apart from its requests holds the tenant's row (`FOR KEY SHARE`) and
//! adds none where `removal_step` says that it is being removed.

mod apart;

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::audit::NO_TENANT;
use super::{StoreError, TenantId, config_epoch, schemas, tenants};

pub(super) use self::apart::delete_apart;
pub use self::apart::empty_own_databases;

/// Keeps a tenant from being removed until the end of the transaction; false where it is gone, or going.
/// What belongs to no tenant stays.
///
/// # Errors
/// The database fails.
pub async fn hold(conn: &mut PgConnection, tenant: TenantId) -> Result<bool, StoreError> {
    if tenant == NO_TENANT {
        return Ok(true);
    }
    let held =
        sqlx::query("SELECT FROM tenants WHERE id = $1 AND removal_step IS NULL FOR KEY SHARE")
            .bind(tenant.0)
            .fetch_optional(conn)
            .await?;
    Ok(held.is_some())
}

/// How far a removal has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The tenant.
    pub id: Uuid,
    /// The table that is being emptied.
    pub removal_step: String,
    /// Rows that are gone.
    pub removed_rows: i64,
    /// When the tenant was deleted.
    #[serde(with = "time::serde::rfc3339")]
    pub deleted: OffsetDateTime,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// There may be more.
    Deleted,
    /// Nothing is left but the tenant's row and what is few: [`finish`] is next.
    NothingLeft,
    /// Another server is at it.
    InUse,
    /// The tenant is gone.
    Gone,
}

/// The statement that deletes the first rows of a table in the order of its key, `$2` of them at the
/// most. By a range of the key and not by a join: the planner knows nothing of a new tenant, and might go
/// through all of its rows for each.
macro_rules! batch {
    ($table:literal, $key:literal, $descending:literal) => {
        (
            $table,
            concat!(
                "DELETE FROM ",
                $table,
                " WHERE tenant_id = $1 AND (",
                $key,
                ") <= \
                 (SELECT ",
                $key,
                " FROM (SELECT ",
                $key,
                " FROM ",
                $table,
                " \
                  WHERE tenant_id = $1 ORDER BY ",
                $key,
                " LIMIT $2) AS batch \
                  ORDER BY ",
                $descending,
                " LIMIT 1)"
            ),
        )
    };
}

/// What a tenant may have much of, in the order in which it goes: without the resources nothing can be
/// changed any more.
#[rustfmt::skip]
const STEPS: [(&str, &str); 12] = [
    batch!("resources", "id", "id DESC"),
    batch!("group_members", "group_id, member_id", "group_id DESC, member_id DESC"),
    batch!("unique_values", "type, attr, val", "type DESC, attr DESC, val DESC"),
    batch!("attr_index", "type, attr, val, id, elem", "type DESC, attr DESC, val DESC, id DESC, elem DESC"),
    batch!("outbox", "id", "id DESC"),
    batch!("deliveries", "plugin, event", "plugin DESC, event DESC"),
    batch!("recorded_calls", "plugin, id", "plugin DESC, id DESC"),
    batch!("idempotency_keys", "key", "key DESC"),
    batch!("audit", "id", "id DESC"),
    batch!("audit_seals", "n", "n DESC"),
    batch!("requests", "id", "id DESC"),
    batch!("share_conflicts", "parent_id, resource_id", "parent_id DESC, resource_id DESC"),
];

/// The last step, which [`finish`] is.
const LAST: &str = "tenants";

/// Takes a tenant out of the world: its name is free, and nobody has a credential of it. False where it
/// is being removed already.
///
/// # Errors
/// The database fails.
pub async fn begin(
    conn: &mut PgConnection,
    tenant: TenantId,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    const FEW: [&str; 11] = [
        "DELETE FROM tokens WHERE tenant_id = $1",
        "DELETE FROM clients WHERE tenant_id = $1",
        "DELETE FROM issuers WHERE tenant_id = $1",
        "DELETE FROM entry_points WHERE tenant_id = $1",
        "DELETE FROM realm_resolvers WHERE tenant_id = $1",
        // No more calls are recorded.
        "DELETE FROM plugin_recordings WHERE tenant_id = $1",
        // What nobody builds any more.
        "DELETE FROM index_builds WHERE tenant_id = $1",
        "DELETE FROM added_indexes WHERE tenant_id = $1",
        "DELETE FROM shares WHERE tenant_id = $1",
        // What other tenants have of this one goes, too.
        "UPDATE shares SET state = 'removing', due = created WHERE parent_id = $1",
        // Nobody carries on with its move.
        "DELETE FROM tenant_moves WHERE tenant_id = $1",
    ];
    // No tenant can be given a name with a colon.
    let begun = sqlx::query(
        "UPDATE tenants SET name = 'deleted:' || id, external_key = NULL, realm_id = NULL, \
                removal_step = CASE placement WHEN 'shared' THEN $2 ELSE $4 END, \
                deleted = $3, config_epoch = config_epoch + 1 \
         WHERE id = $1 AND removal_step IS NULL",
    )
    .bind(tenant.0)
    .bind(STEPS.first().map_or(LAST, |(table, _)| *table))
    .bind(now)
    .bind(LAST)
    .execute(&mut *conn)
    .await?;
    if begun.rows_affected() == 0 {
        return Ok(false);
    }
    for statement in FEW {
        sqlx::query(statement).bind(tenant.0).execute(&mut *conn).await?;
    }
    config_epoch::advance(conn).await?;
    Ok(true)
}

/// Deletes up to `limit` rows, within a transaction.
///
/// # Errors
/// The database fails.
pub async fn delete_batch(
    conn: &mut PgConnection,
    tenant: TenantId,
    limit: i64,
) -> Result<Batch, StoreError> {
    let step = match held(conn, tenant).await? {
        Ok(step) => step,
        Err(otherwise) => return Ok(otherwise),
    };
    let Some(at) = STEPS.iter().position(|(table, _)| *table == step) else {
        return Ok(Batch::NothingLeft);
    };
    by_indexes_alone(conn).await?;
    let (next, delete) = (STEPS.get(at + 1), STEPS.get(at).map_or("", |it| it.1));
    let deleted = sqlx::query(delete).bind(tenant.0).bind(limit).execute(&mut *conn).await?;
    let deleted = i64::try_from(deleted.rows_affected()).unwrap_or(i64::MAX);
    let is_empty = deleted < limit;
    let step = if is_empty { next.map_or(LAST, |(table, _)| *table) } else { &*step };
    sqlx::query(
        "UPDATE tenants SET removal_step = $2, removed_rows = removed_rows + $3 WHERE id = $1",
    )
    .bind(tenant.0)
    .bind(step)
    .bind(deleted)
    .execute(conn)
    .await?;
    Ok(if step == LAST { Batch::NothingLeft } else { Batch::Deleted })
}

/// Has this transaction alone work at the removal, and tells at which step it is.
async fn held(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<Result<String, Batch>, StoreError> {
    let held = sqlx::query_scalar(
        "SELECT removal_step FROM tenants WHERE id = $1 AND removal_step IS NOT NULL \
         FOR UPDATE SKIP LOCKED",
    )
    .bind(tenant.0)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(step) = held {
        return Ok(Ok(step));
    }
    let is_there = get(conn, tenant).await?.is_some();
    Ok(Err(if is_there { Batch::InUse } else { Batch::Gone }))
}

/// What a tenant has may be most of a table, and a batch of it is still little.
async fn by_indexes_alone(conn: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query(
        "SELECT set_config(name, 'off', true) FROM pg_settings WHERE name = 'enable_seqscan'",
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What is left of a tenant, in the order in which it goes at last: see [`finish`].
const IN_ORDER: [&str; 15] = [
    "DELETE FROM counters WHERE tenant_id = $1",
    "DELETE FROM resources WHERE tenant_id = $1",
    "DELETE FROM group_members WHERE tenant_id = $1",
    "DELETE FROM unique_values WHERE tenant_id = $1",
    // This waits for the batch of an index that is being built.
    "DELETE FROM index_builds WHERE tenant_id = $1",
    "DELETE FROM attr_index WHERE tenant_id = $1",
    "DELETE FROM outbox WHERE tenant_id = $1",
    "DELETE FROM deliveries WHERE tenant_id = $1",
    "DELETE FROM recorded_calls WHERE tenant_id = $1",
    "DELETE FROM audit WHERE tenant_id = $1",
    "DELETE FROM audit_seals WHERE tenant_id = $1",
    "DELETE FROM requests WHERE tenant_id = $1",
    "DELETE FROM shares WHERE tenant_id = $1",
    "DELETE FROM share_conflicts WHERE tenant_id = $1",
    // With its plugins and its last idempotency keys, which are few.
    "DELETE FROM tenants WHERE id = $1",
];

/// Removes a tenant's row and everything that is left of it, within a transaction.
///
/// A schema of its own goes as a whole; what is in databases of its own is gone ([`empty_own_databases`]). Of
/// what is in tables that tenants share, first nothing more can be created: the tenant's row is locked, which
/// keeps new counters out, and
/// to delete the counters waits for those who create. Then nothing more can be changed, as the
/// resources are gone. So no row comes behind the statement that deletes its like.
///
/// # Errors
/// The database fails.
pub async fn finish(conn: &mut PgConnection, tenant: TenantId) -> Result<Batch, StoreError> {
    if let Err(otherwise) = held(conn, tenant).await? {
        return Ok(otherwise);
    }
    schemas::drop(conn, tenant).await?;
    for statement in IN_ORDER {
        sqlx::query(statement).bind(tenant.0).execute(&mut *conn).await?;
    }
    config_epoch::advance(conn).await?;
    Ok(Batch::Gone)
}

/// Deletes up to `limit` rows of each table of what a tenant has in the tables that tenants share, and tells
/// whether nothing is left there.
///
/// # Errors
/// The database fails.
pub(super) async fn delete_data(
    conn: &mut PgConnection,
    tenant: TenantId,
    limit: i64,
) -> Result<bool, StoreError> {
    let mut is_empty = true;
    for (_, delete) in STEPS {
        let deleted = sqlx::query(delete).bind(tenant.0).bind(limit).execute(&mut *conn).await?;
        is_empty &= i64::try_from(deleted.rows_affected()).is_ok_and(|deleted| deleted < limit);
    }
    if is_empty {
        sqlx::query("DELETE FROM counters WHERE tenant_id = $1")
            .bind(tenant.0)
            .execute(conn)
            .await?;
    }
    Ok(is_empty)
}

/// How far the removal of a tenant is; `None` where it is not being removed.
///
/// # Errors
/// The database fails.
pub async fn get(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<Option<Progress>, StoreError> {
    let progress = sqlx::query_as(
        "SELECT id, removal_step, removed_rows, deleted FROM tenants \
         WHERE id = $1 AND removal_step IS NOT NULL",
    )
    .bind(tenant.0)
    .fetch_optional(conn)
    .await?;
    Ok(progress)
}

/// As [`get`], for what a path says: the tenant has nothing but its id any more.
///
/// # Errors
/// The database fails.
pub async fn of_id(conn: &mut PgConnection, id: &str) -> Result<Option<Progress>, StoreError> {
    match tenants::id_in_path(id) {
        Some(id) => get(conn, TenantId(id)).await,
        None => Ok(None),
    }
}

/// The tenants that are being removed.
///
/// # Errors
/// The database fails.
pub async fn list(conn: &mut PgConnection) -> Result<Vec<Progress>, StoreError> {
    let all = sqlx::query_as(
        "SELECT id, removal_step, removed_rows, deleted FROM tenants \
         WHERE removal_step IS NOT NULL ORDER BY id",
    )
    .fetch_all(conn)
    .await?;
    Ok(all)
}
