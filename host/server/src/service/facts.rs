//! What is known of a request: it is noted where it turns up, and told when the request is over.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tenon_scim::schema::ResourceType;
use uuid::Uuid;

use crate::store::TenantId;
use crate::store::requests::Logged;

/// Coercions that are kept of one request.
const KEPT: usize = 20;

/// What is known of a request so far; its clones are one.
#[derive(Debug, Clone, Default)]
pub struct Facts(Arc<Mutex<Noted>>);

/// What has been noted. Nothing of a body or a query.
#[derive(Debug, Default)]
pub struct Noted {
    /// Whose request it is, and whether the tenant wants it logged.
    pub tenant: Option<(TenantId, Logged)>,
    /// Who asks.
    pub actor: Option<Arc<str>>,
    /// From where.
    pub client: Option<IpAddr>,
    /// The name of the route.
    pub operation: Option<&'static str>,
    /// The type of the resource.
    pub resource_type: Option<Arc<ResourceType>>,
    /// The resource.
    pub resource_id: Option<Uuid>,
    coercions: Vec<String>,
    /// How many more there were.
    more: usize,
    plugins: Vec<(Arc<str>, &'static str)>,
}

impl Facts {
    /// Notes something.
    pub fn note(&self, note: impl FnOnce(&mut Noted)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// All that was noted; nothing is left.
    #[must_use]
    pub fn take(&self) -> Noted {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Noted {
    /// Something was read in another way than it was written.
    pub fn coercion(&mut self, coercion: impl ToString) {
        if self.coercions.len() < KEPT {
            self.coercions.push(coercion.to_string());
        } else {
            self.more += 1;
        }
    }

    /// What became of a call: `passed`, `refused`, or the kind of its failure.
    pub fn plugin(&mut self, plugin: &Arc<str>, outcome: &'static str) {
        self.plugins.push((Arc::clone(plugin), outcome));
    }

    /// Coercions and what plugins said, where there is any of it.
    #[must_use]
    pub fn notes(&self) -> Option<Value> {
        let mut notes = serde_json::Map::new();
        if !self.coercions.is_empty() {
            notes.insert("coercions".to_owned(), json!(self.coercions));
        }
        if self.more > 0 {
            notes.insert("moreCoercions".to_owned(), self.more.into());
        }
        if !self.plugins.is_empty() {
            let outcome =
                |(name, outcome): &(Arc<str>, &str)| json!({ "name": &**name, "outcome": outcome });
            notes.insert("plugins".to_owned(), self.plugins.iter().map(outcome).collect());
        }
        (!notes.is_empty()).then_some(notes.into())
    }
}
