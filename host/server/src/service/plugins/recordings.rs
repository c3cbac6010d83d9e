//! Calls of plugins are recorded where somebody has asked for it, by whichever server they run at. Requests do
//! not wait for it: calls are written in the background, and the database counts them, so that never more are
//! kept than were asked for.

use std::sync::Arc;

use serde_json::json;
use tenon_plugin::{
    Capability, Digest, RecordedCall, Recorder, Recording as File, RecordingError, Redaction,
    Surroundings,
};
use time::{Duration, OffsetDateTime};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{PluginError, existing, named, record};
use crate::clock;
use crate::service::Services;
use crate::service::queue::{Gathered, Queue};
use crate::store::audit::By;
use crate::store::plugins::{self, Counted, Plugin, Recording};
use crate::store::{StoreError, TenantId, recorded_calls, tenants};
use crate::tenant::recordings::RunningRecording;
use crate::tenant::runtime::{ActivePlugin, registry_of};

/// How long calls are waited for.
const LASTS: Duration = Duration::hours(1);
/// Bytes of one call.
const BYTES_OF_ONE: i64 = 1024 * 1024;
/// Bytes of all calls of a recording.
const BYTES_OF_ALL: i64 = 16 * BYTES_OF_ONE;

/// What may wait to be written, and what is written together.
const ROOM: usize = 1_000;
const TOGETHER: usize = 20;

/// The calls that are recorded here, and wait to be written.
#[derive(Debug, Clone)]
pub struct Recordings(Queue<Taken>);

impl Default for Recordings {
    fn default() -> Self {
        Self(Queue::new(ROOM, TOGETHER))
    }
}

/// A call that is to be written.
#[derive(Debug, Clone)]
struct Taken {
    id: Uuid,
    tenant: TenantId,
    plugin: Arc<str>,
    recording: Arc<RunningRecording>,
    at: OffsetDateTime,
    call: Arc<RecordedCall>,
}

/// What is to be recorded.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Calls of what.
    pub hook: Capability,
    /// How many.
    pub calls: i32,
    /// SCIM paths of attributes whose values are left out.
    pub redact: Vec<String>,
    /// Headers that are not left out.
    pub headers: Vec<String>,
}

/// Takes the calls of one hook of a plugin.
struct Taker {
    recordings: Recordings,
    tenant: TenantId,
    plugin: Arc<str>,
    recording: Arc<RunningRecording>,
}

impl Recorder for Taker {
    fn recorded(&self, call: RecordedCall) {
        if self.recording.take() {
            self.recordings.0.add(Taken {
                id: Uuid::now_v7(),
                tenant: self.tenant,
                plugin: Arc::clone(&self.plugin),
                recording: Arc::clone(&self.recording),
                at: clock::now(),
                call: Arc::new(call),
            });
        }
    }
}

impl Services {
    /// Where a call goes that begins now, if it is to be recorded.
    pub(in crate::service) fn recorder(
        &self,
        tenant: TenantId,
        active: &ActivePlugin,
        hook: Capability,
    ) -> Option<Arc<dyn Recorder>> {
        let recording = Arc::clone(active.recording_at(hook)?);
        let (recordings, plugin) = (self.recordings.clone(), Arc::clone(&active.name));
        Some(Arc::new(Taker { recordings, tenant, plugin, recording }))
    }

    /// Has the next calls of a hook of the active version be recorded, at every server. What was recorded of
    /// the hook before is gone.
    ///
    /// # Errors
    /// There is no such plugin or hook, the hook is being recorded, or what is to be left out is nothing.
    pub async fn begin_recording(
        &self,
        by: By<'_>,
        tenant: TenantId,
        name: &str,
        wanted: Wanted,
    ) -> Result<Recording, PluginError> {
        let Wanted { hook, calls, redact, headers } = wanted;
        let mut transaction = self.database.begin_at(tenant).await?;
        tenants::advance_epoch(&mut transaction, tenant).await?;
        let all = plugins::list(&mut transaction, tenant).await?;
        let digest = recordable(&all, name, hook)?;
        let redaction = Redaction::new(redact, headers, &registry_of(&all)?)?;
        let earlier = plugins::recordings(&mut transaction, tenant, name).await?;
        let (earlier, started) = (earlier.iter().find(|it| it.hook == hook), clock::now());
        if earlier.is_some_and(|it| it.is_running(started)) {
            return Err(PluginError::RecordingRuns { name: name.to_owned(), hook });
        }
        if let Some(Recording { id, .. }) = earlier {
            let data = transaction.data().await?;
            recorded_calls::delete_of(data, tenant, name, Some(*id)).await?;
        }
        let recording = Recording {
            id: Uuid::now_v7(),
            plugin: name.to_owned(),
            hook,
            digest,
            redaction,
            asked: calls,
            recorded: 0,
            dropped: 0,
            bytes: 0,
            started,
            ends: started + LASTS,
        };
        plugins::begin_recording(&mut transaction, tenant, &recording).await?;
        let details = json!({ "hook": hook, "calls": calls, "digest": digest.to_string() });
        record(&mut transaction, tenant, by, "plugin.record", name, &details).await?;
        transaction.commit().await?;
        tracing::info!(%tenant, plugin = name, %hook, calls, "calls of a plugin are recorded");
        Ok(recording)
    }

    /// What was asked for of a plugin, by hooks, and the calls that were kept.
    ///
    /// # Errors
    /// There is no such plugin.
    pub async fn recordings(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<(Vec<Recording>, Vec<recorded_calls::RecordedCall>), PluginError> {
        let mut conn = self.database.read().await?;
        existing(&mut conn, tenant, name).await?;
        let recordings = plugins::recordings(&mut conn, tenant, name).await?;
        drop(conn);
        let mut conn = self.database.read_at(tenant).await?;
        Ok((recordings, recorded_calls::of_plugin(&mut conn, tenant, name).await?))
    }

    /// The file of a recorded call. Who fetches it is in the audit log: it holds personal data.
    ///
    /// # Errors
    /// There is no such call.
    pub async fn recorded_call(
        &self,
        by: By<'_>,
        tenant: TenantId,
        name: &str,
        id: Uuid,
    ) -> Result<String, PluginError> {
        let mut transaction = self.database.begin_data_at(tenant).await?;
        let file = recorded_calls::file(&mut transaction, tenant, name, id).await?;
        let file = file.ok_or_else(|| no_call(name, id))?;
        let details = json!({ "id": id });
        record(&mut transaction, tenant, by, "plugin.recording.read", name, &details).await?;
        transaction.commit().await?;
        Ok(file)
    }

    /// Forgets a recorded call.
    ///
    /// # Errors
    /// There is no such call.
    pub async fn delete_recorded_call(
        &self,
        by: By<'_>,
        tenant: TenantId,
        name: &str,
        id: Uuid,
    ) -> Result<(), PluginError> {
        let mut transaction = self.database.begin_data_at(tenant).await?;
        if !recorded_calls::delete(&mut transaction, tenant, name, id).await? {
            return Err(no_call(name, id));
        }
        let details = json!({ "id": id });
        record(&mut transaction, tenant, by, "plugin.recording.delete", name, &details).await?;
        Ok(transaction.commit().await?)
    }

    /// Records nothing more of a plugin, and forgets what was.
    ///
    /// # Errors
    /// There is no such plugin.
    pub async fn delete_recordings(
        &self,
        by: By<'_>,
        tenant: TenantId,
        name: &str,
    ) -> Result<(), PluginError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        tenants::advance_epoch(&mut transaction, tenant).await?;
        existing(&mut transaction, tenant, name).await?;
        plugins::delete_recordings(&mut transaction, tenant, name).await?;
        recorded_calls::delete_of(transaction.data().await?, tenant, name, None).await?;
        let details = json!({ "id": null });
        record(&mut transaction, tenant, by, "plugin.recording.delete", name, &details).await?;
        Ok(transaction.commit().await?)
    }

    /// Forgets the calls of a plugin that is no more. What is left where that fails goes when it is old.
    pub(in crate::service) async fn forget_recorded_calls(&self, tenant: TenantId, plugin: &str) {
        let forgotten = match self.database.autocommit_at(tenant).await {
            Ok(mut conn) => {
                let deleted = recorded_calls::delete_of(&mut conn, tenant, plugin, None).await;
                conn.finish(deleted).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = forgotten {
            tracing::warn!(%tenant, plugin, %error, "recorded calls of a plugin could not be removed");
        }
    }

    /// Writes the calls that are recorded, for ever.
    pub async fn write_recordings(&self) {
        loop {
            self.write_taken(self.recordings.0.gather().await).await;
        }
    }

    /// Writes what is left, when nobody else writes any more.
    pub async fn write_last_recordings(&self) {
        self.write_taken(self.recordings.0.rest().await).await;
    }

    async fn write_taken(&self, mut all: Gathered<'_, Taken>) {
        for taken in all.items() {
            if let Err(error) = self.write_recorded(taken).await {
                let Taken { tenant, plugin, .. } = taken;
                tracing::warn!(%tenant, %plugin, %error, "a call of a plugin is not recorded");
            }
        }
        all.written();
        let lost = self.recordings.0.lost();
        if lost > 0 {
            tracing::warn!(lost, "more calls were recorded than could be written");
        }
    }

    async fn write_recorded(&self, taken: &Taken) -> Result<(), NotWritten> {
        let Taken { id, tenant, plugin, recording, at, call } = taken.clone();
        let of = (&*plugin, recording.id);
        let (file, text) = {
            let recording = Arc::clone(&recording);
            spawn_blocking(move || written(&call, &recording)).await??
        };
        let bytes = i64::try_from(text.len()).ok().filter(|bytes| *bytes <= BYTES_OF_ONE);
        let mut transaction = self.database.begin_at(tenant).await?;
        let counted =
            plugins::count_recorded(&mut transaction, tenant, of, bytes, BYTES_OF_ALL).await?;
        if counted == Counted::Kept {
            let call = recorded_calls::RecordedCall {
                id,
                recording: recording.id,
                at,
                request_id: file.request_id().to_owned(),
                outcome: file.outcome().to_owned(),
            };
            let data = transaction.data().await?;
            if !recorded_calls::insert(data, tenant, &plugin, &call, &text).await? {
                // It was written before this server was told to stop: it does not count again.
                return Ok(());
            }
        }
        Ok(transaction.commit().await?)
    }
}

/// Why a call is not written.
#[derive(Debug, thiserror::Error)]
enum NotWritten {
    #[error(transparent)]
    File(#[from] RecordingError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

/// A call as its file has it, and the file.
fn written(call: &RecordedCall, of: &RunningRecording) -> Result<(File, String), RecordingError> {
    let schemas = &of.schemas;
    let of = Surroundings { schemas, secrets: of.secrets(), redaction: &of.redaction };
    let file = File::of(call, &of)?;
    let text = file.write()?;
    Ok((file, text))
}

/// The active version of a plugin, which has the hook.
fn recordable(all: &[Plugin], name: &str, hook: Capability) -> Result<Digest, PluginError> {
    let plugin = named(all, name)?;
    let active = plugin.active.and_then(|digest| plugin.version(&digest));
    let active = active.ok_or_else(|| PluginError::NothingToRecord { name: name.to_owned() })?;
    let has = active.capabilities.iter().filter(|it| **it != Capability::Schema);
    let has: Vec<Capability> = has.copied().collect();
    if !has.contains(&hook) {
        return Err(PluginError::NoHook { name: name.to_owned(), hook, has });
    }
    Ok(active.digest)
}

fn no_call(name: &str, id: Uuid) -> PluginError {
    PluginError::NoRecordedCall { name: name.to_owned(), id: id.to_string() }
}
