//! Filters of look-ups, carried out over the resources of a test as the server does it.

use serde_json::Value;
use tenon_scim::Registry;
use tenon_scim::filter;
use tenon_scim::schema::describe::Description as Described;

use crate::describe::Description;

/// The types of the tenant that a test stands for.
#[derive(Clone, Debug)]
pub(super) struct Schemas(Registry);

impl Default for Schemas {
    fn default() -> Schemas {
        Schemas(Registry::core())
    }
}

impl Schemas {
    /// # Panics
    ///
    /// The server would refuse the description.
    pub(super) fn with(&self, description: Description) -> Schemas {
        let described = Described::parse(&description.into_values());
        let registry = described.and_then(|described| self.0.with(&described));
        Schemas(registry.unwrap_or_else(|error| panic!("the server refuses it: {error}")))
    }

    /// Those of the resources of a type that match.
    pub(super) fn matching<'r>(
        &self,
        resource_type: &str,
        filter: &str,
        resources: impl Iterator<Item = &'r Value>,
    ) -> Result<Vec<&'r Value>, String> {
        let known = self.0.resource_type(resource_type);
        let known =
            known.ok_or_else(|| format!("the tenant has no resource type {resource_type:?}"))?;
        let bound = filter::parse(filter).and_then(|filter| filter.bind(known));
        let bound = bound.map_err(|error| error.to_string())?;
        let matches = |it: &&Value| it.as_object().is_some_and(|it| bound.matches(it));
        Ok(resources.filter(matches).collect())
    }
}
