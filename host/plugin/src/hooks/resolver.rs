//! `resolver`: tells which tenant a request is for.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::answered;
use crate::bindings::exports::tenon::plugin::resolver as raw;
use crate::call::{Call, Capability, Outcome};
use crate::recording::Input;
use crate::{Plugin, answer, fault};

/// The head of a request, as far as a resolver sees it. `Debug` shows no header: they hold
/// credentials.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestHead {
    /// The method, in upper case.
    pub method: String,
    /// The path, without the query string.
    pub path: String,
    /// The host that the request names.
    pub host: Option<String>,
    /// Headers by their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The address of the client.
    pub client: String,
}

/// What a resolver says of a request: bounded, and believed by nobody yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The name of the tenant.
    pub tenant: String,
    /// Who asks.
    pub subject: Option<String>,
    /// What they may do.
    pub permissions: Vec<String>,
}

impl Plugin {
    /// Asks the plugin which tenant a request is for; `None` where it does not know.
    ///
    /// No resource type and no operation is told: those of `call` are not looked at.
    pub async fn resolve(&self, call: &Call, head: &RequestHead) -> Outcome<Option<Claim>> {
        let input = call.input(|| Input::Resolver { head: head.clone() });
        self.call_hook((Capability::Resolver, input), call, async |store, instance, limits| {
            let indices = self.hooks.resolver.as_ref().ok_or(self.lacks(Capability::Resolver))?;
            let hook = indices.load(&mut *store, instance).map_err(fault::link)?;
            let answer = hook.call_resolve(&mut *store, &head.raw()).await;
            let claim = answered(answer, store, limits)?;
            claim.map(answer::claim).transpose()
        })
        .await
    }
}

impl RequestHead {
    fn raw(&self) -> raw::RequestHead {
        raw::RequestHead {
            method: self.method.clone(),
            path: self.path.clone(),
            host: self.host.clone(),
            headers: self.headers.clone(),
            client: self.client.clone(),
        }
    }
}

impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RequestHead { method, path, host, headers, client } = self;
        f.debug_struct("RequestHead")
            .field("method", method)
            .field("path", path)
            .field("host", host)
            .field("headers", &format_args!("{} redacted headers", headers.len()))
            .field("client", client)
            .finish()
    }
}
