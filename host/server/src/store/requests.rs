//! The log of requests: who asked for what, and what came of it.

use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::page::{LOOKED_AT, Page, last_looked_at, looking_at};
use super::{StoreError, TenantId};

/// Which requests of a tenant are in its log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Logged {
    /// None.
    Off,
    /// Those that may change something, and those that were not answered well.
    #[default]
    Writes,
    /// All.
    All,
}

impl Logged {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Writes, Self::All];

    /// Its name, in the database and for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Writes => "writes",
            Self::All => "all",
        }
    }

    /// The one with that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    pub(super) fn of_stored(name: String) -> Result<Self, StoreError> {
        Self::named(&name).ok_or(StoreError::Unknown { what: "request log", found: name })
    }
}

/// A request that has been answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Identifies it; a version 7 UUID.
    pub id: Uuid,
    /// When it was answered.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Its id in the log of the server.
    pub request_id: String,
    /// Who asked.
    pub actor: String,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// GET, POST …
    pub method: String,
    /// The name of the route.
    pub operation: String,
    /// The type of the resource.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// The resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<Uuid>,
    /// The status of the answer.
    pub status: i16,
    /// The kind of a SCIM error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scim_type: Option<String>,
    /// How long it took until the answer began, in microseconds.
    pub micros: i64,
    /// What was read in another way than it was written, and what plugins said: an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<Value>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    at: OffsetDateTime,
    request_id: String,
    actor: String,
    address: Option<String>,
    method: String,
    operation: String,
    r#type: Option<String>,
    resource_id: Option<Uuid>,
    status: i16,
    scim_type: Option<String>,
    micros: i64,
    notes: Option<String>,
}

impl TryFrom<Row> for Entry {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = |source| StoreError::Corrupt { what: "notes of a request", source };
        let notes = row.notes.map(|text| serde_json::from_str(&text)).transpose();
        Ok(Self {
            id: row.id,
            at: row.at,
            request_id: row.request_id,
            actor: row.actor,
            address: row.address,
            method: row.method,
            operation: row.operation,
            resource_type: row.r#type,
            resource_id: row.resource_id,
            status: row.status,
            scim_type: row.scim_type,
            micros: row.micros,
            notes: notes.map_err(corrupt)?,
        })
    }
}

/// Which requests are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// From this id on.
    pub from: Uuid,
    /// Before this id; `None` where there is no bound.
    pub before: Option<Uuid>,
    /// Of this actor.
    pub actor: Option<String>,
    /// Of this route.
    pub operation: Option<String>,
    /// With a status in this range.
    pub status: Option<(i16, i16)>,
}

/// Adds requests of a tenant. Of one that is being removed there is no log.
///
/// # Errors
/// The database fails.
pub async fn insert(
    conn: &mut PgConnection,
    tenant: TenantId,
    entries: &[Entry],
) -> Result<(), StoreError> {
    fn column<'e, T>(entries: &'e [Entry], of: impl Fn(&'e Entry) -> T) -> Vec<T> {
        entries.iter().map(of).collect()
    }
    sqlx::query(
        "INSERT INTO requests (tenant_id, id, at, request_id, actor, address, method, operation, \
                               type, resource_id, status, scim_type, micros, notes) \
         SELECT $1, new.* \
         FROM (SELECT id FROM tenants WHERE id = $1 AND removal_step IS NULL \
               FOR KEY SHARE SKIP LOCKED) AS tenant, \
              unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], \
                     $7::text[], $8::text[], $9::text[], $10::uuid[], $11::smallint[], \
                     $12::text[], $13::bigint[], $14::text[]) AS new \
         ON CONFLICT DO NOTHING",
    )
    .bind(tenant.0)
    .bind(column(entries, |it| it.id))
    .bind(column(entries, |it| it.at))
    .bind(column(entries, |it| it.request_id.as_str()))
    .bind(column(entries, |it| it.actor.as_str()))
    .bind(column(entries, |it| it.address.as_deref()))
    .bind(column(entries, |it| it.method.as_str()))
    .bind(column(entries, |it| it.operation.as_str()))
    .bind(column(entries, |it| it.resource_type.as_deref()))
    .bind(column(entries, |it| it.resource_id))
    .bind(column(entries, |it| it.status))
    .bind(column(entries, |it| it.scim_type.as_deref()))
    .bind(column(entries, |it| it.micros))
    .bind(column(entries, |it| it.notes.as_ref().map(Value::to_string)))
    .execute(conn)
    .await?;
    Ok(())
}

/// Requests of a tenant, the newest first.
///
/// # Errors
/// The database fails.
pub async fn page(
    conn: &mut PgConnection,
    tenant: TenantId,
    wanted: &Wanted,
    limit: i64,
) -> Result<Page<Entry>, StoreError> {
    let before = wanted.before.unwrap_or(Uuid::max());
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, at, request_id, actor, address, method, operation, type, resource_id, status, \
                scim_type, micros, notes \
         FROM (SELECT * FROM requests WHERE tenant_id = $1 AND id >= $2 AND id < $3 \
               ORDER BY id DESC LIMIT $4) AS looked_at \
         WHERE ($5::text IS NULL OR actor = $5) AND ($6::text IS NULL OR operation = $6) \
           AND ($7::smallint IS NULL OR status BETWEEN $7 AND $8) \
         ORDER BY id DESC LIMIT $9",
    )
    .bind(tenant.0)
    .bind(wanted.from)
    .bind(before)
    .bind(LOOKED_AT)
    .bind(&wanted.actor)
    .bind(&wanted.operation)
    .bind(wanted.status.map(|it| it.0))
    .bind(wanted.status.map(|it| it.1))
    .bind(limit)
    .fetch_all(&mut *conn)
    .await?;
    let items: Vec<Entry> = rows.into_iter().map(Entry::try_from).collect::<Result<_, _>>()?;
    let looked_at = last_looked_at(conn, tenant, looking_at!("requests"), (wanted.from, before));
    Page::of(items, limit, |it| it.id, looked_at).await
}
