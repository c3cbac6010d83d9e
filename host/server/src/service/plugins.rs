//! A tenant's plugins: upload, activation, configuration, removal.

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_plugin::{Digest, Refusal, Tier};
use tenon_scim::schema::describe::{Description, SchemaError};
use tenon_scim::{Object, Registry};

use super::Services;
use crate::clock;
use crate::store::audit::{self, Act, By};
use crate::store::plugins::{self, Plugin, Version};
use crate::store::{StoreError, TenantId, tenants};
use crate::tenant::indexes;
use crate::tenant::limits::Limits;
use crate::tenant::runtime::{Misfit, registry_of};

/// Why a plugin is not uploaded, activated or configured.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The upload gate refuses the component.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What `describe` answered is no schema, or does not fit to the core.
    #[error("the component's `describe`: {0}")]
    Described(#[from] SchemaError),
    /// The tenant has no plugin of that name.
    #[error("the tenant has no plugin \"{name}\"; upload it first")]
    NoPlugin {
        /// The name.
        name: String,
    },
    /// The plugin has no such version.
    #[error("plugin \"{name}\" has no version {digest}; its versions are listed at the plugin")]
    NoVersion {
        /// The plugin.
        name: String,
        /// The digest asked for.
        digest: Digest,
    },
    /// As many plugins are active as may be.
    #[error("the tenant has as many active plugins as it may have, {limit}; deactivate one before")]
    TooManyActive {
        /// How many may be.
        limit: usize,
    },
    /// With this version active, the tenant's plugins do not fit together.
    #[error("the plugins of the tenant would not fit together: {0}")]
    Misfit(#[from] Misfit),
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for PluginError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What became of an upload.
#[derive(Debug)]
pub struct Uploaded {
    /// The version.
    pub version: Version,
    /// Whether it is new; a version that is there already is left as it is.
    pub is_new: bool,
}

impl Services {
    /// Takes a component through the upload gate and keeps it as a version of the plugin.
    ///
    /// # Errors
    /// The gate refuses it.
    pub async fn upload_plugin(
        &self,
        by: By<'_>,
        (tenant, tier): (TenantId, Tier),
        name: &str,
        component: &[u8],
    ) -> Result<Uploaded, PluginError> {
        let checked = self.plugins.check(component, tier).await?;
        let description = Description::parse(&checked.described);
        let fits = description.and_then(|description| Registry::core().with(&description));
        if let Err(error) = fits {
            // Its compiled code is of no use to anybody, unless another tenant has it already.
            self.forget_unless_needed(checked.plugin.digest()).await;
            return Err(error.into());
        }
        let version = Version {
            digest: *checked.plugin.digest(),
            capabilities: checked.plugin.capabilities().to_vec(),
            described: checked.described,
            created: clock::now(),
        };
        let mut transaction = self.database.begin_at(tenant).await?;
        let is_new =
            plugins::insert_version(&mut transaction, tenant, name, &version, component).await?;
        if is_new {
            let details = json!({ "digest": version.digest.to_string() });
            record(&mut transaction, tenant, by, "plugin.upload", name, &details).await?;
        }
        transaction.commit().await?;
        tracing::info!(%tenant, plugin = name, digest = %version.digest, "plugin uploaded");
        Ok(Uploaded { version, is_new })
    }

    /// Sends the tenant's requests through a version. Requests in flight end with the one they
    /// began with.
    ///
    /// # Errors
    /// There is no such version, or its schemas do not fit to those of the tenant's other plugins.
    pub async fn activate_plugin(
        &self,
        by: By<'_>,
        tenant: TenantId,
        name: &str,
        digest: Digest,
    ) -> Result<Plugin, PluginError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        // First: two activations at once take turns, so that each sees the other's schemas.
        tenants::advance_epoch(&mut transaction, tenant).await?;
        let mut all = plugins::list(&mut transaction, tenant).await?;
        let no_plugin = || PluginError::NoPlugin { name: name.to_owned() };
        let plugin = all.iter_mut().find(|it| it.name == name).ok_or_else(no_plugin)?;
        if !plugin.versions.iter().any(|version| version.digest == digest) {
            return Err(PluginError::NoVersion { name: name.to_owned(), digest });
        }
        let is_further = plugin.active.is_none();
        plugin.active = Some(digest);
        plugin.modified = clock::now();
        let active = plugin.clone();
        if is_further {
            let limits = tenants::configuration(&mut transaction, tenant).await?.limits;
            let limit = Limits::of_stored(&limits)?.plugins.count;
            let count = all.iter().filter(|it| it.active.is_some()).count();
            if let Some(limit) = limit.filter(|limit| count > *limit) {
                return Err(PluginError::TooManyActive { limit });
            }
        }
        let registry = registry_of(&all)?;
        let now = active.modified;
        plugins::set_active(&mut transaction, tenant, name, Some(&digest), now).await?;
        indexes::adjust(&mut transaction, tenant, registry).await?;
        let details = json!({ "digest": digest.to_string() });
        record(&mut transaction, tenant, by, "plugin.activate", name, &details).await?;
        transaction.commit().await?;
        tracing::info!(%tenant, plugin = name, %digest, "plugin activated");
        Ok(active)
    }

    /// Takes the plugin out of the tenant's requests. Data of its extensions is kept and not
    /// shown.
    ///
    /// # Errors
    /// There is no such plugin.
    pub async fn deactivate_plugin(
        &self,
        by: By<'_>,
        tenant: TenantId,
        name: &str,
    ) -> Result<Plugin, PluginError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        tenants::advance_epoch(&mut transaction, tenant).await?;
        plugins::set_active(&mut transaction, tenant, name, None, clock::now()).await?;
        let mut all = plugins::list(&mut transaction, tenant).await?;
        adjust_indexes(&mut transaction, tenant, &all).await?;
        let place = all.iter().position(|plugin| plugin.name == name);
        let plugin = place.map(|place| all.swap_remove(place));
        let plugin = plugin.ok_or_else(|| PluginError::NoPlugin { name: name.to_owned() })?;
        record(&mut transaction, tenant, by, "plugin.deactivate", name, &Value::Null).await?;
        transaction.commit().await?;
        tracing::info!(%tenant, plugin = name, "plugin deactivated");
        Ok(plugin)
    }

    /// Replaces the plugin's configuration.
    ///
    /// # Errors
    /// There is no such plugin.
    pub async fn configure_plugin(
        &self,
        by: By<'_>,
        tenant: TenantId,
        name: &str,
        config: &Object,
    ) -> Result<(), PluginError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        tenants::advance_epoch(&mut transaction, tenant).await?;
        let now = clock::now();
        if !plugins::set_config(&mut transaction, tenant, name, config, now).await? {
            return Err(PluginError::NoPlugin { name: name.to_owned() });
        }
        // Its values may be secrets.
        let details = json!({ "members": config.keys().collect::<Vec<_>>() });
        record(&mut transaction, tenant, by, "plugin.configure", name, &details).await?;
        transaction.commit().await?;
        tracing::info!(%tenant, plugin = name, "plugin configured");
        Ok(())
    }

    /// Removes the plugin with all its versions. Data of its extensions is kept and not shown.
    ///
    /// # Errors
    /// There is no such plugin.
    pub async fn delete_plugin(
        &self,
        by: By<'_>,
        tenant: TenantId,
        name: &str,
    ) -> Result<(), PluginError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        tenants::advance_epoch(&mut transaction, tenant).await?;
        if !plugins::delete(&mut transaction, tenant, name).await? {
            return Err(PluginError::NoPlugin { name: name.to_owned() });
        }
        let left = plugins::list(&mut transaction, tenant).await?;
        adjust_indexes(&mut transaction, tenant, &left).await?;
        record(&mut transaction, tenant, by, "plugin.delete", name, &Value::Null).await?;
        transaction.commit().await?;
        tracing::info!(%tenant, plugin = name, "plugin removed");
        self.delete_unused_components().await;
        Ok(())
    }

    /// Frees what no tenant needs any more. A failure only leaves bytes for the next time.
    pub async fn delete_unused_components(&self) {
        let deleted = match self.database.autocommit().await {
            Ok(mut conn) => {
                let deleted = plugins::delete_unused_components(&mut conn).await;
                conn.finish(deleted).await
            }
            Err(error) => Err(error),
        };
        match deleted {
            Ok(digests) => {
                for digest in digests {
                    self.plugins.forget(&digest).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "components that no plugin needs could not be removed");
            }
        }
    }

    async fn forget_unless_needed(&self, digest: &Digest) {
        let needed = match self.database.read().await {
            Ok(mut conn) => plugins::digests(&mut conn).await,
            Err(error) => Err(error),
        };
        if needed.is_ok_and(|needed| !needed.contains(digest)) {
            self.plugins.forget(digest).await;
        }
    }
}

/// Where plugins do not fit together the tenant has no requests, and its indexes wait until they do:
/// to take one of them out must not fail.
async fn adjust_indexes(
    conn: &mut PgConnection,
    tenant: TenantId,
    plugins: &[Plugin],
) -> Result<(), StoreError> {
    match registry_of(plugins) {
        Ok(registry) => indexes::adjust(conn, tenant, registry).await,
        Err(_) => Ok(()),
    }
}

async fn record(
    conn: &mut PgConnection,
    tenant: TenantId,
    by: By<'_>,
    action: &str,
    plugin: &str,
    details: &Value,
) -> Result<(), StoreError> {
    let act = Act { action, subject: plugin, at: clock::now() };
    audit::insert_with(conn, tenant, by, act, details).await
}
