//! `validation`: plugins judge what is about to be written.

use std::sync::Arc;

use tenon_plugin::{Call, Capability, Plugin};
use tenon_scim::Object;
use tenon_scim::schema::ResourceType;

use super::{Operation, document, failed, rejected};
use crate::service::plugins::Said;
use crate::service::{Error, Request, Services};

const HOOK: Capability = Capability::Validation;

impl Services {
    /// Asks every plugin that validates. All issues of the first that has any are the answer.
    pub(in crate::service) async fn validate(
        &self,
        request: &Request,
        operation: Operation,
        resource_type: &Arc<ResourceType>,
        candidate: &Object,
        current: Option<&Object>,
    ) -> Result<(), Error> {
        let mut documents = None;
        for active in request.plugins_with(HOOK) {
            let plugin = self.active(request, active).await?;
            let call = self.call_of(request, active, HOOK, operation, resource_type);
            let (candidate, current) = documents
                .get_or_insert_with(|| {
                    let of = |resource| document(resource_type, resource);
                    (of(candidate), current.map(of))
                })
                .clone();
            let in_shadow = active
                .shadow_at(HOOK)
                .map(|shadow| (shadow.digest, call.clone(), (candidate.clone(), current.clone())));
            let result = plugin.validate(&call, candidate, current).await.result;
            if let Some((shadow, call, (candidate, current))) = in_shadow {
                let run = async move |plugin: Plugin, call: Call| {
                    plugin.validate(&call, candidate, current).await
                };
                let said = Said::of_issues(&result);
                self.shadow(request, (active, shadow), (HOOK, call), said, run, Said::of_issues);
            }
            request.note(
                active,
                match &result {
                    Ok(issues) if issues.is_empty() => "passed",
                    Ok(_) => "refused",
                    Err(error) => error.kind(),
                },
            );
            match result {
                Ok(issues) if issues.is_empty() => {}
                Ok(issues) => return Err(rejected(active, issues)),
                Err(error) => return Err(failed(active, error)),
            }
        }
        Ok(())
    }
}
