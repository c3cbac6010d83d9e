//! PATCH: what each operation does, what it leaves alone, and that its result is valid.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};
use tenon_scim::filter::Filter;
use tenon_scim::patch::{PatchError, PatchErrorKind};
use tenon_scim::path::{self, Path, Target};
use tenon_scim::schema::{Attribute, Kind, Mutability};
use tenon_scim::{Error, Object};

use super::types::{Place, Type, any_type, writable_places};
use super::values::{single, stored, typed_resource, value};
use super::{calls, filters, operations};

/// A type, a stored resource of it, and a place where a client may write.
fn resource_and_place() -> impl Strategy<Value = (Type, Object, Place)> {
    typed_resource().prop_flat_map(|(of, resource)| {
        let places = select(writable_places(&of));
        (Just(of), Just(resource), places)
    })
}

/// Whether data can come to the place without other data: its container is there or needs none.
fn is_open(of: &Type, resource: &Object, place: &Place) -> bool {
    let Some(urn) = &place.extension else { return true };
    let needs_more = |it: &Attribute| it.required && it.name != place.attribute.name;
    let definitions = &of.extension(urn).unwrap().schema.attributes;
    resource.contains_key(urn) || !definitions.iter().any(needs_more)
}

/// A type, a resource, and a path that can be set and removed, with a value for it.
fn resource_and_optional_value() -> impl Strategy<Value = (Type, Object, String, Value)> {
    typed_resource().prop_flat_map(|(of, resource)| {
        let mut places = writable_places(&of);
        places.retain(|place| {
            let attribute = &place.attribute;
            let stays = attribute.required || attribute.mutability == Mutability::Immutable;
            !stays && is_open(&of, &resource, place)
        });
        select(places).prop_flat_map(move |place| {
            let value = value(&place.attribute);
            (Just(of.clone()), Just(resource.clone()), Just(place.path()), value)
        })
    })
}

/// A value that no generator makes.
const NEVER_SEEN: &str = "never seen";

/// A type, a resource, the path of a multi-valued attribute, and a value that it does not have.
fn resource_and_new_element() -> impl Strategy<Value = (Type, Object, String, Value)> {
    let is_text = |it: &Attribute| it.kind == Kind::String;
    typed_resource().prop_flat_map(move |(of, resource)| {
        let mut places = writable_places(&of);
        places.retain(|place| {
            let identity = place.attribute.sub("value").unwrap_or(&place.attribute);
            place.attribute.multi_valued && is_text(identity) && is_open(&of, &resource, place)
        });
        select(places).prop_flat_map(move |place| {
            let value = single(&place.attribute).prop_map(|value| match value {
                Value::Object(mut members) => {
                    members.insert("value".to_owned(), json!(NEVER_SEEN));
                    members.remove("primary");
                    Value::Object(members)
                }
                _ => json!(NEVER_SEEN),
            });
            (Just(of.clone()), Just(resource.clone()), Just(place.path()), value)
        })
    })
}

/// A type, a resource, the path of an attribute of it with elements, a filter on them, and a part
/// of them that is not required.
fn resource_and_selection() -> impl Strategy<Value = (Type, Object, String, Filter, Option<String>)>
{
    typed_resource().prop_flat_map(|(of, resource)| {
        let mut places = writable_places(&of);
        places.retain(|place| {
            let attribute = &place.attribute;
            attribute.multi_valued
                && attribute.kind == Kind::Complex
                && is_open(&of, &resource, place)
        });
        select(places).prop_flat_map(move |place| {
            let (of, resource, path) = (of.clone(), resource.clone(), place.path());
            let mut subs = place.attribute.sub_attributes.clone();
            subs.retain(|sub| !sub.required && sub.mutability == Mutability::ReadWrite);
            let subs = subs.into_iter().map(|sub| Some(sub.name));
            let sub = select(subs.chain([None]).collect::<Vec<_>>());
            let filter = filters::on_element(&place.attribute);
            value(&place.attribute).prop_flat_map(move |value| {
                (
                    Just(of.clone()),
                    Just(with_added(&of, &resource, &path, &value)),
                    Just(path.clone()),
                    filter.clone(),
                    sub.clone(),
                )
            })
        })
    })
}

/// The resource with a value more, unless that one contradicts an immutable part of a value that is
/// there already, or of itself.
fn with_added(of: &Type, resource: &Object, path: &str, value: &Value) -> Object {
    match calls::patch(of, resource, &[add(path, value)]) {
        Ok(with) => with,
        Err(Error::Patch(PatchError { kind: PatchErrorKind::Immutable { .. }, .. })) => {
            resource.clone()
        }
        Err(error) => panic!("{error}"),
    }
}

fn remove(path: &str) -> Value {
    json!({ "op": "remove", "path": path })
}

fn add(path: &str, value: &Value) -> Value {
    json!({ "op": "add", "path": path, "value": value })
}

fn primaries(values: &Value) -> usize {
    let values = values.as_array().into_iter().flatten();
    values.filter(|value| value.get("primary") == Some(&json!(true))).count()
}

proptest! {
    #[test]
    fn remove_takes_back_what_add_has_added(
        (of, resource, path, value) in resource_and_optional_value(),
    ) {
        let without = calls::patch(&of, &resource, &[remove(&path)]).unwrap();
        let with = with_added(&of, &without, &path, &value);
        prop_assert_eq!(calls::patch(&of, &with, &[remove(&path)]), Ok(without));
    }

    #[test]
    fn a_selection_takes_back_the_one_value_that_was_added(
        (of, resource, path, value) in resource_and_new_element(),
    ) {
        let with = calls::patch(&of, &resource, &[add(&path, &value)]).unwrap();
        prop_assert_ne!(&with, &resource);
        let selected = format!("{path}[value eq \"{NEVER_SEEN}\"]");
        prop_assert_eq!(calls::patch(&of, &with, &[remove(&selected)]), Ok(resource));
    }

    #[test]
    fn a_new_primary_value_is_the_only_one(
        (of, resource, path, mut value) in resource_and_new_element(),
        by_path: bool,
    ) {
        let attribute = match path::resolve(&of, &path) {
            Ok(Target::Attribute(target)) => target.attribute,
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        if attribute.sub("primary").is_none() {
            return Ok(());
        }
        let mut operations = vec![add(&path, &value)];
        if by_path {
            let selected = format!("{path}[value eq \"{NEVER_SEEN}\"].primary");
            operations.push(json!({ "op": "replace", "path": selected, "value": true }));
        } else {
            value["primary"] = json!(true);
            operations = vec![add(&path, &value)];
        }
        let patched = calls::patch(&of, &resource, &operations).unwrap();
        let primary = path::read(&of, &patched, &format!("{path}[primary eq true].value"));
        prop_assert_eq!(primary, Ok(Some(json!([NEVER_SEEN]))));
    }

    #[test]
    fn remove_takes_from_the_selected_values_and_from_no_others(
        (of, resource, path, filter, sub) in resource_and_selection(),
    ) {
        let Ok(Path::Value(selection)) = path::parse(&of, &format!("{path}[{filter}]")) else {
            return Err(TestCaseError::fail(format!("{path}[{filter}]")));
        };
        let selects = selection.filter.unwrap();
        let take = |element: &Value| match (selects.matches_value(element), &sub) {
            (false, _) => Some(element.clone()),
            (true, None) => None,
            (true, Some(sub)) => {
                let mut members = element.as_object().unwrap().clone();
                members.remove(sub);
                Some(Value::Object(members)).filter(|it| it != &json!({}))
            }
        };
        let before = path::read(&of, &resource, &path).unwrap().unwrap_or_default();
        let expected: Vec<_> = before.as_array().into_iter().flatten().filter_map(take).collect();

        let part = sub.as_ref().map(|sub| format!(".{sub}")).unwrap_or_default();
        let operation = remove(&format!("{path}[{filter}]{part}"));
        let after = calls::apply(&of, &resource, &[operation]).unwrap();
        let after = path::read(&of, &after, &path).unwrap().unwrap_or_else(|| json!([]));
        prop_assert_eq!(after, json!(expected));
    }

    #[test]
    fn to_set_the_same_twice_is_to_set_it_once(
        ((of, resource, _), operation) in resource_and_place().prop_flat_map(|it| {
            let place = it.2.clone();
            (Just(it), select(["add", "replace"].as_slice()).prop_flat_map(move |op| {
                operations::set(op, &place)
            }))
        }),
    ) {
        let operation = [operation];
        if let Ok(once) = calls::patch(&of, &resource, &operation) {
            prop_assert_eq!(calls::patch(&of, &once, &operation), Ok(once));
        }
    }

    #[test]
    fn operations_on_different_attributes_may_change_places(
        (of, resource, pair) in typed_resource().prop_flat_map(|(of, resource)| {
            let pair = subsequence(writable_places(&of), 2).prop_flat_map(|places| {
                places.iter().map(operations::on).collect::<Vec<_>>()
            });
            (Just(of), Just(resource), pair)
        }),
    ) {
        let mut swapped = pair.clone();
        swapped.reverse();
        match calls::patch(&of, &resource, &pair) {
            Ok(patched) => prop_assert_eq!(calls::patch(&of, &resource, &swapped), Ok(patched)),
            Err(_) => prop_assert!(calls::patch(&of, &resource, &swapped).is_err()),
        }
    }

    #[test]
    fn one_operation_that_fails_fails_the_request(
        (of, resource, operations) in typed_resource().prop_flat_map(|(of, resource)| {
            let operations = vec(operations::any(&of), 0..4);
            (Just(of), Just(resource), operations)
        }),
        failing in select([
            json!({ "op": "remove" }),
            json!({ "op": "add", "path": "no.such", "value": 1 }),
            json!({ "op": "replace", "path": "id", "value": "mine" }),
            json!({ "op": "replace", "path": "meta[", "value": "mine" }),
        ].to_vec()),
    ) {
        let mut accepted = Vec::new();
        for operation in operations {
            accepted.push(operation);
            if calls::patch(&of, &resource, &accepted).is_err() {
                accepted.pop();
            }
        }
        let with_failing = [accepted.as_slice(), &[failing], &accepted].concat();
        match calls::patch(&of, &resource, &with_failing) {
            Err(Error::Patch(error)) => prop_assert_eq!(error.operation, Some(accepted.len())),
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn what_patch_accepts_is_a_valid_resource(
        (of, resource, operations) in any_type().prop_flat_map(|of| {
            (Just(of.clone()), stored(&of), vec(operations::any(&of), 1..6))
        }),
    ) {
        let mut resource = resource;
        for operation in operations {
            let Ok(patched) = calls::patch(&of, &resource, &[operation]) else { continue };
            prop_assert_eq!(calls::create(&of, &patched), Ok(patched.clone()));
            prop_assert_eq!(calls::replace(&of, &patched, &patched), Ok(patched.clone()));

            let extensions = of.extensions.iter().map(|extension| &extension.schema.id);
            let present = extensions.filter(|urn| patched.contains_key(*urn));
            let expected: Vec<_> = std::iter::once(&of.schema.id).chain(present).collect();
            prop_assert_eq!(&patched["schemas"], &json!(expected));
            let containers = patched.values().filter_map(Value::as_object);
            let values = containers.flat_map(Object::values).chain(patched.values());
            for value in values {
                prop_assert!(primaries(value) <= 1, "{value}");
            }
            resource = patched;
        }
    }
}
