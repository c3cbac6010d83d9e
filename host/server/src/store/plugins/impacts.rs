//! Versions that are run over the stored resources of their tenant: what came of it, and how far it is.

use serde_json::Value;
use sqlx::PgConnection;
use tenon_plugin::Digest;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::resources::Stored;
use crate::store::{StoreError, TenantId};

/// A version that is, or was, run over the stored resources.
#[derive(Debug, Clone, PartialEq)]
pub struct Impact {
    /// The tenant.
    pub tenant: TenantId,
    /// The plugin.
    pub plugin: String,
    /// The version.
    pub digest: Digest,
    /// `running`, `done`, `cancelled` or `failed`.
    pub state: String,
    /// Why it failed.
    pub problem: Option<String>,
    /// What resources say of where they are.
    pub base_url: String,
    /// Who has asked for it.
    pub actor: String,
    /// When it was asked for.
    pub started: OffsetDateTime,
    /// When it ended.
    pub finished: Option<OffsetDateTime>,
    /// Resources up to this one are done.
    pub last_id: Uuid,
    /// Resources that there were when it began.
    pub total: i64,
    /// What came of those that are done.
    pub counts: Counts,
    /// Some of those that would not pass as they are: a JSON array.
    pub examples: Vec<Value>,
}

/// What came of resources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Counts {
    /// All of them.
    pub done: i64,
    /// Those that the version accepts as they are.
    pub passed: i64,
    /// Those that it refuses.
    pub refused: i64,
    /// Those that it would change.
    pub amended: i64,
    /// Those for which it gave no answer.
    pub failed: i64,
    /// Fuel of all calls.
    pub fuel_sum: i64,
    /// The most fuel of one resource.
    pub fuel_max: i64,
    /// Microseconds of all calls.
    pub micros_sum: i64,
    /// The most microseconds of one resource.
    pub micros_max: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    plugin: String,
    digest: Vec<u8>,
    state: String,
    problem: Option<String>,
    base_url: String,
    actor: String,
    started: OffsetDateTime,
    finished: Option<OffsetDateTime>,
    last_id: Uuid,
    total: i64,
    #[sqlx(flatten)]
    counts: Counts,
    examples: String,
}

impl TryFrom<Row> for Impact {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = |source| StoreError::Corrupt { what: "examples of an impact check", source };
        Ok(Self {
            tenant: TenantId(row.tenant_id),
            plugin: row.plugin,
            digest: super::digest(row.digest)?,
            state: row.state,
            problem: row.problem,
            base_url: row.base_url,
            actor: row.actor,
            started: row.started,
            finished: row.finished,
            last_id: row.last_id,
            total: row.total,
            counts: row.counts,
            examples: serde_json::from_str(&row.examples).map_err(corrupt)?,
        })
    }
}

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "tenant_id, plugin, digest, state, problem, base_url, actor, started, finished, last_id, \
             total, done, passed, refused, amended, failed, fuel_sum, fuel_max, micros_sum, \
             micros_max, examples",
            $after
        )
    };
}

/// How many resources a tenant has, where its data is.
///
/// # Errors
/// The database fails.
pub async fn count_resources(conn: &mut PgConnection, tenant: TenantId) -> Result<i64, StoreError> {
    let count =
        sqlx::query_scalar("SELECT coalesce(sum(n), 0)::bigint FROM counters WHERE tenant_id = $1");
    Ok(count.bind(tenant.0).fetch_one(conn).await?)
}

/// Begins with a version, from the first of so many resources on. What was found of it before is gone.
///
/// # Errors
/// The database fails.
pub async fn begin_impact(
    conn: &mut PgConnection,
    tenant: TenantId,
    (plugin, digest): (&str, &Digest),
    (base_url, actor): (&str, &str),
    total: i64,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM plugin_impacts WHERE tenant_id = $1 AND plugin = $2 AND digest = $3")
        .bind(tenant.0)
        .bind(plugin)
        .bind(digest.as_bytes().as_slice())
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "INSERT INTO plugin_impacts (tenant_id, plugin, digest, state, base_url, actor, started, \
                                     due, last_id, total) \
         VALUES ($1, $2, $3, 'running', $4, $5, $6, $6, $7, $8)",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(digest.as_bytes().as_slice())
    .bind(base_url)
    .bind(actor)
    .bind(now)
    .bind(Uuid::nil())
    .bind(total)
    .execute(conn)
    .await?;
    Ok(())
}

/// Those of a plugin, the newest first.
///
/// # Errors
/// The database fails, or what is stored cannot be read.
pub async fn impacts(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
) -> Result<Vec<Impact>, StoreError> {
    const OF_ONE: &str = columns!(
        "SELECT ",
        " FROM plugin_impacts WHERE tenant_id = $1 AND plugin = $2 ORDER BY started DESC, digest"
    );
    let rows: Vec<Row> = sqlx::query_as(OF_ONE).bind(tenant.0).bind(plugin).fetch_all(conn).await?;
    rows.into_iter().map(Impact::try_from).collect()
}

/// Ends what is running of a plugin; false where nothing is.
///
/// # Errors
/// The database fails.
pub async fn cancel_impacts(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let cancelled = sqlx::query(
        "UPDATE plugin_impacts SET state = 'cancelled', finished = $3 \
         WHERE tenant_id = $1 AND plugin = $2 AND state = 'running'",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(cancelled.rows_affected() > 0)
}

/// One that is to be carried on with, which nobody else does until then.
///
/// # Errors
/// The database fails, or what is stored cannot be read.
pub async fn lease_impact(
    conn: &mut PgConnection,
    now: OffsetDateTime,
    until: OffsetDateTime,
) -> Result<Option<Impact>, StoreError> {
    const LEASE: &str = columns!(
        "UPDATE plugin_impacts SET due = $2 \
         WHERE (tenant_id, plugin, digest) = \
               (SELECT tenant_id, plugin, digest FROM plugin_impacts \
                WHERE state = 'running' AND due <= $1 ORDER BY due LIMIT 1 \
                FOR UPDATE SKIP LOCKED) \
         RETURNING ",
        ""
    );
    let row: Option<Row> = sqlx::query_as(LEASE).bind(now).bind(until).fetch_optional(conn).await?;
    row.map(Impact::try_from).transpose()
}

/// Keeps how far it is; false where it was cancelled meanwhile. `state` and `problem` as the impact says.
///
/// # Errors
/// The database fails.
pub async fn advance_impact(
    conn: &mut PgConnection,
    tenant: TenantId,
    impact: &Impact,
    due: OffsetDateTime,
) -> Result<bool, StoreError> {
    let Counts { done, passed, refused, amended, failed, .. } = impact.counts;
    let Counts { fuel_sum, fuel_max, micros_sum, micros_max, .. } = impact.counts;
    let advanced = sqlx::query(
        "UPDATE plugin_impacts SET state = $4, problem = $5, finished = $6, due = $7, last_id = $8, \
                done = $9, passed = $10, refused = $11, amended = $12, failed = $13, fuel_sum = $14, \
                fuel_max = $15, micros_sum = $16, micros_max = $17, examples = $18 \
         WHERE tenant_id = $1 AND plugin = $2 AND digest = $3 AND state = 'running' \
           AND started = $19",
    )
    .bind(tenant.0)
    .bind(&impact.plugin)
    .bind(impact.digest.as_bytes().as_slice())
    .bind(&impact.state)
    .bind(&impact.problem)
    .bind(impact.finished)
    .bind(due)
    .bind(impact.last_id)
    .bind(done)
    .bind(passed)
    .bind(refused)
    .bind(amended)
    .bind(failed)
    .bind(fuel_sum)
    .bind(fuel_max)
    .bind(micros_sum)
    .bind(micros_max)
    .bind(Value::from(impact.examples.clone()).to_string())
    .bind(impact.started)
    .execute(conn)
    .await?;
    Ok(advanced.rows_affected() > 0)
}

/// A stored resource, and the name of its type.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OfType {
    /// The type.
    pub resource_type: String,
    /// The resource.
    #[sqlx(flatten)]
    pub stored: Stored,
}

/// Resources of all types, in order, from after one of them on.
///
/// # Errors
/// The database fails.
pub async fn resources_after(
    conn: &mut PgConnection,
    tenant: TenantId,
    after: Uuid,
    limit: i64,
) -> Result<Vec<OfType>, StoreError> {
    let resources = sqlx::query_as(
        "SELECT type AS resource_type, id, version, created, modified, body, secrets, shape, \
                shared_from IS NOT NULL AS is_shared \
         FROM resources WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3",
    )
    .bind(tenant.0)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(resources)
}
