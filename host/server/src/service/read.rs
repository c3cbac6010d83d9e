//! Reading one resource and lists of them.
//!
//! Filters and sorts are evaluated by the pure core over the resources of the type, read in
//! batches within one snapshot. Memory is bounded by the page; a sort also holds the key of every
//! resource. How many such lists are made at a time is bounded, for each tenant and for all.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use sqlx::PgConnection;
use tenon_scim::Object;
use tenon_scim::filter::BoundFilter;
use tenon_scim::list::{self, Query, QueryError};
use tenon_scim::project::Projection;
use tenon_scim::resource::{self, Known, Meta};
use tenon_scim::schema::ResourceType;
use tenon_scim::sort::Sort;
use tokio::sync::{AcquireError, SemaphorePermit};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Error, Request, Services, not_found, parse_id};
use crate::store::resources::{self, Stored};
use crate::store::{StoreError, TenantId};

/// Resources of a page when the client names no `count`.
pub const DEFAULT_PAGE: usize = 100;
/// Resources of a page at the most; more are not an error (RFC 7644 §3.4.2.4).
pub const MAX_PAGE: usize = 1_000;
/// How long a list waits for its place.
const SCAN_PATIENCE: Duration = Duration::from_secs(5);
/// Resources that are read at a time where a filter or a sort looks at all of them.
const BATCH: i64 = 500;

/// A resource with what the server knows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its identity and history.
    pub meta: Meta,
    /// What its schemas know.
    pub attributes: Object,
}

impl Resource {
    /// The resource as the client sees it.
    #[must_use]
    pub fn shown(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        projection: &Projection,
    ) -> Object {
        let mut shown =
            resource::assemble(resource_type, &self.attributes, &self.meta, &request.base_url);
        projection.apply(resource_type, &mut shown);
        shown
    }

    fn of(resource_type: &ResourceType, stored: &Stored) -> Result<Self, Error> {
        let known = Known::of(resource_type, parse_body(&stored.body)?);
        Ok(Self { meta: stored.meta(), attributes: known.attributes })
    }
}

impl Services {
    /// One resource (RFC 7644 §3.4.1).
    ///
    /// # Errors
    /// There is none of that type and id.
    pub async fn get(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        id: &str,
    ) -> Result<Resource, Error> {
        let uuid = parse_id(resource_type, id)?;
        let mut conn = self.pool.acquire().await?;
        let stored =
            resources::get(&mut conn, request.tenant.id, &resource_type.name, uuid).await?;
        let stored = stored.ok_or_else(|| not_found(resource_type, id))?;
        Resource::of(resource_type, &stored)
    }

    /// A page of the resources of a type, with the total (RFC 7644 §3.4.2).
    ///
    /// # Errors
    /// The query is wrong, or the database fails.
    pub async fn list(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        query: &Query,
    ) -> Result<Value, Error> {
        let filter = query
            .filter
            .as_deref()
            .map(|filter| request.read_filter(resource_type, filter))
            .transpose()?;
        let sort = query
            .sort_by
            .as_deref()
            .map(|sort_by| Sort::new(resource_type, sort_by, query.sort_order))
            .transpose()
            .map_err(|error| tenon_scim::Error::from(QueryError::SortBy { error }))?;
        let page = Page {
            skip: query.start_index.saturating_sub(1),
            take: query.count.unwrap_or(DEFAULT_PAGE).min(MAX_PAGE),
        };
        let _places = match (&filter, &sort) {
            (None, None) => None,
            _ => Some(self.scan_places(request).await?),
        };
        // One snapshot for the total and the page.
        let mut snapshot = self
            .pool
            .begin_with("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .await?;
        let scan = Scan { request, resource_type, conn: &mut snapshot };
        let (total, found) = match (filter, sort) {
            (None, None) => scan.all(page).await?,
            (Some(filter), None) => scan.matching(&filter, page).await?,
            (filter, Some(sort)) => scan.sorted(filter.as_ref(), &sort, page).await?,
        };
        snapshot.commit().await?;
        let projection = projection(resource_type, query);
        let shown = found.iter().map(|it| it.shown(request, resource_type, &projection)).collect();
        Ok(list::response(total, query.start_index, shown))
    }
}

impl Services {
    /// A place of the tenant's and one of all, waited for within bounds.
    async fn scan_places<'r>(
        &'r self,
        request: &'r Request,
    ) -> Result<(SemaphorePermit<'r>, SemaphorePermit<'r>), Error> {
        let places =
            async { Ok((request.tenant.scans.acquire().await?, self.scans.acquire().await?)) };
        let places: Result<Result<_, AcquireError>, _> = timeout(SCAN_PATIENCE, places).await;
        places.ok().and_then(Result::ok).ok_or(Error::ScansBusy)
    }
}

/// The `attributes` and `excludedAttributes` of a query, read against a resource type.
#[must_use]
pub fn projection(resource_type: &ResourceType, query: &Query) -> Projection {
    match (&query.attributes, &query.excluded_attributes) {
        (Some(names), _) => Projection::only(resource_type, names),
        (None, Some(names)) => Projection::without(resource_type, names),
        (None, None) => Projection::default(),
    }
}

/// The attributes in a stored body.
pub(super) fn parse_body(body: &str) -> Result<Object, Error> {
    serde_json::from_str(body)
        .map_err(|source| StoreError::Corrupt { what: "resource", source }.into())
}

#[derive(Clone, Copy)]
struct Page {
    skip: usize,
    take: usize,
}

/// All that a list looks at.
struct Scan<'s> {
    request: &'s Request,
    resource_type: &'s ResourceType,
    conn: &'s mut PgConnection,
}

type Found = (usize, Vec<Resource>);

impl Scan<'_> {
    async fn all(self, page: Page) -> Result<Found, Error> {
        let (tenant, name) = (self.request.tenant.id, self.resource_type.name.as_str());
        let total = resources::count(self.conn, tenant, name).await?;
        let (offset, limit) = (as_i64(page.skip), as_i64(page.take));
        let stored = resources::page(self.conn, tenant, name, offset, limit).await?;
        let found = stored
            .iter()
            .map(|it| Resource::of(self.resource_type, it))
            .collect::<Result<_, _>>()?;
        Ok((usize::try_from(total).unwrap_or(0), found))
    }

    async fn matching(mut self, filter: &BoundFilter<'_>, page: Page) -> Result<Found, Error> {
        let mut total = 0;
        let mut found = Vec::new();
        let mut last = Uuid::nil();
        while let Some(batch) = self.next_batch(&mut last).await? {
            for resource in batch {
                if !self.matches(filter, &resource) {
                    continue;
                }
                if total >= page.skip && found.len() < page.take {
                    found.push(resource);
                }
                total += 1;
            }
        }
        Ok((total, found))
    }

    /// Keeps the keys of all, and fetches the resources of the page when their order is known.
    async fn sorted(
        mut self,
        filter: Option<&BoundFilter<'_>>,
        sort: &Sort<'_>,
        page: Page,
    ) -> Result<Found, Error> {
        let mut keys = Vec::new();
        let mut last = Uuid::nil();
        while let Some(batch) = self.next_batch(&mut last).await? {
            for resource in batch {
                if filter.is_none_or(|filter| self.matches(filter, &resource)) {
                    let key = sort.key(&self.assembled(&resource));
                    keys.push((key, parse_id(self.resource_type, &resource.meta.id)?));
                }
            }
        }
        // Stable, and the keys came in order of creation: that is the tie-break.
        keys.sort_by(|(a, _), (b, _)| sort.compare(a, b));
        let ids: Vec<Uuid> =
            keys.iter().skip(page.skip).take(page.take).map(|(_, id)| *id).collect();
        let tenant: TenantId = self.request.tenant.id;
        let stored = resources::with_ids(self.conn, tenant, &ids).await?;
        let mut by_id: HashMap<Uuid, Stored> =
            stored.into_iter().map(|stored| (stored.id, stored)).collect();
        let found = ids
            .iter()
            .filter_map(|id| by_id.remove(id))
            .map(|stored| Resource::of(self.resource_type, &stored))
            .collect::<Result<_, _>>()?;
        Ok((keys.len(), found))
    }

    async fn next_batch(&mut self, last: &mut Uuid) -> Result<Option<Vec<Resource>>, Error> {
        let (tenant, name) = (self.request.tenant.id, self.resource_type.name.as_str());
        let batch = resources::after(self.conn, tenant, name, *last, BATCH).await?;
        let Some(end) = batch.last() else { return Ok(None) };
        *last = end.id;
        batch
            .iter()
            .map(|it| Resource::of(self.resource_type, it))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn matches(&self, filter: &BoundFilter<'_>, resource: &Resource) -> bool {
        filter.matches(&self.assembled(resource))
    }

    fn assembled(&self, resource: &Resource) -> Object {
        let base_url = &self.request.base_url;
        resource::assemble(self.resource_type, &resource.attributes, &resource.meta, base_url)
    }
}

fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
