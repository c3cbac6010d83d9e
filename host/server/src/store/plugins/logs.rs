//! What plugins write to their log, and how their calls fail: the newest lines of each.

use serde::Serialize;
use sqlx::PgConnection;
use tenon_plugin::Digest;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::page::Page;
use crate::store::{StoreError, TenantId};

/// Lines that are kept of a plugin.
const KEPT: i64 = 1_000;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Identifies it; a version 7 UUID.
    #[serde(skip)]
    pub id: Uuid,
    /// When the call ended.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The version.
    #[serde(serialize_with = "as_text")]
    pub digest: Digest,
    /// What was called.
    pub hook: String,
    /// Identifies the request.
    pub request_id: String,
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// What it says.
    pub message: String,
    /// The kind of a failure; none of the plugin's own lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Where in the plugin's functions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<String>,
}

fn as_text<S: serde::Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(digest)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    at: OffsetDateTime,
    digest: Vec<u8>,
    hook: String,
    request_id: String,
    level: String,
    message: String,
    fault: Option<String>,
    backtrace: Option<String>,
}

impl TryFrom<Row> for Line {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let Row { id, at, digest, hook, request_id, level, message, fault, backtrace } = row;
        let digest = super::digest(digest)?;
        Ok(Self { id, at, digest, hook, request_id, level, message, fault, backtrace })
    }
}

/// Adds lines of a plugin, and removes what is too much. Of one that is gone nothing is kept.
///
/// # Errors
/// The database fails.
pub async fn insert_lines(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
    lines: &[Line],
) -> Result<(), StoreError> {
    fn column<'l, T>(lines: &'l [Line], of: impl Fn(&'l Line) -> T) -> Vec<T> {
        lines.iter().map(of).collect()
    }
    sqlx::query(
        "INSERT INTO plugin_logs (tenant_id, plugin, id, at, digest, hook, request_id, level, \
                                  message, fault, backtrace) \
         SELECT $1, $2, new.* \
         FROM (SELECT name FROM plugins WHERE tenant_id = $1 AND name = $2 FOR KEY SHARE) AS plugin, \
              unnest($3::uuid[], $4::timestamptz[], $5::bytea[], $6::text[], $7::text[], \
                     $8::text[], $9::text[], $10::text[], $11::text[]) AS new \
         ON CONFLICT DO NOTHING",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(column(lines, |it| it.id))
    .bind(column(lines, |it| it.at))
    .bind(column(lines, |it| it.digest.as_bytes().as_slice()))
    .bind(column(lines, |it| it.hook.as_str()))
    .bind(column(lines, |it| it.request_id.as_str()))
    .bind(column(lines, |it| it.level.as_str()))
    .bind(column(lines, |it| it.message.as_str()))
    .bind(column(lines, |it| it.fault.as_deref()))
    .bind(column(lines, |it| it.backtrace.as_deref()))
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "DELETE FROM plugin_logs WHERE tenant_id = $1 AND plugin = $2 AND id <= \
         (SELECT id FROM plugin_logs WHERE tenant_id = $1 AND plugin = $2 \
          ORDER BY id DESC OFFSET $3 LIMIT 1)",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(KEPT)
    .execute(conn)
    .await?;
    Ok(())
}

/// Lines of a plugin, the newest first.
///
/// # Errors
/// The database fails.
pub async fn lines(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Page<Line>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, at, digest, hook, request_id, level, message, fault, backtrace \
         FROM plugin_logs WHERE tenant_id = $1 AND plugin = $2 AND id < $3 \
         ORDER BY id DESC LIMIT $4",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(before.unwrap_or(Uuid::max()))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    let items: Vec<Line> = rows.into_iter().map(Line::try_from).collect::<Result<_, _>>()?;
    // No row was left out.
    Page::of(items, limit, |it| it.id, async { Ok(None) }).await
}
