//! `after-commit`: tells a plugin of what was written.

use serde::{Deserialize, Serialize};

use super::{answered, context, lend};
use crate::bindings::exports::tenon::plugin::after_commit as raw;
use crate::call::{Call, Capability, Document, Outcome};
use crate::recording::Input;
use crate::{Plugin, fault};

/// Something that happened to a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Event {
    /// Identifies the event; one that is told again has the same.
    pub id: String,
    /// `create`, `replace`, `patch` or `delete`.
    pub operation: String,
    /// The name of the resource type.
    pub resource_type: String,
    /// The `id` of the resource.
    pub resource_id: String,
    /// The version that the event made; of a deletion, the last one.
    pub version: u64,
    /// When it happened, as an RFC 3339 date and time.
    pub at: String,
}

impl Plugin {
    /// Tells the plugin of an event. `current` is the resource as it is now, where it exists.
    pub async fn after_commit(
        &self,
        call: &Call,
        event: &Event,
        current: Option<Document>,
    ) -> Outcome<()> {
        let input =
            call.input(|| Input::AfterCommit { event: event.clone(), current: current.clone() });
        self.call_hook((Capability::AfterCommit, input), call, async |store, instance, limits| {
            let indices =
                self.hooks.after_commit.as_ref().ok_or(self.lacks(Capability::AfterCommit))?;
            let hook = indices.load(&mut *store, instance).map_err(fault::link)?;
            let current = current.map(|current| lend(store, current)).transpose()?;
            let answer =
                hook.call_after_commit(&mut *store, &context(call), &event.raw(), current).await;
            answered(answer, store, limits)
        })
        .await
    }
}

impl Event {
    fn raw(&self) -> raw::Event {
        raw::Event {
            id: self.id.clone(),
            operation: self.operation.clone(),
            resource_type: self.resource_type.clone(),
            resource_id: self.resource_id.clone(),
            version: self.version,
            at: self.at.clone(),
        }
    }
}
