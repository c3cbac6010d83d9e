//! `validation`: rules for resources about to be written.

use super::{answered, context, lend};
use crate::call::{Call, Capability, Document, Issue, Outcome};
use crate::recording::Input;
use crate::{Plugin, answer, fault};

impl Plugin {
    /// Has the plugin judge a resource that is about to be written. No issues: it accepts.
    pub async fn validate(
        &self,
        call: &Call,
        candidate: Document,
        current: Option<Document>,
    ) -> Outcome<Vec<Issue>> {
        let input = call
            .input(|| Input::Validation { candidate: candidate.clone(), current: current.clone() });
        self.call_hook((Capability::Validation, input), call, async |store, instance, limits| {
            let indices =
                self.hooks.validation.as_ref().ok_or(self.lacks(Capability::Validation))?;
            let hook = indices.load(&mut *store, instance).map_err(fault::link)?;
            let candidate = lend(store, candidate)?;
            let current = current.map(|current| lend(store, current)).transpose()?;
            let answer = hook.call_validate(&mut *store, &context(call), candidate, current).await;
            let issues = answered(answer, store, limits)?;
            Ok(answer::issues(issues, limits))
        })
        .await
    }
}
