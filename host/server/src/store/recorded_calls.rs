//! Calls of plugins that were recorded. They hold what resources hold, and are where the tenant's data is.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantId};

/// A call that was kept, without its file.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RecordedCall {
    /// Identifies it: a version 7 UUID.
    pub id: Uuid,
    /// The recording.
    pub recording: Uuid,
    /// When it ended.
    pub at: OffsetDateTime,
    /// The request.
    pub request_id: String,
    /// `ok`, or the kind of the failure.
    pub outcome: String,
}

/// Keeps a call; false where it is kept already.
///
/// # Errors
/// The database fails.
pub async fn insert(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
    call: &RecordedCall,
    file: &str,
) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO recorded_calls (tenant_id, plugin, id, recording, at, request_id, outcome, file) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(call.id)
    .bind(call.recording)
    .bind(call.at)
    .bind(&call.request_id)
    .bind(&call.outcome)
    .bind(file)
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() > 0)
}

/// The calls of a plugin that were kept, the oldest first.
///
/// # Errors
/// The database fails.
pub async fn of_plugin(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
) -> Result<Vec<RecordedCall>, StoreError> {
    let calls = sqlx::query_as(
        "SELECT id, recording, at, request_id, outcome FROM recorded_calls \
         WHERE tenant_id = $1 AND plugin = $2 ORDER BY id",
    )
    .bind(tenant.0)
    .bind(plugin)
    .fetch_all(conn)
    .await?;
    Ok(calls)
}

/// The file of a call.
///
/// # Errors
/// The database fails.
pub async fn file(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
    id: Uuid,
) -> Result<Option<String>, StoreError> {
    let file = sqlx::query_scalar(
        "SELECT file FROM recorded_calls WHERE tenant_id = $1 AND plugin = $2 AND id = $3",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(file)
}

/// Forgets a call; false where there is none.
///
/// # Errors
/// The database fails.
pub async fn delete(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
    id: Uuid,
) -> Result<bool, StoreError> {
    let deleted =
        sqlx::query("DELETE FROM recorded_calls WHERE tenant_id = $1 AND plugin = $2 AND id = $3")
            .bind(tenant.0)
            .bind(plugin)
            .bind(id)
            .execute(conn)
            .await?;
    Ok(deleted.rows_affected() > 0)
}

/// Forgets the calls of one recording of a plugin; those of all, where none is named.
///
/// # Errors
/// The database fails.
pub async fn delete_of(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
    recording: Option<Uuid>,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM recorded_calls \
         WHERE tenant_id = $1 AND plugin = $2 AND ($3::uuid IS NULL OR recording = $3)",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(recording)
    .execute(conn)
    .await?;
    Ok(())
}
