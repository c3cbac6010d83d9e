//! Validation: what is accepted is accepted again, and any JSON has an answer.

use proptest::prelude::*;
use serde_json::Value;
use tenon_scim::Object;
use tenon_scim::schema::{Attribute, ResourceType};

use super::calls;
use super::types::{Type, all_types, any_type};
use super::values::{input, object, respelt, typed_resource};

fn typed_input() -> impl Strategy<Value = (Type, Object)> {
    any_type().prop_flat_map(|it| (Just(it.clone()), input(&it)))
}

/// The same resource from a client that spells every name its own way.
fn with_respelt_names(resource_type: &ResourceType, resource: &Object, flips: u64) -> Object {
    let spell = |(name, value): (&String, &Value)| {
        let is_container = resource_type.extension(name).is_some()
            || resource_type
                .attribute(name)
                .is_some_and(|it: &Attribute| !it.sub_attributes.is_empty());
        let value = if is_container { with_respelt_members(value, flips) } else { value.clone() };
        (respelt(name, flips), value)
    };
    resource.iter().map(spell).collect()
}

fn with_respelt_members(value: &Value, flips: u64) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (respelt(name, flips), with_respelt_members(value, flips)))
            .collect::<Object>()
            .into(),
        Value::Array(values) => {
            values.iter().map(|value| with_respelt_members(value, flips)).collect()
        }
        simple => simple.clone(),
    }
}

proptest! {
    #[test]
    fn what_create_accepts_it_accepts_again_unchanged((of, resource) in typed_resource()) {
        prop_assert_eq!(calls::create(&of, &resource), Ok(resource));
    }

    #[test]
    fn a_resource_can_be_replaced_by_itself((of, resource) in typed_resource()) {
        prop_assert_eq!(calls::replace(&of, &resource, &resource), Ok(resource.clone()));
    }

    #[test]
    fn names_mean_the_same_in_every_case((of, input) in typed_input(), flips: u64) {
        let respelt = with_respelt_names(&of, &input, flips);
        prop_assert_eq!(calls::create(&of, &respelt), calls::create(&of, &input));
    }

    #[test]
    fn what_no_schema_has_and_what_the_server_writes_change_nothing(
        (of, input) in typed_input(),
        stray in super::values::json(),
    ) {
        let mut more = input.clone();
        for name in ["favouriteColour", "id", "meta", "urn:example:gone:2.0:User"] {
            more.insert(name.to_owned(), stray.clone());
        }
        prop_assert_eq!(calls::create(&of, &more), calls::create(&of, &input));
    }

    #[test]
    fn any_object_is_a_resource_or_an_error(
        (of, current) in typed_resource(),
        input in object(),
    ) {
        if let Ok(created) = calls::create(&of, &input) {
            prop_assert_eq!(calls::create(&of, &created), Ok(created));
        }
        if let Ok(replaced) = calls::replace(&of, &current, &input) {
            prop_assert_eq!(calls::replace(&of, &replaced, &replaced), Ok(replaced));
        }
    }

    #[test]
    fn any_object_is_a_patch_or_an_error((of, current) in typed_resource(), body in object()) {
        if let Ok(patched) = calls::patch_body(&of, &current, &body) {
            prop_assert_eq!(calls::replace(&of, &patched, &patched), Ok(patched));
        }
    }
}

#[test]
fn an_empty_object_is_no_resource_of_any_type() {
    for resource_type in all_types() {
        assert!(calls::create(resource_type, &Object::new()).is_err(), "{resource_type:?}");
    }
}
