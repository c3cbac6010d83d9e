//! Asks the resolver of a realm whose request it is. It fails closed, always.

use std::net::IpAddr;
use std::sync::Arc;

use tenon_plugin::{Call, CallError, Capability, Claim, RequestHead};

use super::hooks::seed;
use super::{Error, Services};
use crate::clock;
use crate::tenant::attempts::Slowed;
use crate::tenant::credentials::{Authenticated, Resolver};
use crate::tenant::entry::Claims;
use crate::tenant::runtime::{ActivePlugin, RuntimeError};

/// Why a resolver has not said whose request it is.
#[derive(Debug, thiserror::Error)]
pub enum NotResolved {
    /// It says nothing, or what does not count.
    #[error("the resolver knows nobody by it")]
    Nobody,
    /// It was not asked: too much that was not valid came from the client's address.
    #[error(transparent)]
    Slowed(#[from] Slowed),
    /// It has no answer.
    #[error("the resolver failed: {0}")]
    Failed(#[from] CallError),
    /// It could not be asked.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// It could not be loaded.
    #[error(transparent)]
    Service(#[from] Error),
}

impl Services {
    /// Whose request it is by the word of a resolver, which is asked once for each head in a while. What it
    /// does not explain, or fails at, counts against the client's address like a credential that is
    /// not valid.
    ///
    /// # Errors
    /// It is nobody's, or the resolver could not be asked.
    pub async fn resolve(
        &self,
        resolver: &Resolver,
        head: &RequestHead,
        claims: &Claims,
        (client, request_id): (Option<IpAddr>, &Arc<str>),
    ) -> Result<Arc<Authenticated>, NotResolved> {
        let (credentials, shown) = (&self.credentials, resolver.shown(head));
        if let Some(known) = credentials.known(&shown, claims) {
            return Ok(known);
        }
        let digest = shown.digest();
        credentials.attempts.check(client, &digest)?;
        let claim = self.ask(resolver, head, request_id).await;
        let found = match claim {
            Ok(Some(claim)) => {
                let known =
                    credentials.by_claim(&self.database, resolver, &shown, claim, claims).await?;
                known.ok_or(NotResolved::Nobody)
            }
            Ok(None) => Err(NotResolved::Nobody),
            Err(error) => Err(error),
        };
        credentials.attempts.keep(client, &digest, found.is_ok());
        found
    }

    /// What the plugin says; nothing, where it is not active.
    async fn ask(
        &self,
        resolver: &Resolver,
        head: &RequestHead,
        request_id: &Arc<str>,
    ) -> Result<Option<Claim>, NotResolved> {
        let runtime = self.credentials.runtime(&self.database, resolver.tenant).await?;
        let resolves = |it: &&ActivePlugin| {
            *it.name == *resolver.plugin && it.capabilities.contains(&Capability::Resolver)
        };
        let active = runtime.plugins.iter().find(resolves).filter(|_| !runtime.is_suspended);
        let Some(active) = active else { return Ok(None) };
        let plugin = self.plugin(runtime.id, &active.name, &active.digest).await?;
        let call = Call {
            tenant: runtime.id.to_string().into(),
            plugin: Arc::clone(&active.name),
            request_id: Arc::clone(request_id),
            resource_type: Arc::default(),
            operation: "resolve".into(),
            actor: "nobody".into(),
            config: active.config()?,
            directory: None,
            now: clock::unix_millis(),
            seed: seed(),
            budget: runtime.limits.plugins.budget_of(&active.name),
            recorder: self.recorder(runtime.id, active, Capability::Resolver),
        };
        Ok(plugin.resolve(&call, head).await.result?)
    }
}
