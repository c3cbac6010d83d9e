//! Calls the tenant's plugins, outside any transaction: one file for each hook.

mod after_commit;
mod after_read;
mod before_delete;
mod before_query;
mod before_write;
mod directory;
mod validation;

use std::future::Future;
use std::sync::Arc;

use tenon_plugin::{Call, CallError, Capability, Digest, Document, Issue, Outcome, Plugin};
use tenon_scim::schema::ResourceType;
use tenon_scim::{Object, resource};
use uuid::Uuid;

pub(super) use self::before_write::Edited;

use self::directory::TenantDirectory;
use super::plugins::Said;
use super::{Error, Request, Services};
use crate::clock;
use crate::store::place::Place;
use crate::store::{self, TenantId};
use crate::tenant::runtime::ActivePlugin;

/// What a request does, in the plugins' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A resource is created.
    Create,
    /// A resource is replaced.
    Replace,
    /// A resource is patched.
    Patch,
    /// A resource is deleted.
    Delete,
    /// A resource is shown.
    Read,
    /// Resources are listed.
    List,
}

impl Operation {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::Read => "read",
            Self::List => "list",
        }
    }
}

impl Request {
    /// Whether a plugin of the tenant has this hook.
    pub(super) fn has_hook(&self, hook: Capability) -> bool {
        self.tenant.hooks.have(hook)
    }

    /// Whether a plugin looks at whole resources that are written.
    pub(super) fn is_judged(&self) -> bool {
        self.has_hook(Capability::Validation) || self.has_hook(Capability::BeforeWrite)
    }

    /// Whether plugins look at the whole of a group, or decide which of its members are seen.
    pub(super) fn needs_all_members(&self) -> bool {
        self.is_judged() || self.has_hook(Capability::BeforeQuery)
    }

    /// The active plugins with this hook, in the order in which they are called.
    fn plugins_with(&self, hook: Capability) -> impl Iterator<Item = &ActivePlugin> {
        self.tenant.plugins.iter().filter(move |it| it.capabilities.contains(&hook))
    }

    /// Notes what became of a call.
    fn note(&self, active: &ActivePlugin, outcome: &'static str) {
        self.facts.note(|noted| noted.plugin(&active.name, outcome));
    }
}

impl Services {
    /// Calls a hook of an active plugin as `run` does, and then that of the version in its shadow.
    ///
    /// # Errors
    /// The database fails. What the plugin fails at is in the result.
    async fn called<T, F>(
        &self,
        request: &Request,
        active: &ActivePlugin,
        (hook, operation, resource_type): (Capability, Operation, &ResourceType),
        run: impl Fn(Arc<Plugin>, Call) -> F + Send + 'static,
        say: fn(&Result<T, CallError>) -> Said,
    ) -> Result<Result<T, CallError>, Error>
    where
        F: Future<Output = Outcome<T>> + Send,
        T: Send + 'static,
    {
        let plugin = match self.plugin(request.tenant.id, &active.name, &active.digest).await {
            Ok(plugin) => plugin,
            Err(Error::PluginNotLoaded { reason: message, .. }) => {
                return Ok(Err(CallError::NotReady { message }));
            }
            Err(error) => return Err(error),
        };
        let call = match self.call_of(request, active, hook, operation, resource_type) {
            Ok(call) => call,
            Err(error) => return Ok(Err(error)),
        };
        let Some(shadow) = active.shadow_at(hook) else {
            return Ok(run(plugin, call).await.result);
        };
        let result = run(plugin, call.clone()).await.result;
        self.shadow(request, (active, shadow.digest), (hook, call), say(&result), run, say);
        Ok(result)
    }

    /// A call of a hook, for resources of a type.
    ///
    /// # Errors
    /// The plugin's configuration cannot be decrypted.
    pub(super) fn call_of(
        &self,
        request: &Request,
        active: &ActivePlugin,
        hook: Capability,
        operation: Operation,
        resource_type: &ResourceType,
    ) -> Result<Call, CallError> {
        let has_directory = hook.imports().contains(&"directory");
        Ok(Call {
            tenant: request.tenant.id.to_string().into(),
            plugin: Arc::clone(&active.name),
            request_id: Arc::clone(&request.request_id),
            resource_type: resource_type.name.as_str().into(),
            operation: operation.as_str().into(),
            actor: Arc::clone(&request.principal.actor),
            config: active.config()?,
            directory: has_directory.then(|| TenantDirectory::of(self, request)),
            now: clock::unix_millis(),
            seed: seed(),
            budget: request.tenant.limits.plugins.budget_of(&active.name),
            recorder: self.recorder(request.tenant.id, active, hook),
        })
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

/// A resource as plugins see it: whole, less what is returned to nobody.
pub(super) fn document(resource_type: &Arc<ResourceType>, resource: &Object) -> Document {
    Document {
        resource_type: Arc::clone(resource_type),
        value: Arc::new(resource::without_secrets(resource_type, resource)),
    }
}

/// What is wrong in the eyes of a plugin refuses the request.
fn judged(
    request: &Request,
    active: &ActivePlugin,
    result: Result<Vec<Issue>, CallError>,
) -> Result<(), Error> {
    let (outcome, judged) = match result {
        Ok(issues) if issues.is_empty() => ("passed", Ok(())),
        Ok(issues) => ("refused", Err(rejected(active, issues))),
        Err(error) => (error.kind(), Err(failed(active, error))),
    };
    request.note(active, outcome);
    judged
}

/// A plugin gave no answer, and the request is refused for it.
fn failed(active: &ActivePlugin, error: CallError) -> Error {
    let plugin = Arc::clone(&active.name);
    match error {
        CallError::NotReady { message: reason } => Error::PluginNotLoaded { plugin, reason },
        error => Error::PluginFailed { plugin, error },
    }
}

/// A plugin refuses the request.
fn rejected(active: &ActivePlugin, issues: Vec<Issue>) -> Error {
    Error::Rejected { plugin: Arc::clone(&active.name), issues }
}

/// What a plugin's random bytes are made of: 244 bits that nobody can guess.
pub(super) fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    let (left, right) = seed.split_at_mut(16);
    left.copy_from_slice(Uuid::new_v4().as_bytes());
    right.copy_from_slice(Uuid::new_v4().as_bytes());
    seed
}
