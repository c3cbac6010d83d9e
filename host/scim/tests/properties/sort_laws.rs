//! Sorting: the order is total, whatever a resource holds.

use std::cmp::Ordering;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use tenon_scim::Object;
use tenon_scim::path::{self, Target};
use tenon_scim::sort::{Sort, SortOrder};

use super::types::{Place, Type, any_type, places};
use super::values::{json, stored};

/// A resource whose attribute has a value of this type, or what an older schema left there.
fn resource(of: &Type, place: &Place) -> BoxedStrategy<Object> {
    let place = place.clone();
    let stray = (stored(of), json()).prop_map(move |(mut resource, value)| {
        let container = match &place.extension {
            None => Some(&mut resource),
            Some(urn) => resource.get_mut(urn).and_then(Value::as_object_mut),
        };
        if let Some(container) = container {
            container.insert(place.attribute.name.clone(), value);
        }
        resource
    });
    prop_oneof![3 => stored(of), 1 => stray].boxed()
}

fn sort_by_and_resources() -> impl Strategy<Value = (Type, String, [Object; 3])> {
    any_type().prop_flat_map(|of| {
        let mut sortable = places(&of);
        sortable.retain(|place| Sort::new(&of, &place.path(), SortOrder::Ascending).is_ok());
        select(sortable).prop_flat_map(move |place| {
            let resource = resource(&of, &place);
            (Just(of.clone()), Just(place.path()), [resource.clone(), resource.clone(), resource])
        })
    })
}

proptest! {
    #[test]
    fn the_order_of_resources_is_total((of, sort_by, resources) in sort_by_and_resources()) {
        for order in [SortOrder::Ascending, SortOrder::Descending] {
            let sort = Sort::new(&of, &sort_by, order).unwrap();
            let [a, b, c] = resources.each_ref().map(|resource| sort.key(resource));
            prop_assert_eq!(a.cmp(&a), Ordering::Equal);
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if a <= b && b <= c {
                prop_assert!(a <= c, "{a:?} {b:?} {c:?}");
            }
            prop_assert!(a != b || b != c || a == c, "{a:?} {b:?} {c:?}");
        }
    }

    #[test]
    fn a_resource_without_a_value_is_last_and_in_descending_order_first(
        (of, sort_by, [resource, ..]) in sort_by_and_resources(),
    ) {
        let Ok(Target::Attribute(target)) = path::resolve(&of, &sort_by) else {
            return Err(TestCaseError::fail(sort_by));
        };
        let ascending = Sort::new(&of, &sort_by, SortOrder::Ascending).unwrap();
        let descending = Sort::new(&of, &sort_by, SortOrder::Descending).unwrap();
        let none = Object::new();
        prop_assert!(ascending.key(&resource) <= ascending.key(&none), "{}", target.path());
        prop_assert!(descending.key(&resource) >= descending.key(&none), "{}", target.path());
    }
}
