//! What the statements cost where the planner knows nothing of the tenant.

use sqlx::Executor;
use time::OffsetDateTime;

use super::*;
use crate::store::audit::By;
use crate::store::scratch::Scratch;

/// A tenant that the planner knows, then one that has come since, with 10 groups of all of 8,000
/// users.
const FILL: &str = "
    ALTER TABLE resources SET (autovacuum_enabled = false);
    ALTER TABLE group_members SET (autovacuum_enabled = false);
    INSERT INTO tenants (id, name, created, modified)
    SELECT lpad(n::text, 32, '0')::uuid, 'tenant ' || n, now(), now() FROM generate_series(1, 2) AS n;
    INSERT INTO resources (tenant_id, id, type, version, created, modified, body)
    SELECT lpad('1', 32, '0')::uuid, lpad(n::text, 32, '0')::uuid, 'User', 1, now(), now(), '{}'
    FROM generate_series(1, 1000) AS n;
    INSERT INTO group_members (tenant_id, group_id, member_id)
    SELECT tenant_id, lpad('1', 32, '0')::uuid, id FROM resources;
    ANALYZE;
    INSERT INTO resources (tenant_id, id, type, version, created, modified, body, display)
    SELECT lpad('2', 32, '0')::uuid, gen_random_uuid(), 'User', 1, now(), now(), '{}', 'user'
    FROM generate_series(1, 8000);
    INSERT INTO group_members (tenant_id, group_id, member_id)
    SELECT tenant_id, lpad(n::text, 32, '0')::uuid, id
    FROM resources CROSS JOIN generate_series(1, 10) AS n WHERE display = 'user';
    INSERT INTO resources (tenant_id, id, type, version, created, modified, body, display)
    SELECT lpad('2', 32, '0')::uuid, lpad(n::text, 32, '0')::uuid, 'Group', 1, now(), now(), '{}', 'group'
    FROM generate_series(1, 10) AS n";

/// A join that goes through the tenant for each membership compares 640 million rows, and is ended
/// by the timeout that statements of the server have.
#[tokio::test]
async fn memberships_of_a_tenant_without_statistics_are_looked_up_one_by_one() {
    let scratch = Scratch::start().await;
    let pool = &scratch.pool;
    pool.execute(FILL).await.unwrap();

    let mut conn = pool.acquire().await.unwrap();
    conn.execute("SET statement_timeout = '30s'").await.unwrap();
    let tenant = TenantId(Uuid::from_u128(2));
    let groups: Vec<Uuid> =
        (1..=10).map(|n| Uuid::parse_str(&format!("{n:0>32}")).unwrap()).collect();
    let members = of_groups(&mut conn, tenant, &groups, i64::MAX).await.unwrap();
    assert_eq!(members.len(), 80_000);
    assert!(members.is_sorted_by_key(|it| (it.group_id, it.named.id)));
    assert_eq!(of_groups(&mut conn, tenant, &groups, 7).await.unwrap().len(), 7);

    let users: Vec<Uuid> = members.iter().take(8_000).map(|it| it.named.id).collect();
    assert_eq!(named(&mut conn, tenant, &users).await.unwrap().len(), 8_000);
    let belonging = groups_of(&mut conn, tenant, &users, i64::MAX).await.unwrap();
    assert_eq!(belonging.len(), 80_000);
    assert!(belonging.is_sorted_by_key(|it| (it.member_id, it.named.id)));
    assert!(belonging.iter().all(|it| it.direct));
    assert_eq!(groups_of(&mut conn, tenant, &users, 7).await.unwrap().len(), 7);

    assert_eq!(touched(&mut conn).await, 0);
    let pairs = |group: Uuid| users.iter().map(|_| group).collect::<Vec<_>>();
    let seen = sightings(&mut conn, tenant, &pairs(groups[3]), &users).await.unwrap();
    assert!(seen.len() == 8_000 && seen.iter().all(|it| it.is_member));
    let seen = sightings(&mut conn, tenant, &pairs(users[0]), &users).await.unwrap();
    assert!(seen.len() == 8_000 && !seen.iter().any(|it| it.is_member));
    assert!(!has_others(&mut conn, tenant, groups[3], &users).await.unwrap());
    assert!(has_others(&mut conn, tenant, groups[3], &users[1..]).await.unwrap());
    let (mut after, mut paged) = (Uuid::nil(), Vec::new());
    while let Some(last) = {
        let members = page(&mut conn, tenant, groups[3], after, 999).await.unwrap();
        paged.extend(members.iter().map(|it| it.id));
        members.last().map(|it| it.id)
    } {
        after = last;
    }
    assert_eq!(paged, users);
    let by = By { actor: "token:1", request_id: "1", told: &[] };
    leave_all(&mut conn, tenant, by, users[0], OffsetDateTime::UNIX_EPOCH).await.unwrap();
    assert_eq!(touched(&mut conn).await, 10);

    let (first, rest) = users[1..].split_at(4_000);
    let versions = lock_groups(&mut conn, tenant, "Group", &groups).await.unwrap();
    assert_eq!(versions.len(), 10);
    let changes = |before: i64, added: &[Uuid], removed: &[Uuid]| Changes {
        groups: groups
            .iter()
            .map(|group| Versions { group: *group, before, after: before + 1 })
            .collect(),
        added: added.iter().map(|member| (groups[0], *member)).collect(),
        removed: removed.iter().map(|member| (groups[0], *member)).collect(),
        events: vec![Event { id: Uuid::now_v7(), group: groups[0], version: before + 1 }],
    };
    let now = OffsetDateTime::UNIX_EPOCH;
    let nobody = [Uuid::from_u128(0xabc)];
    for (changes, done) in [
        (changes(2, &[], first), true),
        (changes(2, first, rest), false),
        (changes(3, &nobody, rest), false),
        (changes(3, first, &[]), true),
    ] {
        assert_eq!(write(&mut conn, tenant, by, now, &changes).await.unwrap(), done);
    }
    assert_eq!(of_groups(&mut conn, tenant, &groups[..1], i64::MAX).await.unwrap().len(), 7_999);
    remove_others(&mut conn, tenant, groups[0], first).await.unwrap();
    assert_eq!(of_groups(&mut conn, tenant, &groups[..1], i64::MAX).await.unwrap().len(), 4_000);
    assert!(add(&mut conn, tenant, groups[0], rest).await.unwrap());
    assert!(!add(&mut conn, tenant, groups[0], &nobody).await.unwrap());
    for group in &groups {
        remove(&mut conn, tenant, *group, &users).await.unwrap();
    }
    assert!(of_groups(&mut conn, tenant, &groups, i64::MAX).await.unwrap().is_empty());
    drop(conn);
    scratch.stop().await;
}

async fn touched(conn: &mut PgConnection) -> i64 {
    let touched = sqlx::query_scalar("SELECT count(*) FROM resources WHERE version = 2");
    touched.fetch_one(conn).await.unwrap()
}
