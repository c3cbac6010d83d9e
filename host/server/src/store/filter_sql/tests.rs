//! SQL selects and orders the same resources as the pure evaluator, whatever the documents, the
//! filter, the sort, and the attributes that have an index.
//!
//! `make test-nightly` looks longer.

mod plans;
mod walks;
mod world;

#[path = "../../../../scim/tests/properties"]
#[expect(dead_code, reason = "generators that the laws of the protocol core use too")]
mod generated {
    pub(crate) mod calls;
    pub(crate) mod filters;
    pub(crate) mod types;
    pub(crate) mod values;
}

use std::collections::HashSet;

use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use tenon_scim::filter::{BoundFilter, Filter, bind_each};
use tenon_scim::schema::ResourceType;
use tenon_scim::sort::{Sort, SortOrder};
use uuid::Uuid;

use self::world::World;
use super::{Asked, Bound, Limits, Order, Plan, Slice, Space};
use crate::store::TenantId;
use crate::store::scratch::Scratch;

/// What is found where documents are not rewritten yet.
const STALE: &str = "stale";

/// Filters that are asked of the same documents.
const FILTERS_OF_A_WORLD: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn sql_and_the_evaluator_select_and_order_the_same_resources() {
    let cases = std::env::var("TENON_PROPERTY_CASES").ok();
    let cases = cases.map_or(2_000, |cases| cases.parse().unwrap());
    let scratch = Scratch::start().await;
    let mut conn = scratch.pool.acquire().await.unwrap();
    let mut runner = TestRunner::default();
    let types: Vec<_> = generated::types::all_types().iter().map(|it| (**it).clone()).collect();
    let filters: Vec<_> = types.iter().map(|it| generated::filters::fitting(it)).collect();
    let mut left = cases;
    while left > 0 {
        let world = World::generate(&types, &mut runner);
        world.store(&mut conn).await;
        for _ in 0..FILTERS_OF_A_WORLD.min(left) {
            let case = Case::generate(&world, &filters, &mut runner);
            case.check(&world, &mut conn, &mut runner).await;
        }
        left = left.saturating_sub(FILTERS_OF_A_WORLD);
    }
    drop(conn);
    scratch.stop().await;
}

/// A query, as shrinking makes it smaller.
struct Case {
    /// The places of the types that it is asked of.
    types: Vec<usize>,
    tree: Box<dyn ValueTree<Value = Filter>>,
    filtered: bool,
    sort_by: Option<String>,
    order: SortOrder,
}

impl Case {
    fn generate(world: &World, filters: &[BoxedStrategy<Filter>], runner: &mut TestRunner) -> Self {
        let one = world::below(runner, world.types.len());
        let all = world::below(runner, 5) == 0;
        let types = if all { (0..world.types.len()).collect() } else { vec![one] };
        let strategy = world.with_values_of_documents(one, filters[one].clone());
        let tree = Box::new(strategy.new_tree(runner).unwrap());
        let sort_by = (world::below(runner, 2) == 0).then(|| world.sortable(one, runner));
        let order = [SortOrder::Ascending, SortOrder::Descending][world::below(runner, 2)];
        // All resources in an order may be read from its index.
        let filtered = world::below(runner, if sort_by.is_some() { 3 } else { 20 }) > 0;
        Self { types, tree, filtered, sort_by, order }
    }

    async fn check(
        mut self,
        world: &World,
        conn: &mut sqlx::PgConnection,
        runner: &mut TestRunner,
    ) {
        let in_pages = world::below(runner, if self.sort_by.is_some() { 3 } else { 10 }) == 0;
        let page = if in_pages { 1 + world::below(runner, 4) } else { usize::MAX >> 1 };
        let mut failure = self.difference(world, conn, page).await;
        if failure.is_none() {
            return;
        }
        let mut smallest = None;
        for _ in 0..500 {
            let moved = if failure.is_some() {
                smallest = failure.take();
                self.tree.simplify()
            } else {
                self.tree.complicate()
            };
            if !moved {
                break;
            }
            failure = self.difference(world, conn, page).await;
        }
        panic!("{}", failure.or(smallest).unwrap());
    }

    /// How SQL and the evaluator differ, with indexes and without.
    async fn difference(
        &self,
        world: &World,
        conn: &mut sqlx::PgConnection,
        page: usize,
    ) -> Option<String> {
        let filter = self.tree.current();
        let types: Vec<&ResourceType> = self.types.iter().map(|it| &*world.types[*it]).collect();
        let bound = bind_each(types.iter().map(|it| (*it, &filter))).ok()?;
        let filters = self.filtered.then_some(&bound);
        let none = HashSet::new();
        for with_indexes in [false, true] {
            let ready = |place: usize| if with_indexes { &world.ready[place] } else { &none };
            let asked: Vec<Asked<'_>> = self
                .types
                .iter()
                .enumerate()
                .map(|(at, place)| Asked {
                    space: Space {
                        resource_type: types[at],
                        ready: ready(*place),
                        rewritten: world.rewritten,
                        types: &world.types,
                        base_url: world::BASE_URL,
                        narrowed: &[],
                    },
                    filter: filters.map(|filters| &filters[at]),
                    narrowing: None,
                    sort: self.sort(types[at]),
                })
                .collect();
            let expected = self.expected(world, &types, filters);
            let found = self.found(world.tenant, conn, asked, page).await;
            // A page that may be wrong says so.
            if !world.rewritten && found == Err(STALE.to_owned()) {
                continue;
            }
            if found.as_ref() != Ok(&expected) {
                let asked = if self.filtered { filter.to_string() } else { "(all)".to_owned() };
                return Some(format!(
                    "filter: {asked}\nof {:?}, sorted by {:?} {:?}, indexes: {with_indexes} {:?}\n\
                     SQL finds {found:?}\nexpected  {expected:?}\n{}",
                    types.iter().map(|it| &it.name).collect::<Vec<_>>(),
                    self.sort_by,
                    self.order,
                    self.types.iter().map(|it| ready(*it)).collect::<Vec<_>>(),
                    world.described(found.as_deref().unwrap_or_default(), &expected)
                ));
            }
        }
        None
    }

    fn sort<'t>(&self, resource_type: &'t ResourceType) -> Option<Sort<'t>> {
        Sort::new(resource_type, self.sort_by.as_deref()?, self.order).ok()
    }

    /// What the pure core says.
    fn expected(
        &self,
        world: &World,
        types: &[&ResourceType],
        filters: Option<&Vec<BoundFilter<'_>>>,
    ) -> Vec<Uuid> {
        let mut found = Vec::new();
        for (at, place) in self.types.iter().enumerate() {
            let sort = self.sort(types[at]);
            for document in world.documents.iter().filter(|it| it.of == *place) {
                if filters.is_none_or(|filters| filters[at].matches(&document.shown)) {
                    let missing = || tenon_scim::sort::SortKey::missing(self.order);
                    let key = sort.as_ref().map_or_else(missing, |it| it.key(&document.shown));
                    found.push((key, document.id));
                }
            }
        }
        found.sort();
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// What SQL finds, page by page; there and back where there are several.
    async fn found(
        &self,
        tenant: TenantId,
        conn: &mut sqlx::PgConnection,
        asked: Vec<Asked<'_>>,
        take: usize,
    ) -> Result<Vec<Uuid>, String> {
        let order = self.sort_by.as_ref().map_or(Order::Creation, |_| Order::Sorted(self.order));
        // Few resources are sorted as if they were many, where they are asked for in pages.
        let sorted = if take < usize::MAX >> 1 { 0 } else { Limits::default().sorted };
        let limits = Limits { sorted, ..Limits::default() };
        let mut plan = Plan::of(asked, order, limits);
        plan.count(conn, tenant).await.map_err(|it| it.to_string())?;
        let mut there: Vec<Uuid> = Vec::new();
        let mut bound = Bound::After(None);
        loop {
            let slice = Slice { bound, skip: 0, take };
            let page = plan.page(conn, tenant, &slice).await;
            let page =
                page.map_err(|it| format!("{it}\n{}", plan.statement(tenant, &slice).text))?;
            if page.stale {
                return Err(STALE.to_owned());
            }
            assert_eq!(page.earlier, !there.is_empty());
            there.extend(page.found.iter().map(|it| it.position.id));
            if !page.later {
                assert_eq!(page.total, there.len());
                break;
            }
            bound = Bound::After(page.found.last().map(|it| it.position.clone()));
        }
        if take > there.len() {
            return Ok(there);
        }
        let mut back: Vec<Uuid> = Vec::new();
        let mut bound = Bound::Before(None);
        loop {
            let slice = Slice { bound, skip: 0, take };
            let page = plan.page(conn, tenant, &slice).await.map_err(|it| it.to_string())?;
            assert_eq!(page.later, !back.is_empty());
            back.splice(0..0, page.found.iter().map(|it| it.position.id));
            if !page.earlier {
                break;
            }
            bound = Bound::Before(page.found.first().map(|it| it.position.clone()));
        }
        assert_eq!(there, back);
        for skip in [1, there.len() / 2, there.len() - 1, there.len()] {
            let slice = Slice { bound: Bound::After(None), skip, take };
            let page = plan.page(conn, tenant, &slice).await.map_err(|it| it.to_string())?;
            let found = page.found.iter().map(|it| it.position.id);
            assert!(found.eq(there.iter().skip(skip).take(take).copied()));
            assert_eq!((page.total, page.later), (there.len(), skip + take < there.len()));
        }
        Ok(there)
    }
}
