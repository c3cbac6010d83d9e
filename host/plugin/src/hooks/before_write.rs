//! `before-write`: changes or refuses what is written.

use serde::Serialize;

use super::{Edit, answered, context, lend};
use crate::bindings::exports::tenon::plugin::before_write::Decision;
use crate::call::{Call, Capability, Document, Issue, Outcome};
use crate::recording::Input;
use crate::{Plugin, answer, fault};

/// What is to become of a write.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum WriteDecision {
    /// It goes on as it is.
    Proceed,
    /// It goes on with these edits, of which there is at least one.
    Amend(Vec<Edit>),
    /// It is refused with these issues, of which there is at least one.
    Reject(Vec<Issue>),
}

impl Plugin {
    /// Has the plugin look at a resource that is about to be written. Its edits are read, and not
    /// yet held against a schema.
    pub async fn before_write(
        &self,
        call: &Call,
        candidate: Document,
        current: Option<Document>,
    ) -> Outcome<WriteDecision> {
        let input = call.input(|| Input::BeforeWrite {
            candidate: candidate.clone(),
            current: current.clone(),
        });
        self.call_hook((Capability::BeforeWrite, input), call, async |store, instance, limits| {
            let indices =
                self.hooks.before_write.as_ref().ok_or(self.lacks(Capability::BeforeWrite))?;
            let hook = indices.load(&mut *store, instance).map_err(fault::link)?;
            let candidate = lend(store, candidate)?;
            let current = current.map(|current| lend(store, current)).transpose()?;
            let answer =
                hook.call_before_write(&mut *store, &context(call), candidate, current).await;
            let decision = answered(answer, store, limits)?;
            match decision {
                Decision::Proceed => Ok(WriteDecision::Proceed),
                Decision::Amend(edits) if edits.is_empty() => Ok(WriteDecision::Proceed),
                Decision::Amend(edits) => Ok(WriteDecision::Amend(answer::edits(edits, limits)?)),
                Decision::Reject(issues) => {
                    Ok(WriteDecision::Reject(answer::rejection(issues, limits)?))
                }
            }
        })
        .await
    }
}
