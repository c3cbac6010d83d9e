//! Which versions requests go through, and in which order plugins are called.

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_plugin::Digest;
use tenon_scim::Object;
use tenon_scim::schema::changes::fingerprint;

use super::schema_change::changes_by;
use super::{PluginError, adjust_indexes, existing, named, record, version_of};
use crate::clock;
use crate::service::Services;
use crate::store::audit::By;
use crate::store::plugins::{self, Plugin, Version};
use crate::store::{TenantId, tenants};
use crate::tenant::failure_policy::FailurePolicies;
use crate::tenant::indexes;
use crate::tenant::limits::Limits;

/// Which version requests are to go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// This one.
    Of(Digest),
    /// The one that they went through before.
    Rollback,
}

impl Activation {
    /// The name of the act.
    const fn action(self) -> &'static str {
        match self {
            Self::Of(_) => "plugin.activate",
            Self::Rollback => "plugin.rollback",
        }
    }

    fn version(self, plugin: &Plugin) -> Result<&Version, PluginError> {
        match self {
            Self::Of(digest) => version_of(plugin, &digest),
            Self::Rollback => plugin
                .previous()
                .ok_or_else(|| PluginError::NothingBefore { name: plugin.name.clone() }),
        }
    }
}

impl Services {
    /// Sends the tenant's requests through a version. Requests in flight end with the one they
    /// began with. What changes for stored resources has to be confirmed by its fingerprint.
    ///
    /// # Errors
    /// There is no such version, its schemas do not fit to those of the tenant's other plugins, or
    /// [`PluginError::Breaking`].
    pub async fn activate_plugin(
        &self,
        by: By<'_>,
        tenant: TenantId,
        name: &str,
        activation: Activation,
        confirmed: Option<&str>,
    ) -> Result<Plugin, PluginError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        // First: two activations at once take turns, so that each sees the other's schemas.
        tenants::advance_epoch(&mut transaction, tenant).await?;
        let all = plugins::list(&mut transaction, tenant).await?;
        let before = named(&all, name)?;
        let (was, digest) = (before.active, activation.version(before)?.digest);
        let (registry, changes) = changes_by(&all, name, digest)?;
        let confirm = fingerprint(&changes);
        if !changes.is_empty() && confirmed != Some(&*confirm) {
            drop(transaction);
            let changes = self.told(tenant, changes).await?;
            return Err(PluginError::Breaking { confirm, changes });
        }
        if was.is_none() {
            check_limit(&mut transaction, tenant, &all).await?;
        }
        let now = clock::now();
        plugins::set_active(&mut transaction, tenant, name, Some(&digest), now).await?;
        indexes::adjust(&mut transaction, tenant, registry).await?;
        let details = json!({
            "digest": digest.to_string(),
            "before": was.map(|it| it.to_string()),
            "schemaChanges": changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        record(&mut transaction, tenant, by, activation.action(), name, &details).await?;
        let after = existing(&mut transaction, tenant, name).await?;
        transaction.commit().await?;
        tracing::info!(%tenant, plugin = name, %digest, "plugin activated");
        Ok(after)
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
        let all = plugins::list(&mut transaction, tenant).await?;
        let plugin = named(&all, name)?;
        adjust_indexes(&mut transaction, tenant, &all).await?;
        record(&mut transaction, tenant, by, "plugin.deactivate", name, &Value::Null).await?;
        transaction.commit().await?;
        tracing::info!(%tenant, plugin = name, "plugin deactivated");
        Ok(plugin.clone())
    }

    /// Runs a version beside the active one, without effect; or none any more.
    ///
    /// # Errors
    /// There is no such version, it is the active one, or there is none that is active.
    pub async fn shadow_plugin(
        &self,
        by: By<'_>,
        tenant: TenantId,
        name: &str,
        digest: Option<Digest>,
    ) -> Result<Plugin, PluginError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        tenants::advance_epoch(&mut transaction, tenant).await?;
        let before = existing(&mut transaction, tenant, name).await?;
        let now = clock::now();
        if let Some(digest) = digest {
            version_of(&before, &digest)?;
            match before.active {
                None => return Err(PluginError::NothingActive { name: before.name }),
                Some(active) if active == digest => {
                    return Err(PluginError::ActiveAlready { name: before.name, digest });
                }
                Some(_) => {}
            }
            plugins::begin_shadow(&mut transaction, tenant, name, &digest, now).await?;
        }
        plugins::set_shadow(&mut transaction, tenant, name, digest.as_ref(), now).await?;
        let details = json!({ "digest": digest.map(|it| it.to_string()) });
        record(&mut transaction, tenant, by, "plugin.shadow", name, &details).await?;
        let after = existing(&mut transaction, tenant, name).await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// Has the tenant's plugins called in the order of these names.
    ///
    /// # Errors
    /// They are not the names of all plugins, each once.
    pub async fn order_plugins(
        &self,
        by: By<'_>,
        tenant: TenantId,
        order: &[String],
    ) -> Result<(), PluginError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        tenants::advance_epoch(&mut transaction, tenant).await?;
        let before = plugins::list(&mut transaction, tenant).await?;
        let names: Vec<String> = before.into_iter().map(|plugin| plugin.name).collect();
        let is_of_all = order.len() == names.len() && names.iter().all(|it| order.contains(it));
        if !is_of_all {
            return Err(PluginError::NotAnOrder { names });
        }
        plugins::set_order(&mut transaction, tenant, order).await?;
        let details = json!({ "from": names, "to": order });
        record(&mut transaction, tenant, by, "plugin.order", "plugins", &details).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Replaces what the tenant has chosen beside the plugin's configuration.
    ///
    /// # Errors
    /// They are no settings, or there is no such plugin.
    pub async fn set_plugin_settings(
        &self,
        by: By<'_>,
        tenant: TenantId,
        name: &str,
        settings: &Object,
    ) -> Result<Plugin, PluginError> {
        FailurePolicies::of_settings(settings)?;
        let mut transaction = self.database.begin_at(tenant).await?;
        tenants::advance_epoch(&mut transaction, tenant).await?;
        let before = existing(&mut transaction, tenant, name).await?;
        plugins::set_settings(&mut transaction, tenant, name, settings, clock::now()).await?;
        let details = json!({ "from": before.settings, "to": settings });
        record(&mut transaction, tenant, by, "plugin.settings", name, &details).await?;
        let after = existing(&mut transaction, tenant, name).await?;
        transaction.commit().await?;
        Ok(after)
    }
}

/// Whether one more may be active.
async fn check_limit(
    conn: &mut PgConnection,
    tenant: TenantId,
    all: &[Plugin],
) -> Result<(), PluginError> {
    let limits = tenants::configuration(conn, tenant).await?.limits;
    let active = all.iter().filter(|plugin| plugin.active.is_some()).count();
    match Limits::of_stored(&limits)?.plugins.count.filter(|limit| active >= *limit) {
        Some(limit) => Err(PluginError::TooManyActive { limit }),
        None => Ok(()),
    }
}
