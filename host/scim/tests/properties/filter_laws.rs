//! Filters: what is printed is read again, what is read has a limit, and `not`, `and` and `or`
//! obey logic.

use proptest::prelude::*;
use tenon_scim::Object;
use tenon_scim::filter::{Filter, MAX_DEPTH, MAX_TERMS, parse};

use super::filters;
use super::types::{Type, all_types, any_type};
use super::values::{object, stored};

fn typed_filter() -> impl Strategy<Value = (Type, Filter)> {
    any_type().prop_flat_map(|it| (Just(it.clone()), filters::fitting(&it)))
}

/// Two filters and a resource of the type they bind to.
fn two_filters_and_a_resource() -> impl Strategy<Value = (Type, Filter, Filter, Object)> {
    any_type().prop_flat_map(|it| {
        (Just(it.clone()), filters::fitting(&it), filters::fitting(&it), stored(&it))
    })
}

fn not(filter: &Filter) -> Filter {
    Filter::Not(Box::new(filter.clone()))
}

proptest! {
    #[test]
    fn a_printed_filter_is_read_as_the_same_filter(filter in filters::written()) {
        prop_assert_eq!(parse(&filter.to_string()), Ok(filter));
    }

    #[test]
    fn a_filter_that_fits_the_schemas_is_read_and_bound((of, filter) in typed_filter()) {
        let read = parse(&filter.to_string()).unwrap();
        prop_assert_eq!(&read, &filter);
        prop_assert!(read.bind(&of).is_ok(), "{filter}: {:?}", read.bind(&of));
    }

    #[test]
    fn any_text_is_a_filter_or_an_error_within_the_text(text in filters::soup()) {
        match parse(&text) {
            Ok(filter) => {
                prop_assert_eq!(parse(&filter.to_string()), Ok(filter.clone()));
                for resource_type in all_types() {
                    if let Err(error) = filter.bind(resource_type) {
                        prop_assert!(error.column <= text.chars().count(), "{error}");
                    }
                }
            }
            Err(error) => {
                prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{error}");
            }
        }
    }

    #[test]
    fn a_filter_can_be_asked_of_any_object(
        (of, filter) in typed_filter(),
        resource in object(),
    ) {
        let bound = filter.bind(&of).unwrap();
        let negated = not(&filter);
        prop_assert_ne!(bound.matches(&resource), negated.bind(&of).unwrap().matches(&resource));
    }

    #[test]
    fn not_and_or_obey_de_morgan((of, a, b, resource) in two_filters_and_a_resource()) {
        let matches = |filter: &Filter| filter.bind(&of).unwrap().matches(&resource);
        prop_assert_eq!(matches(&not(&not(&a))), matches(&a));
        let both = Filter::And(vec![a.clone(), b.clone()]);
        let either = Filter::Or(vec![a.clone(), b.clone()]);
        prop_assert_eq!(matches(&both), matches(&a) && matches(&b));
        prop_assert_eq!(matches(&not(&both)), matches(&Filter::Or(vec![not(&a), not(&b)])));
        prop_assert_eq!(matches(&not(&either)), matches(&Filter::And(vec![not(&a), not(&b)])));
    }

    #[test]
    fn depth_and_terms_have_a_limit(depth in 1..2 * MAX_DEPTH, terms in 1..2 * MAX_TERMS) {
        let deep = format!("{}a pr{}", "not (".repeat(depth), ")".repeat(depth));
        prop_assert_eq!(parse(&deep).is_ok(), depth <= MAX_DEPTH);
        let wide = vec!["a pr"; terms].join(" and ");
        prop_assert_eq!(parse(&wide).is_ok(), terms <= MAX_TERMS);
    }
}
