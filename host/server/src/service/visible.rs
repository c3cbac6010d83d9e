//! What the principal may see of a resource: what it asks for, less what is hidden from it. An
//! attribute that is hidden is in no answer, and no answer depends on its values.

use serde_json::Value;
use tenon_scim::Object;
use tenon_scim::list::Selection;
use tenon_scim::membership;
use tenon_scim::path::AttributeRef;
use tenon_scim::project::{Hidden, Projection};
use tenon_scim::schema::ResourceType;

use super::{Error, Request};
use crate::tenant::access::Permission;

impl Request {
    /// What the principal is to see of resources of a type: of what the request selects, what they
    /// may read. Nothing else makes a projection of what a client sees.
    #[must_use]
    pub fn projection(&self, resource_type: &ResourceType, selection: &Selection) -> Projection {
        if self.require(Permission::Read, Some(resource_type)).is_err() {
            // What is always returned, and where it is.
            return Projection::only(resource_type, &["meta".to_owned()])
                .hiding(self.hidden(resource_type));
        }
        let selected = match (&selection.attributes, &selection.excluded_attributes) {
            (Some(names), _) => Projection::only(resource_type, names),
            (None, Some(names)) => Projection::without(resource_type, names),
            (None, None) => Projection::default(),
        };
        selected.hiding(self.hidden(resource_type))
    }

    /// What is hidden from the principal of resources of a type.
    pub(super) fn hidden(&self, resource_type: &ResourceType) -> Hidden {
        let names = self.principal.grants.hidden();
        if names.is_empty() {
            return Hidden::default();
        }
        let hidden = Hidden::of(resource_type, names);
        match membership::of(resource_type).filter(|_| self.hides_names(names)) {
            None => hidden,
            Some(memberships) => {
                let display = format!("{}.display", memberships.attribute().name);
                Hidden::of(resource_type, &[names, &[display]].concat())
            }
        }
    }

    /// Whether a `displayName` is hidden, which is the `display` of memberships.
    fn hides_names(&self, hidden: &[String]) -> bool {
        self.tenant.registry.resource_types().iter().any(|resource_type| {
            let hidden = Hidden::of(resource_type, hidden);
            resource_type.attribute("displayName").is_some_and(|attribute| {
                hidden.has(AttributeRef { extension: None, attribute, sub: None })
            })
        })
    }

    /// Whether the principal may be told that a resource is as this input of theirs: they may read its
    /// type, and all that the input names.
    pub(super) fn may_compare(&self, resource_type: &ResourceType, input: &Object) -> bool {
        let hidden = self.hidden(resource_type);
        let names = |target: AttributeRef<'_>| {
            let container = match target.extension {
                None => Some(input),
                Some(urn) => named(input, urn).and_then(Value::as_object),
            };
            container.is_some_and(|it| named(it, &target.attribute.name).is_some())
        };
        self.require(Permission::Read, Some(resource_type)).is_ok()
            && !resource_type
                .attributes()
                .any(|it| it.sub.is_none() && hidden.meets(it) && names(it))
    }

    /// Whether the principal may know who the members of resources of a type are.
    pub(super) fn may_know_members(&self, resource_type: &ResourceType) -> bool {
        let Some(attribute) = membership::members_of(resource_type) else { return false };
        let sub = attribute.sub_attributes.iter().find(|it| it.name == "value");
        self.require(Permission::Read, Some(resource_type)).is_ok()
            && !self.hidden(resource_type).has(AttributeRef { extension: None, attribute, sub })
    }

    /// Refuses an answer that depends on the values of these attributes, where one is hidden.
    ///
    /// # Errors
    /// The principal may not read one of them.
    pub(super) fn check_visible<'a>(
        &self,
        resource_type: &ResourceType,
        attributes: impl IntoIterator<Item = AttributeRef<'a>>,
    ) -> Result<(), Error> {
        let hidden = self.hidden(resource_type);
        match attributes.into_iter().find(|it| hidden.meets(*it)) {
            None => Ok(()),
            Some(attribute) => Err(Error::HiddenAttribute { path: attribute.path() }),
        }
    }
}

/// A member of an object, whose names are without case (RFC 7643 §2.1).
fn named<'v>(object: &'v Object, name: &str) -> Option<&'v Value> {
    object.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
