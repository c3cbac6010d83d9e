//! Calls the tenant's plugins, outside any transaction.

use std::sync::Arc;

use tenon_plugin::{Call, Capability, Digest, Document, Plugin};
use tenon_scim::schema::ResourceType;
use tenon_scim::{Object, resource};
use uuid::Uuid;

use super::{Error, Request, Services};
use crate::clock;
use crate::store::place::Place;
use crate::store::{self, TenantId};
use crate::tenant::runtime::ActivePlugin;

/// What a write does, in the plugins' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Replace,
    Patch,
}

impl Operation {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Patch => "patch",
        }
    }
}

impl Request {
    /// Whether a plugin looks at what is written.
    pub(super) fn is_validated(&self) -> bool {
        self.tenant.plugins.iter().any(ActivePlugin::validates)
    }
}

impl ActivePlugin {
    fn validates(&self) -> bool {
        self.capabilities.contains(&Capability::Validation)
    }
}

impl Services {
    /// Asks every plugin that validates. All issues of the first that has any are the answer.
    pub(super) async fn validate(
        &self,
        request: &Request,
        operation: Operation,
        resource_type: &Arc<ResourceType>,
        candidate: &Object,
        current: Option<&Object>,
    ) -> Result<(), Error> {
        let document = |resource: &Object| Document {
            resource_type: Arc::clone(resource_type),
            value: Arc::new(resource::without_secrets(resource_type, resource)),
        };
        let mut documents = None;
        for active in request.tenant.plugins.iter().filter(|it| it.validates()) {
            let plugin = self.plugin(request.tenant.id, &active.name, &active.digest).await?;
            let call = Call {
                tenant: request.tenant.id.to_string().into(),
                plugin: Arc::clone(&active.name),
                request_id: Arc::clone(&request.request_id),
                resource_type: resource_type.name.as_str().into(),
                operation: operation.as_str().into(),
                actor: Arc::clone(&request.principal.actor),
                config: Arc::clone(&active.config),
                directory: None,
                now: clock::unix_millis(),
                seed: seed(),
                budget: request.tenant.limits.plugins.budget_of(&active.name),
            };
            let (candidate, current) = documents
                .get_or_insert_with(|| (document(candidate), current.map(document)))
                .clone();
            let result = plugin.validate(&call, candidate, current).await.result;
            let outcome = match &result {
                Ok(issues) if issues.is_empty() => "passed",
                Ok(_) => "refused",
                Err(error) => error.kind(),
            };
            request.facts.note(|noted| noted.plugin(&active.name, outcome));
            match result {
                Ok(issues) if issues.is_empty() => {}
                Ok(issues) => {
                    return Err(Error::Rejected { plugin: Arc::clone(&active.name), issues });
                }
                Err(error) => {
                    return Err(Error::PluginFailed { plugin: Arc::clone(&active.name), error });
                }
            }
        }
        Ok(())
    }

    /// The version, from memory or disk; else its component is fetched and compiled again.
    pub(super) async fn plugin(
        &self,
        tenant: TenantId,
        name: &str,
        digest: &Digest,
    ) -> Result<Arc<Plugin>, Error> {
        if let Some(plugin) = self.plugins.cached(digest).await {
            return Ok(plugin);
        }
        let mut conn = self.database.read_for(Place::of_all(tenant)).await?;
        let component = store::plugins::component(&mut conn, tenant, digest).await?;
        drop(conn);
        let not_loaded = |reason: String| Error::PluginNotLoaded { plugin: name.into(), reason };
        let component =
            component.ok_or_else(|| not_loaded("the component is not stored".to_owned()))?;
        self.plugins.load(&component).await.map_err(|refusal| not_loaded(refusal.to_string()))
    }
}

/// What a plugin's random bytes are made of: 244 bits that nobody can guess.
fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    let (left, right) = seed.split_at_mut(16);
    left.copy_from_slice(Uuid::new_v4().as_bytes());
    right.copy_from_slice(Uuid::new_v4().as_bytes());
    seed
}
