//! What a client may not read: it is in no answer, and a replacement keeps it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use tenon_scim::Object;
use tenon_scim::membership;
use tenon_scim::path::{Target, resolve};
use tenon_scim::project::{Hidden, Projection, Splice};
use tenon_scim::resource::{Meta, assemble, without_secrets};
use tenon_scim::schema::ResourceType;
use tenon_scim::schema::validate;
use tenon_scim::value::{canonical, instant};

use super::types::{Place, Type, places};
use super::values::typed_resource;

/// A resource, names of attributes to hide, and names that a request lists.
fn resource_and_names() -> impl Strategy<Value = (Type, Object, Vec<String>, Vec<String>)> {
    typed_resource().prop_flat_map(|(of, resource)| {
        let mut paths: Vec<_> = of.extensions.iter().map(|it| it.schema.id.clone()).collect();
        for place in places(&of).iter().filter(|it| !is_of_the_server(it)) {
            let path = place.path();
            let subs = place.attribute.sub_attributes.iter();
            paths.extend(subs.map(|it| format!("{path}.{}", it.name)));
            paths.push(path);
        }
        let hidden = vec(select(paths.clone()), 1..6);
        (Just(of), Just(resource), hidden, vec(select(paths), 0..6))
    })
}

fn is_of_the_server(place: &Place) -> bool {
    place.extension.is_none() && matches!(&*place.attribute.name, "schemas" | "id" | "meta")
}

/// The values at a path, wherever they are in the resource.
fn values_at(of: &ResourceType, resource: &Object, path: &str) -> Vec<Value> {
    match resolve(of, path).unwrap() {
        Target::Extension(schema) => resource.get(&schema.id).cloned().into_iter().collect(),
        Target::Attribute(target) => target.values(resource).cloned().collect(),
    }
}

/// The same; what looks alike has no order among each other.
fn sorted_values_at(of: &ResourceType, resource: &Object, path: &str) -> Vec<String> {
    let values = values_at(of, resource, path);
    let elements =
        values.iter().flat_map(|it| it.as_array().map_or(vec![it], |it| it.iter().collect()));
    let mut texts: Vec<String> = elements.map(canonical).collect();
    texts.sort_unstable();
    texts
}

proptest! {
    #[test]
    fn what_is_hidden_is_in_no_answer((of, resource, names, asked) in resource_and_names()) {
        let at = instant("2010-01-23T04:56:22Z").unwrap();
        let meta = Meta { id: "2819c223".to_owned(), created: at, last_modified: at, version: 1 };
        let resource = without_secrets(&of, &assemble(&of, &resource, &meta, "https://t.example"));
        let text = Value::Object(resource.clone()).to_string();
        for projection in [
            Projection::default(),
            Projection::only(&of, &asked),
            Projection::only(&of, &names),
            Projection::without(&of, &asked),
            Projection::default().after_writing(&of, &names),
        ] {
            let projection = projection.hiding(Hidden::of(&of, &names));
            let mut shown = resource.clone();
            projection.apply(&of, &mut shown);
            for name in &names {
                prop_assert_eq!(values_at(&of, &shown, name), Vec::<Value>::new(), "{}", name);
            }
            let spliced = Splice::new(&of, projection);
            let spliced = format!("{{{}}}", spliced.members(&text).unwrap());
            prop_assert_eq!(spliced, Value::Object(shown).to_string());
        }
    }

    #[test]
    fn who_sends_back_what_they_see_changes_nothing(
        (of, mut resource, names, _) in resource_and_names(),
    ) {
        // Memberships are kept on their own.
        if let Some(membership) = membership::of(&of) {
            resource.shift_remove(&membership.attribute().name);
        }
        let created = validate::create(&of, &resource).unwrap().into_attributes();
        let hidden = Hidden::of(&of, &names);
        let mut seen = created.clone();
        Projection::default().hiding(hidden.clone()).apply(&of, &mut seen);
        seen.insert("schemas".to_owned(), created["schemas"].clone());
        let replaced = validate::replace(&of, &created, &seen, &hidden).unwrap().into_attributes();
        for name in &names {
            let before = sorted_values_at(&of, &created, name);
            prop_assert_eq!(sorted_values_at(&of, &replaced, name), before, "{}", name);
        }
    }
}
