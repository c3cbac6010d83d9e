//! The life of a version: `checked → shadow → active → retired`, and the order of plugins.

use sqlx::PgConnection;
use tenon_plugin::Digest;
use tenon_scim::Object;
use time::OffsetDateTime;

use super::{Plugin, Version};
use crate::store::{StoreError, TenantId};

/// Where a version is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has passed the gate, and no request went through it.
    Checked,
    /// It is run beside the active version, without effect.
    Shadow,
    /// Requests go through it.
    Active,
    /// Requests went through it.
    Retired,
}

impl State {
    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::Shadow => "shadow",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}

impl Plugin {
    /// Where a version of it is in its life.
    #[must_use]
    pub fn state_of(&self, version: &Version) -> State {
        match version.digest {
            digest if self.active == Some(digest) => State::Active,
            digest if self.shadow == Some(digest) => State::Shadow,
            _ if version.retired.is_some() => State::Retired,
            _ => State::Checked,
        }
    }

    /// The version with that digest.
    #[must_use]
    pub fn version(&self, digest: &Digest) -> Option<&Version> {
        self.versions.iter().find(|version| version.digest == *digest)
    }

    /// The version that requests went through before those of now, or before they went through none.
    #[must_use]
    pub fn previous(&self) -> Option<&Version> {
        let retired = self.versions.iter().filter(|it| self.active != Some(it.digest));
        retired.filter(|it| it.retired.is_some()).max_by_key(|it| it.retired)
    }
}

/// Sends requests through a version from now on, or through none. The one before is retired. The shadow
/// ends where it is the new one, or has nothing any more beside which it could be run.
///
/// # Errors
/// The database fails.
pub async fn set_active(
    conn: &mut PgConnection,
    tenant: TenantId,
    name: &str,
    active: Option<&Digest>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let active = active.map(|digest| digest.as_bytes().as_slice());
    sqlx::query(
        "UPDATE plugin_versions SET retired = $4 \
         WHERE tenant_id = $1 AND name = $2 AND digest IS DISTINCT FROM $3 AND digest = \
               (SELECT active_digest FROM plugins WHERE tenant_id = $1 AND name = $2)",
    )
    .bind(tenant.0)
    .bind(name)
    .bind(active)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "UPDATE plugins SET active_digest = $3, modified = $4, \
                shadow_digest = CASE WHEN $3 IS NOT NULL THEN nullif(shadow_digest, $3) END \
         WHERE tenant_id = $1 AND name = $2",
    )
    .bind(tenant.0)
    .bind(name)
    .bind(active)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Runs a version beside the active one from now on, or none.
///
/// # Errors
/// The database fails.
pub async fn set_shadow(
    conn: &mut PgConnection,
    tenant: TenantId,
    name: &str,
    shadow: Option<&Digest>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE plugins SET shadow_digest = $3, modified = $4 WHERE tenant_id = $1 AND name = $2",
    )
    .bind(tenant.0)
    .bind(name)
    .bind(shadow.map(|digest| digest.as_bytes().as_slice()))
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has plugins called in the order of these names, which are those of all.
///
/// # Errors
/// The database fails.
pub async fn set_order(
    conn: &mut PgConnection,
    tenant: TenantId,
    names: &[String],
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE plugins SET position = ordered.position \
         FROM unnest($2::text[]) WITH ORDINALITY AS ordered (name, position) \
         WHERE plugins.tenant_id = $1 AND plugins.name = ordered.name",
    )
    .bind(tenant.0)
    .bind(names)
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces what the tenant has chosen beside the configuration; false where there is no such plugin.
///
/// # Errors
/// The database fails.
pub async fn set_settings(
    conn: &mut PgConnection,
    tenant: TenantId,
    name: &str,
    settings: &Object,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let updated = sqlx::query(
        "UPDATE plugins SET settings = $3, modified = $4 WHERE tenant_id = $1 AND name = $2",
    )
    .bind(tenant.0)
    .bind(name)
    .bind(serde_json::Value::Object(settings.clone()).to_string())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(updated.rows_affected() > 0)
}
