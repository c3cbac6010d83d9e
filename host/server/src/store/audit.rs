//! Who has done what. Writes of resources add their record in their own statement; here is what
//! administrators do, and how the records are read.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::page::{LOOKED_AT, Page, last_looked_at, looking_at};
use super::{StoreError, TenantId};

/// What cannot be told of a tenant itself: what the operator does to no tenant, and that one is deleted.
pub const NO_TENANT: TenantId = TenantId(Uuid::nil());

/// Who acts, in which request, and who is told of it.
#[derive(Debug, Clone, Copy)]
pub struct By<'r> {
    /// `token:<id>` or `operator`.
    pub actor: &'r str,
    /// Identifies the request in the log.
    pub request_id: &'r str,
    /// The plugins that are told of what happens to resources.
    pub told: &'r [String],
}

/// What is done to a tenant's configuration.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// `token.create`
    pub action: &'a str,
    /// What it is about: the id of the tenant or a token, the name of a plugin.
    pub subject: &'a str,
    /// When.
    pub at: OffsetDateTime,
}

/// A record, as it is shown and sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// Identifies it; a version 7 UUID, in the order of the acts.
    pub id: Uuid,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Who: `token:<id>`, `operator`.
    pub actor: String,
    /// `create`, `replace`, `patch` or `delete` of a resource; else such as `token.create`.
    pub action: String,
    /// The type of the resource.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// The resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<Uuid>,
    /// Its version before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_before: Option<i64>,
    /// Its version afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_after: Option<i64>,
    /// What an act is about that is about no resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What was changed, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// Identifies the request in the log.
    pub request_id: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    at: OffsetDateTime,
    actor: String,
    action: String,
    r#type: Option<String>,
    resource_id: Option<Uuid>,
    version_before: Option<i64>,
    version_after: Option<i64>,
    subject: Option<String>,
    details: Option<String>,
    request_id: String,
}

impl From<Row> for Record {
    fn from(row: Row) -> Self {
        // What is no JSON was not written by a server, and its seal will say so.
        let details = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self {
            id: row.id,
            at: row.at,
            actor: row.actor,
            action: row.action,
            resource_type: row.r#type,
            resource_id: row.resource_id,
            version_before: row.version_before,
            version_after: row.version_after,
            subject: row.subject,
            details: row.details.map(details),
            request_id: row.request_id,
        }
    }
}

/// Which records are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// From this id on.
    pub from: Uuid,
    /// Before this id; `None` where there is no bound.
    pub before: Option<Uuid>,
    /// Of this actor.
    pub actor: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// About this resource.
    pub resource_id: Option<Uuid>,
}

/// Adds a record.
///
/// # Errors
/// The database fails.
pub async fn insert(
    conn: &mut PgConnection,
    tenant: TenantId,
    by: By<'_>,
    act: Act<'_>,
) -> Result<(), StoreError> {
    insert_with(conn, tenant, by, act, &Value::Null).await
}

/// Adds a record that tells what was changed: an object without secrets. Where the tenant has a database of
/// its own, it waits here to be taken there.
///
/// # Errors
/// The database fails.
pub async fn insert_with(
    conn: &mut PgConnection,
    tenant: TenantId,
    by: By<'_>,
    act: Act<'_>,
    details: &Value,
) -> Result<(), StoreError> {
    sqlx::query(
        "WITH apart AS ( \
             SELECT FROM tenants WHERE id = $1 AND placement = 'database' \
         ), waiting AS ( \
             INSERT INTO audit_waiting (tenant_id, id, at, actor, action, subject, request_id, \
                                        details) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE EXISTS (SELECT FROM apart) \
         ) \
         INSERT INTO audit (tenant_id, id, at, actor, action, subject, request_id, details) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE NOT EXISTS (SELECT FROM apart)",
    )
    .bind(tenant.0)
    .bind(Uuid::now_v7())
    .bind(act.at)
    .bind(by.actor)
    .bind(act.action)
    .bind(act.subject)
    .bind(by.request_id)
    .bind((!details.is_null()).then(|| details.to_string()))
    .execute(conn)
    .await?;
    Ok(())
}

/// Records of a tenant, the newest first.
///
/// # Errors
/// The database fails.
pub async fn page(
    conn: &mut PgConnection,
    tenant: TenantId,
    wanted: &Wanted,
    limit: i64,
) -> Result<Page<Record>, StoreError> {
    let before = wanted.before.unwrap_or(Uuid::max());
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, at, actor, action, type, resource_id, version_before, version_after, subject, \
                details, request_id \
         FROM (SELECT * FROM audit WHERE tenant_id = $1 AND id >= $2 AND id < $3 \
               ORDER BY id DESC LIMIT $4) AS looked_at \
         WHERE ($5::text IS NULL OR actor = $5) AND ($6::text IS NULL OR action = $6) \
           AND ($7::uuid IS NULL OR resource_id = $7) \
         ORDER BY id DESC LIMIT $8",
    )
    .bind(tenant.0)
    .bind(wanted.from)
    .bind(before)
    .bind(LOOKED_AT)
    .bind(&wanted.actor)
    .bind(&wanted.action)
    .bind(wanted.resource_id)
    .bind(limit)
    .fetch_all(&mut *conn)
    .await?;
    let items: Vec<Record> = rows.into_iter().map(Record::from).collect();
    let looked_at = last_looked_at(conn, tenant, looking_at!("audit"), (wanted.from, before));
    Page::of(items, limit, |it| it.id, looked_at).await
}

/// Records in their order: those after `after`, up to and with `up_to`, `limit` of them at the most.
///
/// # Errors
/// The database fails.
pub async fn between(
    conn: &mut PgConnection,
    tenant: TenantId,
    after: Uuid,
    up_to: Uuid,
    limit: i64,
) -> Result<Vec<Record>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, at, actor, action, type, resource_id, version_before, version_after, subject, \
                details, request_id \
         FROM audit WHERE tenant_id = $1 AND id > $2 AND id <= $3 ORDER BY id LIMIT $4",
    )
    .bind(tenant.0)
    .bind(after)
    .bind(up_to)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Record::from).collect())
}

/// Removes the records of a tenant up to and with one, and tells how many.
///
/// # Errors
/// The database fails.
pub async fn remove(
    conn: &mut PgConnection,
    tenant: TenantId,
    up_to: Uuid,
) -> Result<u64, StoreError> {
    let removed = sqlx::query("DELETE FROM audit WHERE tenant_id = $1 AND id <= $2")
        .bind(tenant.0)
        .bind(up_to)
        .execute(conn)
        .await?;
    Ok(removed.rows_affected())
}
