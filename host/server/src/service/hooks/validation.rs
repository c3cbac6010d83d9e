//! `validation`: plugins judge what is about to be written.

use std::sync::Arc;

use tenon_plugin::{Call, Capability, Plugin};
use tenon_scim::Object;
use tenon_scim::schema::ResourceType;

use super::{Operation, document, judged};
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
            let (candidate, current) = documents
                .get_or_insert_with(|| {
                    let of = |resource| document(resource_type, resource);
                    (of(candidate), current.map(of))
                })
                .clone();
            let run = move |plugin: Arc<Plugin>, call: Call| {
                let (candidate, current) = (candidate.clone(), current.clone());
                async move { plugin.validate(&call, candidate, current).await }
            };
            let hook = (HOOK, operation, &**resource_type);
            let result = self.called(request, active, hook, run, Said::of_issues).await?;
            judged(request, active, result)?;
        }
        Ok(())
    }
}
