//! Which indexes a plan asks, and which lists it takes for quick ones.

use std::collections::HashSet;
use std::sync::Arc;

use tenon_scim::filter::{self, bind_each};
use tenon_scim::schema::{Attribute, ResourceType, Uniqueness};
use tenon_scim::sort::{Sort, SortOrder};
use uuid::Uuid;

use super::generated::types::all_types;
use crate::store::TenantId;
use crate::store::filter_sql::{Asked, Limits, Order, Plan, Space};
use crate::store::scratch::Scratch;

pub(super) fn resource_type(name: &str) -> Arc<ResourceType> {
    let mut types = all_types().iter();
    Arc::clone(types.find(|it| it.name == name).unwrap())
}

/// What `look` says of the plan of a filter and a sort, with these indexes.
async fn planned<T>(
    (name, ready): (&str, &[&str]),
    filter: Option<&str>,
    sort_by: Option<&str>,
    look: impl AsyncFnOnce(&mut Plan<'_>) -> T,
) -> T {
    let resource_type = resource_type(name);
    let types = [Arc::clone(&resource_type)];
    let ready: HashSet<String> = ready.iter().map(|it| (*it).to_owned()).collect();
    let filter = filter.map(|it| filter::parse(it).unwrap());
    let bound = filter.as_ref().map(|it| bind_each([(&*resource_type, it)]).unwrap());
    let sort = sort_by.map(|it| Sort::new(&resource_type, it, SortOrder::Ascending).unwrap());
    let order = sort_by.map_or(Order::Creation, |_| Order::Sorted(SortOrder::Ascending));
    let space = Space {
        resource_type: &resource_type,
        ready: &ready,
        rewritten: true,
        types: &types,
        base_url: "",
        narrowed: &[],
    };
    let filter = bound.as_ref().and_then(|it| it.first());
    let mut plan =
        Plan::of(vec![Asked { space, filter, narrowing: None, sort }], order, Limits::default());
    look(&mut plan).await
}

#[tokio::test]
async fn a_unique_attribute_of_a_plugin_is_found_by_its_index_alone() {
    let looks = async |plan: &mut Plan<'_>| {
        let of_type = &plan.types[0];
        (of_type.found_by(), of_type.can_be_indexed())
    };
    let device = resource_type("Device");
    let unique = |it: &Attribute| it.uniqueness != Uniqueness::None && it.name != "id";
    let unique = device.schema.attributes.iter().find(|it| unique(it)).unwrap();
    let path = unique.name.as_str();
    let filter = format!("{path} eq \"x\"");
    let without = planned(("Device", &[]), Some(&filter), None, looks).await;
    assert_eq!(without, (vec![], vec![path.to_owned()]));
    let with = planned(("Device", &[path]), Some(&filter), None, looks).await;
    assert_eq!(with, (vec![format!("{path} eq, by the index of its values")], vec![]));
    let core = planned(("User", &[]), Some("userName eq \"x\""), None, looks).await;
    assert_eq!(core, (vec!["userName eq, by its unique value".to_owned()], vec![]));

    let sorts = async |plan: &mut Plan<'_>| plan.types[0].sorts_by_index();
    assert!(!planned(("Device", &[]), None, Some(path), sorts).await);
    assert!(planned(("Device", &[path]), None, Some(path), sorts).await);
}

#[tokio::test]
async fn an_index_sorts_as_many_as_it_finds() {
    let limit = async |plan: &mut Plan<'_>| plan.types[0].limit();
    let of_sort = planned(("User", &[]), None, Some("userName"), limit).await;
    assert_eq!(of_sort, Limits::default().found);
    let of_documents = planned(("User", &[]), None, Some("title"), limit).await;
    assert_eq!(of_documents, Limits::default().documents);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_quick_where_few_are_counted() {
    let scratch = Scratch::start().await;
    let mut conn = scratch.pool.acquire().await.unwrap();
    let tenant = TenantId(Uuid::from_u128(7));
    sqlx::query(
        "INSERT INTO attr_index (tenant_id, type, attr, val, id, elem, substrings) \
         SELECT $1, 'User', 'externalId', CASE WHEN n <= 3 THEN 'few' ELSE 'many' END, \
                lpad(n::text, 32, '0')::uuid, 0, false FROM generate_series(1, 3000) AS n",
    )
    .bind(tenant.0)
    .execute(&mut *conn)
    .await
    .unwrap();
    let cases = [
        ("id eq \"00000000-0000-0000-0000-000000000001\"", [true, true]),
        ("userName eq \"x\"", [true, true]),
        ("externalId eq \"few\"", [false, true]),
        ("externalId eq \"many\"", [false, false]),
        ("externalId eq \"many\" and externalId eq \"few\"", [false, true]),
        ("(externalId eq \"many\" or externalId eq \"few\") and externalId ne \"x\"", [false; 2]),
        ("externalId sw \"few\"", [false, false]),
        ("title eq \"x\"", [false, false]),
    ];
    for (filter, expected) in cases {
        let quick = async |plan: &mut Plan<'_>| {
            let at_first = plan.is_quick();
            plan.count(&mut conn, tenant).await.unwrap();
            [at_first, plan.is_quick()]
        };
        let is_quick = planned(("User", &["externalId"]), Some(filter), None, quick).await;
        assert_eq!(is_quick, expected, "{filter}");
    }
    drop(conn);
    scratch.stop().await;
}
