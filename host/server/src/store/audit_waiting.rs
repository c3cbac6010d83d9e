//! Records of what administrators do to tenants with a database of their own. They are written with what they
//! tell of, in the database of the servers, and are taken to the tenant's audit log afterwards: before anybody
//! reads it or seals it.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantId};

/// Records that are taken together.
const TOGETHER: i64 = 1_000;

/// A record that waits.
#[derive(Debug, sqlx::FromRow)]
pub struct Waiting {
    id: Uuid,
    at: OffsetDateTime,
    actor: String,
    action: String,
    subject: Option<String>,
    request_id: String,
    details: Option<String>,
}

/// The first records of a tenant that wait.
///
/// # Errors
/// The database fails.
pub async fn list(conn: &mut PgConnection, tenant: TenantId) -> Result<Vec<Waiting>, StoreError> {
    let waiting = sqlx::query_as(
        "SELECT id, at, actor, action, subject, request_id, details FROM audit_waiting \
         WHERE tenant_id = $1 ORDER BY id LIMIT $2",
    )
    .bind(tenant.0)
    .bind(TOGETHER)
    .fetch_all(conn)
    .await?;
    Ok(waiting)
}

/// Adds records to the audit log, in the database that has it; those that are there already stay as they are.
///
/// # Errors
/// The database fails.
pub async fn add_to_log(
    conn: &mut PgConnection,
    tenant: TenantId,
    records: &[Waiting],
) -> Result<(), StoreError> {
    for record in records {
        sqlx::query(
            "INSERT INTO audit (tenant_id, id, at, actor, action, subject, request_id, details) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        )
        .bind(tenant.0)
        .bind(record.id)
        .bind(record.at)
        .bind(&record.actor)
        .bind(&record.action)
        .bind(&record.subject)
        .bind(&record.request_id)
        .bind(&record.details)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Says that records are in the log.
///
/// # Errors
/// The database fails.
pub async fn remove(
    conn: &mut PgConnection,
    tenant: TenantId,
    records: &[Waiting],
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = records.iter().map(|it| it.id).collect();
    sqlx::query("DELETE FROM audit_waiting WHERE tenant_id = $1 AND id = ANY ($2)")
        .bind(tenant.0)
        .bind(ids)
        .execute(conn)
        .await?;
    Ok(())
}
