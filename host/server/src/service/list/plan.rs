//! A query, read against the resource types it is asked of.

use tenon_scim::filter::BoundFilter;
use tenon_scim::list::{Query, QueryError};
use tenon_scim::membership;
use tenon_scim::project::Projection;
use tenon_scim::schema::ResourceType;
use tenon_scim::sort::{Sort, SortError, SortOrder};

use super::{Collection, Narrowing};
use crate::service::render::Rendering;
use crate::service::{Error, Request};
use crate::store::filter_sql::{Asked, Narrowed, Order, Space};
use crate::store::rows::Of;

/// What a query means for the resources of each type.
pub(super) struct Plan<'q> {
    pub(super) of: Of,
    views: Vec<View<'q>>,
    filtered: bool,
    pub(super) order: Order,
    /// What is seen of the types that memberships lead to.
    narrowed: Vec<Narrowed<'q>>,
}

/// What a query means for the resources of one type.
struct View<'q> {
    resource_type: &'q ResourceType,
    projection: Projection,
    filter: Option<BoundFilter<'q>>,
    /// What plugins leave of the type.
    narrowing: Option<BoundFilter<'q>>,
    /// `None` also where the type does not have the attribute.
    sort: Option<Sort<'q>>,
}

impl<'q> Plan<'q> {
    pub(super) fn of(
        request: &Request,
        collection: Collection<'q>,
        query: &Query,
        narrowing: Option<Narrowing<'q>>,
    ) -> Result<Self, Error> {
        let types = collection.types();
        let filter = query.filter.as_deref();
        let filters = filter.map(|filter| request.read_filter(&types, filter)).transpose()?;
        let sorts = query
            .sort_by
            .as_deref()
            .map(|sort_by| sorts(&types, sort_by, query.sort_order))
            .transpose()
            .map_err(|error| tenon_scim::Error::from(QueryError::SortBy { error }))?;
        for (resource_type, sort) in types.iter().zip(sorts.iter().flatten()) {
            request.check_visible(resource_type, sort.iter().flat_map(Sort::decides))?;
        }
        let filtered = filters.is_some() || narrowing.is_some();
        let order = sorts.as_ref().map_or(Order::Creation, |_| Order::Sorted(query.sort_order));
        let mut filters = filters.into_iter().flatten();
        let mut narrowing = narrowing.into_iter().flatten();
        let mut sorts = sorts.into_iter().flatten();
        let view = |resource_type: &'q ResourceType| View {
            resource_type,
            projection: request.projection(resource_type, &query.selection),
            filter: filters.next(),
            narrowing: narrowing.next().flatten(),
            sort: sorts.next().flatten(),
        };
        let views = types.into_iter().map(view).collect();
        Ok(Self { of: collection.of(), views, filtered, order, narrowed: Vec::new() })
    }

    /// The same, where memberships show no more than these resources.
    pub(super) fn narrowed_by(self, narrowed: Vec<Narrowed<'q>>) -> Self {
        Self { narrowed, ..self }
    }

    /// Whether it depends on memberships which resources are selected, or how they are sorted.
    pub(super) fn goes_by_memberships(&self) -> bool {
        self.views.iter().any(View::goes_by_memberships)
    }

    /// Whether the resources are selected or sorted: not all of them, in order of creation.
    pub(super) fn selects(&self) -> bool {
        self.filtered || self.order != Order::Creation
    }

    /// How the resources of each type are shown.
    pub(super) fn renderings<'r>(&'r self, request: &'r Request) -> Vec<Rendering<'r>> {
        let rendering = |view: &'r View<'q>| {
            Rendering::new(request, view.resource_type, view.projection.clone())
        };
        self.views.iter().map(rendering).collect()
    }

    /// The names of the types.
    pub(super) fn types(&self) -> impl Iterator<Item = &str> {
        self.views.iter().map(|view| view.resource_type.name.as_str())
    }

    /// What is asked of the database, for each type.
    pub(super) fn asked<'s>(&'s self, request: &'s Request) -> Vec<Asked<'s>> {
        let asked = |view: &'s View<'q>| Asked {
            space: Space { narrowed: &self.narrowed, ..request.space(view.resource_type) },
            filter: view.filter.as_ref(),
            narrowing: view.narrowing.as_ref(),
            sort: view.sort,
        };
        self.views.iter().map(asked).collect()
    }
}

impl View<'_> {
    fn goes_by_memberships(&self) -> bool {
        let Some(membership) = membership::of(self.resource_type) else { return false };
        let attribute = membership.attribute();
        self.filter.as_ref().is_some_and(|it| it.names(attribute))
            || self.sort.is_some_and(|it| it.target().is_of(attribute))
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
