//! How many resources have data that a change of schemas is about.

use sqlx::PgConnection;

use crate::store::{StoreError, TenantId};

/// Resources that a count looks at: activations are not to wait for all of a large tenant's.
const LOOKED_AT: i64 = 100_000;

/// How many resources of a type have a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Affected {
    /// Those that have one.
    pub with: i64,
    /// Those that were looked at, the oldest first.
    pub looked_at: i64,
}

/// How many resources of a type have a value at a place: that of an attribute, from the outermost member on,
/// and in it (or in one of its values) the sub-attribute. Without members, all have.
///
/// # Errors
/// The database fails.
pub async fn affected(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
    members: &[&str],
    sub: Option<&str>,
) -> Result<Affected, StoreError> {
    // As the text of jsonb has a name before its value; in a string, the quotes are escaped.
    let sub = sub.map(|name| format!("\"{name}\": "));
    let affected = sqlx::query_as(
        "SELECT count(*) AS looked_at, \
                count(*) FILTER (WHERE value IS NOT NULL \
                                   AND ($4::text IS NULL OR strpos(value, $4) > 0)) AS \"with\" \
         FROM (SELECT coalesce(body::jsonb #>> $3, secrets::jsonb #>> $3) AS value \
               FROM resources WHERE tenant_id = $1 AND type = $2 ORDER BY id LIMIT $5) AS resource",
    )
    .bind(tenant.0)
    .bind(resource_type)
    .bind(members)
    .bind(sub)
    .bind(LOOKED_AT)
    .fetch_one(conn)
    .await?;
    Ok(affected)
}
