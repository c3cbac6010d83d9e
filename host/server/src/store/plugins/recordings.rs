//! What is asked for to be recorded of a plugin's calls. The calls are in `store::recorded_calls`.

use sqlx::PgConnection;
use tenon_plugin::{Capability, Digest, Redaction};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::{StoreError, TenantId};

/// What is asked for of a hook, or was last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Identifies it: a version 7 UUID.
    pub id: Uuid,
    /// The plugin.
    pub plugin: String,
    /// What is recorded.
    pub hook: Capability,
    /// The version whose calls are recorded.
    pub digest: Digest,
    /// What is left out of them.
    pub redaction: Redaction,
    /// How many calls are asked for.
    pub asked: i32,
    /// How many were kept.
    pub recorded: i32,
    /// How many were too large.
    pub dropped: i32,
    /// Bytes of those that were kept.
    pub bytes: i64,
    /// When it began.
    pub started: OffsetDateTime,
    /// When it ends at the latest.
    pub ends: OffsetDateTime,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It is kept.
    Kept,
    /// It is too large.
    Dropped,
    /// As many were taken as are asked for, or nothing is asked for any more.
    Over,
}

impl Recording {
    /// How many calls are still to be taken.
    #[must_use]
    pub const fn left(&self) -> i32 {
        self.asked - self.recorded - self.dropped
    }

    /// Whether calls are still taken.
    #[must_use]
    pub fn is_running(&self, now: OffsetDateTime) -> bool {
        self.left() > 0 && now < self.ends
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    plugin: String,
    hook: String,
    digest: Vec<u8>,
    redaction: String,
    asked: i32,
    recorded: i32,
    dropped: i32,
    bytes: i64,
    started: OffsetDateTime,
    ends: OffsetDateTime,
}

impl TryFrom<Row> for Recording {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let redaction = serde_json::from_str(&row.redaction);
        Ok(Self {
            id: row.id,
            plugin: row.plugin,
            hook: super::capability(row.hook)?,
            digest: super::digest(row.digest)?,
            redaction: redaction.map_err(|source| StoreError::Corrupt {
                what: "redaction of a recording",
                source,
            })?,
            asked: row.asked,
            recorded: row.recorded,
            dropped: row.dropped,
            bytes: row.bytes,
            started: row.started,
            ends: row.ends,
        })
    }
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, plugin, hook, digest, redaction, asked, recorded, dropped, bytes, started, ends \
             FROM plugin_recordings WHERE tenant_id = $1 AND ",
            $rest
        )
    };
}

/// Begins a recording, in the place of the last one of its hook.
///
/// # Errors
/// The database fails.
pub async fn begin_recording(
    conn: &mut PgConnection,
    tenant: TenantId,
    recording: &Recording,
) -> Result<(), StoreError> {
    delete_recording(conn, tenant, &recording.plugin, recording.hook).await?;
    sqlx::query(
        "INSERT INTO plugin_recordings (tenant_id, plugin, hook, id, digest, redaction, asked, \
                                        started, ends) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(tenant.0)
    .bind(&recording.plugin)
    .bind(recording.hook.as_str())
    .bind(recording.id)
    .bind(recording.digest.as_bytes().as_slice())
    .bind(serde_json::to_string(&recording.redaction).unwrap_or_default())
    .bind(recording.asked)
    .bind(recording.started)
    .bind(recording.ends)
    .execute(conn)
    .await?;
    Ok(())
}

async fn delete_recording(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
    hook: Capability,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM plugin_recordings WHERE tenant_id = $1 AND plugin = $2 AND hook = $3")
        .bind(tenant.0)
        .bind(plugin)
        .bind(hook.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

/// The recordings of a plugin, by their hooks.
///
/// # Errors
/// The database fails, or what is stored cannot be read.
pub async fn recordings(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
) -> Result<Vec<Recording>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(columns!("plugin = $2 ORDER BY hook"))
        .bind(tenant.0)
        .bind(plugin)
        .fetch_all(conn)
        .await?;
    rows.into_iter().map(Recording::try_from).collect()
}

/// The recordings of a tenant's plugins that still take calls.
///
/// # Errors
/// The database fails, or what is stored cannot be read.
pub async fn running_recordings(
    conn: &mut PgConnection,
    tenant: TenantId,
    now: OffsetDateTime,
) -> Result<Vec<Recording>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as(columns!("ends > $2 AND recorded + dropped < asked ORDER BY plugin, hook"))
            .bind(tenant.0)
            .bind(now)
            .fetch_all(conn)
            .await?;
    rows.into_iter().map(Recording::try_from).collect()
}

/// Counts a call of so many bytes, as long as calls are left; more than `most` in all are not kept. So servers
/// that record at the same time never keep more than is asked for.
///
/// # Errors
/// The database fails.
pub async fn count_recorded(
    conn: &mut PgConnection,
    tenant: TenantId,
    (plugin, recording): (&str, Uuid),
    bytes: Option<i64>,
    most: i64,
) -> Result<Counted, StoreError> {
    if let Some(bytes) = bytes {
        let kept = sqlx::query(
            "UPDATE plugin_recordings SET recorded = recorded + 1, bytes = bytes + $4 \
             WHERE tenant_id = $1 AND plugin = $2 AND id = $3 AND recorded + dropped < asked \
               AND bytes + $4 <= $5",
        )
        .bind(tenant.0)
        .bind(plugin)
        .bind(recording)
        .bind(bytes)
        .bind(most)
        .execute(&mut *conn)
        .await?;
        if kept.rows_affected() > 0 {
            return Ok(Counted::Kept);
        }
    }
    let dropped = sqlx::query(
        "UPDATE plugin_recordings SET dropped = dropped + 1 \
         WHERE tenant_id = $1 AND plugin = $2 AND id = $3 AND recorded + dropped < asked",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(recording)
    .execute(conn)
    .await?;
    Ok(if dropped.rows_affected() > 0 { Counted::Dropped } else { Counted::Over })
}

/// Ends the recordings of a plugin, and forgets them.
///
/// # Errors
/// The database fails.
pub async fn delete_recordings(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM plugin_recordings WHERE tenant_id = $1 AND plugin = $2")
        .bind(tenant.0)
        .bind(plugin)
        .execute(conn)
        .await?;
    Ok(())
}
