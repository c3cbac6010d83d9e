//! How many resources of each type a tenant has, and may have. Every create and delete counts in
//! its own statement (`writes`).

use sqlx::PgConnection;

use super::{StoreError, TenantId};

/// Resources of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Counter {
    /// How many there are.
    pub n: i64,
    /// How many there may be; `None` where nobody has said so.
    pub max_n: Option<i64>,
}

/// Has a tenant have at most so many resources of each of these types, and any number of others. Where
/// there are more already, they stay, and no more are created.
///
/// # Errors
/// The database fails.
pub async fn set_limits(
    conn: &mut PgConnection,
    tenant: TenantId,
    limits: &[(&str, i64)],
) -> Result<(), StoreError> {
    let (types, limits): (Vec<&str>, Vec<i64>) = limits.iter().copied().unzip();
    sqlx::query(
        "UPDATE counters SET max_n = NULL \
         WHERE tenant_id = $1 AND max_n IS NOT NULL AND NOT type = ANY($2)",
    )
    .bind(tenant.0)
    .bind(&types)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "INSERT INTO counters AS counter (tenant_id, type, n, max_n) \
         SELECT $1, wanted.type, 0, wanted.max_n \
         FROM unnest($2::text[], $3::bigint[]) AS wanted (type, max_n) ORDER BY wanted.type \
         ON CONFLICT (tenant_id, type) DO UPDATE SET max_n = excluded.max_n",
    )
    .bind(tenant.0)
    .bind(&types)
    .bind(&limits)
    .execute(conn)
    .await?;
    Ok(())
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
    let counter =
        sqlx::query_as("SELECT n, max_n FROM counters WHERE tenant_id = $1 AND type = $2")
            .bind(tenant.0)
            .bind(resource_type)
            .fetch_optional(conn)
            .await?;
    Ok(counter)
}
