//! How calls ended: for the log, and for whoever counts them.

use std::borrow::Cow;
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::call::{Call, Capability, Outcome, Usage};
use crate::digest::Digest;
use crate::error::CallError;
use crate::plugin::{Ended, Plugin};

/// Is told of every call of a tenant's plugins, whatever became of it.
pub trait CallObserver: Debug + Send + Sync {
    /// A call has ended, or had no place.
    fn called(&self, report: &CallReport<'_>);
}

/// One call of a hook.
#[derive(Clone, Copy, Debug)]
pub struct CallReport<'a> {
    /// Whose call it was.
    pub tenant: &'a str,
    /// Identifies the request.
    pub request_id: &'a str,
    /// What was called.
    pub hook: Capability,
    /// The plugin's name at its tenant.
    pub plugin: &'a str,
    /// The version.
    pub digest: &'a Digest,
    /// `ok`, or the kind of the [`CallError`].
    pub outcome: &'static str,
    /// Why there was no answer.
    pub error: Option<&'a CallError>,
    /// What the guest wrote to the log, control characters removed.
    pub lines: &'a [Line],
    /// What the call took.
    pub usage: Usage,
}

/// A line that a guest wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// `debug`, `info`, `warn` or `error`.
    pub level: Cow<'static, str>,
    /// What it says.
    pub message: String,
}

impl Plugin {
    /// Tells how a call ended. `hook` is `None` where an instance was just started, for the gate.
    pub(crate) fn report<T>(
        &self,
        hook: Option<Capability>,
        call: Option<&Call>,
        Ended { outcome, lines }: &Ended<T>,
    ) {
        self.log(hook, call, outcome);
        if let (Some(hook), Some(call), Some(observer)) = (hook, call, self.observer()) {
            let kind = outcome.result.as_ref().map_or_else(CallError::kind, |_| "ok");
            observer.called(&CallReport {
                tenant: &call.tenant,
                request_id: &call.request_id,
                hook,
                plugin: &call.plugin,
                digest: self.digest(),
                outcome: kind,
                error: outcome.result.as_ref().err(),
                lines,
                usage: outcome.usage,
            });
        }
    }

    fn log<T>(&self, hook: Option<Capability>, call: Option<&Call>, outcome: &Outcome<T>) {
        let usage = &outcome.usage;
        macro_rules! event {
            ($level:ident, $outcome:expr, $message:literal $(, $field:ident = $value:expr)*) => {
                tracing::$level!(
                    tenant = call.map(|call| &*call.tenant),
                    plugin = call.map(|call| &*call.plugin),
                    request_id = call.map(|call| &*call.request_id),
                    digest = %self.digest(),
                    hook = hook.map_or("start", Capability::function),
                    outcome = $outcome,
                    fuel = usage.fuel,
                    duration_us = u64::try_from(usage.duration.as_micros()).unwrap_or(u64::MAX),
                    peak_memory_bytes = usage.peak_memory_bytes,
                    table_elements = usage.table_elements,
                    host_calls = usage.host_calls,
                    host_call_bytes = usage.host_call_bytes,
                    look_ups = usage.look_ups,
                    log_lines = usage.log_lines,
                    log_bytes = usage.log_bytes,
                    log_lines_dropped = usage.log_lines_dropped,
                    $($field = $value,)*
                    $message
                )
            };
        }
        match &outcome.result {
            Ok(_) => event!(debug, "ok", "plugin call answered"),
            Err(error @ CallError::Trap { backtrace, .. }) => event!(
                warn,
                error.kind(),
                "plugin call failed",
                error = error.to_string(),
                backtrace = backtrace.as_str()
            ),
            Err(error) => {
                event!(warn, error.kind(), "plugin call failed", error = error.to_string());
            }
        }
    }
}
