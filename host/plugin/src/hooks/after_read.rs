//! `after-read`: changes what a client is shown.

use super::{Edit, answered, context, give};
use crate::call::{Call, Capability, Document, Outcome};
use crate::recording::Input;
use crate::{Plugin, answer, fault};

impl Plugin {
    /// Asks the plugin for edits of resources that are about to be shown: one list for each, in
    /// their order. The edits are read, and not yet held against a schema.
    pub async fn after_read(
        &self,
        call: &Call,
        documents: Vec<Document>,
    ) -> Outcome<Vec<Vec<Edit>>> {
        let input = call.input(|| Input::AfterRead { documents: documents.clone() });
        self.call_hook((Capability::AfterRead, input), call, async |store, instance, limits| {
            let indices =
                self.hooks.after_read.as_ref().ok_or(self.lacks(Capability::AfterRead))?;
            let hook = indices.load(&mut *store, instance).map_err(fault::link)?;
            let count = documents.len();
            let documents = documents
                .into_iter()
                .map(|document| give(store, document))
                .collect::<Result<Vec<_>, _>>()?;
            let answer = hook.call_after_read(&mut *store, &context(call), &documents).await;
            let edits = answered(answer, store, limits)?;
            answer::edits_of_each(edits, count, limits)
        })
        .await
    }
}
