//! A list without filter and sort: the index finds the page, and the stored text is the answer.

use std::collections::HashMap;

use tenon_scim::list::Query;
use tenon_scim::sort::{SortKey, SortOrder};
use uuid::Uuid;

use super::{Around, Collection, Slice};
use crate::service::cursor::{Bound, Position};
use crate::service::read::projection;
use crate::service::render::Rendering;
use crate::service::{Error, Request, Services};
use crate::store::rows::{self, Page, Row};

/// A page as the client sees it.
pub(super) struct Texts {
    pub(super) total: usize,
    pub(super) texts: Vec<String>,
    page: Page,
}

impl Texts {
    pub(super) fn around(&self) -> Around {
        let position =
            |row: &Row| Position { key: SortKey::missing(SortOrder::default()), id: row.id };
        let ends = self.page.rows.first().zip(self.page.rows.last());
        let ends = ends.map(|(first, last)| (position(first), position(last)));
        let Page { earlier, later, .. } = self.page;
        Around { total: self.total, ends, earlier, later }
    }
}

impl Services {
    /// A page of all resources of the collection.
    ///
    /// # Errors
    /// They have more memberships than may be shown, or the database fails.
    pub(super) async fn page_of_all(
        &self,
        request: &Request,
        collection: Collection<'_>,
        query: &Query,
        slice: &Slice,
    ) -> Result<Texts, Error> {
        let renderings: Vec<Rendering<'_>> = collection
            .types()
            .into_iter()
            .map(|it| Rendering::new(request, it, projection(it, &query.selection)))
            .collect();
        let bound = match &slice.bound {
            Bound::After(None) => rows::Bound::Skip(i64::try_from(slice.skip).unwrap_or(i64::MAX)),
            Bound::After(Some(position)) => rows::Bound::After(position.id),
            Bound::Before(position) => {
                rows::Bound::Before(position.as_ref().map_or(Uuid::max(), |it| it.id))
            }
        };
        let of = collection.of();
        let mut page = rows::page(&self.lanes, request.tenant.id, &of, bound, slice.take).await?;
        let shows_memberships = page.rows.iter().any(|row| {
            renderings
                .iter()
                .any(|it| it.resource_type().name == row.resource_type && it.loads(row))
        });
        let _places = if shows_memberships { Some(self.scan_places(request).await?) } else { None };
        loop {
            match self.texts_of_all(&renderings, &page.rows).await {
                Err(Error::TooManyMemberships { .. }) if slice.may_end_early => {
                    halve(&mut page, &slice.bound);
                }
                texts => {
                    let total = usize::try_from(page.total).unwrap_or(0);
                    return Ok(Texts { total, texts: texts?, page });
                }
            }
        }
    }

    /// Resources as the client sees them.
    async fn texts_of_all(
        &self,
        renderings: &[Rendering<'_>],
        rows: &[Row],
    ) -> Result<Vec<String>, Error> {
        let mut texts: HashMap<Uuid, String> = HashMap::with_capacity(rows.len());
        for rendering in renderings {
            let name = &rendering.resource_type().name;
            let of_type: Vec<&Row> = rows.iter().filter(|row| row.resource_type == *name).collect();
            let shown = self.texts(rendering, &of_type).await?;
            texts.extend(of_type.iter().map(|row| row.id).zip(shown));
        }
        Ok(rows.iter().filter_map(|row| texts.remove(&row.id)).collect())
    }
}

/// Leaves the half that is next to the bound.
fn halve(page: &mut Page, bound: &Bound) {
    let half = page.rows.len() / 2;
    match bound {
        Bound::After(_) => {
            page.rows.truncate(half);
            page.later = true;
        }
        Bound::Before(_) => {
            page.rows.drain(..page.rows.len() - half);
            page.earlier = true;
        }
    }
}
