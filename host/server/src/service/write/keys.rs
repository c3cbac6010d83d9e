//! By what a resource is found, and how a write changes that.

use tenon_scim::Object;
use tenon_scim::index::{self, Entry};
use tenon_scim::resource::{UniqueValue, unique_values};
use tenon_scim::schema::ResourceType;

use crate::service::Request;
use crate::store::writes::Keys;

impl Request {
    /// The keys of a resource that is new.
    pub(super) fn keys(&self, resource_type: &ResourceType, attributes: &Object) -> Keys {
        let unique = unique_values(resource_type, attributes);
        Keys { unique, added: self.entries(resource_type, attributes), ..Keys::default() }
    }

    /// How the keys of a resource change with its attributes.
    pub(super) fn changed_keys(
        &self,
        resource_type: &ResourceType,
        current: &Object,
        next: &Object,
    ) -> Keys {
        let unique = unique_values(resource_type, next);
        let given_up = unique_values(resource_type, current);
        let given_up: Vec<UniqueValue> =
            given_up.into_iter().filter(|it| !unique.contains(it)).collect();
        let before = self.entries(resource_type, current);
        let after = self.entries(resource_type, next);
        let (removed, added) = (missing_in(&after, &before), missing_in(&before, &after));
        Keys { given_up, unique, removed, added }
    }

    /// What the index has of a resource.
    pub(super) fn entries(&self, resource_type: &ResourceType, attributes: &Object) -> Vec<Entry> {
        index::entries(&self.wanted_indexes(resource_type), attributes)
    }
}

/// Those of `entries` that the sorted `others` do not have.
fn missing_in(others: &[Entry], entries: &[Entry]) -> Vec<Entry> {
    entries.iter().filter(|entry| others.binary_search(entry).is_err()).cloned().collect()
}
