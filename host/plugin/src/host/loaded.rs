//! The versions in memory. What is used least leaves, so that idle versions take no more than a
//! budget; what leaves is loaded from disk when it is called again.

use std::collections::HashMap;
use std::sync::Arc;

use crate::digest::Digest;
use crate::plugin::Plugin;

/// How many versions are in memory, and what they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Versions.
    pub versions: usize,
    /// Bytes of their compiled code.
    pub bytes: usize,
}

/// Versions by digest, each with its last use.
pub(super) struct Loaded {
    versions: HashMap<Digest, Version>,
    /// Bytes of the compiled code of all.
    bytes: usize,
    budget: usize,
    /// Counts uses.
    clock: u64,
}

struct Version {
    plugin: Arc<Plugin>,
    bytes: usize,
    used: u64,
}

impl Loaded {
    pub(super) fn new(budget: usize) -> Loaded {
        Loaded { versions: HashMap::new(), bytes: 0, budget, clock: 0 }
    }

    pub(super) fn memory(&self) -> Memory {
        Memory { versions: self.versions.len(), bytes: self.bytes }
    }

    pub(super) fn get(&mut self, digest: &Digest) -> Option<Arc<Plugin>> {
        self.clock += 1;
        let version = self.versions.get_mut(digest)?;
        version.used = self.clock;
        Some(version.plugin.clone())
    }

    /// Keeps a version whose code has so many bytes, however large it is: it is about to be called.
    pub(super) fn insert(&mut self, plugin: Arc<Plugin>, bytes: usize) {
        let digest = *plugin.digest();
        self.remove(&digest);
        while self.bytes.saturating_add(bytes) > self.budget {
            let idlest = self.versions.iter().min_by_key(|(_, version)| version.used);
            let Some(idlest) = idlest.map(|(digest, _)| *digest) else { break };
            self.remove(&idlest);
        }
        self.clock += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.versions.insert(digest, Version { plugin, bytes, used: self.clock });
    }

    pub(super) fn remove(&mut self, digest: &Digest) {
        if let Some(removed) = self.versions.remove(digest) {
            self.bytes = self.bytes.saturating_sub(removed.bytes);
        }
    }
}
