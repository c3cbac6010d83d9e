//! What tenants share: which resource types a child has from its parent, and how far their copies are.
//!
//! A share is worked at by one transaction at a time, which holds its row: whoever comes next goes on
//! where that one stopped. Statements about the parent and about the child are never one.

pub mod conflicts;
pub mod copies;
pub mod members;
pub mod originals;

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantId, removal};

/// What is done about a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The parent's resources are copied, page by page.
    Copying,
    /// Copies are looked at whose originals may be gone.
    Checking,
    /// The parent's events are followed.
    Following,
    /// The copies are deleted.
    Removing,
}

impl State {
    /// As it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Copying => "copying",
            Self::Checking => "checking",
            Self::Following => "following",
            Self::Removing => "removing",
        }
    }

    fn named(name: String) -> Result<Self, StoreError> {
        [Self::Copying, Self::Checking, Self::Following, Self::Removing]
            .into_iter()
            .find(|it| it.as_str() == name)
            .ok_or(StoreError::Unknown { what: "state of a share", found: name })
    }
}

/// Resource types that a tenant has from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Who has copies.
    pub child: TenantId,
    /// Whose resources they are of.
    pub parent: TenantId,
    /// The names of the types, in the order in which they are copied.
    pub types: Vec<String>,
    /// What is done about it.
    pub state: State,
    /// The type that is being copied.
    pub last_type: String,
    /// The last resource that is done, in this state.
    pub last_id: Uuid,
    /// Events of the parent up to this one have been read.
    pub seen: Uuid,
    /// Events up to this id have been read when none could come late any more.
    pub settled: Uuid,
    /// When it is to be looked at next.
    pub due: OffsetDateTime,
    /// Why resources are left out, where there are such.
    pub problem: Option<String>,
    /// When it was made.
    pub created: OffsetDateTime,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    parent_id: Uuid,
    types: Vec<String>,
    state: String,
    last_type: String,
    last_id: Uuid,
    seen: Uuid,
    settled: Uuid,
    due: OffsetDateTime,
    problem: Option<String>,
    created: OffsetDateTime,
}

impl TryFrom<Row> for Share {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            child: TenantId(row.tenant_id),
            parent: TenantId(row.parent_id),
            types: row.types,
            state: State::named(row.state)?,
            last_type: row.last_type,
            last_id: row.last_id,
            seen: row.seen,
            settled: row.settled,
            due: row.due,
            problem: row.problem,
            created: row.created,
        })
    }
}

/// The columns of a [`Row`].
macro_rules! columns {
    () => {
        "tenant_id, parent_id, types, state, last_type, last_id, seen, settled, due, problem, created"
    };
}

/// The shares of a child, by their parents.
///
/// # Errors
/// The database fails, or what is stored cannot be read.
pub async fn list(conn: &mut PgConnection, tenant: TenantId) -> Result<Vec<Share>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM shares WHERE tenant_id = $1 ORDER BY parent_id"
    ))
    .bind(tenant.0)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Share::try_from).collect()
}

/// What a child has of a parent.
///
/// # Errors
/// As [`list`].
pub async fn get(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
) -> Result<Option<Share>, StoreError> {
    let row: Option<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM shares WHERE tenant_id = $1 AND parent_id = $2"
    ))
    .bind(tenant.0)
    .bind(parent.0)
    .fetch_optional(conn)
    .await?;
    row.map(Share::try_from).transpose()
}

/// Those that are to be looked at, as child and parent; the longest due first.
///
/// # Errors
/// The database fails.
pub async fn due(
    conn: &mut PgConnection,
    now: OffsetDateTime,
    limit: i64,
) -> Result<Vec<(TenantId, TenantId)>, StoreError> {
    let due: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "SELECT tenant_id, parent_id FROM shares WHERE due <= $1 ORDER BY due LIMIT $2",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(due.into_iter().map(|(child, parent)| (TenantId(child), TenantId(parent))).collect())
}

/// Has this transaction alone work at a share; `None` where another one does, or there is none any more.
///
/// The child comes before its share, as in its removal.
///
/// # Errors
/// As [`list`].
pub async fn lease(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
) -> Result<Option<Share>, StoreError> {
    if !removal::hold(conn, tenant).await? {
        return Ok(None);
    }
    let row: Option<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM shares WHERE tenant_id = $1 AND parent_id = $2 FOR UPDATE SKIP LOCKED"
    ))
    .bind(tenant.0)
    .bind(parent.0)
    .fetch_optional(conn)
    .await?;
    row.map(Share::try_from).transpose()
}

/// A share that is about to be changed: whoever works at it waits until the end of this transaction.
///
/// # Errors
/// As [`list`].
pub async fn lock(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
) -> Result<Option<Share>, StoreError> {
    let row: Option<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM shares WHERE tenant_id = $1 AND parent_id = $2 FOR UPDATE"
    ))
    .bind(tenant.0)
    .bind(parent.0)
    .fetch_optional(conn)
    .await?;
    row.map(Share::try_from).transpose()
}

/// Keeps a share as it is now, which may be new.
///
/// # Errors
/// The database fails.
pub async fn put(conn: &mut PgConnection, share: &Share) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO shares (tenant_id, parent_id, types, state, last_type, last_id, seen, settled, \
                             due, problem, created) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (tenant_id, parent_id) DO UPDATE SET \
             types = excluded.types, state = excluded.state, last_type = excluded.last_type, \
             last_id = excluded.last_id, seen = excluded.seen, settled = excluded.settled, \
             due = excluded.due, problem = excluded.problem",
    )
    .bind(share.child.0)
    .bind(share.parent.0)
    .bind(&share.types)
    .bind(share.state.as_str())
    .bind(&share.last_type)
    .bind(share.last_id)
    .bind(share.seen)
    .bind(share.settled)
    .bind(share.due)
    .bind(&share.problem)
    .bind(share.created)
    .execute(conn)
    .await?;
    Ok(())
}

/// Puts off what has failed.
///
/// # Errors
/// The database fails.
pub async fn put_off(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
    until: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE shares SET due = $3 WHERE tenant_id = $1 AND parent_id = $2")
        .bind(tenant.0)
        .bind(parent.0)
        .bind(until)
        .execute(conn)
        .await?;
    Ok(())
}

/// Has the copies of a share deleted; false where there is none.
///
/// # Errors
/// The database fails.
pub async fn end(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let ended = sqlx::query(
        "UPDATE shares SET state = 'removing', due = $3, problem = NULL \
         WHERE tenant_id = $1 AND parent_id = $2",
    )
    .bind(tenant.0)
    .bind(parent.0)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(ended.rows_affected() > 0)
}

/// Forgets a share, of which no copy is left.
///
/// # Errors
/// The database fails.
pub async fn delete(
    conn: &mut PgConnection,
    tenant: TenantId,
    parent: TenantId,
) -> Result<(), StoreError> {
    const ALL: [&str; 2] = [
        "DELETE FROM share_conflicts WHERE tenant_id = $1 AND parent_id = $2",
        "DELETE FROM shares WHERE tenant_id = $1 AND parent_id = $2",
    ];
    for statement in ALL {
        sqlx::query(statement).bind(tenant.0).bind(parent.0).execute(&mut *conn).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
