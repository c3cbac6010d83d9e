//! What a server knows of the recordings that are running for the plugins of a tenant.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use serde_json::Value;
use sqlx::PgConnection;
use tenon_plugin::{Capability, Redaction};
use time::OffsetDateTime;
use uuid::Uuid;

use super::plugin_secrets;
use super::runtime::ActivePlugin;
use crate::clock;
use crate::keyring::Keyring;
use crate::store::plugins::{self, Plugin};
use crate::store::{StoreError, TenantId};

/// A recording of a hook of an active plugin.
#[derive(Debug)]
pub struct RunningRecording {
    /// Identifies it.
    pub id: Uuid,
    /// What is recorded.
    pub hook: Capability,
    /// What is left out of the calls.
    pub redaction: Redaction,
    /// What the tenant's active plugins describe, one list for each.
    pub schemas: Arc<[Vec<Value>]>,
    /// The secrets of the plugin's configuration.
    secrets: Vec<String>,
    ends: OffsetDateTime,
    /// Calls that this server may still take. Others take some of them: how many are kept in all, the
    /// database says.
    left: AtomicI32,
}

impl RunningRecording {
    /// Whether a call is to be recorded that begins now.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0 && clock::now() < self.ends
    }

    /// Takes one of the calls that are left; false where there is none.
    #[must_use]
    pub fn take(&self) -> bool {
        self.left.fetch_sub(1, Ordering::Relaxed) > 0
    }

    /// The secrets of the plugin's configuration, in clear.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }
}

/// Tells active plugins of the recordings that are running for their versions.
///
/// # Errors
/// The database fails.
pub async fn add_running(
    conn: &mut PgConnection,
    tenant: TenantId,
    keyring: &Keyring,
    plugins: &[Plugin],
    active: &mut [ActivePlugin],
) -> Result<(), StoreError> {
    let running = plugins::running_recordings(conn, tenant, clock::now()).await?;
    if running.is_empty() {
        return Ok(());
    }
    let described = plugins.iter().filter_map(|it| it.version(it.active.as_ref()?));
    let schemas: Arc<[Vec<Value>]> = described.map(|it| it.described.clone()).collect();
    for recording in running {
        let of_it =
            |it: &&mut ActivePlugin| *it.name == *recording.plugin && it.digest == recording.digest;
        let plugin = plugins.iter().find(|it| it.name == recording.plugin);
        let (Some(active), Some(plugin)) = (active.iter_mut().find(of_it), plugin) else {
            continue;
        };
        // It is not called where they cannot be decrypted.
        let Ok(secrets) = plugin_secrets::secrets(keyring, tenant, &plugin.config) else {
            continue;
        };
        active.recordings.push(Arc::new(RunningRecording {
            id: recording.id,
            hook: recording.hook,
            redaction: recording.redaction.clone(),
            schemas: Arc::clone(&schemas),
            secrets,
            ends: recording.ends,
            left: AtomicI32::new(recording.left()),
        }));
    }
    Ok(())
}
