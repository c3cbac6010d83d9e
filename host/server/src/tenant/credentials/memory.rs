//! What was found of the credentials that were shown, for as long as the configuration stands.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

use uuid::Uuid;

use super::Authenticated;
use super::access::StoredClient;
use super::epoch::AsOf;
use super::resolver::Resolver;
use crate::store::TenantId;
use crate::tenant::auth::Secrets;

/// Of each sort, so many are kept. Past that, all of the sort are dropped and read again as they are
/// needed.
const KEPT: usize = 10_000;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Memory(RwLock<Remembered>);

/// The ids that a token or a client has in what it shows.
type Ids = (TenantId, Uuid);

#[derive(Debug, Default)]
pub(super) struct Remembered {
    as_of: Option<AsOf>,
    /// Tokens that were valid.
    pub(super) tokens: Kept<Ids, Arc<Authenticated>>,
    /// Those that were refused, with what is accepted of them: nothing, where there is no such token.
    /// So a second attempt with one takes as long as with another.
    pub(super) refused: Kept<Ids, Option<Secrets>>,
    /// What was verified as a whole, by its SHA-256.
    pub(super) verified: Kept<[u8; 32], Arc<Authenticated>>,
    /// OAuth clients that asked for access tokens; nothing, where there is no such client.
    pub(super) clients: Kept<Ids, Option<Arc<StoredClient>>>,
    /// The resolvers of realms; nothing, where a realm has none.
    pub(super) resolvers: Kept<Uuid, Option<Arc<Resolver>>>,
    /// The resources that speak for themselves.
    pub(super) subjects: HashSet<Uuid>,
}

/// A map with a bound.
#[derive(Debug)]
pub(super) struct Kept<K, V>(HashMap<K, V>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.0.get(key).cloned()
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.0.len() >= KEPT {
            self.0.clear();
        }
        self.0.insert(key, value);
    }
}

impl Memory {
    /// What is remembered as of then, if anything is.
    pub(super) fn get<T>(
        &self,
        as_of: Option<AsOf>,
        get: impl FnOnce(&Remembered) -> Option<T>,
    ) -> Option<T> {
        let remembered = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if as_of.is_some() && remembered.as_of == as_of { get(&remembered) } else { None }
    }

    /// Remembers what was read as of then. What was read before goes with the first that is newer.
    pub(super) fn keep(&self, as_of: Option<AsOf>, keep: impl FnOnce(&mut Remembered)) {
        if as_of.is_none() {
            return;
        }
        let mut remembered = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.as_of != as_of {
            *remembered = Remembered { as_of, ..Remembered::default() };
        }
        keep(&mut remembered);
    }

    /// Whether somebody speaks for this resource.
    pub(super) fn has_subject(&self, id: Uuid) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).subjects.contains(&id)
    }
}
