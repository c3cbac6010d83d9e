//! Reads the page of a list from the database.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::PgConnection;
use tenon_scim::Object;
use tenon_scim::membership::Membership;
use tenon_scim::resource;
use tenon_scim::sort::{SortKey, SortOrder};
use uuid::Uuid;

use super::plan::{Plan, View};
use super::window::Window;
use super::{Around, Slice};
use crate::service::cursor::{Bound, Position};
use crate::service::large::{self, LARGE};
use crate::service::memberships::{self, MAX_LOADED};
use crate::service::read::Resource;
use crate::service::{Error, Request};
use crate::store::lists::{self, Listed};

/// Resources that are read at a time where a filter or a sort looks at all of them.
const BATCH: usize = 500;
/// Those whose memberships are loaded at a time where it looks at these too: one may have thousands.
const BATCH_WITH_MEMBERSHIPS: usize = 20;
/// More resources than these are large together, however small each is: a filter may have many terms.
const MANY: usize = 100;

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
    /// Whether some are before the page.
    pub(super) earlier: bool,
    /// Whether some are after it.
    pub(super) later: bool,
}

/// A resource, its position (where the list is not sorted, at first), and what the query means for
/// its type.
pub(super) struct Found<'s, 'q> {
    position: Position,
    view: &'s View<'q>,
    resource: Resource,
}

impl Page<'_, '_> {
    /// The resources as the client sees them.
    pub(super) async fn shown(&self, request: &Request) -> Vec<String> {
        let text = |found: &Found<'_, '_>| Value::Object(found.shown(request)).to_string();
        let shown = || self.found.iter().map(text).collect();
        request.work(are_large(&self.found), shown).await
    }

    pub(super) fn around(&self) -> Around {
        let ends = self.found.first().zip(self.found.last());
        let ends = ends.map(|(first, last)| (first.position.clone(), last.position.clone()));
        Around { total: self.total, ends, earlier: self.earlier, later: self.later }
    }

    /// Leaves the half that is next to the bound.
    fn halve(&mut self, bound: &Bound) {
        let half = self.found.len() / 2;
        match bound {
            Bound::After(_) => {
                self.found.truncate(half);
                self.later = true;
            }
            Bound::Before(_) => {
                self.found = self.found.split_off(self.found.len() - half);
                self.earlier = true;
            }
        }
    }
}

impl<'s, 'q> Found<'s, 'q> {
    /// `None` if the query is asked of other types.
    fn of(plan: &'s Plan<'q>, row: &Listed) -> Result<Option<Self>, Error> {
        let Listed { resource_type, stored } = row;
        let mut views = plan.views.iter();
        let view = views.find(|view| view.resource_type.name == *resource_type);
        let Some(view) = view else { return Ok(None) };
        let resource = Resource::of(view.resource_type, stored)?;
        let key = SortKey::missing(SortOrder::default());
        Ok(Some(Self { position: Position { key, id: stored.id }, view, resource }))
    }

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
        let mut page = if self.plan.looks_at_all {
            self.page_of_matching(slice).await?
        } else {
            self.page_of_all(slice).await?
        };
        loop {
            match self.load(&mut page.found, View::shown).await {
                Err(Error::TooManyMemberships { .. }) if slice.may_end_early => {
                    page.halve(&slice.bound);
                }
                loaded => return loaded.map(|()| page),
            }
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
        let ends =
            rows.first().zip(rows.last()).map(|(first, last)| (first.stored.id, last.stored.id));
        let (mut earlier, mut later) = (false, false);
        match (&slice.bound, &ends) {
            (Bound::After(Some(_)), Some((first, _))) => {
                earlier = !lists::before(self.conn, tenant, of, *first, 1).await?.is_empty();
                later = more;
            }
            (Bound::After(_), _) => later = more,
            (Bound::Before(Some(_)), Some((_, last))) => {
                earlier = more;
                later = !lists::after(self.conn, tenant, of, *last, 1).await?.is_empty();
            }
            (Bound::Before(_), _) => earlier = more,
        }
        let found = self.found(&rows).await?;
        Ok(Page { total: usize::try_from(total).unwrap_or(0), found, earlier, later })
    }

    /// Looks at all, keeps the positions of the page, and fetches it when they are known.
    async fn page_of_matching(&mut self, slice: &Slice) -> Result<Page<'s, 'q>, Error> {
        let (tenant, of) = (self.request.tenant.id, &self.plan.of);
        let mut window = Window::new(slice, !self.plan.sorted);
        let mut last = Uuid::nil();
        loop {
            let rows = lists::after(self.conn, tenant, of, last, as_i64(BATCH)).await?;
            let Some(end) = rows.last() else { break };
            last = end.stored.id;
            let batch = self.found(&rows).await?;
            self.offer_matching(batch, &mut window).await?;
        }
        let ids: Vec<Uuid> = window.positions().map(|position| position.id).collect();
        let rows = if ids.is_empty() {
            Vec::new()
        } else {
            lists::with_ids(self.conn, tenant, &ids).await?
        };
        let found = self.found(&rows).await?;
        let mut by_id: HashMap<Uuid, Found<'s, 'q>> =
            found.into_iter().map(|found| (found.position.id, found)).collect();
        let in_place = |position: &Position| {
            let found = by_id.remove(&position.id)?;
            Some(Found { position: position.clone(), ..found })
        };
        Ok(Page {
            total: window.total,
            found: window.positions().filter_map(in_place).collect(),
            earlier: window.earlier,
            later: window.later,
        })
    }

    /// Offers those of a batch that match. Memberships are loaded only for those that may match
    /// without, and for fewer at a time where these have too many together.
    async fn offer_matching(
        &mut self,
        mut batch: Vec<Found<'s, 'q>>,
        window: &mut Window<'_>,
    ) -> Result<(), Error> {
        let request = self.request;
        let base_url = &request.base_url;
        let may_match = |it: &Found<'_, '_>| {
            it.view.looked_at.is_none() || it.view.may_match(&it.assembled(base_url))
        };
        let looks_at_memberships = self.plan.views.iter().any(|view| view.looked_at.is_some());
        let large = looks_at_memberships && are_large(&batch);
        request.work(large, || batch.retain(may_match)).await;
        let mut at_once = if looks_at_memberships { BATCH_WITH_MEMBERSHIPS } else { BATCH };
        while !batch.is_empty() {
            let rest = batch.split_off(at_once.min(batch.len()));
            match self.load(&mut batch, |view| view.looked_at).await {
                Err(Error::TooManyMemberships { .. }) => {
                    at_once = batch.len() / 2;
                    batch.extend(rest);
                    continue;
                }
                loaded => loaded?,
            }
            let offer = |found: Found<'_, '_>| {
                let resource = found.assembled(base_url);
                if found.view.matches(&resource) {
                    let key = found.view.key(&resource);
                    window.offer(Position { key, ..found.position });
                }
            };
            request.work(are_large(&batch), || batch.into_iter().for_each(offer)).await;
            batch = rest;
        }
        Ok(())
    }

    /// Puts memberships into resources, with one statement for each type. One resource is loaded
    /// whatever it has, as when it is read alone.
    async fn load(
        &mut self,
        found: &mut [Found<'s, 'q>],
        of_view: impl Fn(&'s View<'q>) -> Option<Membership<'s>>,
    ) -> Result<(), Error> {
        let limit = if found.len() > 1 { MAX_LOADED } else { usize::MAX };
        for view in &self.plan.views {
            let Some(membership) = of_view(view) else { continue };
            let of_type = found.iter_mut().filter(|found| std::ptr::eq(found.view, view));
            let mut resources: Vec<_> = of_type.map(|found| &mut found.resource).collect();
            let (conn, request) = (&mut *self.conn, self.request);
            memberships::load(conn, request, Some(membership), &mut resources, limit).await?;
        }
        Ok(())
    }

    async fn found(&self, rows: &[Listed]) -> Result<Vec<Found<'s, 'q>>, Error> {
        let (request, plan) = (self.request, self.plan);
        let bytes: usize = rows.iter().map(|row| row.stored.body.len()).sum();
        let found = |row| Found::of(plan, row).transpose();
        let large = rows.len() > MANY || bytes >= LARGE;
        request.work(large, || rows.iter().filter_map(found).collect()).await
    }
}

/// Whether it takes long to look at resources or to show them.
fn are_large(found: &[Found<'_, '_>]) -> bool {
    found.len() > MANY || !large::all_fit(found.iter().map(|it| &it.resource.attributes))
}

fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
