//! Reads the page of a list from the database.

use std::collections::HashMap;

use sqlx::PgConnection;
use tenon_scim::Object;
use tenon_scim::membership::Membership;
use tenon_scim::resource;
use tenon_scim::sort::{SortKey, SortOrder};
use uuid::Uuid;

use super::Slice;
use super::plan::{Plan, View};
use super::window::Window;
use crate::service::cursor::{Bound, Position};
use crate::service::memberships::{self, MAX_LOADED};
use crate::service::read::Resource;
use crate::service::{Error, Request};
use crate::store::lists::{self, Listed};

/// Resources that are read at a time where a filter or a sort looks at all of them.
const BATCH: i64 = 500;
/// The same where it looks at their memberships too, of which one may have thousands.
const BATCH_WITH_MEMBERSHIPS: i64 = 20;

/// All that is needed to read.
pub(super) struct Scan<'c, 's, 'q> {
    pub(super) request: &'c Request,
    pub(super) plan: &'s Plan<'q>,
    /// In one snapshot.
    pub(super) conn: &'c mut PgConnection,
}

/// A page, and what is around it.
pub(super) struct Page<'s, 'q> {
    /// All that match, on all pages.
    pub(super) total: usize,
    pub(super) found: Vec<Found<'s, 'q>>,
    /// The positions of the first and the last.
    pub(super) ends: Option<(Position, Position)>,
    /// Whether some are before the page.
    pub(super) earlier: bool,
    /// Whether some are after it.
    pub(super) later: bool,
}

/// A resource, and what the query means for its type.
pub(super) struct Found<'s, 'q> {
    id: Uuid,
    view: &'s View<'q>,
    resource: Resource,
}

impl Found<'_, '_> {
    /// The resource as the client sees it.
    pub(super) fn shown(&self, request: &Request) -> Object {
        self.resource.shown(request, self.view.resource_type, &self.view.projection)
    }

    /// The resource as filters and sorts see it.
    fn assembled(&self, base_url: &str) -> Object {
        let Resource { attributes, meta } = &self.resource;
        resource::assemble(self.view.resource_type, attributes, meta, base_url)
    }
}

impl<'s, 'q> Scan<'_, 's, 'q> {
    pub(super) async fn page(mut self, slice: &Slice) -> Result<Page<'s, 'q>, Error> {
        if self.plan.looks_at_all {
            self.page_of_matching(slice).await
        } else {
            self.page_of_all(slice).await
        }
    }

    /// Without filter and sort, the index finds the page.
    async fn page_of_all(&mut self, slice: &Slice) -> Result<Page<'s, 'q>, Error> {
        let (tenant, of) = (self.request.tenant.id, &self.plan.of);
        let total = lists::count(self.conn, tenant, of).await?;
        // One more, to know whether there is a page after this one.
        let limit = as_i64(slice.take.saturating_add(1));
        let mut rows = match &slice.bound {
            Bound::After(None) => {
                lists::page(self.conn, tenant, of, as_i64(slice.skip), limit).await?
            }
            Bound::After(Some(bound)) => {
                lists::after(self.conn, tenant, of, bound.id, limit).await?
            }
            Bound::Before(bound) => {
                let end = bound.as_ref().map_or(Uuid::max(), |bound| bound.id);
                lists::before(self.conn, tenant, of, end, limit).await?
            }
        };
        let more = rows.len() > slice.take;
        rows.truncate(slice.take);
        if matches!(slice.bound, Bound::Before(_)) {
            rows.reverse();
        }
        let ends = ends(rows.iter().map(|row| position(row.stored.id)));
        let (mut earlier, mut later) = (false, false);
        match (&slice.bound, &ends) {
            (Bound::After(Some(_)), Some((first, _))) => {
                earlier = !lists::before(self.conn, tenant, of, first.id, 1).await?.is_empty();
                later = more;
            }
            (Bound::After(_), _) => later = more,
            (Bound::Before(Some(_)), Some((_, last))) => {
                earlier = more;
                later = !lists::after(self.conn, tenant, of, last.id, 1).await?.is_empty();
            }
            (Bound::Before(_), _) => earlier = more,
        }
        let mut found = self.found(&rows)?;
        self.load(&mut found, View::shown).await?;
        Ok(Page { total: usize::try_from(total).unwrap_or(0), found, ends, earlier, later })
    }

    /// Looks at all, keeps the positions of the page, and fetches it when they are known.
    async fn page_of_matching(&mut self, slice: &Slice) -> Result<Page<'s, 'q>, Error> {
        let (tenant, of) = (self.request.tenant.id, &self.plan.of);
        let mut window = Window::new(slice, !self.plan.sorted);
        let looks_at_memberships = self.plan.views.iter().any(|view| view.looked_at.is_some());
        let limit = if looks_at_memberships { BATCH_WITH_MEMBERSHIPS } else { BATCH };
        let mut last = Uuid::nil();
        loop {
            let rows = lists::after(self.conn, tenant, of, last, limit).await?;
            let Some(end) = rows.last() else { break };
            last = end.stored.id;
            let mut batch = self.found(&rows)?;
            self.load(&mut batch, |view| view.looked_at).await?;
            for found in batch {
                let resource = found.assembled(&self.request.base_url);
                if found.view.matches(&resource) {
                    window.offer(Position { key: found.view.key(&resource), id: found.id });
                }
            }
        }
        let ids: Vec<Uuid> = window.positions().map(|position| position.id).collect();
        let rows = if ids.is_empty() {
            Vec::new()
        } else {
            lists::with_ids(self.conn, tenant, &ids).await?
        };
        let mut found = self.found(&rows)?;
        self.load(&mut found, View::shown).await?;
        let mut by_id: HashMap<Uuid, Found<'s, 'q>> =
            found.into_iter().map(|found| (found.id, found)).collect();
        Ok(Page {
            total: window.total,
            found: ids.iter().filter_map(|id| by_id.remove(id)).collect(),
            ends: ends(window.positions().cloned()),
            earlier: window.earlier,
            later: window.later,
        })
    }

    /// Puts memberships into resources, with one statement for each type.
    async fn load(
        &mut self,
        found: &mut [Found<'s, 'q>],
        of_view: impl Fn(&'s View<'q>) -> Option<Membership<'s>>,
    ) -> Result<(), Error> {
        for view in &self.plan.views {
            let Some(membership) = of_view(view) else { continue };
            let of_type = found.iter_mut().filter(|found| std::ptr::eq(found.view, view));
            let mut resources: Vec<_> = of_type.map(|found| &mut found.resource).collect();
            let (conn, request) = (&mut *self.conn, self.request);
            memberships::load(conn, request, Some(membership), &mut resources, MAX_LOADED).await?;
        }
        Ok(())
    }

    fn found(&self, rows: &[Listed]) -> Result<Vec<Found<'s, 'q>>, Error> {
        let mut found = Vec::with_capacity(rows.len());
        for Listed { resource_type, stored } in rows {
            let mut views = self.plan.views.iter();
            if let Some(view) = views.find(|view| view.resource_type.name == *resource_type) {
                let resource = Resource::of(view.resource_type, stored)?;
                found.push(Found { id: stored.id, view, resource });
            }
        }
        Ok(found)
    }
}

/// The position in a list that is not sorted.
fn position(id: Uuid) -> Position {
    Position { key: SortKey::missing(SortOrder::default()), id }
}

fn ends(mut positions: impl Iterator<Item = Position>) -> Option<(Position, Position)> {
    let first = positions.next()?;
    let last = positions.last().unwrap_or_else(|| first.clone());
    Some((first, last))
}

fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
