//! Makes a recorded call once more, and compares what comes of it.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::file::{Recording, RecordingError};
use super::look_ups::Recorded;
use super::{Input, RecordedCall, RecordedOutcome, RecordedResult, Recorder};
use crate::call::{Call, Document};
use crate::error::CallError;
use crate::plugin::Plugin;

/// What came of a recorded call when it was made once more.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed(RecordedOutcome);

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What it is: `answer`, `log`, or a member of the usage, such as `fuel`.
    pub what: String,
    /// As it was recorded.
    pub recorded: Value,
    /// As it is.
    pub replayed: Value,
}

/// Keeps one call.
#[derive(Default)]
struct Kept(Mutex<Option<RecordedCall>>);

impl Recorder for Kept {
    fn recorded(&self, call: RecordedCall) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(call);
    }
}

impl Plugin {
    /// Makes a recorded call once more, of this version or another one. Look-ups are answered from the
    /// record; the limits are those of this host.
    ///
    /// # Errors
    /// The version has not the hook, or the recording is damaged.
    pub async fn replay(&self, recording: &Recording) -> Result<Replayed, RecordingError> {
        let (digest, hook) = (*self.digest(), recording.hook());
        if !self.has(hook) {
            return Err(RecordingError::NoSuchHook { digest, hook });
        }
        let kept = Arc::new(Kept::default());
        let call = Call {
            directory: Some(Recorded::of(&recording.directory)),
            recorder: Some(kept.clone()),
            ..recording.call()
        };
        let error = self.make(&call, recording.documents()?).await;
        let made = kept.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let not_made =
            || RecordingError::NotMade(error.map_or_else(String::new, |it| it.to_string()));
        Ok(Replayed(made.ok_or_else(not_made)?.outcome))
    }

    /// Why there was no answer, if there was none.
    async fn make(&self, call: &Call, input: Input<Document>) -> Option<CallError> {
        match input {
            Input::Validation { candidate, current } => {
                self.validate(call, candidate, current).await.result.err()
            }
            Input::BeforeWrite { candidate, current } => {
                self.before_write(call, candidate, current).await.result.err()
            }
            Input::BeforeDelete { current } => self.before_delete(call, current).await.result.err(),
            Input::BeforeQuery { filter } => {
                self.before_query(call, filter.as_deref()).await.result.err()
            }
            Input::AfterRead { documents } => self.after_read(call, documents).await.result.err(),
            Input::AfterCommit { event, current } => {
                self.after_commit(call, &event, current).await.result.err()
            }
            Input::Resolver { head } => self.resolve(call, &head).await.result.err(),
        }
    }
}

impl Recording {
    /// What the hook is given, with documents that are read as those of a request are.
    fn documents(&self) -> Result<Input<Document>, RecordingError> {
        let registry = self.registry()?;
        let name = &self.call.resource_type;
        self.input.clone().try_map(|object| {
            let resource_type = registry.resource_type(name).ok_or_else(|| {
                RecordingError::Damaged(format!("its schemas have no resource type \"{name}\""))
            })?;
            Ok(Document { resource_type: resource_type.clone(), value: Arc::new(object) })
        })
    }

    /// Whether the recorded call ended because its time was over, which depends on the machine.
    pub fn is_timed_out(&self) -> bool {
        self.outcome() == "deadline-exceeded"
    }

    /// The answer or the error that was recorded.
    pub fn result(&self) -> Value {
        self.outcome.result()
    }

    /// What is not as it was recorded: the answer first, then the log, then what the call took.
    pub fn differences(&self, replayed: &Replayed) -> Vec<Difference> {
        let (before, after) = (self.outcome.told(), replayed.0.told());
        let pairs = before.into_iter().zip(after);
        let differs = pairs.filter(|((_, recorded), (_, replayed))| recorded != replayed);
        differs
            .map(|((what, recorded), (_, replayed))| Difference { what, recorded, replayed })
            .collect()
    }
}

impl Replayed {
    /// The answer or the error.
    pub fn result(&self) -> Value {
        self.0.result()
    }

    /// The fuel that the call took.
    pub fn fuel(&self) -> u64 {
        self.0.usage.fuel
    }
}

impl RecordedOutcome {
    fn result(&self) -> Value {
        match &self.result {
            RecordedResult::Answer(answer) => json!({ "answer": answer }),
            RecordedResult::Error(it) => {
                json!({ "error": { "kind": it.kind, "message": it.message } })
            }
        }
    }

    /// All that is compared, each with its name.
    fn told(&self) -> Vec<(String, Value)> {
        let mut told =
            vec![("answer".to_owned(), self.result()), ("log".to_owned(), json!(self.log))];
        if let Value::Object(usage) = json!(self.usage) {
            told.extend(usage);
        }
        told
    }
}
