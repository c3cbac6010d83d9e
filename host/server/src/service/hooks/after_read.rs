//! `after-read`: plugins change what a client is shown. Nothing of it is stored.

use std::sync::Arc;

use tenon_plugin::{Call, CallError, Capability, Edit, Plugin};
use tenon_scim::patch::{self, PatchRequest};
use tenon_scim::schema::ResourceType;
use tenon_scim::{Dialect, Object};

use super::{Operation, document, failed};
use crate::service::plugins::Said;
use crate::service::{Error, Request, Services};
use crate::tenant::runtime::ActivePlugin;

const HOOK: Capability = Capability::AfterRead;

/// Resources that a plugin is shown at a time.
const BATCH: usize = 100;

impl Services {
    /// Whether a plugin changes what is shown.
    #[must_use]
    pub fn edits_what_is_read(&self, request: &Request) -> bool {
        request.has_hook(HOOK)
    }

    /// Shows resources of one type to every plugin with the hook, and changes them as they say. They
    /// are whole: what the client may see of them is chosen afterwards.
    ///
    /// # Errors
    /// A plugin fails, and the tenant wants nothing shown without it.
    pub(in crate::service) async fn after_read(
        &self,
        request: &Request,
        operation: Operation,
        resource_type: &Arc<ResourceType>,
        shown: &mut [Object],
    ) -> Result<(), Error> {
        for active in request.plugins_with(HOOK) {
            for batch in shown.chunks_mut(BATCH) {
                let documents: Vec<_> =
                    batch.iter().map(|shown| document(resource_type, shown)).collect();
                let run = move |plugin: Arc<Plugin>, call: Call| {
                    let documents = documents.clone();
                    async move { plugin.after_read(&call, documents).await }
                };
                let hook = (HOOK, operation, &**resource_type);
                let edits = self.called(request, active, hook, run, Said::of_edits).await?;
                match edits.and_then(|edits| edited(resource_type, batch, edits)) {
                    Ok(edited) => {
                        request.note(active, "passed");
                        batch.iter_mut().zip(edited).for_each(|(shown, edited)| *shown = edited);
                    }
                    Err(error) => {
                        request.note(active, error.kind());
                        show_unedited(active, error)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A batch as one plugin wants it shown.
fn edited(
    resource_type: &ResourceType,
    batch: &[Object],
    edits: Vec<Vec<Edit>>,
) -> Result<Vec<Object>, CallError> {
    batch.iter().zip(edits).map(|(shown, edits)| apply(resource_type, shown, edits)).collect()
}

fn apply(
    resource_type: &ResourceType,
    shown: &Object,
    edits: Vec<Edit>,
) -> Result<Object, CallError> {
    if edits.is_empty() {
        return Ok(shown.clone());
    }
    let patch = PatchRequest { operations: edits };
    patch::check_edits(resource_type, &patch.operations)
        .and_then(|()| patch::apply(resource_type, shown, &patch, &Dialect::RFC))
        .map_err(|error| CallError::InvalidOutput {
            message: format!("its edits cannot be carried out: {error}"),
        })
}

fn show_unedited(active: &ActivePlugin, error: CallError) -> Result<(), Error> {
    if !active.may_be_skipped(HOOK) {
        return Err(failed(active, error));
    }
    tracing::warn!(
        plugin = %active.name, kind = error.kind(), %error,
        "a plugin fails, and resources are shown without its edits"
    );
    Ok(())
}
