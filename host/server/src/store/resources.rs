//! Resources of all types, read one at a time; `writes` has how they change.

use std::fmt;

use sqlx::PgConnection;
use tenon_scim::resource::Meta;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantId};

/// A resource as it is stored.
#[derive(Clone, sqlx::FromRow)]
pub struct Stored {
    /// Identifies it within the tenant.
    pub id: Uuid,
    /// Counts its changes, from 1.
    pub version: i64,
    /// When it was created.
    pub created: OffsetDateTime,
    /// When it was last changed.
    pub modified: OffsetDateTime,
    /// The attributes as JSON, without `meta`; see [`tenon_scim::stored::Document`].
    pub body: String,
    /// What is returned to nobody, where that is not in the body.
    pub secrets: Option<String>,
    /// Where it is that of the type, the body can be sent as it is.
    pub shape: i64,
    /// Whether it is a copy of another tenant's, and not written by requests.
    pub is_shared: bool,
}

/// Without the attributes: they may have secrets among them.
impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("id", &self.id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Stored {
    /// What the server knows of it.
    #[must_use]
    pub fn meta(&self) -> Meta {
        meta(self.id, self.version, self.created, self.modified)
    }
}

/// What the columns of a resource say of it.
pub(super) fn meta(
    id: Uuid,
    version: i64,
    created: OffsetDateTime,
    last_modified: OffsetDateTime,
) -> Meta {
    Meta { id: id.to_string(), created, last_modified, version }
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
    const GET: &str = "SELECT id, version, created, modified, body, secrets, shape, \
                              shared_from IS NOT NULL AS is_shared \
                       FROM resources \
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
    // In an order that the primary key alone has: where a tenant is new, the index by type seems as
    // good, and all of the tenant in it is gone through.
    let name = sqlx::query_scalar(
        "SELECT type FROM resources WHERE tenant_id = $1 AND id BETWEEN $2 AND $2 ORDER BY id",
    )
    .bind(tenant.0)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(name)
}

/// The name of the type of the resource with that id, which nobody deletes until the end of the transaction.
///
/// # Errors
/// The database fails.
pub async fn hold(
    conn: &mut PgConnection,
    tenant: TenantId,
    id: Uuid,
) -> Result<Option<String>, StoreError> {
    let name = sqlx::query_scalar(
        "SELECT type FROM resources WHERE tenant_id = $1 AND id BETWEEN $2 AND $2 ORDER BY id \
         FOR KEY SHARE",
    )
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
    const LOCK: &str = "SELECT id, version, created, modified, body, secrets, shape, \
                               shared_from IS NOT NULL AS is_shared \
                        FROM resources \
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
