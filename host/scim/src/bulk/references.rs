//! References to what other operations create: `bulkId:qwerty` (RFC 7644 §3.7.2).

use serde_json::Value;

use crate::Object;

const PREFIX: &str = "bulkId:";

/// The bulkId to which a text refers.
pub(super) fn referred(text: &str) -> Option<&str> {
    text.strip_prefix(PREFIX)
}

/// Shows every reference in `value` to `id_of`, and puts the id that it answers in its place.
///
/// RFC 7644 §3.7.2: "Extensions that include references to other resources MUST be handled in the
/// same way". No schema tells in which attributes those are, so any string may be a reference.
pub(super) fn replace(value: &mut Value, id_of: &mut impl FnMut(&str) -> Option<String>) {
    match value {
        Value::String(text) => replace_text(text, id_of),
        Value::Array(values) => values.iter_mut().for_each(|it| replace(it, id_of)),
        Value::Object(members) => replace_references(members, id_of),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Shows every reference in the values of an object to `id_of`, and puts the id that it answers
/// in its place.
pub fn replace_references(members: &mut Object, id_of: &mut impl FnMut(&str) -> Option<String>) {
    members.values_mut().for_each(|it| replace(it, id_of));
}

/// The same in the body of a PATCH request, where the filter of a path may have references too:
/// `members[value eq "bulkId:qwerty"]`.
pub(super) fn replace_in_patch(body: &mut Object, id_of: &mut impl FnMut(&str) -> Option<String>) {
    replace_references(body, id_of);
    let operations = named_mut(body, "Operations").and_then(Value::as_array_mut);
    for operation in operations.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(Value::String(path)) = named_mut(operation, "path") {
            *path = with_ids(path, id_of);
        }
    }
}

/// The same in a text that is a reference as a whole.
pub(super) fn replace_text(text: &mut String, id_of: &mut impl FnMut(&str) -> Option<String>) {
    if let Some(id) = referred(text).and_then(id_of) {
        *text = id;
    }
}

/// Whether there is any reference in `value`.
pub(super) fn any_in(value: &Value) -> bool {
    match value {
        Value::String(text) => referred(text).is_some(),
        Value::Array(values) => values.iter().any(any_in),
        Value::Object(members) => members.values().any(any_in),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A path with ids in the place of the references between quotes.
fn with_ids(path: &str, id_of: &mut impl FnMut(&str) -> Option<String>) -> String {
    let mut parts = path.split('"');
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push('"');
        match referred(part).and_then(&mut *id_of) {
            Some(id) => result.push_str(&id),
            None => result.push_str(part),
        }
    }
    result
}

fn named_mut<'v>(members: &'v mut Object, name: &str) -> Option<&'v mut Value> {
    members.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn replaced(mut body: Value) -> (Value, Vec<String>) {
        let mut seen = Vec::new();
        let mut id_of = |bulk_id: &str| {
            seen.push(bulk_id.to_owned());
            (bulk_id != "later").then(|| format!("id-{bulk_id}"))
        };
        replace_in_patch(body.as_object_mut().unwrap(), &mut id_of);
        (body, seen)
    }

    #[test]
    fn references_are_found_at_any_depth_and_replaced_where_the_id_is_known() {
        let (body, seen) = replaced(json!({
            "displayName": "not bulkId:a",
            "members": [{ "value": "bulkId:a" }, { "value": "bulkId:later" }, "bulkId:"],
            "urn:x": { "manager": { "value": "bulkId:b" } }
        }));
        let expected = json!({
            "displayName": "not bulkId:a",
            "members": [{ "value": "id-a" }, { "value": "bulkId:later" }, "id-"],
            "urn:x": { "manager": { "value": "id-b" } }
        });
        assert_eq!(body, expected);
        assert_eq!(seen, ["a", "later", "", "b"]);
    }

    #[test]
    fn the_filter_of_a_patch_path_may_refer() {
        let path = |path: &str| json!({ "operations": [{ "op": "remove", "Path": path }] });
        let (body, seen) =
            replaced(path("members[value eq \"bulkId:a\" or value eq \"bulkId:later\"].display"));
        let expected = "members[value eq \"id-a\" or value eq \"bulkId:later\"].display";
        assert_eq!(body, path(expected));
        assert_eq!(seen, ["a", "later"]);
        let (body, seen) = replaced(path("members[value eq \"a bulkId:a\"]"));
        assert_eq!((body, seen.len()), (path("members[value eq \"a bulkId:a\"]"), 0));
    }
}
