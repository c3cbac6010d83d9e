//! Resources of all types, one at a time.

use sqlx::PgConnection;
use tenon_scim::resource::{Meta, UniqueValue};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantId};

/// A resource as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Stored {
    /// Identifies it within the tenant.
    pub id: Uuid,
    /// Counts its changes, from 1.
    pub version: i64,
    /// When it was created.
    pub created: OffsetDateTime,
    /// When it was last changed.
    pub modified: OffsetDateTime,
    /// The attributes as JSON, without `id` and `meta`.
    pub body: String,
}

impl Stored {
    /// What the server knows of it.
    #[must_use]
    pub fn meta(&self) -> Meta {
        Meta {
            id: self.id.to_string(),
            created: self.created,
            last_modified: self.modified,
            version: self.version,
        }
    }
}

/// Adds a resource; `display` is what others call it.
///
/// # Errors
/// The database fails.
pub async fn insert(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
    resource: &Stored,
    display: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO resources (tenant_id, id, type, version, created, modified, body, display) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tenant.0)
    .bind(resource.id)
    .bind(resource_type)
    .bind(resource.version)
    .bind(resource.created)
    .bind(resource.modified)
    .bind(&resource.body)
    .bind(display)
    .execute(conn)
    .await?;
    Ok(())
}

/// The resource of that type and id.
///
/// # Errors
/// The database fails.
pub async fn get(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
    id: Uuid,
) -> Result<Option<Stored>, StoreError> {
    const GET: &str = "SELECT id, version, created, modified, body FROM resources \
                       WHERE tenant_id = $1 AND id = $2 AND type = $3";
    one(conn, GET, tenant, resource_type, id).await
}

/// The name of the type of the resource with that id.
///
/// # Errors
/// The database fails.
pub async fn type_of(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: Uuid,
) -> Result<Option<String>, StoreError> {
    let name = sqlx::query_scalar("SELECT type FROM resources WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.0)
        .bind(id)
        .fetch_optional(conn)
        .await?;
    Ok(name)
}

/// The resource of that type and id, locked until the end of the transaction: nobody changes it,
/// or refers to it anew.
///
/// # Errors
/// The database fails.
pub async fn lock(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
    id: Uuid,
) -> Result<Option<Stored>, StoreError> {
    const LOCK: &str = "SELECT id, version, created, modified, body FROM resources \
                        WHERE tenant_id = $1 AND id = $2 AND type = $3 FOR UPDATE";
    one(conn, LOCK, tenant, resource_type, id).await
}

async fn one(
    conn: &mut PgConnection,
    statement: &'static str,
    tenant: TenantId,
    resource_type: &str,
    id: Uuid,
) -> Result<Option<Stored>, StoreError> {
    let stored = sqlx::query_as(statement)
        .bind(tenant.0)
        .bind(id)
        .bind(resource_type)
        .fetch_optional(conn)
        .await?;
    Ok(stored)
}

/// Puts `resource` in the place of the version before it; false where that is not the version
/// stored any more.
///
/// # Errors
/// The database fails.
pub async fn replace(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource: &Stored,
    display: Option<&str>,
) -> Result<bool, StoreError> {
    let updated = sqlx::query(
        "UPDATE resources SET version = $3, modified = $4, body = $5, display = $6 \
         WHERE tenant_id = $1 AND id = $2 AND version = $3 - 1",
    )
    .bind(tenant.0)
    .bind(resource.id)
    .bind(resource.version)
    .bind(resource.modified)
    .bind(&resource.body)
    .bind(display)
    .execute(conn)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Removes a resource, with its unique values and its memberships.
///
/// # Errors
/// The database fails.
pub async fn delete(conn: &mut PgConnection, tenant: TenantId, id: Uuid) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM resources WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.0)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Makes `values` the unique values of a resource; of `paths`, those without a value are given
/// up. The answer is the path of a value that another resource has, if there is one: then the
/// transaction is to be given up.
///
/// # Errors
/// The database fails.
pub async fn set_unique_values(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
    id: Uuid,
    paths: &[String],
    values: &[UniqueValue],
) -> Result<Option<String>, StoreError> {
    let attrs: Vec<&str> = values.iter().map(|value| value.path.as_str()).collect();
    let vals: Vec<&str> = values.iter().map(|value| value.value.as_str()).collect();
    sqlx::query(
        "DELETE FROM unique_values WHERE tenant_id = $1 AND id = $2 AND attr = ANY($3) \
         AND NOT EXISTS (SELECT FROM unnest($4::text[], $5::text[]) AS new (attr, val) \
                         WHERE new.attr = unique_values.attr AND new.val = unique_values.val)",
    )
    .bind(tenant.0)
    .bind(id)
    .bind(paths)
    .bind(&attrs)
    .bind(&vals)
    .execute(&mut *conn)
    .await?;
    // The constraint decides, not a look before the write: an insert waits for the transaction of
    // another resource with the same value, and returns the row only where it is this resource's.
    let own: Vec<String> = sqlx::query_scalar(
        "INSERT INTO unique_values (tenant_id, type, attr, val, id) \
         SELECT $1, $2, new.attr, new.val, $3 FROM unnest($4::text[], $5::text[]) AS new (attr, val) \
         ORDER BY new.attr \
         ON CONFLICT (tenant_id, type, attr, val) DO UPDATE SET id = EXCLUDED.id \
         WHERE unique_values.id = EXCLUDED.id RETURNING attr",
    )
    .bind(tenant.0)
    .bind(resource_type)
    .bind(id)
    .bind(&attrs)
    .bind(&vals)
    .fetch_all(conn)
    .await?;
    Ok(values.iter().find(|value| !own.contains(&value.path)).map(|value| value.path.clone()))
}
