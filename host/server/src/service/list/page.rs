//! The page of a list: its rows, and what the client sees of them.

use std::collections::HashMap;

use uuid::Uuid;

use super::plan::Plan;
use super::{ScanPlaces, Slice};
use crate::service::hooks::Operation;
use crate::service::render::Rendering;
use crate::service::{Error, Request, Services};
use crate::store::StoreError;
use crate::store::filter_sql::{self, Bound, Position, is_timeout};
use crate::store::replicas::Source;
use crate::store::rows::{self, Row};

/// A page, and what is around it.
pub(super) struct Page {
    /// All that match, on all pages.
    pub(super) total: usize,
    /// The resources, each with the key by which it is sorted.
    found: Vec<(String, Row)>,
    /// Whether some are before the page.
    pub(super) earlier: bool,
    /// Whether some are after it.
    pub(super) later: bool,
}

impl Page {
    /// The positions of the first and the last.
    pub(super) fn ends(&self) -> Option<(Position, Position)> {
        let position = |(key, row): &(String, Row)| Position { key: key.clone(), id: row.id };
        Some((position(self.found.first()?), position(self.found.last()?)))
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
                self.found.drain(..self.found.len() - half);
                self.earlier = true;
            }
        }
    }
}

impl Services {
    /// A page, and its resources as the client sees them.
    ///
    /// # Errors
    /// Too many resources would have to be looked at, they have more memberships than may be shown,
    /// or the database fails.
    pub(super) async fn page(
        &self,
        request: &Request,
        plan: &Plan<'_>,
        slice: &Slice,
        source: Source,
    ) -> Result<(Page, Vec<String>), Error> {
        let renderings = plan.renderings(request);
        let mut places = None;
        let mut page = if plan.selects() {
            self.page_of_matching(request, plan, slice, &source, &mut places).await?
        } else {
            self.page_of_all(request, plan, slice, &source, &mut places).await?
        };
        let shows_memberships = |(_, row): &(String, Row)| {
            let mut of_type =
                renderings.iter().filter(|it| it.resource_type().name == row.resource_type);
            of_type.any(|it| it.loads(row))
        };
        if places.is_none() && page.found.iter().any(shows_memberships) {
            places = Some(self.scan_places(request).await?);
        }
        loop {
            match self.shown(&renderings, &page, &source).await {
                Err(Error::TooManyMemberships { .. }) if slice.may_end_early => {
                    page.halve(&slice.part.bound);
                }
                shown => {
                    drop(places);
                    return Ok((page, shown?));
                }
            }
        }
    }

    /// Without filter and sort, the index finds the page. What is far from the first takes a place.
    async fn page_of_all<'r>(
        &'r self,
        request: &'r Request,
        plan: &Plan<'_>,
        slice: &Slice,
        source: &Source,
        places: &mut Option<ScanPlaces<'r>>,
    ) -> Result<Page, Error> {
        let part = &slice.part;
        let bound = match &part.bound {
            Bound::After(None) => rows::Bound::Skip(i64::try_from(part.skip).unwrap_or(i64::MAX)),
            Bound::After(Some(position)) => rows::Bound::After(position.id),
            Bound::Before(position) => {
                rows::Bound::Before(position.as_ref().map_or(Uuid::max(), |it| it.id))
            }
        };
        let tenant = request.tenant.id;
        let page = if bound.is_quick() {
            match source.replica().await? {
                Some(mut conn) => {
                    rows::page_over(&mut conn, tenant, &plan.of, bound, part.take).await?
                }
                None if !request.tenant.place.is_at_home() => {
                    let mut conn = source.read().await?;
                    rows::page_over(&mut conn, tenant, &plan.of, bound, part.take).await?
                }
                None => {
                    rows::page(&self.lanes, request.tenant.place, &plan.of, bound, part.take)
                        .await?
                }
            }
        } else {
            *places = Some(self.scan_places(request).await?);
            let mut conn = source.read().await?;
            rows::page_over(&mut conn, tenant, &plan.of, bound, part.take).await?
        };
        Ok(Page {
            total: usize::try_from(page.total).unwrap_or(0),
            found: page.rows.into_iter().map(|row| (String::new(), row)).collect(),
            earlier: page.earlier,
            later: page.later,
        })
    }

    /// The database selects and sorts. Places are taken where that may take long.
    async fn page_of_matching<'r>(
        &'r self,
        request: &'r Request,
        plan: &Plan<'_>,
        slice: &Slice,
        source: &Source,
        places: &mut Option<ScanPlaces<'r>>,
    ) -> Result<Page, Error> {
        let tenant = request.tenant.id;
        let mut conn = source.read().await?;
        let asked = plan.asked(request);
        let limits = self.list_limits;
        let mut plan = filter_sql::Plan::of(asked, plan.order, limits);
        if let Err(error) = plan.count(&mut conn, tenant).await {
            return Err(unless_too_many(&plan, error));
        }
        if !plan.is_quick() {
            // Who waits for a place keeps no connection from others.
            drop(conn);
            *places = Some(self.scan_places(request).await?);
            conn = source.read().await?;
        }
        let page = plan.page(&mut conn, tenant, &slice.part).await;
        let page = page.map_err(|error| unless_too_many(&plan, error))?;
        if let Some(exceeded) = plan.exceeded(&page) {
            return Err(Error::too_many(exceeded));
        }
        if page.stale {
            return Err(Error::documents_not_rewritten(&mut conn, tenant).await?);
        }
        let found = page.found.into_iter().map(|it| (it.position.key, it.row)).collect();
        Ok(Page { total: page.total, found, earlier: page.earlier, later: page.later })
    }

    /// Resources as the client sees them.
    async fn shown(
        &self,
        renderings: &[Rendering<'_>],
        page: &Page,
        source: &Source,
    ) -> Result<Vec<String>, Error> {
        let mut texts: HashMap<Uuid, String> = HashMap::with_capacity(page.found.len());
        for rendering in renderings {
            let name = &rendering.resource_type().name;
            let rows = page.found.iter().map(|(_, row)| row);
            let of_type: Vec<&Row> = rows.filter(|row| row.resource_type == *name).collect();
            let shown = self.texts(rendering, &of_type, source, Operation::List).await?;
            texts.extend(of_type.iter().map(|row| row.id).zip(shown));
        }
        Ok(page.found.iter().filter_map(|(_, row)| texts.remove(&row.id)).collect())
    }
}

/// The database gave up: where documents are read, there are too many of them.
fn unless_too_many(plan: &filter_sql::Plan<'_>, error: StoreError) -> Error {
    match plan.types.iter().find(|of_type| of_type.reads_documents()) {
        Some(slowest) if is_timeout(&error) => Error::too_many(slowest),
        _ => error.into(),
    }
}
