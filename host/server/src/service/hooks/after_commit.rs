//! `after-commit`: a plugin is told of what was written. When, and how often, is `service::deliveries`'s.

use std::sync::Arc;

use tenon_plugin::{Call, Capability, Document, Event};
use tenon_scim::resource;
use tenon_scim::value::timestamp;

use super::{TenantDirectory, document, failed, seed};
use crate::clock;
use crate::service::facts::Facts;
use crate::service::read::known;
use crate::service::{Error, Request, Services};
use crate::store::deliveries::Delivery;
use crate::store::resources;
use crate::tenant::access::Principal;
use crate::tenant::runtime::{ActivePlugin, TenantRuntime};

impl Services {
    /// Calls a plugin with an event, and with the resource as it is now.
    ///
    /// # Errors
    /// The plugin fails or does not load, or the database fails.
    pub(in crate::service) async fn after_commit(
        &self,
        runtime: &Arc<TenantRuntime>,
        active: &ActivePlugin,
        delivery: &Delivery,
    ) -> Result<(), Error> {
        let request = request_of(runtime, delivery);
        let current = self.current(&request, delivery).await?;
        let plugin = self.plugin(runtime.id, &active.name, &active.digest).await?;
        let call = Call {
            tenant: runtime.id.to_string().into(),
            plugin: Arc::clone(&active.name),
            request_id: request.request_id.clone(),
            resource_type: delivery.resource_type.as_str().into(),
            operation: delivery.operation.as_str().into(),
            actor: delivery.actor.as_str().into(),
            config: active.config().map_err(|error| failed(active, error))?,
            directory: Some(TenantDirectory::of(self, &request)),
            now: clock::unix_millis(),
            seed: seed(),
            budget: runtime.limits.plugins.budget_of(&active.name),
            recorder: self.recorder(runtime.id, active, Capability::AfterCommit),
        };
        let told = plugin.after_commit(&call, &event_of(delivery), current).await;
        told.result.map_err(|error| failed(active, error))
    }

    /// The resource, where it still exists and the tenant still has its type.
    async fn current(
        &self,
        request: &Request,
        delivery: &Delivery,
    ) -> Result<Option<Document>, Error> {
        let resource_type = request.tenant.registry.resource_type(&delivery.resource_type);
        let Some(resource_type) = resource_type else { return Ok(None) };
        let (tenant, name, id) = (request.tenant.id, &resource_type.name, delivery.resource_id);
        let mut conn = self.database.read_at(tenant).await?;
        let stored = resources::get(&mut conn, tenant, name, id).await?;
        drop(conn);
        let Some(stored) = stored else { return Ok(None) };
        let attributes = known(resource_type, &stored)?.attributes;
        let whole =
            resource::assemble(resource_type, &attributes, &stored.meta(), &request.base_url);
        Ok(Some(document(resource_type, &whole)))
    }
}

/// What stands for a request where there is none. It came by no URL: links are relative to the tenant's
/// service.
fn request_of(runtime: &Arc<TenantRuntime>, delivery: &Delivery) -> Request {
    Request {
        tenant: Arc::clone(runtime),
        base_url: Arc::default(),
        request_id: delivery.request_id.as_str().into(),
        principal: Arc::new(Principal::nobody()),
        facts: Facts::default(),
    }
}

fn event_of(delivery: &Delivery) -> Event {
    Event {
        id: delivery.event.to_string(),
        operation: delivery.operation.clone(),
        resource_type: delivery.resource_type.clone(),
        resource_id: delivery.resource_id.to_string(),
        version: u64::try_from(delivery.version).unwrap_or_default(),
        at: timestamp(delivery.created),
    }
}
