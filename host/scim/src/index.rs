//! What a database needs to find resources: values as text whose order in bytes is the order in
//! which filters and sorts compare them, and the body in a form that simple functions can compare.

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::path::AttributeRef;
use crate::schema::core::{GROUP, USER};
use crate::schema::{Attribute, Indexed, Kind, ResourceType, Uniqueness};
use crate::value::{instant, is_present, normalized};
use crate::{Object, membership};

/// Characters of a value that decide its place in an index. A btree has no room for more than some
/// 2,700 bytes, and four bytes are a character at the most.
pub const KEY_CHARS: usize = 256;

/// The element of an entry that says no more than that there is something: a value of another type
/// than the attribute has today is present, and compares with nothing.
pub const STRAY: i16 = -1;

/// One value of an indexed attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The path of the attribute.
    pub attr: String,
    /// The [`key`] of the value.
    pub val: String,
    /// Which value of a multi-valued attribute it is of. 0 is the one that counts for sorting: the
    /// primary, or else the first (RFC 7644 §3.4.2.3). [`STRAY`] where the value is none that the
    /// attribute could have.
    pub elem: i16,
    /// Whether its parts are searched for.
    pub substrings: bool,
}

/// The attributes of a type that its schemas declare as indexed. Memberships are not among them, nor
/// are those that [`is_found_by_uniqueness`].
pub fn declared(resource_type: &ResourceType) -> impl Iterator<Item = AttributeRef<'_>> {
    resource_type.attributes().filter(|target| {
        target.leaf().indexed != Indexed::None && can_be_indexed(resource_type, *target)
    })
}

/// Whether an index could hold the values of an attribute: it has values of its own, which are
/// returned, and are not kept apart from the body.
#[must_use]
pub fn can_be_indexed(resource_type: &ResourceType, target: AttributeRef<'_>) -> bool {
    let leaf = target.leaf();
    let derived = matches!(target.attribute.name.as_str(), "id" | "schemas" | "meta");
    let is_membership =
        membership::of(resource_type).is_some_and(|it| target.is_of(it.attribute()));
    leaf.kind != Kind::Complex
        && leaf.returned != crate::schema::Returned::Never
        && !(target.extension.is_none() && derived)
        && !is_membership
        && !is_found_by_uniqueness(resource_type, target)
}

/// Whether what keeps the values of an attribute unique finds them, of all resources and as they are
/// compared: text of the core schemas. Of a schema that a plugin brings, values may be older than
/// their uniqueness is.
#[must_use]
pub fn is_found_by_uniqueness(resource_type: &ResourceType, target: AttributeRef<'_>) -> bool {
    let is_core =
        target.extension.is_none() && matches!(resource_type.schema.id.as_str(), USER | GROUP);
    let attribute = target.attribute;
    is_core
        && target.sub.is_none()
        && attribute.uniqueness != Uniqueness::None
        && attribute.kind == Kind::String
        && !attribute.multi_valued
        && attribute.name != "id"
}

/// The entries of a resource for these attributes, each once, in order.
#[must_use]
pub fn entries(targets: &[AttributeRef<'_>], attributes: &Object) -> Vec<Entry> {
    let mut entries: Vec<Entry> =
        targets.iter().flat_map(|target| entries_of(*target, attributes)).collect();
    entries.sort_unstable();
    entries.dedup();
    entries
}

fn entries_of(target: AttributeRef<'_>, attributes: &Object) -> Vec<Entry> {
    let value = target.container(attributes).and_then(|it| it.get(&target.attribute.name));
    let elements = match value {
        None => return Vec::new(),
        Some(Value::Array(elements)) => elements.as_slice(),
        Some(single) => std::slice::from_ref(single),
    };
    let is_primary = |element: &Value| element.get("primary") == Some(&Value::Bool(true));
    let first = elements.iter().position(is_primary).unwrap_or(0);
    let (leaf, attr) = (target.leaf(), target.path());
    let entry = |(place, element): (usize, &Value)| {
        let value = target.sub.map_or(Some(element), |sub| element.get(&sub.name))?;
        let substrings = leaf.has_indexed_substrings();
        let Some(val) = key(leaf, value) else {
            let (attr, val) = (attr.clone(), String::new());
            return is_present(value).then_some(Entry { attr, val, elem: STRAY, substrings });
        };
        // The one that counts comes first, and those before it move up by one.
        let elem = match place {
            place if place == first => 0,
            place if place < first => place + 1,
            place => place,
        };
        let elem = i16::try_from(elem).unwrap_or(i16::MAX);
        Some(Entry { attr: attr.clone(), val, elem, substrings })
    };
    elements.iter().enumerate().filter_map(entry).collect()
}

/// A value as text whose order in bytes is the order of values; `None` where it is not of the type
/// of the attribute, and so compares with nothing.
#[must_use]
pub fn key(attribute: &Attribute, value: &Value) -> Option<String> {
    match (attribute.kind, value) {
        (Kind::Boolean, Value::Bool(value)) => Some(value.to_string()),
        (Kind::Integer | Kind::Decimal, Value::Number(value)) => Some(number_key(value)),
        (Kind::DateTime, Value::String(text)) => instant(text).map(instant_key),
        (Kind::String | Kind::Reference | Kind::Binary, Value::String(text)) => {
            Some(text_key(&normalized(attribute, text)))
        }
        _ => None,
    }
}

/// The key of a text that is normalised already. One that is too long is known by its beginning and
/// its SHA-256: it has its place among shorter ones, and is equal to no other.
#[must_use]
pub fn text_key(text: &str) -> String {
    match text.char_indices().nth(KEY_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => {
            let digest = Sha256::digest(text.as_bytes());
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}{hex}", text.get(..end).unwrap_or(text))
        }
    }
}

/// Whether a text is short enough for its key to be itself, and so for any comparison of keys.
#[must_use]
pub fn is_whole_key(text: &str) -> bool {
    text.chars().nth(KEY_CHARS).is_none()
}

/// Nanoseconds since 1970, of one width. The years that have four digits, with a sign, fit.
#[must_use]
pub fn instant_key(instant: OffsetDateTime) -> String {
    const BEFORE_ALL: i128 = 1_000_000_000_000_000_000_000;
    format!("{:022}", instant.unix_timestamp_nanos() + BEFORE_ALL)
}

/// The key of a number: its sign, its exponent, its digits. Of a negative one, all is turned round.
#[must_use]
pub fn number_key(number: &Number) -> String {
    const MIDDLE: i32 = 5_000;
    let text = exact(number);
    let (negative, digits) = text.strip_prefix('-').map_or((false, text.as_str()), |it| (true, it));
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    if significant.is_empty() {
        return "o".to_owned();
    }
    let leading_zeros = all.len() - significant.len();
    let places = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
    let exponent = exponent
        .parse::<i32>()
        .unwrap_or(0)
        .saturating_add(places(whole.len()))
        .saturating_sub(places(leading_zeros))
        .saturating_add(MIDDLE);
    let significant = significant.trim_end_matches('0');
    if !negative {
        return format!("p{exponent:04}{significant}");
    }
    let turned = |text: String| -> String {
        text.chars().map(|c| c.to_digit(10).map_or(c, |d| char::from(b'9' - d as u8))).collect()
    };
    // Of two that begin alike, the longer one is further from zero.
    format!("n{}~", turned(format!("{exponent:04}{significant}")))
}

/// The number in decimal digits, equal to what it is compared as: from 2⁵³ on, a double is a whole
/// number of more digits than it is written with.
#[must_use]
pub fn exact(number: &Number) -> String {
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(double) if number.is_f64() && double.abs() >= WHOLE => format!("{double:.0}"),
        _ => number.to_string(),
    }
}

/// The attributes in the form in which a database compares them; `None` where they are in that form
/// already. In it, text that is compared without regard to case differs from the folded text in
/// the letters A to Z at the most; numbers and instants are their [`key`]s, and what is neither in
/// their place is `true`, which is present and equals nothing.
#[must_use]
pub fn search_document(resource_type: &ResourceType, attributes: &Object) -> Option<Object> {
    let mut changed = false;
    let mut document = attributes.clone();
    for (name, value) in &mut document {
        if let Some(attribute) = resource_type.attribute(name) {
            changed |= make_searchable(attribute, value);
        } else if let (Some(extension), Value::Object(members)) =
            (resource_type.extension(name), value)
        {
            for (name, value) in members {
                if let Some(attribute) = Attribute::named(&extension.schema.attributes, name) {
                    changed |= make_searchable(attribute, value);
                }
            }
        }
    }
    changed.then_some(document)
}

/// Whether it was changed.
fn make_searchable(attribute: &Attribute, value: &mut Value) -> bool {
    match value {
        Value::Array(elements) => {
            elements
                .iter_mut()
                .map(|element| make_searchable(attribute, element))
                .filter(|changed| *changed)
                .count()
                > 0
        }
        Value::Object(members) => {
            members
                .iter_mut()
                .map(|(name, value)| {
                    attribute.sub(name).is_some_and(|sub| make_searchable(sub, value))
                })
                .filter(|changed| *changed)
                .count()
                > 0
        }
        single => match searchable(attribute, single) {
            Some(searchable) => {
                *single = searchable;
                true
            }
            None => false,
        },
    }
}

fn searchable(attribute: &Attribute, value: &Value) -> Option<Value> {
    match (attribute.kind, value) {
        (_, Value::Null) => None,
        // It is no value, of whatever type.
        (Kind::Integer | Kind::Decimal | Kind::DateTime, Value::String(text))
            if text.is_empty() =>
        {
            Some(Value::Null)
        }
        (Kind::Integer | Kind::Decimal | Kind::DateTime, value) => {
            Some(key(attribute, value).map_or(Value::Bool(true), Value::String))
        }
        (Kind::String, Value::String(text)) if !attribute.compares_exactly() => {
            let folded = text.to_lowercase();
            (folded != text.to_ascii_lowercase()).then_some(Value::String(folded))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Registry;
    use crate::path::{self, Target};

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn numbers_have_the_order_of_their_keys() {
        let ascending = [
            "-1e300",
            "-9007199254740993",
            "-9007199254740992.0",
            "-15",
            "-1.5",
            "-1",
            "-0.5",
            "-0.05",
            "0",
            "1e-7",
            "0.05",
            "0.5",
            "1",
            "1.5",
            "15",
            "1152921504606846976.0",
            "1152921504606846977",
            "18446744073709551615",
            "1e300",
        ];
        let keys: Vec<String> = ascending.iter().map(|text| number_key(&number(text))).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
        for (a, b) in [("1", "1.0"), ("0", "-0.0"), ("1e2", "100"), ("1.5e1", "15")] {
            assert_eq!(number_key(&number(a)), number_key(&number(b)), "{a} and {b}");
        }
    }

    #[test]
    fn instants_have_one_width() {
        let key = |text| instant_key(instant(text).unwrap());
        let keys =
            ["0000-01-01T00:00:00Z", "1969-12-31T23:59:59.9Z", "9999-12-31T23:59:59Z"].map(key);
        assert!(keys.is_sorted() && keys.iter().all(|key| key.len() == 22), "{keys:?}");
        assert_eq!(key("2011-05-13T06:42:34+02:00"), key("2011-05-13T04:42:34Z"));
    }

    #[test]
    fn a_long_text_is_known_by_its_beginning_and_its_digest() {
        let (long, other) = ("é".repeat(KEY_CHARS + 1), format!("{}x", "é".repeat(KEY_CHARS)));
        assert!(text_key(&long) != text_key(&other) && text_key(&long).len() < 2_700);
        assert!(text_key(&long) > text_key(&"é".repeat(KEY_CHARS)));
        assert!(is_whole_key(&"é".repeat(KEY_CHARS)) && !is_whole_key(&long));
    }

    #[test]
    fn the_entry_that_sorts_is_that_of_the_primary_value() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let Target::Attribute(emails) = path::resolve(user, "emails.value").unwrap() else {
            panic!()
        };
        let user = json!({ "emails": [
            { "value": "B@x" }, { "value": "a@x", "primary": true }, { "type": "work" }, { "value": "c@x" }
        ] });
        let found: Vec<_> = entries(&[emails], user.as_object().unwrap())
            .into_iter()
            .map(|entry| (entry.attr, entry.val, entry.elem))
            .collect();
        let expected = [("a@x", 0), ("b@x", 1), ("c@x", 3)];
        let expected =
            expected.map(|(val, elem)| ("emails.value".to_owned(), val.to_owned(), elem));
        assert_eq!(found, expected);
    }

    #[test]
    fn the_core_declares_what_identity_providers_look_for() {
        let registry = Registry::core();
        let declared = |name: &str| -> Vec<String> {
            declared(registry.resource_type(name).unwrap()).map(|target| target.path()).collect()
        };
        assert_eq!(
            declared("User"),
            [
                "externalId",
                "name.familyName",
                "displayName",
                "emails.value",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"
            ]
        );
        assert_eq!(declared("Group"), ["externalId", "displayName"]);
    }

    #[test]
    fn a_body_needs_another_form_only_for_letters_beyond_ascii() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let document = |value: Value| search_document(user, value.as_object().unwrap());
        assert_eq!(document(json!({ "userName": "BJensen", "title": "müller", "id": "É" })), None);
        let folded = document(json!({ "userName": "BJensen", "name": { "familyName": "Öztürk" } }));
        let expected = json!({ "userName": "BJensen", "name": { "familyName": "öztürk" } });
        assert_eq!(folded.map(Value::Object), Some(expected));
    }
}
