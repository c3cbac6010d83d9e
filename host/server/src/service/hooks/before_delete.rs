//! `before-delete`: plugins judge what is about to be deleted.

use std::sync::Arc;

use tenon_plugin::{Call, Capability, Plugin};
use tenon_scim::patch::members::Reach;
use tenon_scim::resource;
use tenon_scim::schema::ResourceType;

use super::{Operation, document, judged};
use crate::service::plugins::Said;
use crate::service::read::known;
use crate::service::{Error, Request, Services};
use crate::store::resources::Stored;

const HOOK: Capability = Capability::BeforeDelete;

impl Services {
    /// Asks every plugin with the hook. All issues of the first that has any are the answer.
    pub(in crate::service) async fn before_delete(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        stored: &Stored,
    ) -> Result<(), Error> {
        let mut attributes = known(resource_type, stored)?.attributes;
        let all = Reach::All;
        self.load_members(request, resource_type, stored.id, &all, &mut attributes).await?;
        let shown =
            resource::assemble(resource_type, &attributes, &stored.meta(), &request.base_url);
        let current = document(resource_type, &shown);
        for active in request.plugins_with(HOOK) {
            let current = current.clone();
            let run = move |plugin: Arc<Plugin>, call: Call| {
                let current = current.clone();
                async move { plugin.before_delete(&call, current).await }
            };
            let hook = (HOOK, Operation::Delete, &**resource_type);
            let result = self.called(request, active, hook, run, Said::of_issues).await?;
            judged(request, active, result)?;
        }
        Ok(())
    }
}
