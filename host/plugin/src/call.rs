//! What goes into a call of a hook and what comes out of it, in the server's own terms.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenon_scim::ScimType;
use tenon_scim::schema::ResourceType;

use crate::directory::Directory;
use crate::error::CallError;
use crate::limits::Budget;
use crate::recording::Recorder;

/// A set of functions that a plugin may export, one WIT interface each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// `tenon:plugin/schema`: extensions and resource types.
    Schema,
    /// `tenon:plugin/validation`: rules for resources about to be written.
    Validation,
    /// `tenon:plugin/before-write`: changes what is written.
    BeforeWrite,
    /// `tenon:plugin/before-delete`: refuses deletions.
    BeforeDelete,
    /// `tenon:plugin/before-query`: narrows what is seen.
    BeforeQuery,
    /// `tenon:plugin/after-read`: changes what is shown.
    AfterRead,
    /// `tenon:plugin/after-commit`: is told of what was written.
    AfterCommit,
    /// `tenon:plugin/resolver`: tells which tenant a request is for.
    Resolver,
}

impl Capability {
    /// Every capability that this host knows.
    pub const ALL: [Capability; 8] = [
        Capability::Schema,
        Capability::Validation,
        Capability::BeforeWrite,
        Capability::BeforeDelete,
        Capability::BeforeQuery,
        Capability::AfterRead,
        Capability::AfterCommit,
        Capability::Resolver,
    ];

    /// The name of the interface, which is the name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Capability::Schema => "schema",
            Capability::Validation => "validation",
            Capability::BeforeWrite => "before-write",
            Capability::BeforeDelete => "before-delete",
            Capability::BeforeQuery => "before-query",
            Capability::AfterRead => "after-read",
            Capability::AfterCommit => "after-commit",
            Capability::Resolver => "resolver",
        }
    }

    /// The name of the interface's function, which is the name of the hook in logs.
    pub const fn function(self) -> &'static str {
        match self {
            Capability::Schema => "describe",
            Capability::Validation => "validate",
            Capability::Resolver => "resolve",
            other => other.as_str(),
        }
    }

    /// The imports that it may use, by the names of their interfaces.
    pub const fn imports(self) -> &'static [&'static str] {
        match self {
            // What it describes depends on nothing but the component.
            Capability::Schema => &["types"],
            Capability::Validation
            | Capability::BeforeWrite
            | Capability::BeforeDelete
            | Capability::AfterCommit => {
                &["types", "documents", "log", "config", "directory", "clock", "random"]
            }
            Capability::BeforeQuery => &["types", "log", "config", "directory", "clock", "random"],
            Capability::AfterRead => &["types", "documents", "log", "config", "clock"],
            Capability::Resolver => &["types", "log", "config", "clock"],
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose call it is and what for: the labels of its log lines, the plugin's `context`, and the
/// plugin's configuration. Cheap to clone. `Debug` leaves the configuration out, which may
/// hold secrets, and the seed.
#[derive(Clone)]
pub struct Call {
    /// Identifies the tenant. Calls at a time are counted by it.
    pub tenant: Arc<str>,
    /// The plugin's name at this tenant.
    pub plugin: Arc<str>,
    /// Identifies the request in the server's log.
    pub request_id: Arc<str>,
    /// The name of the resource type, such as `User`.
    pub resource_type: Arc<str>,
    /// What is done: `create`, `replace`, `patch`, `delete`, `read`, `list`.
    pub operation: Arc<str>,
    /// Who does it, as in the audit records.
    pub actor: Arc<str>,
    /// What the tenant configured for this plugin.
    pub config: Arc<Map<String, Value>>,
    /// Where the plugin looks up other resources of the tenant; `None` where its hook may not.
    pub directory: Option<Arc<dyn Directory>>,
    /// The time that the plugin is told, in milliseconds since 1970. It stands still.
    pub now: u64,
    /// What the plugin's random bytes are made of. The same seed gives the same bytes.
    pub seed: [u8; 32],
    /// What the tenant's calls may cost.
    pub budget: Budget,
    /// Where the call is recorded; `None` where nobody has asked for it.
    pub recorder: Option<Arc<dyn Recorder>>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { tenant, plugin, request_id, resource_type, operation, actor, .. } = self;
        f.debug_struct("Call")
            .field("tenant", tenant)
            .field("plugin", plugin)
            .field("request_id", request_id)
            .field("resource_type", resource_type)
            .field("operation", operation)
            .field("actor", actor)
            .field("config", &format_args!("{} redacted members", self.config.len()))
            .field("now", &self.now)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// One resource that a plugin may read during a call, and the type by which its paths are
/// understood. Cheap to clone.
///
/// The plugin sees all of `value`: what it must not see (`returned: never`, RFC 7643 §7) is
/// removed before.
#[derive(Clone, Debug)]
pub struct Document {
    /// The resource type with the tenant's extensions.
    pub resource_type: Arc<ResourceType>,
    /// The resource as JSON.
    pub value: Arc<Map<String, Value>>,
}

/// One thing that a plugin finds wrong with a request, fit to be shown to the client: without
/// control characters, and bounded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Issue {
    /// The SCIM path of the attribute that is wrong, as the plugin wrote it.
    pub path: Option<String>,
    /// `None` where the plugin gave none, or one that RFC 7644 §3.12 does not have.
    pub scim_type: Option<ScimType>,
    /// What is wrong, in a sentence.
    pub detail: String,
}

/// The result of a call, and what the call took: that is known after a failure as well.
#[derive(Debug)]
#[must_use]
pub struct Outcome<T> {
    /// What the plugin answered, or why there is no answer.
    pub result: Result<T, CallError>,
    /// What the call took.
    pub usage: Usage,
}

/// What a call took. All of it but the time is the same when the call is made once more; so that is left
/// out where it is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Usage {
    /// Fuel, host calls included.
    pub fuel: u64,
    /// Wall time from admission to the end.
    #[serde(skip)]
    pub duration: Duration,
    /// The most that all linear memories together came to, in bytes.
    pub peak_memory_bytes: usize,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Calls of host functions, `get-many` once for each path.
    pub host_calls: u32,
    /// Bytes that host functions took and gave.
    pub host_call_bytes: usize,
    /// Look-ups in the directory.
    pub look_ups: u32,
    /// Log lines that were written.
    pub log_lines: u32,
    /// Bytes of these lines.
    pub log_bytes: usize,
    /// Log lines that were dropped because the call had written too much.
    pub log_lines_dropped: u32,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_configuration() {
        let config = json!({ "apiKey": "hunter2" });
        let call = Call {
            tenant: "acme".into(),
            plugin: "cost-center".into(),
            request_id: "01JD".into(),
            resource_type: "User".into(),
            operation: "create".into(),
            actor: "token:1".into(),
            config: Arc::new(config.as_object().unwrap().clone()),
            directory: None,
            now: 0,
            seed: [0; 32],
            budget: Budget::default(),
            recorder: None,
        };
        let text = format!("{call:?}");
        assert!(text.contains("cost-center") && text.contains("1 redacted members"), "{text}");
        assert!(!text.contains("hunter2") && !text.contains("apiKey"), "{text}");
    }
}
