//! `before-write`: plugins change or refuse what is about to be written.
//!
//! Each sees the candidate as those before it left it, so that the last to edit an attribute wins.
//! Edits go through the PATCH engine and the validator as a client's do.

use std::sync::Arc;

use serde_json::{Value, json};
use tenon_plugin::{Call, CallError, Capability, Edit, Plugin, WriteDecision};
use tenon_scim::patch::{self, PatchRequest};
use tenon_scim::resource::{self, Meta};
use tenon_scim::schema::{ResourceType, validate};
use tenon_scim::{Dialect, Object};

use super::{Operation, document, failed, rejected};
use crate::service::large::is_large;
use crate::service::plugins::Said;
use crate::service::{Error, Request, Services};
use crate::tenant::runtime::ActivePlugin;

const HOOK: Capability = Capability::BeforeWrite;

/// Which plugins have changed which paths of what is written, for the audit record.
#[derive(Debug, Default)]
pub(in crate::service) struct Edited(Vec<(Arc<str>, Vec<String>)>);

impl Edited {
    /// What the audit record tells of them: paths, and never values.
    ///
    /// ```json
    /// {"edits": [{"plugin": "naming", "paths": ["displayName"]}]}
    /// ```
    pub(in crate::service) fn details(&self) -> Option<Value> {
        let edit = |(plugin, paths): &(Arc<str>, Vec<String>)| json!({ "plugin": **plugin, "paths": paths });
        let edits: Vec<Value> = self.0.iter().map(edit).collect();
        (!edits.is_empty()).then(|| json!({ "edits": edits }))
    }
}

impl Services {
    /// Shows a candidate to every plugin with the hook, and changes it as they say. `current` is the
    /// stored resource as it is shown.
    ///
    /// # Errors
    /// A plugin refuses it, or fails; or it edits what it may not.
    pub(in crate::service) async fn before_write(
        &self,
        request: &Request,
        operation: Operation,
        resource_type: &Arc<ResourceType>,
        (attributes, meta): (&mut Object, &Meta),
        current: Option<&Object>,
    ) -> Result<Edited, Error> {
        let mut edited = Edited::default();
        let current = current.map(|current| document(resource_type, current));
        for active in request.plugins_with(HOOK) {
            let shown = resource::assemble(resource_type, attributes, meta, &request.base_url);
            let candidate = document(resource_type, &shown);
            let current = current.clone();
            let run = move |plugin: Arc<Plugin>, call: Call| {
                let (candidate, current) = (candidate.clone(), current.clone());
                async move { plugin.before_write(&call, candidate, current).await }
            };
            let hook = (HOOK, operation, &**resource_type);
            let decision = self.called(request, active, hook, run, Said::of_decision).await?;
            let decided = match decision {
                Ok(WriteDecision::Proceed) => Ok(None),
                Ok(WriteDecision::Amend(edits)) => {
                    amended(request, resource_type, attributes, edits).await.map(Some)
                }
                Ok(WriteDecision::Reject(issues)) => {
                    request.note(active, "refused");
                    return Err(rejected(active, issues));
                }
                Err(error) => Err(error),
            };
            match decided {
                Ok(None) => request.note(active, "passed"),
                Ok(Some((amended, paths))) => {
                    request.note(active, "amended");
                    tracing::info!(plugin = %active.name, ?paths, "a plugin edits what is written");
                    *attributes = amended;
                    edited.0.push((Arc::clone(&active.name), paths));
                }
                Err(error) => {
                    request.note(active, error.kind());
                    go_on_without(active, error)?;
                }
            }
        }
        Ok(edited)
    }
}

/// The attributes after the edits, and what they name.
async fn amended(
    request: &Request,
    resource_type: &Arc<ResourceType>,
    attributes: &Object,
    edits: Vec<Edit>,
) -> Result<(Object, Vec<String>), CallError> {
    let patch = PatchRequest { operations: edits };
    let carry_out = || {
        patch::check_edits(resource_type, &patch.operations)?;
        let candidate = patch::apply(resource_type, attributes, &patch, &Dialect::RFC)?;
        Ok(validate::patched(resource_type, attributes, &candidate)?.into_attributes())
    };
    let amended: Result<Object, tenon_scim::Error> =
        request.work(is_large(attributes), carry_out).await;
    let amended = amended.map_err(|error| CallError::InvalidOutput {
        message: format!("its edits cannot be carried out: {error}"),
    })?;
    Ok((amended, patch.names(resource_type)))
}

/// A write goes on without a plugin that fails where the tenant has said so.
fn go_on_without(active: &ActivePlugin, error: CallError) -> Result<(), Error> {
    if !active.may_be_skipped(HOOK) {
        return Err(failed(active, error));
    }
    tracing::warn!(
        plugin = %active.name, kind = error.kind(), %error,
        "a plugin fails, and the write goes on without it"
    );
    Ok(())
}
