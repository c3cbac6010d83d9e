//! What is changed of a tenant, one by one. Who asks says that the configuration changes.

use sqlx::PgConnection;

use super::super::requests::Logged;
use super::super::{StoreError, TenantId, breaks};

/// Another tenant has that external key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalKeyTaken;

/// Gives a tenant another external key, or none.
///
/// # Errors
/// The database fails; in the inner result, another tenant has the key.
pub async fn set_external_key(
    conn: &mut PgConnection,
    tenant: TenantId,
    key: Option<&str>,
) -> Result<Result<(), ExternalKeyTaken>, StoreError> {
    let result =
        sqlx::query("UPDATE tenants SET external_key = $2 WHERE id = $1 AND removal_step IS NULL")
            .bind(tenant.0)
            .bind(key)
            .execute(conn)
            .await;
    match result {
        Ok(_) => Ok(Ok(())),
        Err(error) if breaks(&error, "tenants_external_key") => Ok(Err(ExternalKeyTaken)),
        Err(error) => Err(error.into()),
    }
}

/// Has other requests of a tenant be logged.
///
/// # Errors
/// The database fails.
pub async fn set_request_log(
    conn: &mut PgConnection,
    tenant: TenantId,
    logged: Logged,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE tenants SET request_log = $2 WHERE id = $1 AND removal_step IS NULL")
        .bind(tenant.0)
        .bind(logged.name())
        .execute(conn)
        .await?;
    Ok(())
}

/// Has everybody be told what a tenant's service offers, or not.
///
/// # Errors
/// The database fails.
pub async fn set_public_discovery(
    conn: &mut PgConnection,
    tenant: TenantId,
    is_public: bool,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE tenants SET public_discovery = $2 WHERE id = $1 AND removal_step IS NULL")
        .bind(tenant.0)
        .bind(is_public)
        .execute(conn)
        .await?;
    Ok(())
}
