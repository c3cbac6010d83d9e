//! Pages that are read in the order of an index, and those that are not.

use std::collections::HashSet;

use sqlx::PgConnection;
use tenon_scim::filter::{self, bind_each};
use tenon_scim::sort::{Sort, SortOrder};
use uuid::Uuid;

use super::plans::resource_type;
use crate::store::TenantId;
use crate::store::filter_sql::{Asked, Bound, Limits, Order, Plan, Position, Slice, Space};
use crate::store::scratch::Scratch;

const TENANT: TenantId = TenantId(Uuid::from_u128(7));

/// Users 1 to `valued`, of which ten have the same name, and from there on to `all` without one.
async fn fill(conn: &mut PgConnection, valued: i32, all: i32) {
    for statement in [
        "INSERT INTO tenants (id, name, created, modified) \
         SELECT $1, 'a', now(), now() WHERE $2 + $3 > 0",
        "INSERT INTO counters (tenant_id, type, n) SELECT $1, 'User', $3 WHERE $2 >= 0",
        "INSERT INTO resources (tenant_id, id, type, version, created, modified, body) \
         SELECT $1, lpad(to_hex(n), 32, '0')::uuid, 'User', 1, now(), now(), \
                CASE WHEN n <= $2 THEN '{\"displayName\":\"n' || n / 10 || '\"}' ELSE '{}' END \
         FROM generate_series(1, $3) AS n",
        "INSERT INTO attr_index (tenant_id, type, attr, val, id, elem, substrings) \
         SELECT $1, 'User', 'displayName', 'n' || n / 10, lpad(to_hex(n), 32, '0')::uuid, 0, false \
         FROM generate_series(1, $2) AS n WHERE $3 >= $2",
    ] {
        let query = sqlx::query(statement).bind(TENANT.0).bind(valued).bind(all);
        query.execute(&mut *conn).await.unwrap();
    }
}

/// The number of the users of a page by name, as the index alone says it.
async fn walked(
    conn: &mut PgConnection,
    filter: Option<&str>,
    order: SortOrder,
    limits: Limits,
    slice: &Slice,
) -> Option<(Vec<u128>, bool, bool)> {
    let resource_type = resource_type("User");
    let types = [resource_type.clone()];
    let ready = HashSet::from(["displayName".to_owned()]);
    let space = Space {
        resource_type: &resource_type,
        ready: &ready,
        rewritten: true,
        types: &types,
        base_url: "",
        narrowed: &[],
    };
    let sort = Some(Sort::new(&resource_type, "displayName", order).unwrap());
    let filter = filter.map(|it| filter::parse(it).unwrap());
    let bound = filter.as_ref().map(|it| bind_each([(&*resource_type, it)]).unwrap());
    let filter = bound.as_ref().and_then(|it| it.first());
    let plan = Plan::of(
        vec![Asked { space, filter, narrowing: None, sort }],
        Order::Sorted(order),
        limits,
    );
    let page = plan.walked(conn, TENANT, slice).await.unwrap()?;
    let ids = page.found.iter().map(|it| it.position.id.as_u128()).collect();
    Some((ids, page.earlier, page.later))
}

/// The numbers of the users of a page, and whether there are some before it and after it.
type Shown<'s> = (&'s [u128], bool, bool);

fn at(key: &str, n: u128) -> Option<Position> {
    Some(Position { key: key.to_owned(), id: Uuid::from_u128(n) })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_walked_both_ways_and_past_its_end() {
    let scratch = Scratch::start().await;
    let mut conn = scratch.pool.acquire().await.unwrap();
    fill(&mut conn, 35, 40).await;
    let (up, down) = (SortOrder::Ascending, SortOrder::Descending);
    let cases: [(SortOrder, Bound, usize, Shown<'_>); 14] = [
        (up, Bound::After(None), 0, (&[1, 2, 3], false, true)),
        (up, Bound::After(None), 33, (&[34, 35, 36], false, true)),
        (up, Bound::After(at("3n3", 34)), 0, (&[35, 36, 37], true, true)),
        (up, Bound::After(at("4", 37)), 0, (&[38, 39, 40], true, false)),
        (up, Bound::Before(None), 0, (&[38, 39, 40], true, false)),
        (up, Bound::Before(at("4", 37)), 0, (&[34, 35, 36], true, true)),
        (up, Bound::Before(at("3n0", 3)), 0, (&[1, 2], false, true)),
        (down, Bound::After(None), 0, (&[36, 37, 38], false, true)),
        (down, Bound::After(at("4", 39)), 0, (&[40, 30, 31], true, true)),
        (down, Bound::After(at("3n3", 34)), 0, (&[35, 20, 21], true, true)),
        (down, Bound::After(None), 4, (&[40, 30, 31], false, true)),
        (down, Bound::Before(None), 0, (&[7, 8, 9], true, false)),
        (down, Bound::Before(at("3n2", 20)), 0, (&[33, 34, 35], true, true)),
        (down, Bound::Before(at("3n3", 31)), 0, (&[39, 40, 30], true, true)),
    ];
    for (order, bound, skip, (ids, earlier, later)) in cases {
        let slice = Slice { bound, skip, take: 3 };
        let found = walked(&mut conn, None, order, Limits::default(), &slice).await;
        let expected = Some((ids.to_vec(), earlier, later));
        assert_eq!(found, expected, "{order:?} {slice:?}");
    }
    drop(conn);
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_without_a_value_are_looked_for_within_a_bound() {
    let scratch = Scratch::start().await;
    let mut conn = scratch.pool.acquire().await.unwrap();
    fill(&mut conn, 35, 40).await;
    let down = SortOrder::Descending;
    let slice = Slice { bound: Bound::After(None), skip: 0, take: 3 };
    for (documents, is_walked) in [(38, false), (39, true)] {
        let limits = Limits { documents, ..Limits::default() };
        assert_eq!(walked(&mut conn, None, down, limits, &slice).await.is_some(), is_walked);
    }
    // Where each resource has a value, nobody looks.
    sqlx::query("UPDATE counters SET n = 35").execute(&mut *conn).await.unwrap();
    let limits = Limits { documents: 1, ..Limits::default() };
    let found = walked(&mut conn, None, down, limits, &slice).await;
    assert_eq!(found, Some((vec![30, 31, 32], false, true)));
    drop(conn);
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_many_satisfy_is_found_on_the_way() {
    let scratch = Scratch::start().await;
    let mut conn = scratch.pool.acquire().await.unwrap();
    fill(&mut conn, 35, 40).await;
    let (up, down) = (SortOrder::Ascending, SortOrder::Descending);
    let (not_2, from_2) = ("displayName ne \"n2\"", "displayName ge \"n2\"");
    let cases: [(&str, SortOrder, Bound, Shown<'_>); 9] = [
        (not_2, up, Bound::After(at("3n1", 18)), (&[19, 30, 31], true, true)),
        (not_2, up, Bound::After(at("3n3", 34)), (&[35, 36, 37], true, true)),
        (not_2, up, Bound::Before(at("3n3", 30)), (&[17, 18, 19], true, true)),
        (not_2, down, Bound::After(None), (&[36, 37, 38], false, true)),
        (not_2, down, Bound::After(at("3n3", 35)), (&[10, 11, 12], true, true)),
        (not_2, down, Bound::Before(at("3n1", 10)), (&[33, 34, 35], true, true)),
        (from_2, up, Bound::After(None), (&[20, 21, 22], false, true)),
        (from_2, down, Bound::After(at("3n3", 34)), (&[35, 20, 21], true, true)),
        (from_2, down, Bound::Before(None), (&[27, 28, 29], true, false)),
    ];
    let limits = Limits { sorted: 0, ..Limits::default() };
    for (filter, order, bound, (ids, earlier, later)) in cases {
        let slice = Slice { bound, skip: 0, take: 3 };
        let found = walked(&mut conn, Some(filter), order, limits, &slice).await;
        assert_eq!(found, Some((ids.to_vec(), earlier, later)), "{filter} {order:?} {slice:?}");
    }
    // Few are sorted by their documents, and what few of many satisfy is too far apart.
    let slice = Slice { bound: Bound::After(None), skip: 0, take: 3 };
    for (limits, is_walked) in [
        (Limits { sorted: 15, ..limits }, true),
        (Limits { sorted: 16, ..limits }, false),
        (Limits { documents: 23, ..limits }, true),
        (Limits { documents: 22, ..limits }, false),
    ] {
        let found = walked(&mut conn, Some(from_2), up, limits, &slice).await;
        assert_eq!(found.is_some(), is_walked, "{limits:?}");
    }
    drop(conn);
    scratch.stop().await;
}
