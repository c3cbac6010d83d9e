//! Plugins: what a tenant has uploaded, which version is active, and its configuration.

mod affected;
mod impacts;
mod life_cycle;
mod logs;
mod recordings;
mod shadows;

use std::collections::HashSet;
use std::fmt;

use sqlx::PgConnection;
use tenon_plugin::{Capability, Digest};
use tenon_scim::Object;
use time::OffsetDateTime;

pub use self::affected::{Affected, affected};
pub use self::impacts::{
    Counts, Impact, OfType, advance_impact, begin_impact, cancel_impacts, count_resources, impacts,
    lease_impact, resources_after,
};
pub use self::life_cycle::{State, set_active, set_order, set_settings, set_shadow};
pub use self::logs::{Line, insert_lines, lines};
pub use self::recordings::{
    Counted, Recording, begin_recording, count_recorded, delete_recordings, recordings,
    running_recordings,
};
pub use self::shadows::{
    Difference, Shadowed, Sums, add_shadowed, begin_shadow, differences, shadowed,
};
use super::{StoreError, TenantId};

/// A plugin of a tenant.
#[derive(Clone)]
pub struct Plugin {
    /// Its name at the tenant.
    pub name: String,
    /// When it is called: plugins with a lower position are called before it.
    pub position: i32,
    /// The version that requests go through.
    pub active: Option<Digest>,
    /// The version that is run beside it, without effect.
    pub shadow: Option<Digest>,
    /// What the tenant has chosen beside the configuration.
    pub settings: Object,
    /// What the tenant has configured, its secrets encrypted.
    pub config: Object,
    /// When it was first uploaded.
    pub created: OffsetDateTime,
    /// When its configuration or active version last changed.
    pub modified: OffsetDateTime,
    /// Its versions, the oldest first.
    pub versions: Vec<Version>,
}

/// Without the configuration, which may hold secrets.
impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

/// A version of a plugin. It never changes.
#[derive(Debug, Clone)]
pub struct Version {
    /// Identifies the component.
    pub digest: Digest,
    /// What it exports.
    pub capabilities: Vec<Capability>,
    /// The documents it described at upload.
    pub described: Vec<serde_json::Value>,
    /// When it was uploaded.
    pub created: OffsetDateTime,
    /// When requests last stopped going through it.
    pub retired: Option<OffsetDateTime>,
}

#[derive(sqlx::FromRow)]
struct PluginRow {
    name: String,
    position: i32,
    active_digest: Option<Vec<u8>>,
    shadow_digest: Option<Vec<u8>>,
    settings: String,
    config: String,
    created: OffsetDateTime,
    modified: OffsetDateTime,
}

#[derive(sqlx::FromRow)]
struct VersionRow {
    name: String,
    digest: Vec<u8>,
    capabilities: Vec<String>,
    described: String,
    created: OffsetDateTime,
    retired: Option<OffsetDateTime>,
}

/// Adds a version, and the plugin where it is the first; false where the version is there already.
///
/// # Errors
/// The database fails.
pub async fn insert_version(
    conn: &mut PgConnection,
    tenant: TenantId,
    name: &str,
    version: &Version,
    component: &[u8],
) -> Result<bool, StoreError> {
    let digest = version.digest.as_bytes().as_slice();
    let capabilities: Vec<&str> = version.capabilities.iter().map(|it| it.as_str()).collect();
    // DO UPDATE rather than DO NOTHING: it locks the row against the removal of components that
    // no version needs.
    sqlx::query(
        "INSERT INTO components (digest, bytes, created) VALUES ($1, $2, $3) \
         ON CONFLICT (digest) DO UPDATE SET created = components.created",
    )
    .bind(digest)
    .bind(component)
    .bind(version.created)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "INSERT INTO plugins (tenant_id, name, position, created, modified) \
         VALUES ($1, $2, (SELECT coalesce(max(position), 0) + 1 FROM plugins WHERE tenant_id = $1), \
                 $3, $3) ON CONFLICT DO NOTHING",
    )
    .bind(tenant.0)
    .bind(name)
    .bind(version.created)
    .execute(&mut *conn)
    .await?;
    let inserted = sqlx::query(
        "INSERT INTO plugin_versions (tenant_id, name, digest, capabilities, described, created) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(tenant.0)
    .bind(name)
    .bind(digest)
    .bind(&capabilities)
    .bind(serde_json::Value::from(version.described.clone()).to_string())
    .bind(version.created)
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() > 0)
}

/// A tenant's plugins, in the order in which they are called.
///
/// # Errors
/// The database fails, or what is stored cannot be read.
pub async fn list(conn: &mut PgConnection, tenant: TenantId) -> Result<Vec<Plugin>, StoreError> {
    let rows: Vec<PluginRow> = sqlx::query_as(
        "SELECT name, position, active_digest, shadow_digest, settings, config, created, modified \
         FROM plugins WHERE tenant_id = $1 ORDER BY position, name",
    )
    .bind(tenant.0)
    .fetch_all(&mut *conn)
    .await?;
    let versions: Vec<VersionRow> = sqlx::query_as(
        "SELECT name, digest, capabilities, described, created, retired FROM plugin_versions \
         WHERE tenant_id = $1 ORDER BY created, digest",
    )
    .bind(tenant.0)
    .fetch_all(conn)
    .await?;
    let mut plugins = rows.into_iter().map(plugin).collect::<Result<Vec<_>, _>>()?;
    for row in versions {
        if let Some(plugin) = plugins.iter_mut().find(|plugin| plugin.name == row.name) {
            plugin.versions.push(version(row)?);
        }
    }
    Ok(plugins)
}

/// The names of a tenant's plugins whose active version has a capability.
///
/// # Errors
/// The database fails.
pub async fn active_with(
    conn: &mut PgConnection,
    tenant: TenantId,
    capability: Capability,
) -> Result<Vec<String>, StoreError> {
    let names = sqlx::query_scalar(
        "SELECT p.name FROM plugins AS p \
         JOIN plugin_versions AS v \
           ON v.tenant_id = p.tenant_id AND v.name = p.name AND v.digest = p.active_digest \
         WHERE p.tenant_id = $1 AND $2 = ANY (v.capabilities) ORDER BY p.name",
    )
    .bind(tenant.0)
    .bind(capability.as_str())
    .fetch_all(conn)
    .await?;
    Ok(names)
}

/// The plugin of that name.
///
/// # Errors
/// As [`list`].
pub async fn get(
    conn: &mut PgConnection,
    tenant: TenantId,
    name: &str,
) -> Result<Option<Plugin>, StoreError> {
    let plugins = list(conn, tenant).await?;
    Ok(plugins.into_iter().find(|plugin| plugin.name == name))
}

/// Replaces the configuration of a plugin, where there is one.
///
/// # Errors
/// The database fails.
pub async fn set_config(
    conn: &mut PgConnection,
    tenant: TenantId,
    name: &str,
    config: &Object,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE plugins SET config = $3, modified = $4 WHERE tenant_id = $1 AND name = $2")
        .bind(tenant.0)
        .bind(name)
        .bind(serde_json::Value::Object(config.clone()).to_string())
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Removes a plugin with its versions; false where there is none.
///
/// # Errors
/// The database fails.
pub async fn delete(
    conn: &mut PgConnection,
    tenant: TenantId,
    name: &str,
) -> Result<bool, StoreError> {
    sqlx::query("DELETE FROM realm_resolvers WHERE tenant_id = $1 AND plugin = $2")
        .bind(tenant.0)
        .bind(name)
        .execute(&mut *conn)
        .await?;
    let deleted = sqlx::query("DELETE FROM plugins WHERE tenant_id = $1 AND name = $2")
        .bind(tenant.0)
        .bind(name)
        .execute(conn)
        .await?;
    Ok(deleted.rows_affected() > 0)
}

/// The bytes of a component that a version of this tenant has.
///
/// # Errors
/// The database fails.
pub async fn component(
    conn: &mut PgConnection,
    tenant: TenantId,
    digest: &Digest,
) -> Result<Option<Vec<u8>>, StoreError> {
    let bytes = sqlx::query_scalar(
        "SELECT bytes FROM components WHERE digest = $2 AND EXISTS \
         (SELECT FROM plugin_versions v WHERE v.tenant_id = $1 AND v.digest = $2)",
    )
    .bind(tenant.0)
    .bind(digest.as_bytes().as_slice())
    .fetch_optional(conn)
    .await?;
    Ok(bytes)
}

/// The digests of all components that any tenant has.
///
/// # Errors
/// The database fails.
pub async fn digests(conn: &mut PgConnection) -> Result<HashSet<Digest>, StoreError> {
    let digests: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT digest FROM components").fetch_all(conn).await?;
    digests.into_iter().map(digest).collect()
}

/// Removes components that no version of any tenant needs, and tells which. One that is being
/// uploaded again at this moment is locked, and kept.
///
/// # Errors
/// The database fails.
pub async fn delete_unused_components(
    conn: &mut PgConnection,
) -> Result<HashSet<Digest>, StoreError> {
    let deleted: Vec<Vec<u8>> = sqlx::query_scalar(
        "DELETE FROM components WHERE digest IN \
         (SELECT c.digest FROM components c WHERE NOT EXISTS \
          (SELECT FROM plugin_versions v WHERE v.digest = c.digest) FOR UPDATE SKIP LOCKED) \
         RETURNING digest",
    )
    .fetch_all(conn)
    .await?;
    deleted.into_iter().map(digest).collect()
}

fn plugin(row: PluginRow) -> Result<Plugin, StoreError> {
    let object = |what, text: &str| {
        serde_json::from_str(text).map_err(|source| StoreError::Corrupt { what, source })
    };
    Ok(Plugin {
        name: row.name,
        position: row.position,
        active: row.active_digest.map(digest).transpose()?,
        shadow: row.shadow_digest.map(digest).transpose()?,
        settings: object("plugin settings", &row.settings)?,
        config: object("plugin configuration", &row.config)?,
        created: row.created,
        modified: row.modified,
        versions: Vec::new(),
    })
}

fn version(row: VersionRow) -> Result<Version, StoreError> {
    let described = serde_json::from_str(&row.described)
        .map_err(|source| StoreError::Corrupt { what: "plugin description", source })?;
    Ok(Version {
        digest: digest(row.digest)?,
        capabilities: row.capabilities.into_iter().map(capability).collect::<Result<_, _>>()?,
        described,
        created: row.created,
        retired: row.retired,
    })
}

fn capability(name: String) -> Result<Capability, StoreError> {
    let known = Capability::ALL.into_iter().find(|known| known.as_str() == name);
    known.ok_or(StoreError::Unknown { what: "plugin capability", found: name })
}

fn digest(bytes: Vec<u8>) -> Result<Digest, StoreError> {
    <[u8; 32]>::try_from(bytes).map(Digest::from_bytes).map_err(|bytes| StoreError::Unknown {
        what: "plugin digest",
        found: format!("{} bytes", bytes.len()),
    })
}
