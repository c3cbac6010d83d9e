//! `before-delete`: refuses deletions.

use super::{answered, context, lend};
use crate::call::{Call, Capability, Document, Issue, Outcome};
use crate::recording::Input;
use crate::{Plugin, answer, fault};

impl Plugin {
    /// Has the plugin judge the deletion of a resource. No issues: it may be deleted.
    pub async fn before_delete(&self, call: &Call, current: Document) -> Outcome<Vec<Issue>> {
        let input = call.input(|| Input::BeforeDelete { current: current.clone() });
        self.call_hook((Capability::BeforeDelete, input), call, async |store, instance, limits| {
            let indices =
                self.hooks.before_delete.as_ref().ok_or(self.lacks(Capability::BeforeDelete))?;
            let hook = indices.load(&mut *store, instance).map_err(fault::link)?;
            let current = lend(store, current)?;
            let answer = hook.call_before_delete(&mut *store, &context(call), current).await;
            let issues = answered(answer, store, limits)?;
            Ok(answer::issues(issues, limits))
        })
        .await
    }
}
