//! How a list is made: what finds its resources, what is left to be looked at one by one, and what
//! to index where that is too much.

use serde::Serialize;
use tenon_scim::list::{Paging, Query};

use super::plan::Plan;
use super::unique::{Wanted, wanted};
use super::{Collection, filter_sql};
use crate::service::{Error, Request, Services};
use crate::store::filter_sql::{Bound, Order, TypePlan, is_timeout};
use crate::store::replicas::Source;
use crate::store::rows;

/// How a list is made. As JSON:
///
/// ```json
/// {
///   "total": 12,
///   "refused": null,
///   "types": [{
///     "resourceType": "User",
///     "foundBy": ["name.familyName sw, by a range of the index of its values"],
///     "probed": ["active"],
///     "readInDocuments": ["title"],
///     "candidates": 340,
///     "limit": 50000,
///     "sort": null,
///     "toIndex": ["tenon index add User title"]
///   }]
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// How many resources match, on all pages; null where the list is refused.
    pub total: Option<usize>,
    /// Why the list is refused, and what to do; null where it is made.
    pub refused: Option<String>,
    /// What is done for each type of resources.
    pub types: Vec<OfType>,
}

/// What is done for the resources of a type: the candidates are found, and each of them is looked
/// up in indexes and then, if it has to be, in its document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OfType {
    /// The name of the type.
    pub resource_type: String,
    /// What finds the candidates; empty where all resources of the type are candidates.
    pub found_by: Vec<String>,
    /// The attributes of terms that an index answers for each candidate.
    pub probed: Vec<String>,
    /// The attributes that are read in the document of each candidate.
    pub read_in_documents: Vec<String>,
    /// How many candidates there are: one more than `limit` where there are too many, since no more
    /// are counted. Null where they are not counted: nothing is looked at, or it took too long.
    pub candidates: Option<u64>,
    /// How many candidates there may be; null where nothing is looked at.
    pub limit: Option<u32>,
    /// What sorts those that match; null where the list has no sort.
    pub sort: Option<String>,
    /// Commands that have those attributes indexed that are read in documents and need not be.
    pub to_index: Vec<String>,
}

impl Services {
    /// How a list is made. It is counted, and none of its resources is shown: which page the query
    /// asks for does not matter.
    ///
    /// # Errors
    /// The query is wrong, or the database fails. That the list would be refused is no error.
    pub async fn explain(
        &self,
        request: &Request,
        collection: Collection<'_>,
        query: &Query,
    ) -> Result<Explanation, Error> {
        request.check_query(collection, query)?;
        let narrowing = self.narrowing_of(request, collection, query).await?;
        if narrowing.is_none()
            && let Paging::Index(_) = query.paging
            && let Some(wanted) = wanted(request, collection, query)
        {
            return self.explain_unique(request, &wanted).await;
        }
        let plan = self.plan(request, collection, query, narrowing).await?;
        if plan.selects() {
            self.read_anywhere(request, |source| self.explain_matching(request, &plan, source))
                .await
        } else {
            self.explain_all(request, &plan).await
        }
    }

    async fn explain_unique(
        &self,
        request: &Request,
        wanted: &Wanted<'_>,
    ) -> Result<Explanation, Error> {
        let Wanted { resource_type, key } = wanted;
        let row = self.lookups.by_unique_value(request.tenant.place, key.clone()).await?;
        let found = usize::from(row.is_some());
        let of_type = OfType {
            found_by: vec![format!("{} eq, by its unique value", key.attr)],
            candidates: Some(u64::from(row.is_some())),
            limit: Some(1),
            ..OfType::unread(&resource_type.name)
        };
        Ok(Explanation { total: Some(found), refused: None, types: vec![of_type] })
    }

    /// Without filter and sort, nothing is looked at but the page.
    async fn explain_all(&self, request: &Request, plan: &Plan<'_>) -> Result<Explanation, Error> {
        let first = rows::Bound::Skip(0);
        let place = request.tenant.place;
        let page = if place.is_at_home() {
            rows::page(&self.lanes, place, &plan.of, first, 0).await?
        } else {
            let mut conn = self.database.read_for(place).await?;
            rows::page_over(&mut conn, place.tenant, &plan.of, first, 0).await?
        };
        let total = usize::try_from(page.total).unwrap_or(0);
        let types = plan.types().map(OfType::unread).collect();
        Ok(Explanation { total: Some(total), refused: None, types })
    }

    async fn explain_matching(
        &self,
        request: &Request,
        plan: &Plan<'_>,
        source: Source,
    ) -> Result<Explanation, Error> {
        let _places = self.scan_places(request).await?;
        let tenant = request.tenant.id;
        let mut conn = source.read().await?;
        let asked = plan.asked(request);
        let sorted_by: Vec<_> =
            asked.iter().map(|it| it.sort.map(|sort| sort.target().path())).collect();
        let (order, limits) = (plan.order, self.list_limits);
        let mut plan = filter_sql::Plan::of(asked, order, limits);
        let nothing = filter_sql::Slice { bound: Bound::After(None), skip: 0, take: 0 };
        let page = match plan.count(&mut conn, tenant).await {
            Ok(()) => plan.page(&mut conn, tenant, &nothing).await,
            Err(error) => Err(error),
        };
        let (page, too_large) = match page {
            Ok(page) => {
                let exceeded = plan.exceeded(&page);
                (Some(page), exceeded)
            }
            Err(error) => match plan.types.iter().find(|it| it.reads_documents()) {
                Some(slowest) if is_timeout(&error) => (None, Some(slowest)),
                _ => return Err(error.into()),
            },
        };
        let mut refused = too_large.map(|it| Error::too_many(it).to_string());
        if refused.is_none() && page.as_ref().is_some_and(|it| it.stale) {
            refused = Some(Error::documents_not_rewritten(&mut conn, tenant).await?.to_string());
        }
        let candidates = |place| page.as_ref().and_then(|it| it.candidates.get(place)).copied();
        let walks = page.as_ref().is_some_and(|it| it.walked);
        let types = plan.types.iter().zip(&sorted_by).enumerate();
        let types = types.map(|(place, (of_type, attribute))| {
            let candidates = candidates(place);
            let by_index = of_type.sorts_by_index().then(|| ByIndex {
                walks,
                documents: of_type.sorts_by_documents(candidates.unwrap_or(u64::MAX)),
            });
            let sort = sort(by_index, order, attribute.as_deref());
            OfType { sort, candidates, ..OfType::of(of_type) }
        });
        Ok(Explanation {
            types: types.collect(),
            total: page.filter(|_| refused.is_none()).map(|it| it.total),
            refused,
        })
    }
}

impl OfType {
    /// No candidate is looked at.
    fn unread(resource_type: &str) -> Self {
        Self {
            resource_type: resource_type.to_owned(),
            found_by: Vec::new(),
            probed: Vec::new(),
            read_in_documents: Vec::new(),
            candidates: None,
            limit: None,
            sort: None,
            to_index: Vec::new(),
        }
    }

    /// Without the candidates and the sort.
    fn of(plan: &TypePlan<'_>) -> Self {
        let name = plan.resource_type();
        let to_index = plan.can_be_indexed();
        Self {
            found_by: plan.found_by(),
            probed: plan.probed(),
            read_in_documents: plan.residual(),
            limit: Some(plan.limit()),
            to_index: to_index.iter().map(|it| format!("tenon index add {name} {it}")).collect(),
            ..Self::unread(name)
        }
    }
}

/// A sort whose order an index has.
#[derive(Clone, Copy)]
struct ByIndex {
    /// A page reads no entries but those up to its end.
    walks: bool,
    /// The index is not asked, since few match.
    documents: bool,
}

/// What sorts the resources of a type, where the list has a sort; `attribute` is the type's, if it
/// has it.
fn sort(by_index: Option<ByIndex>, order: Order, attribute: Option<&str>) -> Option<String> {
    if order == Order::Creation {
        return None;
    }
    Some(match (attribute, by_index) {
        (None, _) => "the type does not have the attribute".to_owned(),
        (Some(path), Some(ByIndex { walks: true, .. })) => format!("{path}, by its index"),
        (Some(path), Some(ByIndex { documents: false, .. })) => {
            format!("{path}, by all entries of its index")
        }
        (Some("id"), _) => "id, by the id".to_owned(),
        (Some(path), _) => format!("{path}, by the documents of those that match"),
    })
}
