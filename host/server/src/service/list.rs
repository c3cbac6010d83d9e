//! Lists of resources, of one type or of all (RFC 7644 §3.4.2, RFC 9865).
//!
//! The database selects and sorts: `store/filter_sql`. The stored text of a page goes into the
//! answer. How many lists that read documents or go through an index, and lists that show
//! memberships, are made at a time is bounded, for each tenant and for all.

pub mod explain;
mod page;
mod plan;
mod unique;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tenon_plugin::Capability;
use tenon_scim::filter::BoundFilter;
use tenon_scim::list::{self, Paging, Place, Query, QueryError};
use tenon_scim::schema::ResourceType;
use tokio::sync::{AcquireError, SemaphorePermit};
use tokio::time::timeout;

use self::page::Page;
use self::plan::Plan;
use super::cursor::Cursor;
use super::hooks::Operation;
use super::{Error, Request, Services};
use crate::clock;
use crate::store::filter_sql::{self, Bound};
use crate::store::rows::Of;
use crate::tenant::access::Permission;

/// Resources of a page when the client names no `count`.
pub const DEFAULT_PAGE: usize = 100;
/// How long a list waits for its place.
const SCAN_PATIENCE: Duration = Duration::from_secs(5);

/// A place of the tenant's, and one of all.
type ScanPlaces<'r> = (SemaphorePermit<'r>, SemaphorePermit<'r>);

/// For each type of a collection, the filter that plugins add.
type Narrowing<'t> = Vec<Option<BoundFilter<'t>>>;

/// What a query is asked of (RFC 7644 §3.4.2.1).
#[derive(Debug, Clone, Copy)]
pub enum Collection<'a> {
    /// The endpoint of a resource type.
    Type(&'a ResourceType),
    /// The server root: resources of all types.
    Root(&'a [Arc<ResourceType>]),
}

/// Which part of a list is wanted.
#[derive(Debug, Clone)]
struct Slice {
    part: filter_sql::Slice,
    /// Whether a page may end early: a cursor leads on from there. RFC 9865 §2: "the service
    /// provider MUST NOT return more, although it MAY return fewer, results".
    may_end_early: bool,
}

impl<'a> Collection<'a> {
    fn types(self) -> Vec<&'a ResourceType> {
        match self {
            Self::Type(resource_type) => vec![resource_type],
            Self::Root(types) => types.iter().map(|it| &**it).collect(),
        }
    }

    fn of(self) -> Of {
        match self {
            Self::Type(resource_type) => Of::Type(resource_type.name.clone()),
            Self::Root(types) => Of::Types(types.iter().map(|it| it.name.clone()).collect()),
        }
    }

    fn endpoint(self) -> &'a str {
        match self {
            Self::Type(resource_type) => &resource_type.endpoint,
            Self::Root(_) => "/",
        }
    }
}

impl Request {
    /// Refuses what the principal may not do with the resources of all these types.
    ///
    /// # Errors
    /// They do not have the permission for one of the types.
    pub fn require_of_all(
        &self,
        permission: Permission,
        collection: Collection<'_>,
    ) -> Result<(), Error> {
        collection.types().into_iter().try_for_each(|it| self.require(permission, Some(it)))
    }

    /// Refuses a list that would tell the values of attributes to who may list but not read: by
    /// which resources match, or by their order.
    fn check_query(&self, collection: Collection<'_>, query: &Query) -> Result<(), Error> {
        let tells = query.filter.is_some()
            || query.sort_by.is_some()
            || query.selection.attributes.is_some();
        if tells { self.require_of_all(Permission::Read, collection) } else { Ok(()) }
    }
}

impl Services {
    /// A page of resources, with the total: the body of the answer.
    ///
    /// # Errors
    /// The query is wrong, or the database fails.
    pub async fn list(
        &self,
        request: &Request,
        collection: Collection<'_>,
        query: &Query,
    ) -> Result<String, Error> {
        request.check_query(collection, query)?;
        let bound_to = bound_to(request, collection, query);
        let slice = self
            .slice(query, &bound_to, request.max_page_size())
            .map_err(tenon_scim::Error::from)?;
        let narrowing = self.narrowing_of(request, collection, query).await?;
        if narrowing.is_none()
            && let Some(list) =
                self.list_of_unique_value(request, collection, query, &slice).await?
        {
            return Ok(list);
        }
        let plan = self.plan(request, collection, query, narrowing).await?;
        let (page, texts) =
            self.read_anywhere(request, |source| self.page(request, &plan, &slice, source)).await?;
        let place = match query.paging {
            Paging::Index(start_index) => Place::Index(start_index),
            Paging::Cursor(_) => self.cursors_around(&page, &slice.part, &bound_to)?,
        };
        Ok(list::response(page.total, &place, &texts))
    }

    /// What a query means, less what plugins leave out.
    async fn plan<'q>(
        &self,
        request: &'q Request,
        collection: Collection<'q>,
        query: &Query,
        narrowing: Option<Narrowing<'q>>,
    ) -> Result<Plan<'q>, Error> {
        let plan = Plan::of(request, collection, query, narrowing)?;
        if !request.has_hook(Capability::BeforeQuery) || !plan.goes_by_memberships() {
            return Ok(plan);
        }
        Ok(plan.narrowed_by(self.narrowed_memberships(request).await?))
    }

    /// What plugins leave of each type of a collection; `None` where that is everything.
    async fn narrowing_of<'t>(
        &self,
        request: &Request,
        collection: Collection<'t>,
        query: &Query,
    ) -> Result<Option<Narrowing<'t>>, Error> {
        if !request.has_hook(Capability::BeforeQuery) {
            return Ok(None);
        }
        let filter = query.filter.as_deref();
        let mut narrowing = Vec::new();
        for resource_type in collection.types() {
            narrowing.push(self.narrowing(request, Operation::List, resource_type, filter).await?);
        }
        Ok(narrowing.iter().any(Option::is_some).then_some(narrowing))
    }

    fn slice(&self, query: &Query, bound_to: &str, max: usize) -> Result<Slice, QueryError> {
        let take = query.page_size(DEFAULT_PAGE.min(max), max)?;
        Ok(match &query.paging {
            Paging::Index(start_index) => {
                let skip = start_index.saturating_sub(1);
                let part = filter_sql::Slice { bound: Bound::After(None), skip, take };
                Slice { part, may_end_early: false }
            }
            Paging::Cursor(None) => {
                let part = filter_sql::Slice { bound: Bound::After(None), skip: 0, take };
                Slice { part, may_end_early: true }
            }
            Paging::Cursor(Some(text)) => {
                let cursor = self.cursors.open(text, bound_to, clock::now())?;
                // RFC 9865 §2.1: the count "must be equal to the count value of the initial query".
                if cursor.page_size != take {
                    let (initial, found) = (cursor.page_size, take);
                    return Err(QueryError::CountChanged { initial, found });
                }
                let part = filter_sql::Slice { bound: cursor.bound, skip: 0, take };
                Slice { part, may_end_early: true }
            }
        })
    }

    /// RFC 9865 §2: "nextCursor MUST be omitted from a response only to indicate that there are no
    /// more result pages"; "previousCursor MUST NOT be returned with the first page".
    fn cursors_around(
        &self,
        page: &Page,
        slice: &filter_sql::Slice,
        bound_to: &str,
    ) -> Result<Place, Error> {
        let (previous, next) = match (page.ends(), &slice.bound) {
            // "A value of "0" indicates that no resource results are to be returned except for
            // "totalResults"."
            _ if slice.take == 0 || page.total == 0 => (None, None),
            (Some((first, last)), _) => (
                page.earlier.then_some(Bound::Before(Some(first))),
                page.later.then_some(Bound::After(Some(last))),
            ),
            // All that was on this page has gone meanwhile; what is left is on the other side.
            (None, Bound::After(_)) => (Some(Bound::Before(None)), None),
            (None, Bound::Before(_)) => (None, Some(Bound::After(None))),
        };
        let now = clock::now();
        let seal = |bound: Option<Bound>| {
            let cursor = bound.map(|bound| Cursor { bound, page_size: slice.take });
            cursor.map(|cursor| self.cursors.seal(cursor, bound_to, now)).transpose()
        };
        Ok(Place::Cursors { previous: seal(previous)?, next: seal(next)? })
    }

    /// A place of the tenant's and one of all, waited for within bounds.
    async fn scan_places<'r>(&'r self, request: &'r Request) -> Result<ScanPlaces<'r>, Error> {
        let places =
            async { Ok((request.tenant.scans.acquire().await?, self.scans.acquire().await?)) };
        let places: Result<Result<_, AcquireError>, _> = timeout(SCAN_PATIENCE, places).await;
        places.ok().and_then(Result::ok).ok_or(Error::ScansBusy)
    }
}

/// What the cursors of a query are bound to. RFC 9865 §2: "the client MUST query the same service
/// provider endpoint with all query parameters and values being identical to the initial query".
fn bound_to(request: &Request, collection: Collection<'_>, query: &Query) -> String {
    json!([
        request.tenant.id,
        collection.endpoint(),
        query.filter,
        query.sort_by,
        query.sort_order.as_str(),
        query.selection.attributes,
        query.selection.excluded_attributes,
    ])
    .to_string()
}
