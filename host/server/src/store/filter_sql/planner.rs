//! Decides what finds the resources of a filter, and what is left to be looked at one by one.

use sqlx::{PgConnection, Row};
use tenon_scim::filter::BoundFilter;
use tenon_scim::index;
use tenon_scim::path::AttributeRef;

use super::binds::{Binds, Statement};
use super::document::{self, Of};
use super::sets::{Driver, MANY, ONE, SCANNED, Set, driver, probe};
use super::{Asked, Limits, Order, Space, sort};
use crate::store::{StoreError, TenantId};

/// Sets are counted up to here to find the smallest.
const COUNTED: i64 = 2_000;
/// So many of the sets that a filter has are counted, the best by their ranks.
const COMPARED: usize = 8;

/// What a list does, for each type.
#[derive(Debug, Clone)]
pub struct Plan<'s> {
    /// The types, in the order in which they were asked for.
    pub types: Vec<TypePlan<'s>>,
    /// The order of the list.
    pub order: Order,
    limits: Limits,
}

/// How the resources of a type are found.
#[derive(Debug, Clone)]
pub struct TypePlan<'s> {
    pub(super) asked: Asked<'s>,
    pub(super) set: Option<Set<'s>>,
    /// Whether the set is known to have few resources.
    finds_few: bool,
    /// Terms that an index answers for each candidate.
    pub(super) probes: Vec<Term<'s>>,
    /// Terms that are evaluated over the document of each candidate.
    pub(super) documents: Vec<Term<'s>>,
    pub(super) keys: Keys,
    pub(super) limits: Limits,
}

/// Where the keys of a sort come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// There is no sort, or the id is the key.
    None,
    Id,
    /// Each document.
    Documents,
    /// The index has them all.
    Index,
}

/// Which of the sets of a type, in the order of their ranks, finds the candidates.
#[derive(Debug, Clone, Copy)]
struct Choice {
    place: usize,
    /// How many resources it has, up to [`COUNTED`]; `None` where nobody has counted them.
    count: Option<i64>,
}

impl<'s> Plan<'s> {
    /// Reads what is asked. The set that is the best by its rank finds the candidates of each type.
    #[must_use]
    pub fn of(asked: Vec<Asked<'s>>, order: Order, limits: Limits) -> Self {
        let first = Choice { place: 0, count: None };
        let types = asked.into_iter().map(|it| TypePlan::of(it, first, order, limits)).collect();
        Self { types, order, limits }
    }

    /// Counts what the terms find that an index answers, where their ranks do not say it, and takes
    /// that which finds the fewest.
    ///
    /// # Errors
    /// The database fails, or gives up ([`super::is_timeout`]).
    pub async fn count(
        &mut self,
        conn: &mut PgConnection,
        tenant: TenantId,
    ) -> Result<(), StoreError> {
        for of_type in &mut self.types {
            if let Some(choice) = smallest(conn, tenant, &of_type.asked).await? {
                let asked = of_type.asked.clone();
                *of_type = TypePlan::of(asked, choice, self.order, self.limits);
            }
        }
        Ok(())
    }

    /// Whether indexes answer it, of each type, and are known to find few resources.
    #[must_use]
    pub fn is_quick(&self) -> bool {
        self.types.iter().all(|it| it.finds_few && !it.reads_documents() && !it.sorts_by_index())
    }
}

/// A term of a filter, and where it looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term<'s> {
    pub(super) filter: &'s BoundFilter<'s>,
    space: Space<'s>,
}

impl Term<'_> {
    /// Whether the resource with the id satisfies it, by an index; `None` where that does not say it.
    pub(super) fn probe(&self, id: &str, binds: &mut Binds) -> Option<String> {
        probe(self.filter, id, &self.space, binds)
    }

    /// Whether the row `r` does, with its document.
    pub(super) fn condition(&self, binds: &mut Binds) -> String {
        document::condition(self.filter, Of::Row(&self.space), binds)
    }
}

impl<'s> Asked<'s> {
    /// The terms that all have to hold.
    pub(super) fn terms(&self) -> Vec<Term<'s>> {
        let unnarrowed = Space { narrowed: &[], ..self.space };
        let mut terms = Vec::new();
        for (filter, space) in [(self.filter, self.space), (self.narrowing, unnarrowed)] {
            let conjuncts = filter.map(conjuncts).unwrap_or_default();
            terms.extend(conjuncts.into_iter().map(|filter| Term { filter, space }));
        }
        terms
    }
}

fn conjuncts<'s>(filter: &'s BoundFilter<'s>) -> Vec<&'s BoundFilter<'s>> {
    match filter {
        BoundFilter::Constant(true) => Vec::new(),
        BoundFilter::And(terms) => terms.iter().flat_map(conjuncts).collect(),
        term => vec![term],
    }
}

/// The sets of those terms that an index answers, the best first, with the places of the terms.
fn drivers<'s>(terms: &[Term<'s>]) -> Vec<(usize, Driver<'s>)> {
    let drivers = terms.iter().enumerate();
    let driver =
        |(place, term): (usize, &Term<'s>)| Some((place, driver(term.filter, &term.space)?));
    let mut drivers: Vec<_> = drivers.filter_map(driver).collect();
    drivers.sort_by_key(|(_, driver)| driver.rank);
    drivers
}

/// Which set has the fewest resources; `None` where no index is asked, since the ranks decide.
async fn smallest(
    conn: &mut PgConnection,
    tenant: TenantId,
    asked: &Asked<'_>,
) -> Result<Option<Choice>, StoreError> {
    let drivers = drivers(&asked.terms());
    let counted = drivers.iter().map(|(_, driver)| driver);
    let counted: Vec<_> =
        counted.take_while(|driver| driver.rank < SCANNED).take(COMPARED).collect();
    let needs_count = counted
        .first()
        .is_some_and(|best| best.rank > ONE && (counted.len() > 1 || best.rank < MANY));
    if !needs_count {
        return Ok(None);
    }
    let mut binds = Binds::default();
    binds.uuid(tenant.0);
    let counts: Vec<_> = counted
        .iter()
        .map(|driver| {
            let set = driver.set.repeating(&asked.space, &mut binds);
            format!("(SELECT count(*) FROM (SELECT FROM ({set}) AS s LIMIT {COUNTED}) AS s)")
        })
        .collect();
    let statement = Statement { text: format!("SELECT ARRAY[{}]", counts.join(", ")), binds };
    let rows = statement.rows(conn).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let counts: Vec<i64> = row.try_get(0)?;
    let fewest = counts.into_iter().enumerate().min_by_key(|(_, count)| *count);
    Ok(fewest.map(|(place, count)| Choice { place, count: Some(count) }))
}

impl<'s> TypePlan<'s> {
    fn of(asked: Asked<'s>, choice: Choice, order: Order, limits: Limits) -> Self {
        let terms = asked.terms();
        let chosen = drivers(&terms).into_iter().nth(choice.place);
        let exact = chosen.as_ref().filter(|(_, driver)| driver.exact).map(|(place, _)| *place);
        let rest = terms.iter().enumerate().filter(|(place, _)| Some(*place) != exact);
        let is_probe = |term: &Term<'_>| term.probe("c.id", &mut Binds::default()).is_some();
        let (probes, documents): (Vec<_>, Vec<_>) = rest.map(|(_, term)| *term).partition(is_probe);
        let indexed = |sort| sort::is_indexed(sort, &asked.space) && documents.is_empty();
        let keys = match &asked.sort {
            _ if order == Order::Creation => Keys::None,
            Some(sort) if sort::is_by_id(sort.target()) => Keys::Id,
            Some(sort) if indexed(sort) => Keys::Index,
            _ => Keys::Documents,
        };
        let finds_few = match choice.count {
            Some(count) => count < COUNTED,
            None => chosen.as_ref().is_some_and(|(_, driver)| driver.rank <= ONE),
        };
        let set = chosen.map(|(_, driver)| driver.set);
        Self { asked, set, finds_few, probes, documents, keys, limits }
    }

    /// The name of the type.
    #[must_use]
    pub fn resource_type(&self) -> &str {
        &self.asked.space.resource_type.name
    }

    /// Whether documents are read to know which resources match, and in which order.
    #[must_use]
    pub fn reads_documents(&self) -> bool {
        let sorts = self.keys == Keys::Documents && self.asked.sort.is_some();
        !self.documents.is_empty() || sorts
    }

    /// Whether an index has the order of the list.
    #[must_use]
    pub fn sorts_by_index(&self) -> bool {
        self.keys == Keys::Index
    }

    /// Whether the candidates are known to be so few that they are sorted by their documents.
    pub(super) fn finds_few(&self) -> bool {
        self.finds_few && COUNTED <= self.limits.sorted.into()
    }

    /// The same without a sort.
    pub(super) fn without_keys(&self) -> Self {
        Self { keys: Keys::None, ..self.clone() }
    }

    /// How many candidates there may be.
    #[must_use]
    pub fn limit(&self) -> u32 {
        if self.reads_documents() {
            self.limits.documents
        } else if self.probes.is_empty() {
            self.limits.found
        } else {
            self.limits.probes
        }
    }

    /// The attributes that an index answers for each candidate.
    #[must_use]
    pub fn probed(&self) -> Vec<String> {
        paths(&self.probes)
    }

    /// The attributes that are read in the document of each candidate.
    #[must_use]
    pub fn residual(&self) -> Vec<String> {
        let mut residual = paths(&self.documents);
        if let (Keys::Documents, Some(sort)) = (self.keys, &self.asked.sort) {
            push(&mut residual, sort.target().path());
        }
        residual
    }

    /// Those of the attributes that are read in documents for which there can be an index.
    #[must_use]
    pub fn can_be_indexed(&self) -> Vec<String> {
        let resource_type = self.asked.space.resource_type;
        let mut paths = self.residual();
        paths.retain(|path| {
            let known = resource_type.attributes().find(|target| target.path() == *path);
            known.is_some_and(|it| index::can_be_indexed(resource_type, it))
                && !self.asked.space.ready.contains(path)
        });
        paths
    }
}

fn paths(terms: &[Term<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    for term in terms {
        collect(term.filter, None, &mut found);
    }
    found
}

/// The paths of the attributes that a filter names, each once.
fn collect(filter: &BoundFilter<'_>, within: Option<AttributeRef<'_>>, found: &mut Vec<String>) {
    let path = |target: AttributeRef<'_>| match within {
        Some(outer) if outer.attribute.sub_attributes.is_empty() => outer.path(),
        Some(outer) => format!("{}.{}", outer.path(), target.path()),
        None => target.path(),
    };
    match filter {
        BoundFilter::And(terms) | BoundFilter::Or(terms) => {
            terms.iter().for_each(|term| collect(term, within, found));
        }
        BoundFilter::Not(inner) => collect(inner, within, found),
        BoundFilter::Constant(_) => {}
        BoundFilter::Present(target) => push(found, path(*target)),
        BoundFilter::Compare(comparison) => push(found, path(comparison.target)),
        BoundFilter::Element(target, inner) => collect(inner, Some(*target), found),
    }
}

fn push(found: &mut Vec<String>, path: String) {
    if !found.contains(&path) {
        found.push(path);
    }
}
