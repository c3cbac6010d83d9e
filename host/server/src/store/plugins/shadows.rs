//! What a version came to that is run beside the active one: sums, and where the two differ.

use serde_json::Value;
use sqlx::PgConnection;
use tenon_plugin::Digest;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::{StoreError, TenantId};

/// Differences that are kept of a plugin.
const KEPT: i64 = 200;

/// What the calls of a version in shadow came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadowed {
    /// The version.
    pub digest: Digest,
    /// Since when it is run.
    pub since: OffsetDateTime,
    /// How often.
    pub sums: Sums,
}

/// Calls of a version in shadow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Sums {
    /// Those that were run.
    pub calls: i64,
    /// Those that said something else than the active version.
    pub different: i64,
    /// Those that gave no answer.
    pub failed: i64,
    /// Those that were not run, as too many were running.
    pub dropped: i64,
    /// Fuel of all of them.
    pub fuel_sum: i64,
    /// The most fuel of one.
    pub fuel_max: i64,
}

/// A call at which the two versions said something else.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Identifies it; a version 7 UUID.
    pub id: Uuid,
    /// When.
    pub at: OffsetDateTime,
    /// The request.
    pub request_id: String,
    /// What was called.
    pub hook: String,
    /// The type of the resource.
    pub resource_type: String,
    /// What was done.
    pub operation: String,
    /// What the active version said.
    pub active: Value,
    /// What the other one said.
    pub shadow: Value,
}

/// Begins to count for a version; what was counted for another is gone.
///
/// # Errors
/// The database fails.
pub async fn begin_shadow(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
    digest: &Digest,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    for delete in [
        "DELETE FROM plugin_shadows WHERE tenant_id = $1 AND plugin = $2",
        "DELETE FROM plugin_differences WHERE tenant_id = $1 AND plugin = $2",
    ] {
        sqlx::query(delete).bind(tenant.0).bind(plugin).execute(&mut *conn).await?;
    }
    sqlx::query(
        "INSERT INTO plugin_shadows (tenant_id, plugin, digest, since) VALUES ($1, $2, $3, $4)",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(digest.as_bytes().as_slice())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds calls of a version. Of one that is not counted any more nothing is kept.
///
/// # Errors
/// The database fails.
pub async fn add_shadowed(
    conn: &mut PgConnection,
    tenant: TenantId,
    (plugin, digest): (&str, &Digest),
    sums: &Sums,
    differences: &[Difference],
) -> Result<(), StoreError> {
    fn column<'d, T>(all: &'d [Difference], of: impl Fn(&'d Difference) -> T) -> Vec<T> {
        all.iter().map(of).collect()
    }
    let digest = digest.as_bytes().as_slice();
    let counted = sqlx::query(
        "UPDATE plugin_shadows SET calls = calls + $4, different = different + $5, \
                failed = failed + $6, dropped = dropped + $7, fuel_sum = fuel_sum + $8, \
                fuel_max = greatest(fuel_max, $9) \
         WHERE tenant_id = $1 AND plugin = $2 AND digest = $3",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(digest)
    .bind(sums.calls)
    .bind(sums.different)
    .bind(sums.failed)
    .bind(sums.dropped)
    .bind(sums.fuel_sum)
    .bind(sums.fuel_max)
    .execute(&mut *conn)
    .await?;
    if counted.rows_affected() == 0 || differences.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO plugin_differences (tenant_id, plugin, digest, id, at, request_id, hook, \
                                         resource_type, operation, active, shadow) \
         SELECT $1, $2, $3, new.* \
         FROM unnest($4::uuid[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], \
                     $9::text[], $10::text[], $11::text[]) AS new \
         ON CONFLICT DO NOTHING",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(digest)
    .bind(column(differences, |it| it.id))
    .bind(column(differences, |it| it.at))
    .bind(column(differences, |it| it.request_id.as_str()))
    .bind(column(differences, |it| it.hook.as_str()))
    .bind(column(differences, |it| it.resource_type.as_str()))
    .bind(column(differences, |it| it.operation.as_str()))
    .bind(column(differences, |it| it.active.to_string()))
    .bind(column(differences, |it| it.shadow.to_string()))
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "DELETE FROM plugin_differences WHERE tenant_id = $1 AND plugin = $2 AND id <= \
         (SELECT id FROM plugin_differences WHERE tenant_id = $1 AND plugin = $2 \
          ORDER BY id DESC OFFSET $3 LIMIT 1)",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(KEPT)
    .execute(conn)
    .await?;
    Ok(())
}

/// What the version came to that is in shadow, or was last.
///
/// # Errors
/// The database fails.
pub async fn shadowed(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
) -> Result<Option<Shadowed>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Row {
        digest: Vec<u8>,
        since: OffsetDateTime,
        #[sqlx(flatten)]
        sums: Sums,
    }
    let row: Option<Row> = sqlx::query_as(
        "SELECT digest, since, calls, different, failed, dropped, fuel_sum, fuel_max \
         FROM plugin_shadows WHERE tenant_id = $1 AND plugin = $2",
    )
    .bind(tenant.0)
    .bind(plugin)
    .fetch_optional(conn)
    .await?;
    let read = |Row { digest, since, sums }: Row| {
        super::digest(digest).map(|digest| Shadowed { digest, since, sums })
    };
    row.map(read).transpose()
}

/// Where it said something else than the active version, the newest first.
///
/// # Errors
/// The database fails, or what is stored cannot be read.
pub async fn differences(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
) -> Result<Vec<Difference>, StoreError> {
    type Row = (Uuid, OffsetDateTime, String, String, String, String, String, String);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, at, request_id, hook, resource_type, operation, active, shadow \
         FROM plugin_differences WHERE tenant_id = $1 AND plugin = $2 ORDER BY id DESC LIMIT $3",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(KEPT)
    .fetch_all(conn)
    .await?;
    let said = |text: &str| {
        serde_json::from_str(text)
            .map_err(|source| StoreError::Corrupt { what: "what a plugin said", source })
    };
    let read = |(id, at, request_id, hook, resource_type, operation, active, shadow): Row| {
        let (active, shadow) = (said(&active)?, said(&shadow)?);
        Ok(Difference { id, at, request_id, hook, resource_type, operation, active, shadow })
    };
    rows.into_iter().map(read).collect()
}
