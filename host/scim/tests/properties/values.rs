//! Values that fit an attribute, resources that fit a type, and JSON that fits nothing.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Number, Value, json};
use tenon_scim::Object;
use tenon_scim::schema::{Attribute, Kind, ResourceType};

use super::calls;
use super::types::{Type, any_type, is_writable};

/// A resource as a client may send it to create one.
pub(crate) fn input(resource_type: &ResourceType) -> BoxedStrategy<Object> {
    let external_id = resource_type.attribute("externalId").cloned();
    let attributes: Vec<_> =
        resource_type.schema.attributes.iter().cloned().chain(external_id).collect();
    let mut parts = vec![members(&attributes)];
    for extension in &resource_type.extensions {
        let urn = extension.schema.id.clone();
        let data = members(&extension.schema.attributes);
        parts.push(
            option::of(data)
                .prop_map(move |data| {
                    data.into_iter().map(|data| (urn.clone(), Value::Object(data))).collect()
                })
                .boxed(),
        );
    }
    let base = resource_type.schema.id.clone();
    parts
        .prop_map(move |parts| {
            let schemas = ("schemas".to_owned(), json!([base]));
            std::iter::once(schemas).chain(parts.into_iter().flatten()).collect()
        })
        .boxed()
}

/// A resource as the server stores it.
pub(crate) fn stored(resource_type: &Type) -> BoxedStrategy<Object> {
    let name = resource_type.clone();
    input(resource_type).prop_map(move |input| calls::create(&name, &input).unwrap()).boxed()
}

/// A type, and a stored resource of it.
pub(crate) fn typed_resource() -> impl Strategy<Value = (Type, Object)> {
    any_type().prop_flat_map(|it| (Just(it.clone()), stored(&it)))
}

/// A value of an attribute: an array where it is multi-valued.
pub(crate) fn value(attribute: &Attribute) -> BoxedStrategy<Value> {
    if !attribute.multi_valued {
        return single(attribute);
    }
    vec(single(attribute), 1..4).prop_map(|values| Value::Array(one_primary(values))).boxed()
}

/// One value of an attribute.
pub(crate) fn single(attribute: &Attribute) -> BoxedStrategy<Value> {
    match attribute.kind {
        Kind::String => text(attribute),
        Kind::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Kind::Integer => integer().prop_map(Value::from).boxed(),
        Kind::Decimal => {
            prop_oneof![integer().prop_map(Value::from), decimal().prop_map(Value::Number)].boxed()
        }
        Kind::DateTime => date_time().prop_map(Value::from).boxed(),
        Kind::Binary => select(["", "AA==", "MIIB", "mIIb", "AQIDBAUG"].as_slice())
            .prop_map(Value::from)
            .boxed(),
        Kind::Reference => select(
            ["https://example.com/a", "https://example.com/A", "../Users/1", "urn:a:b", ""]
                .as_slice(),
        )
        .prop_map(Value::from)
        .boxed(),
        Kind::Complex => members(&attribute.sub_attributes).prop_map(Value::Object).boxed(),
    }
}

/// Any JSON, with the names that mean something among its own.
pub(crate) fn json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        integer().prop_map(Value::from),
        decimal().prop_map(Value::Number),
        any::<String>().prop_map(Value::from),
        select(WORDS).prop_map(Value::from),
    ];
    let name = prop_oneof![3 => select(WORDS).prop_map(str::to_owned), 1 => any::<String>()];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name.clone(), inner), 0..6).prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
    .boxed()
}

/// Any JSON object.
pub(crate) fn object() -> BoxedStrategy<Object> {
    let name = select(WORDS).prop_map(str::to_owned);
    vec((name, json()), 0..8).prop_map(|it| it.into_iter().collect()).boxed()
}

/// A name with its letters in another case.
pub(crate) fn respelt(name: &str, flips: u64) -> String {
    let flip = |(index, c): (usize, char)| {
        if flips >> (index % 64) & 1 == 0 {
            c
        } else if c.is_ascii_lowercase() {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        }
    };
    name.chars().enumerate().map(flip).collect()
}

/// What requests are made of.
const WORDS: &[&str] = &[
    "schemas",
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    "urn:ietf:params:scim:api:messages:2.0:PatchOp",
    "Operations",
    "op",
    "path",
    "value",
    "add",
    "Replace",
    "remove",
    "id",
    "meta",
    "userName",
    "USERNAME",
    "name",
    "name.givenName",
    "emails",
    "emails[type eq \"work\"].value",
    "emails[not (primary pr)]",
    "emails[",
    "type",
    "primary",
    "members",
    "displayName",
    "password",
    "active",
    "tags",
];

/// Few letters, so that values meet: with and without case, with marks, with what filters and
/// SQL treat apart.
const LETTERS: &[char] =
    &['a', 'A', 'b', 'ß', 'İ', 'é', '1', ' ', '%', '_', '.', ':', '"', '\\', '[', ']', '\n', '😀'];

fn text(attribute: &Attribute) -> BoxedStrategy<Value> {
    let free =
        vec(select(LETTERS), 1..6).prop_map(|letters| Value::from(String::from_iter(letters)));
    if attribute.canonical_values.is_empty() {
        return free.boxed();
    }
    let canonical = select(attribute.canonical_values.clone()).prop_map(Value::from);
    prop_oneof![3 => canonical, 1 => free].boxed()
}

fn integer() -> BoxedStrategy<i64> {
    const EXACT: i64 = 1 << f64::MANTISSA_DIGITS;
    prop_oneof![-2..3_i64, EXACT - 2..EXACT + 3, any::<i64>()].boxed()
}

/// Numbers with a fraction or an exponent, and whole ones next to the last that a double holds.
fn decimal() -> BoxedStrategy<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    prop_oneof![
        select([-0.0, 0.5, 1.0, -1.5, 1e300, EXACT - 1.0, EXACT, EXACT + 2.0, 1e19].as_slice()),
        proptest::num::f64::NORMAL,
    ]
    .prop_filter_map("JSON has finite numbers only", Number::from_f64)
    .boxed()
}

fn date_time() -> BoxedStrategy<String> {
    let offset = select(["Z", "", "+02:00", "-11:30"].as_slice());
    let fraction = select(["", ".5", ".007"].as_slice());
    (2010..2013, 1..13, 1..29, 0..24, fraction, offset)
        .prop_map(|(year, month, day, hour, fraction, offset)| {
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:30:00{fraction}{offset}")
        })
        .boxed()
}

/// An object of the attributes that a client may write; required ones are always there.
fn members(attributes: &[Attribute]) -> BoxedStrategy<Object> {
    let member = |attribute: &Attribute| {
        let name = attribute.name.clone();
        let member = value(attribute).prop_map(move |value| (name.clone(), value));
        if attribute.required {
            member.prop_map(Some).boxed()
        } else {
            option::weighted(0.4, member).boxed()
        }
    };
    let members: Vec<_> = attributes.iter().filter(|it| is_writable(it)).map(member).collect();
    members.prop_map(|members| members.into_iter().flatten().collect()).boxed()
}

/// RFC 7643 §2.4: "The primary attribute value "true" MUST appear no more than once."
fn one_primary(mut values: Vec<Value>) -> Vec<Value> {
    let primaries = values.iter_mut().filter(|it| it.get("primary") == Some(&Value::Bool(true)));
    for value in primaries.skip(1) {
        value["primary"] = Value::Bool(false);
    }
    values
}
