//! Entry points: hosts, prefixes of paths and values of headers that the operator has bound to a realm
//! or to a tenant.
//!
//! Servers remember what is bound and what is not, so every change advances the configuration epoch.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::lanes::{Lanes, Read};
use super::page::{InOrder, Part};
use super::{StoreError, TenantId, breaks, config_epoch};

/// What is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A host name in lower case, without a port.
    Host,
    /// What paths begin with: `/eu`.
    Path,
    /// A header with its value: `x-tenant-id: acme`.
    Header,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Host, Self::Path, Self::Header];

    /// As it is stored and told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Path => "path",
            Self::Header => "header",
        }
    }
}

/// To what it is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// To a set of tenants.
    Realm(Uuid),
    /// To one tenant.
    Tenant(TenantId),
}

impl Bound {
    const fn realm(self) -> Option<Uuid> {
        match self {
            Self::Realm(realm) => Some(realm),
            Self::Tenant(_) => None,
        }
    }

    const fn tenant(self) -> Option<Uuid> {
        match self {
            Self::Realm(_) => None,
            Self::Tenant(tenant) => Some(tenant.0),
        }
    }
}

/// An entry point as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct EntryPoint {
    /// `host`, `path` or `header`.
    pub kind: String,
    /// As it is compared.
    pub value: String,
    /// When it was bound.
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
}

impl EntryPoint {
    /// What it is listed by: `host scim.example.com`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.kind, self.value)
    }
}

/// It is bound already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken;

/// Binds an entry point, within a transaction that holds the realm or the tenant.
///
/// # Errors
/// The database fails; in the inner result, it is bound already, to whatever.
pub async fn insert(
    conn: &mut PgConnection,
    to: Bound,
    kind: Kind,
    value: &str,
    now: OffsetDateTime,
) -> Result<Result<(), Taken>, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO entry_points (kind, value, realm_id, tenant_id, created) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(kind.name())
    .bind(value)
    .bind(to.realm())
    .bind(to.tenant())
    .bind(now)
    .execute(&mut *conn)
    .await;
    match inserted {
        Ok(_) => Ok(Ok(config_epoch::advance(conn).await?)),
        Err(error) if breaks(&error, "entry_points_pkey") => Ok(Err(Taken)),
        Err(error) => Err(error.into()),
    }
}

/// What is bound to it, by [`EntryPoint::key`].
///
/// # Errors
/// The database fails.
pub async fn page(
    conn: &mut PgConnection,
    to: Bound,
    part: &Part<String>,
) -> Result<InOrder<EntryPoint>, StoreError> {
    let after = part.after.as_deref().and_then(|key| key.split_once(' '));
    let (kind, value) = after.unwrap_or_default();
    let entry_points = sqlx::query_as(
        "SELECT kind, value, created FROM entry_points \
         WHERE (realm_id = $1 OR tenant_id = $2) AND (kind, value) > ($3, $4) \
         ORDER BY kind, value LIMIT $5",
    )
    .bind(to.realm())
    .bind(to.tenant())
    .bind(kind)
    .bind(value)
    .bind(part.rows())
    .fetch_all(conn)
    .await?;
    Ok(part.of(entry_points))
}

/// Unbinds an entry point, within a transaction; false where it is not bound to this.
///
/// # Errors
/// The database fails.
pub async fn delete(
    conn: &mut PgConnection,
    to: Bound,
    kind: Kind,
    value: &str,
) -> Result<bool, StoreError> {
    let deleted = sqlx::query(
        "DELETE FROM entry_points \
         WHERE kind = $1 AND value = $2 AND (realm_id = $3 OR tenant_id = $4)",
    )
    .bind(kind.name())
    .bind(value)
    .bind(to.realm())
    .bind(to.tenant())
    .execute(&mut *conn)
    .await?;
    config_epoch::advance(conn).await?;
    Ok(deleted.rows_affected() > 0)
}

/// All prefixes of paths, which are few, and whether anything else is bound.
///
/// # Errors
/// The database fails.
pub async fn prefixes(lanes: &Lanes) -> Result<(Vec<(String, Bound)>, bool), StoreError> {
    const PREFIXES: Read = Read {
        sql: "SELECT value, realm_id, tenant_id FROM entry_points WHERE kind = 'path' \
              UNION ALL (SELECT NULL, NULL, NULL FROM entry_points \
                         WHERE kind IN ('header', 'host') LIMIT 1)",
        arguments: &[],
    };
    let (mut prefixes, mut others) = (Vec::new(), false);
    for row in lanes.rows(&PREFIXES, &[]).await? {
        match row.try_get("value")? {
            Some(value) => prefixes.extend(bound_of(&row)?.map(|bound| (value, bound))),
            None => others = true,
        }
    }
    Ok((prefixes, others))
}

/// To what a host or a header is bound.
///
/// # Errors
/// The database fails.
pub async fn bound(lanes: &Lanes, kind: Kind, value: &str) -> Result<Option<Bound>, StoreError> {
    const BOUND: Read = Read {
        sql: "SELECT realm_id, tenant_id FROM entry_points WHERE kind = $1 AND value = $2",
        arguments: &[Type::TEXT, Type::TEXT],
    };
    let row = lanes.row(&BOUND, &[&kind.name(), &value]).await?;
    row.map_or(Ok(None), |row| bound_of(&row))
}

fn bound_of(row: &Row) -> Result<Option<Bound>, StoreError> {
    let realm: Option<Uuid> = row.try_get("realm_id")?;
    let tenant: Option<Uuid> = row.try_get("tenant_id")?;
    Ok(tenant.map(|id| Bound::Tenant(TenantId(id))).or(realm.map(Bound::Realm)))
}
