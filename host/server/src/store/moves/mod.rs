//! Tenants on their way between the tables that tenants share, a schema of their own and a database of their
//! own, while they are in use.
//!
//! From when a move is announced, requests of the tenant look in each of their transactions where its data
//! is, and those that write hold the tenant's row for as long (`place`). The tables are copied meanwhile. When
//! no request goes by a configuration from before, one transaction locks the tenant's row, which waits for
//! those who write and has others wait, copies what has changed since, and says where the data is now. What is
//! left at the old place is removed when no transaction that began before that can read it.
//!
//! Between databases (`across`) there is no such transaction. The rows of the tenant in both are locked for the
//! time of the switch; then the new database says that the data is there, the old one that it is not, and last
//! the database of the servers, which everybody asks first, where it is. A server that ends in between leaves
//! nothing that is wrong: until the last step nobody writes at the new place, and from the second on nobody at
//! the old one. The next server does all of it again.

mod across;
mod route;
mod within;

use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection, raw_sql};
use time::OffsetDateTime;
use uuid::Uuid;

use self::route::Route;
use super::index_builds::SETTLING;
use super::place::Placement;
use super::schemas::{self, SchemaError, TABLES};
use super::{Database, StoreError, TenantId, own_databases, removal, tenants};

/// Rows of a batch of the cleaning.
const BATCH: i64 = 5_000;

/// How far a move is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Move {
    /// Where the data is to be.
    #[serde(skip)]
    pub target: String,
    /// Which of its own databases that is, where it is one.
    #[serde(skip)]
    pub database_id: Option<Uuid>,
    /// From which of them the data comes, where it comes from one.
    #[serde(skip)]
    pub from_database_id: Option<Uuid>,
    /// `copying`, `switching` or `cleaning`: then the data is where it is to be.
    pub step: String,
    /// When it was asked for.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// Tables that are copied.
    pub tables: i64,
    /// Rows that were copied.
    pub copied: i64,
    /// Rows that there were when it began.
    pub total: i64,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// There is more to do.
    Done,
    /// It has to wait, or another server is at it.
    Waits,
    /// The data is at its new place.
    Switched,
    /// The move is over.
    Ended,
}

/// How many rows a tenant has, where its data is.
///
/// # Errors
/// The database fails.
pub async fn rows(conn: &mut PgConnection, tenant: TenantId) -> Result<i64, StoreError> {
    let mut total = 0_i64;
    for table in TABLES {
        let count = format!("SELECT count(*) FROM {table} WHERE tenant_id = $1");
        let count = sqlx::query_scalar::<_, i64>(AssertSqlSafe(count)).bind(tenant.0);
        total += count.fetch_one(&mut *conn).await?;
    }
    Ok(total)
}

/// Announces a move of so many rows. False where the tenant is moving already.
///
/// # Errors
/// The database fails.
pub async fn begin(
    conn: &mut PgConnection,
    tenant: TenantId,
    target: Placement,
    total: i64,
) -> Result<bool, StoreError> {
    // Nobody shares anything with it, or of it, from here on.
    sqlx::query("SELECT FROM tenants WHERE id = $1 FOR UPDATE")
        .bind(tenant.0)
        .execute(&mut *conn)
        .await?;
    let begun = sqlx::query(
        "INSERT INTO tenant_moves (tenant_id, target, database_id, from_database_id, step, since, \
                                   started, total) \
         SELECT id, $2, $3, CASE placement WHEN 'database' THEN database_id END, 'copying', now(), \
                now(), $4 FROM tenants WHERE id = $1 ON CONFLICT DO NOTHING",
    )
    .bind(tenant.0)
    .bind(target.name())
    .bind(target.database())
    .bind(total)
    .execute(&mut *conn)
    .await?;
    if begun.rows_affected() == 0 {
        return Ok(false);
    }
    tenants::advance_epoch(conn, tenant).await?;
    Ok(true)
}

/// Whether all data of a tenant is in the tables that tenants share, and stays there as long as this
/// transaction holds the tenant's row.
///
/// # Errors
/// The database fails.
pub async fn is_in_shared_tables(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<bool, StoreError> {
    let is_shared = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM tenants WHERE id = $1 AND placement = 'shared') \
            AND NOT EXISTS (SELECT FROM tenant_moves WHERE tenant_id = $1)",
    );
    Ok(is_shared.bind(tenant.0).fetch_one(conn).await?)
}

/// Whether a tenant has resources of another, or another has some of it: those are copied within the tables
/// that tenants share.
///
/// # Errors
/// The database fails.
pub async fn has_shares(conn: &mut PgConnection, tenant: TenantId) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM shares WHERE tenant_id = $1) \
             OR EXISTS (SELECT FROM shares WHERE parent_id = $1)",
    );
    Ok(found.bind(tenant.0).fetch_one(conn).await?)
}

/// How far the move of a tenant is; `None` where it is not moving.
///
/// # Errors
/// The database fails.
pub async fn get(conn: &mut PgConnection, tenant: TenantId) -> Result<Option<Move>, StoreError> {
    let found = sqlx::query_as(
        "SELECT target, database_id, from_database_id, step, started, tables, copied, total \
         FROM tenant_moves \
         WHERE tenant_id = $1",
    )
    .bind(tenant.0)
    .fetch_optional(conn)
    .await?;
    Ok(found)
}

/// The tenants that are moving.
///
/// # Errors
/// The database fails.
pub async fn list(conn: &mut PgConnection) -> Result<Vec<TenantId>, StoreError> {
    let ids = sqlx::query_scalar("SELECT tenant_id FROM tenant_moves ORDER BY started");
    Ok(ids.fetch_all(conn).await?.into_iter().map(TenantId).collect())
}

/// Carries on with the move of a tenant, within a transaction: one table, the switch, or a batch of the
/// cleaning.
///
/// # Errors
/// A database fails, or the database's user may not make a schema.
pub async fn step(
    conn: &mut PgConnection,
    tenant: TenantId,
    database: &Database,
) -> Result<Stepped, SchemaError> {
    let Some((moving, has_settled)) = held(conn, tenant).await? else {
        return Ok(Stepped::Waits);
    };
    let tables = usize::try_from(moving.tables).unwrap_or_default();
    match (moving.step.as_str(), TABLES.get(tables)) {
        ("copying", Some(table)) => {
            let route = Route::of(conn, tenant, &moving, database).await?;
            let copied = route.copy(conn, tenant, table).await?;
            advance(conn, tenant, copied).await?;
            Ok(Stepped::Done)
        }
        ("copying", None) => {
            sqlx::query("UPDATE tenant_moves SET step = 'switching' WHERE tenant_id = $1")
                .bind(tenant.0)
                .execute(conn)
                .await
                .map_err(StoreError::from)?;
            Ok(Stepped::Done)
        }
        (_, _) if !has_settled => Ok(Stepped::Waits),
        ("switching", _) => {
            let route = Route::of(conn, tenant, &moving, database).await?;
            switch(conn, tenant, &moving, route).await?;
            Ok(Stepped::Switched)
        }
        _ => Ok(clean(conn, tenant, &moving, database).await?),
    }
}

/// Has this transaction alone work at the move, and tells whether requests have heard of its last step.
async fn held(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<Option<(Move, bool)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Held {
        #[sqlx(flatten)]
        moving: Move,
        has_settled: bool,
    }
    // Its statements take as long as the tables are large; and without statistics of tables that have just
    // been filled, loops in loops are not to be trusted.
    raw_sql("SET LOCAL statement_timeout = '10min'; SET LOCAL enable_nestloop = off")
        .execute(&mut *conn)
        .await?;
    let held: Option<Held> = sqlx::query_as(
        "SELECT target, database_id, from_database_id, step, started, tables, copied, total, \
                since <= now() - interval '1 second' * $2 AS has_settled \
         FROM tenant_moves WHERE tenant_id = $1 FOR UPDATE SKIP LOCKED",
    )
    .bind(tenant.0)
    .bind(SETTLING.as_secs_f64())
    .fetch_optional(conn)
    .await?;
    Ok(held.map(|it| (it.moving, it.has_settled)))
}

async fn advance(conn: &mut PgConnection, tenant: TenantId, copied: u64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE tenant_moves SET tables = tables + 1, copied = copied + $2 WHERE tenant_id = $1",
    )
    .bind(tenant.0)
    .bind(i64::try_from(copied).unwrap_or(i64::MAX))
    .execute(conn)
    .await?;
    Ok(())
}

async fn switch(
    conn: &mut PgConnection,
    tenant: TenantId,
    moving: &Move,
    route: Route,
) -> Result<(), StoreError> {
    // Who builds an index looks where the tenant's data is when it has its build.
    sqlx::query("SELECT FROM index_builds WHERE tenant_id = $1 ORDER BY type, attr FOR UPDATE")
        .bind(tenant.0)
        .execute(&mut *conn)
        .await?;
    sqlx::query("SELECT FROM tenants WHERE id = $1 FOR UPDATE")
        .bind(tenant.0)
        .execute(&mut *conn)
        .await?;
    match route {
        Route::Within(way) => {
            for table in TABLES {
                way.copy(conn, tenant, table).await?;
            }
        }
        Route::Across(across) => across.switch(conn, tenant).await?,
    }
    sqlx::query("UPDATE tenants SET placement = $2, database_id = $3 WHERE id = $1")
        .bind(tenant.0)
        .bind(&moving.target)
        .bind(moving.database_id)
        .execute(&mut *conn)
        .await?;
    sqlx::query("UPDATE tenant_moves SET step = 'cleaning', since = now() WHERE tenant_id = $1")
        .bind(tenant.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Removes what is left at the old place.
async fn clean(
    conn: &mut PgConnection,
    tenant: TenantId,
    moving: &Move,
    database: &Database,
) -> Result<Stepped, StoreError> {
    let is_empty = match (moving.from_database_id, moving.target.as_str()) {
        (Some(from), _) => {
            let mut there = database.own_of(tenant, from).await?.begin().await?;
            let is_empty = removal::delete_apart(&mut there, tenant, BATCH).await?;
            there.commit().await?;
            if is_empty {
                own_databases::forget(conn, tenant, from).await?;
            }
            is_empty
        }
        (None, "shared") => schemas::drop(conn, tenant).await.map(|()| true)?,
        (None, _) => {
            if moving.database_id.is_some() {
                schemas::drop(conn, tenant).await?;
            }
            removal::delete_data(conn, tenant, BATCH).await?
        }
    };
    if !is_empty {
        return Ok(Stepped::Done);
    }
    sqlx::query("DELETE FROM tenant_moves WHERE tenant_id = $1")
        .bind(tenant.0)
        .execute(&mut *conn)
        .await?;
    tenants::advance_epoch(conn, tenant).await?;
    Ok(Stepped::Ended)
}
