//! Decides what finds the resources of a filter, and what is left to be looked at one by one.

use sqlx::{PgConnection, Row};
use tenon_scim::filter::BoundFilter;
use tenon_scim::index;
use tenon_scim::path::AttributeRef;
use tenon_scim::schema::Returned;

use super::binds::{Binds, Statement};
use super::sets::{Driver, MANY, SCANNED, Set, driver, probe};
use super::{Asked, Limits, Order, sort};
use crate::store::{StoreError, TenantId};

/// Sets are counted up to here to find the smallest.
const COUNTED: i64 = 2_000;

/// What a list does, for each type.
#[derive(Debug, Clone)]
pub struct Plan<'s> {
    /// The types, in the order in which they were asked for.
    pub types: Vec<TypePlan<'s>>,
    /// The order of the list.
    pub order: Order,
}

/// How the resources of a type are found.
#[derive(Debug, Clone)]
pub struct TypePlan<'s> {
    pub(super) asked: Asked<'s>,
    pub(super) set: Option<Set<'s>>,
    found_by: Vec<String>,
    /// Whether the set has few resources as a rule.
    finds_few: bool,
    /// Terms that an index answers for each candidate.
    pub(super) probes: Vec<&'s BoundFilter<'s>>,
    /// Terms that are evaluated over the document of each candidate.
    pub(super) documents: Vec<&'s BoundFilter<'s>>,
    pub(super) keys: Keys,
    limits: Limits,
}

/// What finds the candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// The indexes of these attributes.
    Index(Vec<String>),
    /// Nothing: all resources of the type are candidates.
    All,
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

impl<'s> Plan<'s> {
    /// Reads what is asked. Where a filter has several terms that an index answers, counts what each
    /// of them finds.
    ///
    /// # Errors
    /// The database fails.
    pub async fn of(
        conn: &mut PgConnection,
        tenant: TenantId,
        asked: Vec<Asked<'s>>,
        order: Order,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let mut types = Vec::with_capacity(asked.len());
        for asked in asked {
            let terms = conjuncts(asked.filter);
            let mut drivers: Vec<(usize, Driver<'s>)> = terms
                .iter()
                .enumerate()
                .filter_map(|(place, term)| Some((place, driver(term, &asked.space)?)))
                .collect();
            drivers.sort_by_key(|(_, driver)| driver.rank);
            let chosen = smallest(conn, tenant, &asked, &drivers).await?;
            let chosen = chosen.and_then(|it| drivers.into_iter().nth(it));
            types.push(TypePlan::of(asked, &terms, chosen, order, limits));
        }
        Ok(Self { types, order })
    }

    /// Whether indexes answer it, of each type, and find few resources as a rule.
    #[must_use]
    pub fn is_quick(&self) -> bool {
        self.types.iter().all(|it| it.finds_few && !it.reads_documents() && !it.sorts_by_index())
    }
}

/// Terms that all have to hold.
fn conjuncts<'s>(filter: Option<&'s BoundFilter<'s>>) -> Vec<&'s BoundFilter<'s>> {
    match filter {
        None | Some(BoundFilter::Constant(true)) => Vec::new(),
        Some(BoundFilter::And(terms)) => {
            terms.iter().flat_map(|term| conjuncts(Some(term))).collect()
        }
        Some(term) => vec![term],
    }
}

/// Which of some sets, in the order of their ranks, has the fewest resources. One or none, and an
/// index is asked where several may.
async fn smallest(
    conn: &mut PgConnection,
    tenant: TenantId,
    asked: &Asked<'_>,
    drivers: &[(usize, Driver<'_>)],
) -> Result<Option<usize>, StoreError> {
    let few = drivers.iter().take_while(|(_, driver)| driver.rank < SCANNED);
    let few: Vec<_> = few.map(|(_, driver)| driver).collect();
    let needs_count = few.len() > 1 && few.first().is_some_and(|first| first.rank > 1);
    if !needs_count {
        return Ok((!drivers.is_empty()).then_some(0));
    }
    let mut binds = Binds::default();
    binds.uuid(tenant.0);
    let counts: Vec<_> = few
        .iter()
        .map(|driver| {
            let set = driver.set.sql(&asked.space, &mut binds);
            format!("(SELECT count(*) FROM (SELECT FROM ({set}) AS s LIMIT {COUNTED}) AS s)")
        })
        .collect();
    let statement = Statement { text: format!("SELECT ARRAY[{}]", counts.join(", ")), binds };
    let rows = statement.rows(conn).await?;
    let counts: Vec<i64> = match rows.first() {
        Some(row) => row.try_get(0)?,
        None => Vec::new(),
    };
    Ok(counts.iter().enumerate().min_by_key(|(_, count)| **count).map(|(place, _)| place))
}

impl<'s> TypePlan<'s> {
    fn of(
        asked: Asked<'s>,
        terms: &[&'s BoundFilter<'s>],
        chosen: Option<(usize, Driver<'s>)>,
        order: Order,
        limits: Limits,
    ) -> Self {
        let exact = chosen.as_ref().filter(|(_, driver)| driver.exact).map(|(place, _)| *place);
        let rest = terms.iter().enumerate().filter(|(place, _)| Some(*place) != exact);
        let is_probe = |term: &BoundFilter<'_>| {
            probe(term, "c.id", &asked.space, &mut Binds::default()).is_some()
        };
        let (probes, documents): (Vec<_>, Vec<_>) =
            rest.map(|(_, term)| *term).partition(|term| is_probe(term));
        let indexed = |sort| sort::is_indexed(sort, &asked.space) && documents.is_empty();
        let keys = match &asked.sort {
            _ if order == Order::Creation => Keys::None,
            Some(sort) if sort::is_by_id(sort.target()) => Keys::Id,
            Some(sort) if indexed(sort) => Keys::Index,
            _ => Keys::Documents,
        };
        let finds_few = chosen.as_ref().is_some_and(|(_, driver)| driver.rank < MANY);
        let (set, found_by) = match chosen {
            Some((_, driver)) => (Some(driver.set), driver.found_by),
            None => (None, Vec::new()),
        };
        Self { asked, set, found_by, finds_few, probes, documents, keys, limits }
    }

    /// What finds the candidates.
    #[must_use]
    pub fn access(&self) -> Access {
        match self.set {
            Some(_) => Access::Index(self.found_by.clone()),
            None => Access::All,
        }
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

    /// How many candidates there may be.
    #[must_use]
    pub fn limit(&self) -> u32 {
        if self.reads_documents() {
            self.limits.documents
        } else if self.probes.is_empty() && self.keys != Keys::Index {
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
            known.is_some_and(|it| {
                index::can_be_indexed(resource_type, it) && it.leaf().returned != Returned::Never
            }) && !self.asked.space.ready.contains(path)
        });
        paths
    }
}

fn paths(terms: &[&BoundFilter<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    for term in terms {
        collect(term, None, &mut found);
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
