//! What the statements cost where the planner knows neither the parent nor the child.

use sqlx::Executor;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::{copies, members, originals};
use crate::store::TenantId;
use crate::store::scratch::Scratch;

/// A tenant that the planner knows, then a parent and a child that have come since: the parent with 10
/// groups of all of 8,000 users; the child with as many users of its own, and copies of all of them.
const FILL: &str = "
    ALTER TABLE resources SET (autovacuum_enabled = false);
    ALTER TABLE group_members SET (autovacuum_enabled = false);
    INSERT INTO resources (tenant_id, id, type, version, created, modified, body)
    SELECT lpad('1', 32, '0')::uuid, lpad(n::text, 32, '0')::uuid, 'User', 1, now(), now(), '{}'
    FROM generate_series(1, 1000) AS n;
    ANALYZE;
    INSERT INTO resources (tenant_id, id, type, version, created, modified, body, shared_from)
    SELECT lpad(t::text, 32, '0')::uuid, lpad((1000 + n)::text, 32, '0')::uuid, 'User', 1, now(), now(),
           '{}', CASE t WHEN 3 THEN lpad('2', 32, '0')::uuid END
    FROM generate_series(2, 3) AS t, generate_series(1, 8000) AS n;
    INSERT INTO resources (tenant_id, id, type, version, created, modified, body)
    SELECT lpad('3', 32, '0')::uuid, lpad((100000 + n)::text, 32, '0')::uuid, 'User', 1, now(), now(), '{}'
    FROM generate_series(1, 8000) AS n;
    INSERT INTO group_members (tenant_id, group_id, member_id)
    SELECT tenant_id, lpad(n::text, 32, '0')::uuid, id
    FROM resources CROSS JOIN generate_series(1, 10) AS n WHERE tenant_id = lpad('2', 32, '0')::uuid;
    INSERT INTO resources (tenant_id, id, type, version, created, modified, body, shared_from)
    SELECT lpad(t::text, 32, '0')::uuid, lpad(n::text, 32, '0')::uuid, 'Group', 1, now(), now(), '{}',
           CASE t WHEN 3 THEN lpad('2', 32, '0')::uuid END
    FROM generate_series(2, 3) AS t, generate_series(1, 10) AS n";

/// A join that goes through a tenant for each row is ended by the timeout.
#[tokio::test]
async fn copies_of_tenants_without_statistics_are_looked_up_one_by_one() {
    let scratch = Scratch::start().await;
    scratch.pool.execute(FILL).await.unwrap();
    let mut conn = scratch.pool.acquire().await.unwrap();
    conn.execute("SET statement_timeout = '10s'").await.unwrap();
    let (parent, child) = (TenantId(Uuid::from_u128(2)), TenantId(Uuid::from_u128(3)));

    let all = paged(&mut conn, child, parent).await;
    assert_eq!(all.len(), 8_010);
    assert_eq!(originals::seen(&mut conn, child, &all).await.unwrap().len(), 8_010);
    assert_eq!(originals::get(&mut conn, parent, &all).await.unwrap().len(), 8_010);
    let (groups, users) = all.split_at(10);

    let pairs = originals::groups_of(&mut conn, parent, users).await.unwrap();
    assert_eq!(pairs.len(), 80_000);
    members::add(&mut conn, child, parent, &pairs).await.unwrap();
    assert_eq!(memberships(&mut conn).await, 80_000);
    // Of who is no copy nothing comes.
    let own = Uuid::parse_str(&format!("{:0>32}", 100_001)).unwrap();
    members::add(&mut conn, child, parent, &[(groups[0], own)]).await.unwrap();
    assert_eq!(memberships(&mut conn).await, 80_000);

    let (first, rest) = users.split_at(4_000);
    let range = (Uuid::nil(), Uuid::max());
    members::set(&mut conn, child, parent, groups[0], range, first).await.unwrap();
    assert_eq!(memberships(&mut conn).await, 76_000);
    let after_first = (first[3_999], Uuid::max());
    members::set(&mut conn, child, parent, groups[0], after_first, rest).await.unwrap();
    assert_eq!(memberships(&mut conn).await, 80_000);
    for user in &users[..100] {
        members::leave_copies(&mut conn, child, *user).await.unwrap();
    }
    assert_eq!(memberships(&mut conn).await, 79_000);
    drop(conn);
    scratch.stop().await;
}

async fn paged(conn: &mut PgConnection, child: TenantId, parent: TenantId) -> Vec<Uuid> {
    let mut all: Vec<Uuid> = Vec::new();
    loop {
        let after = all.last().copied().unwrap_or_default();
        let page = copies::after(conn, child, parent, after, 500).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// How many the child has.
async fn memberships(conn: &mut PgConnection) -> i64 {
    let count = "SELECT count(*) FROM group_members WHERE tenant_id = lpad('3', 32, '0')::uuid";
    sqlx::query_scalar(count).fetch_one(conn).await.unwrap()
}
