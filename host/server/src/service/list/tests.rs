//! Lists of more memberships than may be loaded together.

use std::ops::RangeInclusive;

use sqlx::Executor;
use tenon_scim::list::Selection;
use uuid::Uuid;

use super::*;
use crate::store::TenantId;
use crate::store::scratch::Scratch;
use crate::tenant::runtime::Runtimes;

/// 20 groups, 1 to 20, of all of 10,001 users. The constraints would take most of the time that
/// filling takes.
const FILL: &str = "
    ALTER TABLE group_members DROP CONSTRAINT group_members_group;
    ALTER TABLE group_members DROP CONSTRAINT group_members_member;
    INSERT INTO tenants (id, name, created, modified)
    VALUES (lpad('1', 32, '0')::uuid, 'tenant', now(), now());
    INSERT INTO resources (tenant_id, id, type, version, created, modified, body)
    SELECT lpad('1', 32, '0')::uuid, lpad(n::text, 32, '0')::uuid,
           CASE WHEN n > 20 THEN 'User' ELSE 'Group' END, 1, now(), now(), '{}'
    FROM generate_series(1, 10021) AS n;
    INSERT INTO group_members (tenant_id, group_id, member_id)
    SELECT lpad('1', 32, '0')::uuid, lpad(g::text, 32, '0')::uuid, lpad(n::text, 32, '0')::uuid
    FROM generate_series(1, 20) AS g CROSS JOIN generate_series(21, 10021) AS n";

#[tokio::test(flavor = "multi_thread")]
async fn only_memberships_that_are_shown_may_be_too_many() {
    let scratch = Scratch::start().await;
    scratch.pool.execute(FILL).await.unwrap();
    let mut conn = scratch.pool.acquire().await.unwrap();
    let tenant = Runtimes::default().get(&mut conn, TenantId(Uuid::from_u128(1)), 1).await.unwrap();
    let request = Request {
        tenant,
        base_url: "https://x".into(),
        request_id: "1".into(),
        actor: "token:1".into(),
        may_explain: false,
    };
    let groups = request.resource_type("/Groups").unwrap();
    let (user, group) = (numbered(10_021), numbered(7));

    let mut page = async |filter: Option<String>, attributes: Option<&str>, slice: &Slice| {
        let attributes = attributes.map(|name| vec![name.to_owned()]);
        let selection = Selection { attributes, ..Selection::default() };
        let query = Query { filter, selection, ..Query::default() };
        let plan = Plan::of(&request, Collection::Type(groups), &query)?;
        let page = Scan { request: &request, plan: &plan, conn: &mut conn }.page(slice).await?;
        let ids: Vec<String> = page
            .found
            .iter()
            .map(|it| it.shown(&request)["id"].as_str().unwrap().to_owned())
            .collect();
        Ok::<_, Error>((page.total, ids, page.earlier, page.later))
    };
    let slice = |bound, may_end_early| Slice { bound, skip: 0, take: 20, may_end_early };
    let first = slice(Bound::After(None), false);

    // As Entra ID asks whether somebody is a member, and for all groups of one.
    let one = Some(format!("id eq \"{group}\" and members eq \"{user}\""));
    assert_eq!(page(one, Some("id"), &first).await.unwrap(), (1, vec![group], false, false));
    let each = Some(format!("members eq \"{user}\""));
    assert_eq!(page(each, Some("id"), &first).await.unwrap().0, 20);
    let refused = page(None, None, &first).await;
    assert!(matches!(refused, Err(Error::TooManyMemberships { .. })), "{refused:?}");
    // A page that a cursor leads on from has what fits.
    let ids = |numbers: RangeInclusive<u32>| numbers.map(numbered).collect::<Vec<_>>();
    let early = page(None, None, &slice(Bound::After(None), true)).await.unwrap();
    assert_eq!(early, (20, ids(1..=10), false, true));
    let late = page(None, None, &slice(Bound::Before(None), true)).await.unwrap();
    assert_eq!(late, (20, ids(11..=20), true, false));
    drop(conn);
    scratch.stop().await;
}

fn numbered(number: u32) -> String {
    Uuid::parse_str(&format!("{number:0>32}")).unwrap().to_string()
}
