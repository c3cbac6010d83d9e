//! The form in which a recorded call is written down: one JSON object.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tenon_scim::Registry;
use tenon_scim::schema::describe::{Description, SchemaError};

use super::look_ups::LookedUp;
use super::redaction::Redaction;
use super::{Input, RecordedCall, RecordedOutcome};
use crate::call::{Call, Capability, Document};
use crate::digest::Digest;
use crate::imports::{PACKAGE, VERSION};
use crate::limits::{Budget, Limits};

/// What a file says that it is.
const FORMAT: &str = "tenon-recording/1";

/// A recorded call as it is written down. `Debug` shows nothing of it: it holds personal data.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    format: String,
    /// The contract that the plugin was built for.
    contract: String,
    /// The plugin's name at its tenant.
    plugin: String,
    digest: Digest,
    pub(super) call: RecordedContext,
    #[serde(flatten)]
    pub(super) input: Input<Map<String, Value>>,
    pub(super) directory: Vec<LookedUp>,
    pub(super) outcome: RecordedOutcome,
    /// What was left out or replaced.
    pub(super) redacted: Vec<String>,
    limits: Limits,
    /// What the tenant's plugins describe, one list for each: by that, paths are understood.
    schemas: Vec<Vec<Value>>,
    /// What is told and never the same again.
    not_compared: NotCompared,
}

/// What every call is given.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RecordedContext {
    request_id: String,
    pub(super) resource_type: String,
    operation: String,
    actor: String,
    pub(super) config: Map<String, Value>,
    now: u64,
    seed: [u8; 32],
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NotCompared {
    micros: u64,
}

/// What a recording needs of its tenant beside the call.
#[derive(Clone, Debug)]
pub struct Surroundings<'s> {
    /// What the tenant's active plugins describe, one list for each, in their order.
    pub schemas: &'s [Vec<Value>],
    /// The secrets in the plugin's configuration.
    pub secrets: &'s [String],
    /// What else is left out.
    pub redaction: &'s Redaction,
}

/// Why a call is not written down, or a file is no recorded call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file is no JSON.
    #[error("the file is no JSON, or not all of it: {0}; fetch it once more")]
    NotJson(serde_json::Error),
    /// It is something else.
    #[error(
        "the file is no recording that this version understands: its \"format\" is {found}, and \
         \"{FORMAT}\" is expected"
    )]
    OtherFormat {
        /// What it says.
        found: Value,
    },
    /// The plugin was built for another version of the contract.
    #[error(
        "the call was recorded for the contract {found}, and {PACKAGE}@{VERSION} is spoken here"
    )]
    OtherContract {
        /// What it says.
        found: String,
    },
    /// A part is missing or not what it has to be.
    #[error("the recording is damaged: {0}; fetch it once more")]
    Damaged(String),
    /// Its schemas do not fit together.
    #[error("the schemas of the recording do not fit together: {0}")]
    Schemas(#[from] SchemaError),
    /// The version has not the hook.
    #[error("version {digest} has no hook {hook}, of which this is a call")]
    NoSuchHook {
        /// The version.
        digest: Digest,
        /// The hook.
        hook: Capability,
    },
    /// The call could not be made.
    #[error("the call was not made: {0}")]
    NotMade(String),
    /// There is no randomness for what takes the place of values.
    #[error("the system has no randomness")]
    NoRandomness,
    /// There are too many values to leave out.
    #[error("there are too many values to leave out")]
    TooLarge,
}

impl Recording {
    /// The form of a call that is written down.
    ///
    /// # Errors
    /// The tenant's schemas do not fit together, or what is to be left out cannot be.
    pub fn of(recorded: &RecordedCall, of: &Surroundings<'_>) -> Result<Recording, RecordingError> {
        let RecordedCall { call, digest, limits, input, look_ups, outcome } = recorded;
        let object = |document: Document| Ok::<_, RecordingError>((*document.value).clone());
        let micros = u64::try_from(outcome.usage.duration.as_micros()).unwrap_or(u64::MAX);
        let mut recording = Recording {
            format: FORMAT.to_owned(),
            contract: contract(),
            plugin: call.plugin.to_string(),
            digest: *digest,
            call: RecordedContext {
                request_id: call.request_id.to_string(),
                resource_type: call.resource_type.to_string(),
                operation: call.operation.to_string(),
                actor: call.actor.to_string(),
                config: (*call.config).clone(),
                now: call.now,
                seed: call.seed,
            },
            input: input.clone().try_map(object)?,
            directory: look_ups.clone(),
            outcome: outcome.clone(),
            redacted: Vec::new(),
            limits: limits.clone(),
            schemas: of.schemas.to_vec(),
            not_compared: NotCompared { micros },
        };
        let registry = recording.registry()?;
        recording.redact(of.secrets, of.redaction, &registry)?;
        Ok(recording)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It is none, of another version, or damaged.
    pub fn read(file: &[u8]) -> Result<Recording, RecordingError> {
        let file: Value = serde_json::from_slice(file).map_err(RecordingError::NotJson)?;
        let format = file.get("format").unwrap_or(&Value::Null);
        if format != FORMAT {
            return Err(RecordingError::OtherFormat { found: format.clone() });
        }
        let limits = file.get("limits").cloned();
        let recording: Recording = serde_json::from_value(file)
            .map_err(|error| RecordingError::Damaged(error.to_string()))?;
        if recording.contract != contract() {
            return Err(RecordingError::OtherContract { found: recording.contract });
        }
        // A limit that is missing would be that of this host.
        if limits != Some(json!(recording.limits)) {
            return Err(RecordingError::Damaged("its limits are not complete".to_owned()));
        }
        Ok(recording)
    }

    /// The file.
    ///
    /// # Errors
    /// Never, as far as is known.
    pub fn write(&self) -> Result<String, RecordingError> {
        serde_json::to_string(self).map_err(|error| RecordingError::Damaged(error.to_string()))
    }

    /// The version that was called.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The hook that was called.
    pub fn hook(&self) -> Capability {
        self.input.hook()
    }

    /// The plugin's name at its tenant.
    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    /// Identifies the request in the server's log.
    pub fn request_id(&self) -> &str {
        &self.call.request_id
    }

    /// `ok`, or the kind of the failure.
    pub fn outcome(&self) -> &str {
        self.outcome.result.kind()
    }

    /// What was left out or replaced. Where it is nothing, the call is the same to the last bit when it is
    /// made once more.
    pub fn redacted(&self) -> &[String] {
        &self.redacted
    }

    /// What bounded the call.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The call, to be made once more.
    pub(super) fn call(&self) -> Call {
        let RecordedContext { request_id, resource_type, operation, actor, config, now, seed } =
            &self.call;
        Call {
            tenant: "replay".into(),
            plugin: self.plugin.as_str().into(),
            request_id: request_id.as_str().into(),
            resource_type: resource_type.as_str().into(),
            operation: operation.as_str().into(),
            actor: actor.as_str().into(),
            config: Arc::new(config.clone()),
            directory: None,
            now: *now,
            seed: *seed,
            budget: Budget::default(),
            recorder: None,
        }
    }

    /// The tenant's schemas.
    pub(super) fn registry(&self) -> Result<Registry, RecordingError> {
        let mut registry = Registry::core();
        for documents in &self.schemas {
            registry = registry.with(&Description::parse(documents)?)?;
        }
        Ok(registry)
    }
}

fn contract() -> String {
    format!("{PACKAGE}@{VERSION}")
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("digest", &self.digest).finish_non_exhaustive()
    }
}
