//! Paths: what is printed is found again, in any spelling.

use proptest::prelude::*;
use tenon_scim::filter::{self, Filter, Scope};
use tenon_scim::path::{self, AttributeRef, Path, Target};
use tenon_scim::schema::{Kind, ResourceType};

use super::filters;
use super::types::{Type, all_types, any_type, places};
use super::values::{object, respelt};

/// Every path without a filter that the type has, as the schemas spell it.
fn paths(resource_type: &ResourceType) -> Vec<String> {
    let mut paths = Vec::new();
    for place in places(resource_type) {
        let path = place.path();
        paths.extend(place.attribute.sub_attributes.iter().map(|it| format!("{path}.{}", it.name)));
        paths.push(path);
    }
    paths
}

fn attribute<'a>(resource_type: &'a Type, path: &str) -> AttributeRef<'a> {
    match path::resolve(resource_type, path) {
        Ok(Target::Attribute(target)) => target,
        other => panic!("{path}: {other:?}"),
    }
}

fn typed_path() -> impl Strategy<Value = (Type, String)> {
    any_type().prop_flat_map(|it| (Just(it.clone()), proptest::sample::select(paths(&it))))
}

/// A type, an attribute with elements, and a filter on them.
fn selection() -> impl Strategy<Value = (Type, String, Filter)> {
    any_type().prop_flat_map(|it| {
        let mut complex = places(&it);
        complex
            .retain(|place| place.attribute.kind == Kind::Complex && place.attribute.multi_valued);
        let select = proptest::sample::select(complex);
        select.prop_flat_map(move |place| {
            (Just(it.clone()), Just(place.path()), filters::on_element(&place.attribute))
        })
    })
}

#[test]
fn a_printed_target_is_found_again() {
    for resource_type in all_types() {
        for path in paths(resource_type) {
            let target = attribute(resource_type, &path);
            assert_eq!(target.path(), path);
            assert_eq!(attribute(resource_type, &target.path()), target);
        }
    }
}

proptest! {
    #[test]
    fn a_path_is_found_however_it_is_spelt((of, path) in typed_path(), flips: u64) {
        let respelt = respelt(&path, flips);
        prop_assert_eq!(attribute(&of, &respelt), attribute(&of, &path));
        if !path.contains(':') {
            let qualified = format!("{}:{respelt}", of.schema.id);
            prop_assert_eq!(attribute(&of, &qualified), attribute(&of, &path));
        }
    }

    #[test]
    fn a_selection_of_values_is_read_as_its_filter((of, path, filter) in selection()) {
        let text = format!("{path}[{filter}]");
        let Ok(Path::Value(selection)) = path::parse(&of, &text) else {
            return Err(TestCaseError::fail(text));
        };
        prop_assert_eq!(selection.target, attribute(&of, &path));
        let scope = Scope::Element(selection.target.attribute);
        let bound = filter::parse(&filter.to_string()).unwrap();
        prop_assert_eq!(selection.filter, Some(bound.bind_to(scope).unwrap()));
    }

    #[test]
    fn any_text_is_a_path_or_an_error(text in filters::soup(), resource in object()) {
        for resource_type in all_types() {
            let parsed = path::parse(resource_type, &text).is_ok();
            prop_assert_eq!(path::read(resource_type, &resource, &text).is_ok(), parsed);
        }
    }
}
