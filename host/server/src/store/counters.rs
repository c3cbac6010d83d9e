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
