//! Projection: what `returned`, `attributes` and `excludedAttributes` mean for each other.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use tenon_scim::Object;
use tenon_scim::project::{Projection, Splice};
use tenon_scim::resource::{Meta, assemble, without_secrets};
use tenon_scim::schema::{Attribute, ResourceType, Returned};
use tenon_scim::value::instant;

use super::types::{Place, Type, places};
use super::values::{respelt, typed_resource};

/// A type and a resource of it, as it is before it is projected.
fn assembled() -> impl Strategy<Value = (Type, Object)> {
    typed_resource().prop_map(|(of, resource)| {
        let at = instant("2010-01-23T04:56:22Z").unwrap();
        let meta = Meta { id: "2819c223".to_owned(), created: at, last_modified: at, version: 1 };
        let resource = assemble(&of, &resource, &meta, "https://t.example/v2");
        (of, resource)
    })
}

/// The same, and names as a request may list them: whole attributes, parts, URNs, nothing.
fn assembled_and_names() -> impl Strategy<Value = (Type, Object, Vec<String>)> {
    assembled().prop_flat_map(|(of, resource)| {
        let mut paths: Vec<_> = of.schemas().map(|schema| schema.id.clone()).collect();
        paths.extend(["".to_owned(), "colour".to_owned(), "name.".to_owned()]);
        for place in places(&of) {
            let path = place.path();
            paths.extend(
                place.attribute.sub_attributes.iter().map(|it| format!("{path}.{}", it.name)),
            );
            paths.push(path);
        }
        (Just(of), Just(resource), vec(select(paths), 0..6))
    })
}

/// The same, with names of whole attributes only.
fn assembled_and_whole_names() -> impl Strategy<Value = (Type, Object, Vec<String>)> {
    assembled().prop_flat_map(|(of, resource)| {
        let paths: Vec<_> = places(&of).iter().map(Place::path).collect();
        (Just(of), Just(resource), vec(select(paths), 0..12))
    })
}

fn projected(of: &ResourceType, projection: &Projection, resource: &Object) -> Object {
    let mut resource = resource.clone();
    projection.apply(of, &mut resource);
    resource
}

/// The three ways in which a request can ask.
fn projections(of: &ResourceType, names: &[String]) -> [Projection; 4] {
    [
        Projection::default(),
        Projection::only(of, names),
        Projection::without(of, names),
        Projection::default().after_writing(of, names),
    ]
}

fn value_at<'v>(resource: &'v Object, place: &Place) -> Option<&'v Value> {
    let container = match &place.extension {
        None => resource,
        Some(urn) => resource.get(urn)?.as_object()?,
    };
    container.get(&place.attribute.name)
}

fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        single => std::slice::from_ref(single),
    }
}

/// Whether `part` is `whole` with something left out, or nothing.
fn is_part_of(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .all(|(name, part)| whole.get(name).is_some_and(|whole| is_part_of(part, whole))),
        (Value::Array(part), Value::Array(whole)) => {
            let mut rest = whole.iter();
            part.iter().all(|part| rest.any(|whole| is_part_of(part, whole)))
        }
        _ => part == whole,
    }
}

fn has_part(value: &Value, sub: &Attribute) -> bool {
    elements(value).iter().any(|element| element.get(&sub.name).is_some())
}

proptest! {
    #[test]
    fn what_is_returned_never_and_always_depends_on_no_request(
        (of, resource, names) in assembled_and_names(),
    ) {
        for projection in projections(&of, &names) {
            let shown = projected(&of, &projection, &resource);
            for place in places(&of) {
                let (before, after) = (value_at(&resource, &place), value_at(&shown, &place));
                match place.attribute.returned {
                    Returned::Never => prop_assert_eq!(after, None),
                    Returned::Always => prop_assert_eq!(after.is_some(), before.is_some()),
                    Returned::Default | Returned::Request => {}
                }
                let Some((before, after)) = before.zip(after) else { continue };
                for sub in &place.attribute.sub_attributes {
                    match sub.returned {
                        Returned::Never => prop_assert!(!has_part(after, sub)),
                        Returned::Always => {
                            prop_assert_eq!(has_part(after, sub), has_part(before, sub));
                        }
                        Returned::Default | Returned::Request => {}
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_returned_on_request_is_shown_to_those_who_name_it(
        (of, resource, names) in assembled_and_names(),
    ) {
        let [by_default, only, without, written] =
            projections(&of, &names).map(|projection| projected(&of, &projection, &resource));
        for place in places(&of).iter().filter(|it| it.attribute.returned == Returned::Request) {
            let path = place.path();
            prop_assert_eq!(value_at(&by_default, place), None);
            prop_assert_eq!(value_at(&without, place), None);
            let value = value_at(&resource, place);
            let named = names.contains(&path);
            prop_assert_eq!(value_at(&only, place), value.filter(|_| named));
            let named = named || place.extension.as_ref().is_some_and(|urn| names.contains(urn));
            prop_assert_eq!(value_at(&written, place), value.filter(|_| named));
        }
    }

    #[test]
    fn to_project_twice_is_to_project_once((of, resource, names) in assembled_and_names()) {
        for projection in projections(&of, &names) {
            let once = projected(&of, &projection, &resource);
            prop_assert_eq!(projected(&of, &projection, &once), once);
        }
    }

    #[test]
    fn a_projection_adds_and_changes_nothing((of, resource, names) in assembled_and_names()) {
        for projection in projections(&of, &names) {
            let shown = Value::Object(projected(&of, &projection, &resource));
            prop_assert!(is_part_of(&shown, &Value::Object(resource.clone())), "{shown}");
        }
    }

    #[test]
    fn attributes_and_excluded_attributes_divide_what_is_returned_by_default(
        (of, resource, names) in assembled_and_whole_names(),
    ) {
        let [by_default, only, without, _] =
            projections(&of, &names).map(|projection| projected(&of, &projection, &resource));
        for place in places(&of).iter().filter(|it| it.attribute.returned == Returned::Default) {
            let named = names.contains(&place.path());
            let (here, there) = if named { (&only, &without) } else { (&without, &only) };
            prop_assert_eq!(value_at(here, place), value_at(&by_default, place));
            prop_assert_eq!(value_at(there, place), None);
        }
    }

    #[test]
    fn names_mean_the_same_in_every_case(
        (of, resource, names) in assembled_and_names(),
        flips: u64,
    ) {
        let respelt: Vec<_> = names.iter().map(|name| respelt(name, flips)).collect();
        for (a, b) in projections(&of, &names).iter().zip(&projections(&of, &respelt)) {
            prop_assert_eq!(projected(&of, a, &resource), projected(&of, b, &resource));
        }
    }

    #[test]
    fn to_splice_the_text_of_a_resource_is_to_project_it(
        (of, resource, names) in assembled_and_names(),
    ) {
        let resource = without_secrets(&of, &resource);
        let text = Value::Object(resource.clone()).to_string();
        for projection in projections(&of, &names) {
            let splice = Splice::new(&of, projection);
            let spliced = format!("{{{}}}", splice.members(&text).unwrap());
            let expected = Value::Object(projected(&of, splice.projection(), &resource));
            prop_assert_eq!(spliced, expected.to_string());
        }
    }
}
