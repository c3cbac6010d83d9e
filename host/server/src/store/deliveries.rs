//! Events that plugins are still to be told of. Every write adds them in its own statement (`writes`,
//! `members`, `shares::copies`), so that none is missed; who tells them leases a few at a time. All times are
//! those of the database's clock.

use std::time::Duration;

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::page::{InOrder, Part};
use super::{StoreError, TenantId};

/// An event that a plugin is still to be told of.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Delivery {
    /// Identifies the event: a version 7 UUID, as in the outbox.
    pub event: Uuid,
    /// The name of the resource type.
    #[sqlx(rename = "type")]
    pub resource_type: String,
    /// The resource.
    pub resource_id: Uuid,
    /// The version that the event made; of a deletion, the last one.
    pub version: i64,
    /// `create`, `replace`, `patch` or `delete`.
    pub operation: String,
    /// Who did it.
    pub actor: String,
    /// In which request.
    pub request_id: String,
    /// When it happened.
    pub created: OffsetDateTime,
    /// How often the plugin was told, or was about to be.
    pub attempts: i32,
    /// When it is told next; `None` where it is parked.
    pub due: Option<OffsetDateTime>,
    /// What the last attempt came to.
    pub problem: Option<String>,
}

/// The columns of a [`Delivery`] in the table that is called `d`.
macro_rules! columns {
    () => {
        "d.event, d.type, d.resource_id, d.version, d.operation, d.actor, d.request_id, d.created, \
         d.attempts, d.due, d.problem"
    };
}

/// Which deliveries of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Those that will be tried.
    Waiting,
    /// Those that have failed too often.
    Parked,
}

/// How many deliveries of a plugin there are.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Backlog {
    /// Its name.
    pub plugin: String,
    /// Those that will be tried.
    pub waiting: i64,
    /// Those that have failed too often.
    pub parked: i64,
    /// When the oldest event of those happened that will be tried.
    pub oldest: Option<OffsetDateTime>,
}

/// The active plugins with `after-commit` that have something to be told, or whose tenant has tables of its
/// own, in which it is not looked here.
///
/// # Errors
/// The database fails.
pub async fn expecting(conn: &mut PgConnection) -> Result<Vec<(TenantId, String)>, StoreError> {
    // The condition of an index.
    let found: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT p.tenant_id, p.name \
         FROM plugins AS p \
         JOIN plugin_versions AS v \
           ON v.tenant_id = p.tenant_id AND v.name = p.name AND v.digest = p.active_digest \
         JOIN tenants AS t ON t.id = p.tenant_id \
         WHERE v.capabilities @> ARRAY['after-commit'] AND t.removal_step IS NULL \
           AND (t.placement <> 'shared' OR EXISTS ( \
                SELECT FROM deliveries AS d \
                WHERE d.tenant_id = p.tenant_id AND d.plugin = p.name \
                  AND d.due <= statement_timestamp()))",
    )
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(|(tenant, plugin)| (TenantId(tenant), plugin)).collect())
}

/// Takes up to `limit` deliveries of a plugin that are due, for whoever asks alone and for so long; of
/// each resource the first one alone.
///
/// # Errors
/// The database fails.
pub async fn lease(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
    lasting: Duration,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    let mut leased: Vec<Delivery> = sqlx::query_as(concat!(
        "WITH next AS ( \
             SELECT d.tenant_id, d.plugin, d.event FROM deliveries AS d \
             WHERE d.tenant_id = $1 AND d.plugin = $2 AND d.due <= statement_timestamp() \
               AND NOT EXISTS ( \
                   SELECT FROM deliveries AS e \
                   WHERE e.tenant_id = $1 AND e.plugin = $2 AND e.resource_id = d.resource_id \
                     AND e.due IS NOT NULL AND (e.written, e.event) < (d.written, d.event)) \
             ORDER BY d.due LIMIT $3 FOR UPDATE SKIP LOCKED \
         ) \
         UPDATE deliveries AS d SET attempts = d.attempts + 1, \
                due = statement_timestamp() + $4::float8 * interval '1 second' \
         FROM next \
         WHERE d.tenant_id = next.tenant_id AND d.plugin = next.plugin AND d.event = next.event \
         RETURNING ",
        columns!()
    ))
    .bind(tenant.0)
    .bind(plugin)
    .bind(limit)
    .bind(lasting.as_secs_f64())
    .fetch_all(conn)
    .await?;
    leased.sort_by_key(|it| it.event);
    Ok(leased)
}

/// Removes a delivery; false where there is none any more.
///
/// # Errors
/// The database fails.
pub async fn delete(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
    event: Uuid,
) -> Result<bool, StoreError> {
    let deleted =
        sqlx::query("DELETE FROM deliveries WHERE tenant_id = $1 AND plugin = $2 AND event = $3")
            .bind(tenant.0)
            .bind(plugin)
            .bind(event)
            .execute(conn)
            .await?;
    Ok(deleted.rows_affected() > 0)
}

/// Puts a delivery off for a while; parks it, where `pause` is `None`. False where there is none any more.
///
/// # Errors
/// The database fails.
pub async fn put_off(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
    event: Uuid,
    attempts: i32,
    pause: Option<Duration>,
    problem: Option<&str>,
) -> Result<bool, StoreError> {
    let changed = sqlx::query(
        "UPDATE deliveries SET attempts = $4, problem = $6, \
                due = statement_timestamp() + $5::float8 * interval '1 second' \
         WHERE tenant_id = $1 AND plugin = $2 AND event = $3",
    )
    .bind(tenant.0)
    .bind(plugin)
    .bind(event)
    .bind(attempts)
    .bind(pause.map(|it| it.as_secs_f64()))
    .bind(problem)
    .execute(conn)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// The deliveries of a plugin, in the order of their events.
///
/// # Errors
/// The database fails.
pub async fn list(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
    state: Option<State>,
    part: &Part<Uuid>,
) -> Result<InOrder<Delivery>, StoreError> {
    let rows = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM deliveries AS d \
         WHERE d.tenant_id = $1 AND d.plugin = $2 AND ($3::uuid IS NULL OR d.event > $3) \
           AND ($4::boolean IS NULL OR (d.due IS NULL) = $4) \
         ORDER BY d.event LIMIT $5"
    ))
    .bind(tenant.0)
    .bind(plugin)
    .bind(part.after)
    .bind(state.map(|it| it == State::Parked))
    .bind(part.rows())
    .fetch_all(conn)
    .await?;
    Ok(part.of(rows))
}

/// How many deliveries each plugin of a tenant has.
///
/// # Errors
/// The database fails.
pub async fn backlogs(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<Vec<Backlog>, StoreError> {
    let backlogs = sqlx::query_as(
        "SELECT plugin, count(due) AS waiting, count(*) - count(due) AS parked, \
                min(CASE WHEN due IS NULL THEN NULL ELSE created END) AS oldest \
         FROM deliveries WHERE tenant_id = $1 GROUP BY plugin ORDER BY plugin",
    )
    .bind(tenant.0)
    .fetch_all(conn)
    .await?;
    Ok(backlogs)
}

/// Removes all deliveries of a plugin, which is being removed.
///
/// # Errors
/// The database fails.
pub async fn delete_of_plugin(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugin: &str,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM deliveries WHERE tenant_id = $1 AND plugin = $2")
        .bind(tenant.0)
        .bind(plugin)
        .execute(conn)
        .await?;
    Ok(())
}
