//! A tenant's plugins: upload, configuration, removal; and the life of their versions.

mod error;
mod impact;
mod life_cycle;
mod log;
mod recordings;
mod schema_change;
mod shadow;

pub use self::error::PluginError;
pub use self::life_cycle::Activation;
pub use self::log::PluginLog;
pub use self::recordings::{Recordings, Wanted};
pub use self::schema_change::Told;
pub(in crate::service) use self::shadow::Said;
pub use self::shadow::Shadows;

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_plugin::{Digest, Tier};
use tenon_scim::schema::describe::Description;
use tenon_scim::{Object, Registry};

use super::Services;
use crate::clock;
use crate::store::audit::{self, Act, By};
use crate::store::plugins::{self, Plugin, State, Version};
use crate::store::{StoreError, TenantId, tenants};
use crate::tenant::indexes;
use crate::tenant::plugin_secrets;
use crate::tenant::runtime::registry_of;

/// What became of an upload.
#[derive(Debug)]
pub struct Uploaded {
    /// The version.
    pub version: Version,
    /// Where it is in its life.
    pub state: State,
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
            retired: None,
        };
        let mut transaction = self.database.begin_at(tenant).await?;
        let is_new =
            plugins::insert_version(&mut transaction, tenant, name, &version, component).await?;
        if is_new {
            let details = json!({ "digest": version.digest.to_string() });
            record(&mut transaction, tenant, by, "plugin.upload", name, &details).await?;
        }
        let plugin = plugins::get(&mut transaction, tenant, name).await?;
        transaction.commit().await?;
        tracing::info!(%tenant, plugin = name, digest = %version.digest, "plugin uploaded");
        let state = plugin.map_or(State::Checked, |plugin| plugin.state_of(&version));
        Ok(Uploaded { version, state, is_new })
    }

    /// Replaces the plugin's configuration; its secrets are stored encrypted. Tells it as it is shown.
    ///
    /// # Errors
    /// There is no such plugin, or a secret cannot be stored.
    pub async fn configure_plugin(
        &self,
        by: By<'_>,
        tenant: TenantId,
        name: &str,
        config: Object,
    ) -> Result<Object, PluginError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        tenants::advance_epoch(&mut transaction, tenant).await?;
        let before = existing(&mut transaction, tenant, name).await?;
        let config = plugin_secrets::sealed(&self.keyring, tenant, config, &before.config)?;
        plugins::set_config(&mut transaction, tenant, name, &config, clock::now()).await?;
        // Its values may be secrets, also where they are not marked as such.
        let details = json!({ "members": config.keys().collect::<Vec<_>>() });
        record(&mut transaction, tenant, by, "plugin.configure", name, &details).await?;
        transaction.commit().await?;
        tracing::info!(%tenant, plugin = name, "plugin configured");
        Ok(plugin_secrets::shown(&config))
    }

    /// Why a plugin is not called, where the configuration that is stored cannot be read.
    #[must_use]
    pub fn config_problem(&self, tenant: TenantId, plugin: &Plugin) -> Option<String> {
        let opened = plugin_secrets::opened(&self.keyring, tenant, &plugin.config);
        opened.err().map(|error| error.to_string())
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
            return Err(PluginError::no_plugin(name));
        }
        let left = plugins::list(&mut transaction, tenant).await?;
        adjust_indexes(&mut transaction, tenant, &left).await?;
        record(&mut transaction, tenant, by, "plugin.delete", name, &Value::Null).await?;
        transaction.commit().await?;
        tracing::info!(%tenant, plugin = name, "plugin removed");
        self.forget_deliveries(tenant, name).await;
        self.forget_recorded_calls(tenant, name).await;
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

/// The plugin of that name.
pub(super) async fn existing(
    conn: &mut PgConnection,
    tenant: TenantId,
    name: &str,
) -> Result<Plugin, PluginError> {
    let plugin = plugins::get(conn, tenant, name).await?;
    plugin.ok_or_else(|| PluginError::no_plugin(name))
}

/// The one of that name.
fn named<'p>(all: &'p [Plugin], name: &str) -> Result<&'p Plugin, PluginError> {
    let plugin = all.iter().find(|plugin| plugin.name == name);
    plugin.ok_or_else(|| PluginError::no_plugin(name))
}

fn version_of<'p>(plugin: &'p Plugin, digest: &Digest) -> Result<&'p Version, PluginError> {
    let no_version = || PluginError::NoVersion { name: plugin.name.clone(), digest: *digest };
    plugin.version(digest).ok_or_else(no_version)
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

pub(super) async fn record(
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
