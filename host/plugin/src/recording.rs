//! Calls that are recorded, to be made once more where and when their author wants: what a hook was given,
//! what the host answered it, and what came of it.
//!
//! A [`Call`] with a [`Recorder`] hands it a [`RecordedCall`] when it has ended. A [`Recording`] is the form of
//! it that is written down, and [`Plugin::replay`](crate::Plugin::replay) makes its call again.

mod file;
mod look_ups;
mod redaction;
mod replay;
mod substitute;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::file::{Recording, RecordingError, Surroundings};
pub use self::redaction::{Redaction, RedactionError};
pub use self::replay::{Difference, Replayed};

use self::look_ups::{LookUps, LookedUp};
use crate::call::{Call, Capability, Document, Usage};
use crate::digest::Digest;
use crate::error::CallError;
use crate::hooks::{Event, RequestHead};
use crate::limits::Limits;
use crate::plugin::Ended;
use crate::report::Line;

/// Where calls go that are recorded. Requests wait for it.
pub trait Recorder: Send + Sync {
    /// A call has ended. It is not told of one that had no place, and so did nothing.
    fn recorded(&self, call: RecordedCall);
}

/// A call that has ended, with all that it depended on. `Debug` shows nothing of it: it holds secrets.
pub struct RecordedCall {
    call: Call,
    digest: Digest,
    limits: Limits,
    input: Input<Document>,
    look_ups: Vec<LookedUp>,
    outcome: RecordedOutcome,
}

/// What a hook was given, beside what every call is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "hook", content = "input", rename_all = "kebab-case")]
pub enum Input<D> {
    /// Of `validate`.
    Validation {
        /// What is about to be written.
        candidate: D,
        /// What is stored.
        current: Option<D>,
    },
    /// Of `before-write`.
    BeforeWrite {
        /// What is about to be written.
        candidate: D,
        /// What is stored.
        current: Option<D>,
    },
    /// Of `before-delete`.
    BeforeDelete {
        /// What is about to be deleted.
        current: D,
    },
    /// Of `before-query`.
    BeforeQuery {
        /// The client's own filter.
        filter: Option<String>,
    },
    /// Of `after-read`.
    AfterRead {
        /// What is about to be shown.
        documents: Vec<D>,
    },
    /// Of `after-commit`.
    AfterCommit {
        /// What has happened.
        event: Event,
        /// The resource as it was then.
        current: Option<D>,
    },
    /// Of `resolve`.
    Resolver {
        /// The head of the request.
        head: RequestHead,
    },
}

/// What came of a call: all of it but the time is the same when the call is made once more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct RecordedOutcome {
    #[serde(flatten)]
    result: RecordedResult,
    log: Vec<Line>,
    usage: Usage,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RecordedResult {
    Answer(Value),
    Error(RecordedError),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct RecordedError {
    kind: String,
    message: String,
    /// Of a trap. For people: another build of the host may write it in another way.
    #[serde(skip_serializing_if = "Option::is_none")]
    backtrace: Option<String>,
}

/// Records one call while it runs.
pub(crate) struct Tape {
    recorder: Arc<dyn Recorder>,
    /// The call, whose look-ups are noted.
    call: Call,
    input: Input<Document>,
    look_ups: Arc<Mutex<Vec<LookedUp>>>,
}

impl Call {
    /// What a hook is given, where the call is recorded.
    pub(crate) fn input(&self, input: impl FnOnce() -> Input<Document>) -> Option<Input<Document>> {
        self.recorder.is_some().then(input)
    }
}

impl Tape {
    /// `None` where nobody records the call.
    pub(crate) fn of(input: Input<Document>, call: &Call) -> Option<Tape> {
        let recorder = call.recorder.clone()?;
        let look_ups = Arc::default();
        let noted = |directory| LookUps::of(directory, Arc::clone(&look_ups));
        let directory = call.directory.clone().map(noted);
        let call = Call { directory, recorder: None, ..call.clone() };
        Some(Tape { recorder, call, input, look_ups })
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    /// Hands the call to whoever records it.
    pub(crate) fn end<T: Serialize>(self, digest: Digest, limits: &Limits, ended: &Ended<T>) {
        let Some(outcome) = RecordedOutcome::of(ended) else { return };
        let Tape { recorder, call, input, look_ups } = self;
        let look_ups =
            std::mem::take(&mut *look_ups.lock().unwrap_or_else(PoisonError::into_inner));
        let limits = limits.clone();
        recorder.recorded(RecordedCall { call, digest, limits, input, look_ups, outcome });
    }
}

impl RecordedOutcome {
    /// `None` where the guest was not called.
    fn of<T: Serialize>(ended: &Ended<T>) -> Option<Self> {
        let result = match &ended.outcome.result {
            Ok(answer) => RecordedResult::Answer(serde_json::to_value(answer).ok()?),
            Err(
                CallError::Busy { .. }
                | CallError::FuelRateExceeded { .. }
                | CallError::BreakerOpen { .. }
                | CallError::NoSuchHook { .. },
            ) => return None,
            Err(error) => RecordedResult::Error(RecordedError::of(error)),
        };
        Some(Self { result, log: ended.lines.clone(), usage: ended.outcome.usage })
    }
}

impl RecordedResult {
    fn kind(&self) -> &str {
        match self {
            RecordedResult::Answer(_) => "ok",
            RecordedResult::Error(error) => &error.kind,
        }
    }
}

impl RecordedError {
    fn of(error: &CallError) -> Self {
        let backtrace = match error {
            CallError::Trap { backtrace, .. } => Some(backtrace.clone()),
            _ => None,
        };
        Self { kind: error.kind().to_owned(), message: error.to_string(), backtrace }
    }
}

impl<D> Input<D> {
    /// Whose input it is.
    pub fn hook(&self) -> Capability {
        match self {
            Input::Validation { .. } => Capability::Validation,
            Input::BeforeWrite { .. } => Capability::BeforeWrite,
            Input::BeforeDelete { .. } => Capability::BeforeDelete,
            Input::BeforeQuery { .. } => Capability::BeforeQuery,
            Input::AfterRead { .. } => Capability::AfterRead,
            Input::AfterCommit { .. } => Capability::AfterCommit,
            Input::Resolver { .. } => Capability::Resolver,
        }
    }

    /// The same with its documents in another form.
    fn try_map<E, X>(self, mut map: impl FnMut(D) -> Result<E, X>) -> Result<Input<E>, X> {
        Ok(match self {
            Input::Validation { candidate, current } => Input::Validation {
                candidate: map(candidate)?,
                current: current.map(map).transpose()?,
            },
            Input::BeforeWrite { candidate, current } => Input::BeforeWrite {
                candidate: map(candidate)?,
                current: current.map(map).transpose()?,
            },
            Input::BeforeDelete { current } => Input::BeforeDelete { current: map(current)? },
            Input::BeforeQuery { filter } => Input::BeforeQuery { filter },
            Input::AfterRead { documents } => Input::AfterRead {
                documents: documents.into_iter().map(map).collect::<Result<_, _>>()?,
            },
            Input::AfterCommit { event, current } => {
                Input::AfterCommit { event, current: current.map(map).transpose()? }
            }
            Input::Resolver { head } => Input::Resolver { head },
        })
    }

    /// Its documents.
    fn documents(&self) -> Vec<&D> {
        match self {
            Input::Validation { candidate, current }
            | Input::BeforeWrite { candidate, current } => {
                [candidate].into_iter().chain(current).collect()
            }
            Input::BeforeDelete { current } => vec![current],
            Input::AfterRead { documents } => documents.iter().collect(),
            Input::AfterCommit { current, .. } => current.iter().collect(),
            Input::BeforeQuery { .. } | Input::Resolver { .. } => Vec::new(),
        }
    }
}

impl fmt::Debug for RecordedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedCall").finish_non_exhaustive()
    }
}
