//! Lists of resources, of one type or of several, in order of creation.

use sqlx::PgConnection;
use uuid::Uuid;

use super::resources::Stored;
use super::{StoreError, TenantId};

/// Which resources a list has. One type has an index of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// Those of the type with this name.
    Type(String),
    /// Those of the types with these names.
    Types(Vec<String>),
}

/// A resource with the name of its type.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Listed {
    /// The name of its type.
    #[sqlx(rename = "type")]
    pub resource_type: String,
    /// The resource.
    #[sqlx(flatten)]
    pub stored: Stored,
}

/// How many resources there are.
///
/// # Errors
/// The database fails.
pub async fn count(conn: &mut PgConnection, tenant: TenantId, of: &Of) -> Result<i64, StoreError> {
    let query = match of {
        Of::Type(name) => {
            sqlx::query_scalar("SELECT count(*) FROM resources WHERE tenant_id = $1 AND type = $2")
                .bind(tenant.0)
                .bind(name)
        }
        Of::Types(names) => sqlx::query_scalar(
            "SELECT count(*) FROM resources WHERE tenant_id = $1 AND type = ANY($2)",
        )
        .bind(tenant.0)
        .bind(names),
    };
    Ok(query.fetch_one(conn).await?)
}

/// The resources from `offset` on.
///
/// # Errors
/// The database fails.
pub async fn page(
    conn: &mut PgConnection,
    tenant: TenantId,
    of: &Of,
    offset: i64,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let query = match of {
        Of::Type(name) => sqlx::query_as(
            "SELECT type, id, version, created, modified, body, secrets, shape FROM resources \
             WHERE tenant_id = $1 AND type = $2 ORDER BY id OFFSET $3 LIMIT $4",
        )
        .bind(tenant.0)
        .bind(name),
        Of::Types(names) => sqlx::query_as(
            "SELECT type, id, version, created, modified, body, secrets, shape FROM resources \
             WHERE tenant_id = $1 AND type = ANY($2) ORDER BY id OFFSET $3 LIMIT $4",
        )
        .bind(tenant.0)
        .bind(names),
    };
    Ok(query.bind(offset).bind(limit).fetch_all(conn).await?)
}

/// The next resources after `after`.
///
/// # Errors
/// The database fails.
pub async fn after(
    conn: &mut PgConnection,
    tenant: TenantId,
    of: &Of,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let query = match of {
        Of::Type(name) => sqlx::query_as(
            "SELECT type, id, version, created, modified, body, secrets, shape FROM resources \
             WHERE tenant_id = $1 AND type = $2 AND id > $3 ORDER BY id LIMIT $4",
        )
        .bind(tenant.0)
        .bind(name),
        Of::Types(names) => sqlx::query_as(
            "SELECT type, id, version, created, modified, body, secrets, shape FROM resources \
             WHERE tenant_id = $1 AND type = ANY($2) AND id > $3 ORDER BY id LIMIT $4",
        )
        .bind(tenant.0)
        .bind(names),
    };
    Ok(query.bind(after).bind(limit).fetch_all(conn).await?)
}

/// The last resources before `before`, the last one first.
///
/// # Errors
/// The database fails.
pub async fn before(
    conn: &mut PgConnection,
    tenant: TenantId,
    of: &Of,
    before: Uuid,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let query = match of {
        Of::Type(name) => sqlx::query_as(
            "SELECT type, id, version, created, modified, body, secrets, shape FROM resources \
             WHERE tenant_id = $1 AND type = $2 AND id < $3 ORDER BY id DESC LIMIT $4",
        )
        .bind(tenant.0)
        .bind(name),
        Of::Types(names) => sqlx::query_as(
            "SELECT type, id, version, created, modified, body, secrets, shape FROM resources \
             WHERE tenant_id = $1 AND type = ANY($2) AND id < $3 ORDER BY id DESC LIMIT $4",
        )
        .bind(tenant.0)
        .bind(names),
    };
    Ok(query.bind(before).bind(limit).fetch_all(conn).await?)
}

/// The resources with these ids, in any order.
///
/// # Errors
/// The database fails.
pub async fn with_ids(
    conn: &mut PgConnection,
    tenant: TenantId,
    ids: &[Uuid],
) -> Result<Vec<Listed>, StoreError> {
    let resources = sqlx::query_as(
        "SELECT type, id, version, created, modified, body, secrets, shape FROM resources \
         WHERE tenant_id = $1 AND id = ANY($2)",
    )
    .bind(tenant.0)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(resources)
}
