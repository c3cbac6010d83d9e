//! How many resources of each type a tenant has, and may have. Every create and delete counts in
//! its own statement (`writes`).

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantId};

/// Resources of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Counter {
    /// How many there are, without copies of another tenant's.
    pub n: i64,
    /// How many there may be; `None` where nobody has said so.
    pub max_n: Option<i64>,
}

impl Counter {
    /// Whether there are 80 % of what there may be, or more.
    #[must_use]
    pub fn is_nearly_full(&self) -> bool {
        self.max_n.is_some_and(|max| self.n > 0 && self.n >= max - max / 5)
    }
}

/// A tenant has come to 80 % of the resources of a type that it may have. It is an event, too: a row of
/// the outbox with the operation `quota-warning`, whose version is the number of resources.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Warning {
    /// The name of the type.
    #[sqlx(rename = "type")]
    pub resource_type: String,
    /// How many there are.
    pub n: i64,
}

/// Has a tenant have at most so many resources of each of these types, and any number of others. Where
/// there are more already, they stay, and no more are created. The answer is for which types there are
/// 80 % of them, and were not before.
///
/// # Errors
/// The database fails.
pub async fn set_limits(
    conn: &mut PgConnection,
    tenant: TenantId,
    limits: &[(&str, i64)],
    request_id: &str,
    now: OffsetDateTime,
) -> Result<Vec<Warning>, StoreError> {
    let (types, limits): (Vec<&str>, Vec<i64>) = limits.iter().copied().unzip();
    sqlx::query(
        "UPDATE counters SET max_n = NULL \
         WHERE tenant_id = $1 AND max_n IS NOT NULL AND NOT type = ANY($2)",
    )
    .bind(tenant.0)
    .bind(&types)
    .execute(&mut *conn)
    .await?;
    let warnings = sqlx::query_as(
        "WITH wanted AS ( \
             SELECT * FROM unnest($2::text[], $3::bigint[], $4::uuid[]) AS w (type, max_n, event) \
         ), before AS ( \
             SELECT type, n - shared AS n, max_n FROM counters WHERE tenant_id = $1 \
         ), counted AS ( \
             INSERT INTO counters AS counter (tenant_id, type, n, max_n) \
             SELECT $1, wanted.type, 0, wanted.max_n FROM wanted ORDER BY wanted.type \
             ON CONFLICT (tenant_id, type) DO UPDATE SET max_n = excluded.max_n \
             RETURNING tenant_id, type, n - shared AS n, max_n \
         ) \
         INSERT INTO outbox (tenant_id, id, type, resource_id, version, operation, request_id, \
                             created) \
         SELECT counted.tenant_id, wanted.event, counted.type, $5, counted.n, 'quota-warning', $6, $7 \
         FROM counted JOIN wanted ON wanted.type = counted.type \
         LEFT JOIN before ON before.type = counted.type \
         WHERE counted.n > 0 AND counted.n >= counted.max_n - counted.max_n / 5 \
           AND (before.n >= before.max_n - before.max_n / 5) IS NOT TRUE \
         RETURNING type, version AS n",
    )
    .bind(tenant.0)
    .bind(&types)
    .bind(&limits)
    .bind(types.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>())
    .bind(Uuid::nil())
    .bind(request_id)
    .bind(now)
    .fetch_all(conn)
    .await?;
    Ok(warnings)
}

/// How many resources of each type there are, by the name of the type, where there ever was one or there
/// is a limit.
///
/// # Errors
/// The database fails.
pub async fn list(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<Vec<(String, Counter)>, StoreError> {
    let rows: Vec<(String, i64, Option<i64>)> = sqlx::query_as(
        "SELECT type, n - shared, max_n FROM counters WHERE tenant_id = $1 ORDER BY type",
    )
    .bind(tenant.0)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(name, n, max_n)| (name, Counter { n, max_n })).collect())
}

/// The counter of a type; `None` where there never was a resource of it, nor a limit.
///
/// # Errors
/// The database fails.
pub async fn get(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
) -> Result<Option<Counter>, StoreError> {
    let counter = sqlx::query_as(
        "SELECT n - shared AS n, max_n FROM counters WHERE tenant_id = $1 AND type = $2",
    )
    .bind(tenant.0)
    .bind(resource_type)
    .fetch_optional(conn)
    .await?;
    Ok(counter)
}
