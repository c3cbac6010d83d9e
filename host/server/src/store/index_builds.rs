//! How far the indexes of tenants are: what writers keep up, and what filters may use.
//!
//! A row goes through these states. Each wait is counted by the database's clock, from `since`.
//!
//! | State | What is going on | Then |
//! |---|---|---|
//! | `building` | nothing for [`SETTLING`], until all writers keep the index up; then the entries of all resources are added | `checking` |
//! | `checking` | nothing for [`STATEMENTS`]; then entries that no resource has are removed | `ready` |
//! | `ready` | filters use it | |
//! | `dropping` | nothing for [`SETTLING`], until nobody uses it or keeps it up; then all entries are removed | `building`, if it is wanted in another form; else the row goes |
//!
//! An attribute of no name ([`DOCUMENTS`]) stands for the documents that filters look at. They are
//! built, and need no check.

use std::time::Duration;

use serde::Serialize;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantId};

/// How long a configuration is in use after there is a newer one: servers remember it for 3 s, a
/// request goes on for 60 s with that with which it began, and its last statement for 30 s more. The
/// transaction that changes it may have waited for 5 s to do so.
pub const SETTLING: Duration = Duration::from_secs(100);

/// How long a statement may go on, by the bound that the server's connections have; it sees what was
/// committed when it began.
pub const STATEMENTS: Duration = Duration::from_secs(32);

/// The attribute of the row that stands for the documents of a type.
pub const DOCUMENTS: &str = "";

/// The method of what is not wanted any more.
const NOT_WANTED: &str = "";

/// An index that a tenant is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The name of the type.
    pub resource_type: String,
    /// The path of the attribute, or [`DOCUMENTS`].
    pub attr: String,
    /// Stands for how values become entries.
    pub method: String,
}

/// What is done about an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Entries are added.
    Building,
    /// Entries are compared with the resources.
    Checking,
    /// Filters use it.
    Ready,
    /// Entries are removed.
    Dropping,
}

impl State {
    const ALL: [Self; 4] = [Self::Building, Self::Checking, Self::Ready, Self::Dropping];

    /// Its name, in the database and for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Checking => "checking",
            Self::Ready => "ready",
            Self::Dropping => "dropping",
        }
    }

    fn named(name: String) -> Result<Self, StoreError> {
        let known = Self::ALL.into_iter().find(|it| it.as_str() == name);
        known.ok_or(StoreError::Unknown { what: "state of an index", found: name })
    }
}

/// An index of a tenant, and how far it is.
#[derive(Debug, Clone)]
pub struct IndexBuild {
    /// The tenant.
    pub tenant: TenantId,
    /// The name of the type.
    pub resource_type: String,
    /// The path of the attribute, or [`DOCUMENTS`].
    pub attr: String,
    /// What is done about it.
    pub state: State,
    /// Stands for how values become entries; empty where the index is not wanted any more.
    pub method: String,
    /// Since when it is in its state.
    pub since: OffsetDateTime,
    /// Resources or entries that are done, in this state.
    pub done: i64,
    /// How many resources there were when it began.
    pub total: i64,
    /// When it was first wanted.
    pub started: OffsetDateTime,
    /// When it became ready.
    pub finished: Option<OffsetDateTime>,
    /// The last one that is done: a resource, or an entry.
    pub last: Last,
}

/// The place up to which a build is done; one before all where nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Last {
    /// The value of an entry.
    pub val: String,
    /// The resource.
    pub id: Uuid,
    /// The element of an entry.
    pub elem: i16,
}

impl IndexBuild {
    /// Whether it is wanted, in any form.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.method != NOT_WANTED
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    r#type: String,
    attr: String,
    state: String,
    method: String,
    since: OffsetDateTime,
    done: i64,
    total: i64,
    started: OffsetDateTime,
    finished: Option<OffsetDateTime>,
    last_val: Option<String>,
    last_id: Option<Uuid>,
    last_elem: Option<i16>,
}

impl TryFrom<Row> for IndexBuild {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: TenantId(row.tenant_id),
            resource_type: row.r#type,
            attr: row.attr,
            state: State::named(row.state)?,
            method: row.method,
            since: row.since,
            done: row.done,
            total: row.total.max(row.done),
            started: row.started,
            finished: row.finished,
            last: Last {
                val: row.last_val.unwrap_or_default(),
                id: row.last_id.unwrap_or_default(),
                elem: row.last_elem.unwrap_or(-1),
            },
        })
    }
}

/// The columns of a [`Row`].
macro_rules! columns {
    () => {
        "tenant_id, type, attr, state, method, since, done, total, started, finished, last_val, \
         last_id, last_elem"
    };
}

/// The indexes of a tenant, by type and attribute.
///
/// # Errors
/// The database fails, or what is stored cannot be read.
pub async fn list(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<Vec<IndexBuild>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM index_builds WHERE tenant_id = $1 ORDER BY type, attr"
    ))
    .bind(tenant.0)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(IndexBuild::try_from).collect()
}

/// Adds the indexes of a tenant that has just been created, in the transaction that creates it: there
/// is nothing to be built.
///
/// # Errors
/// The database fails.
pub async fn insert_ready(
    conn: &mut PgConnection,
    tenant: TenantId,
    wanted: &[Wanted],
) -> Result<(), StoreError> {
    let (types, attrs, methods) = columns(wanted);
    sqlx::query(
        "INSERT INTO index_builds (tenant_id, type, attr, state, method, started, since, finished) \
         SELECT $1, w.type, w.attr, 'ready', w.method, now(), now(), now() \
         FROM unnest($2::text[], $3::text[], $4::text[]) AS w (type, attr, method)",
    )
    .bind(tenant.0)
    .bind(types)
    .bind(attrs)
    .bind(methods)
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes these the indexes that a tenant is to have: what is missing is built, what has another
/// method is dropped first, what is not wanted any more is dropped. To be called in the transaction
/// that changes the configuration.
///
/// # Errors
/// The database fails.
pub async fn adjust(
    conn: &mut PgConnection,
    tenant: TenantId,
    wanted: &[Wanted],
) -> Result<(), StoreError> {
    let (types, attrs, methods) = columns(wanted);
    sqlx::query(
        "INSERT INTO index_builds AS b (tenant_id, type, attr, state, method, started, since) \
         SELECT $1, w.type, w.attr, 'building', w.method, now(), now() \
         FROM unnest($2::text[], $3::text[], $4::text[]) AS w (type, attr, method) \
         ORDER BY w.type, w.attr \
         ON CONFLICT (tenant_id, type, attr) DO UPDATE \
         SET state = CASE b.attr WHEN '' THEN 'building' ELSE 'dropping' END, \
             method = EXCLUDED.method, started = EXCLUDED.started, since = EXCLUDED.since, \
             done = 0, total = 0, last_val = NULL, last_id = NULL, last_elem = NULL, finished = NULL \
         WHERE b.method <> EXCLUDED.method",
    )
    .bind(tenant.0)
    .bind(&types)
    .bind(&attrs)
    .bind(methods)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "UPDATE index_builds b \
         SET state = 'dropping', method = '', since = now(), \
             done = 0, total = 0, last_val = NULL, last_id = NULL, last_elem = NULL, finished = NULL \
         WHERE b.tenant_id = $1 AND b.method <> '' \
           AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[]) AS w (type, attr) \
                           WHERE w.type = b.type AND w.attr = b.attr)",
    )
    .bind(tenant.0)
    .bind(types)
    .bind(attrs)
    .execute(conn)
    .await?;
    Ok(())
}

fn columns(wanted: &[Wanted]) -> (Vec<&str>, Vec<&str>, Vec<&str>) {
    let of = |column: fn(&Wanted) -> &String| wanted.iter().map(|it| column(it).as_str()).collect();
    (of(|it| &it.resource_type), of(|it| &it.attr), of(|it| &it.method))
}

/// An index of any tenant about which something is to be done now, locked until the end of the
/// transaction; one that another server has locked is left to it.
///
/// # Errors
/// The database fails, or what is stored cannot be read.
pub async fn lease(conn: &mut PgConnection) -> Result<Option<IndexBuild>, StoreError> {
    let row: Option<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM index_builds \
         WHERE state <> 'ready' AND since <= now() - interval '1 second' * \
               (CASE state WHEN 'checking' THEN $1::bigint ELSE $2::bigint END) \
         ORDER BY since LIMIT 1 FOR UPDATE SKIP LOCKED"
    ))
    .bind(seconds(STATEMENTS))
    .bind(seconds(SETTLING))
    .fetch_optional(conn)
    .await?;
    row.map(IndexBuild::try_from).transpose()
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// Keeps how far a leased index is.
///
/// # Errors
/// The database fails.
pub async fn advance(
    conn: &mut PgConnection,
    build: &IndexBuild,
    last: &Last,
    done: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE index_builds SET last_val = $4, last_id = $5, last_elem = $6, done = done + $7, \
                total = CASE total WHEN 0 THEN coalesce((SELECT n FROM counters c \
                    WHERE c.tenant_id = $1 AND c.type = $2), 0) ELSE total END \
         WHERE tenant_id = $1 AND type = $2 AND attr = $3",
    )
    .bind(build.tenant.0)
    .bind(&build.resource_type)
    .bind(&build.attr)
    .bind(&last.val)
    .bind(last.id)
    .bind(last.elem)
    .bind(done)
    .execute(conn)
    .await?;
    Ok(())
}

/// A statement about an index that still is in the state in which it was leased: `$1` to `$5`.
fn of_leased<'q>(
    build: &'q IndexBuild,
    statement: &'static str,
) -> Query<'q, Postgres, PgArguments> {
    sqlx::query(statement)
        .bind(build.tenant.0)
        .bind(&build.resource_type)
        .bind(&build.attr)
        .bind(build.state.as_str())
        .bind(build.since)
}

/// Has an index go on later: the others are not to wait for it.
///
/// # Errors
/// The database fails.
pub async fn put_off(conn: &mut PgConnection, build: &IndexBuild) -> Result<(), StoreError> {
    of_leased(
        build,
        "UPDATE index_builds SET since = now() \
         WHERE tenant_id = $1 AND type = $2 AND attr = $3 AND state = $4 AND since = $5",
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Puts an index into its next state, if it still is in the one in which it was leased.
///
/// # Errors
/// The database fails.
pub async fn enter(
    conn: &mut PgConnection,
    build: &IndexBuild,
    state: State,
) -> Result<bool, StoreError> {
    let updated = of_leased(
        build,
        "UPDATE index_builds SET state = $6, since = now() - interval '1 second' * $7, \
                done = 0, last_val = NULL, last_id = NULL, last_elem = NULL, \
                finished = CASE $6 WHEN 'ready' THEN now() END \
         WHERE tenant_id = $1 AND type = $2 AND attr = $3 AND state = $4 AND since = $5",
    )
    .bind(state.as_str())
    // What is built after another form of it was dropped has waited already.
    .bind(if state == State::Building { seconds(SETTLING) } else { 0 })
    .execute(conn)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Removes an index that is dropped, if it still is in the state in which it was leased.
///
/// # Errors
/// The database fails.
pub async fn delete(conn: &mut PgConnection, build: &IndexBuild) -> Result<bool, StoreError> {
    let deleted = of_leased(
        build,
        "DELETE FROM index_builds \
         WHERE tenant_id = $1 AND type = $2 AND attr = $3 AND state = $4 AND since = $5",
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected() > 0)
}
