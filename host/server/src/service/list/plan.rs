//! A query, read against the resource types it is asked of.

use tenon_scim::filter::BoundFilter;
use tenon_scim::list::{Query, QueryError};
use tenon_scim::membership::{self, Membership};
use tenon_scim::project::Projection;
use tenon_scim::schema::ResourceType;
use tenon_scim::sort::{Sort, SortError, SortKey, SortOrder};
use tenon_scim::{Error, Object};

use super::Collection;
use crate::service::Request;
use crate::service::memberships;
use crate::service::read::projection;
use crate::store::lists::Of;

/// What a query means for the resources of each type.
pub(super) struct Plan<'q> {
    pub(super) of: Of,
    pub(super) views: Vec<View<'q>>,
    /// Whether all resources have to be looked at to know the page.
    pub(super) looks_at_all: bool,
    /// Whether the order is another than that of creation.
    pub(super) sorted: bool,
}

/// What a query means for the resources of one type.
pub(super) struct View<'q> {
    pub(super) resource_type: &'q ResourceType,
    pub(super) projection: Projection,
    /// The memberships that the filter or the sort looks at.
    pub(super) looked_at: Option<Membership<'q>>,
    filter: Option<BoundFilter<'q>>,
    /// `None` also where the type does not have the attribute.
    sort: Option<Sort<'q>>,
    order: SortOrder,
}

impl<'q> Plan<'q> {
    pub(super) fn of(
        request: &Request,
        collection: Collection<'q>,
        query: &Query,
    ) -> Result<Self, Error> {
        let types = collection.types();
        let filter = query.filter.as_deref();
        let filters = filter.map(|filter| request.read_filter(&types, filter)).transpose()?;
        let sorts = query
            .sort_by
            .as_deref()
            .map(|sort_by| sorts(&types, sort_by, query.sort_order))
            .transpose()
            .map_err(|error| QueryError::SortBy { error })?;
        let (filtered, sorted) = (filters.is_some(), sorts.is_some());
        let mut filters = filters.into_iter().flatten();
        let mut sorts = sorts.into_iter().flatten();
        let view = |resource_type: &'q ResourceType| {
            let filter = filters.next();
            let sort = sorts.next().flatten();
            let looked_at = membership::of(resource_type).filter(|it| {
                filter.as_ref().is_some_and(|filter| filter.names(it.attribute()))
                    || sort.is_some_and(|sort| sort.names(it.attribute()))
            });
            let projection = projection(resource_type, &query.selection);
            View { resource_type, projection, looked_at, filter, sort, order: query.sort_order }
        };
        let views = types.into_iter().map(view).collect();
        Ok(Self { of: collection.of(), views, looks_at_all: filtered || sorted, sorted })
    }
}

impl Plan<'_> {
    /// Whether much has to be read to know the page: all resources, or memberships, which nested
    /// groups multiply.
    pub(super) fn reads_much(&self) -> bool {
        self.looks_at_all || self.views.iter().any(|view| view.shown().is_some())
    }
}

impl View<'_> {
    pub(super) fn matches(&self, resource: &Object) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(resource))
    }

    /// Whether a resource may match, as far as can be told before its memberships are loaded.
    pub(super) fn may_match(&self, resource: &Object) -> bool {
        match (&self.filter, self.looked_at) {
            (Some(filter), Some(membership)) => filter.may_match(resource, membership.attribute()),
            _ => true,
        }
    }

    /// The memberships that the answer shows.
    pub(super) fn shown(&self) -> Option<Membership<'_>> {
        memberships::wanted(self.resource_type, &self.projection)
    }

    pub(super) fn key(&self, resource: &Object) -> SortKey {
        let missing = || SortKey::missing(self.order);
        self.sort.as_ref().map_or_else(missing, |sort| sort.key(resource))
    }
}

/// The sort of each type that has the attribute; the others have no value for it.
fn sorts<'q>(
    types: &[&'q ResourceType],
    sort_by: &str,
    order: SortOrder,
) -> Result<Vec<Option<Sort<'q>>>, SortError> {
    let sorts: Vec<_> = types.iter().map(|it| Sort::new(it, sort_by, order)).collect();
    if sorts.iter().any(Result::is_ok) {
        return Ok(sorts.into_iter().map(Result::ok).collect());
    }
    sorts.into_iter().map(|sort| sort.map(Some)).collect()
}
