//! Pages over a lane, and the same ones over a connection of their own.

use sqlx::Executor;

use super::*;
use crate::store::place::Placement;
use crate::store::scratch::Scratch;
use crate::store::{Pooler, TenantId};

const FILL: &str = "
    INSERT INTO tenants (id, name, created, modified)
    VALUES (lpad('1', 32, '0')::uuid, 'acme', now(), now());
    INSERT INTO resources (tenant_id, id, type, version, created, modified, body)
    SELECT lpad('1', 32, '0')::uuid, lpad(n::text, 32, '0')::uuid,
           CASE n % 2 WHEN 0 THEN 'User' ELSE 'Group' END, 1, now(), now(), '{}'
    FROM generate_series(1, 10) AS n;
    INSERT INTO counters (tenant_id, type, n)
    SELECT tenant_id, type, count(*) FROM resources GROUP BY tenant_id, type";

#[tokio::test]
async fn a_page_is_the_same_over_a_lane_and_over_a_connection_of_its_own() {
    let scratch = Scratch::start().await;
    scratch.pool.execute(FILL).await.unwrap();
    let lanes = Lanes::open(&scratch.pool.connect_options(), 1, Pooler::None).unwrap();
    let mut conn = scratch.pool.acquire().await.unwrap();
    let tenant = TenantId(Uuid::parse_str(&format!("{:0>32}", 1)).unwrap());
    let place = Place { tenant, placement: Some(Placement::Shared) };
    let told = |page: Page| {
        let ids: Vec<Uuid> = page.rows.iter().map(|row| row.id).collect();
        (page.total, ids, page.earlier, page.later)
    };
    let several = Of::Types(vec!["Group".to_owned(), "User".to_owned()]);
    for (of, all) in [(Of::Type("User".to_owned()), 5), (several, 10)] {
        for skip in [0, 2, 4, 5, 2_000] {
            let quick = page(&lanes, place, &of, Bound::Skip(skip), 3).await.unwrap();
            let bound = Bound::Skip(skip);
            let deep = told(page_over(&mut conn, tenant, &of, bound, 3).await.unwrap());
            assert_eq!(deep, told(quick));
            let left = usize::try_from((all - skip).clamp(0, 3)).unwrap();
            assert_eq!((deep.0, deep.1.len(), deep.2), (all, left, skip > 0));
        }
        let fourth = Uuid::parse_str(&format!("{:0>32}", 4)).unwrap();
        for bound in [Bound::After(fourth), Bound::Before(fourth), Bound::Before(Uuid::max())] {
            let quick = told(page(&lanes, place, &of, bound, 2).await.unwrap());
            let alone = told(page_over(&mut conn, tenant, &of, bound, 2).await.unwrap());
            assert!(!alone.1.is_empty());
            assert_eq!(alone, quick);
        }
    }
    drop(conn);
    scratch.stop().await;
}
