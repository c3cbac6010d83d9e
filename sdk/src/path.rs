//! Reads a SCIM path natively, for tests. The server has the real thing.

use serde_json::Value;

/// RFC 7643 §4 and §3.1: the URNs of core schemas stand for the resource itself.
const CORE: &str = "urn:ietf:params:scim:schemas:core:";

/// The value at a path. See [`crate::testing`] for what is left out.
pub(crate) fn read(document: &Value, path: &str) -> Option<Value> {
    assert!(
        !path.contains('['),
        "the stand-in for documents reads no filters, as in {path:?}; test this one against a \
         server, or read the whole attribute and filter in the plugin"
    );
    let (container, name) = container(document, path)?;
    let Some(name) = name else { return assigned(container.clone()) };
    match name.split_once('.') {
        Some((name, sub)) => of(member(container, name)?, sub),
        None => assigned(member(container, name)?.clone()),
    }
}

/// The object that a path's attribute is in, and the path without its URN.
///
/// A URN has colons and dots itself, so that only a document's own members tell where it ends.
fn container<'a, 'p>(document: &'a Value, path: &'p str) -> Option<(&'a Value, Option<&'p str>)> {
    if !path.contains(':') {
        return Some((document, Some(path)));
    }
    for (urn, value) in document.as_object()?.iter().filter(|(key, _)| key.contains(':')) {
        match strip_prefix(path, urn) {
            Some("") => return Some((value, None)),
            Some(rest) if rest.starts_with(':') => return Some((value, rest.get(1..))),
            _ => {}
        }
    }
    strip_prefix(path, CORE)?;
    path.rsplit_once(':').map(|(_, name)| (document, Some(name)))
}

/// A sub-attribute; of each element where there are several.
fn of(value: &Value, sub: &str) -> Option<Value> {
    match value {
        Value::Array(elements) => {
            let values = elements.iter().filter_map(|element| member(element, sub).cloned());
            assigned(Value::Array(values.collect()))
        }
        single => assigned(member(single, sub)?.clone()),
    }
}

/// RFC 7643 §2.1: names are compared without regard to case.
fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let (_, value) = object.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value)
}

/// RFC 7643 §2.5: null and an empty array are as good as nothing.
fn assigned(value: Value) -> Option<Value> {
    let unassigned = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    (!unassigned).then_some(value)
}

fn strip_prefix<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    let head = path.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| path.get(prefix.len()..)).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn user() -> Value {
        json!({
            "userName": "ada",
            "nickName": null,
            "name": { "familyName": "Lovelace" },
            "emails": [{ "value": "a@example.com", "type": "work" }, { "value": "b@example.com" }],
            "photos": [],
            URN: { "department": "Engines", "manager": { "value": "26118915" } },
        })
    }

    #[test]
    fn each_form_of_a_path_is_read() {
        for (path, value) in [
            ("userName".to_owned(), json!("ada")),
            ("USERNAME".to_owned(), json!("ada")),
            ("name.familyName".to_owned(), json!("Lovelace")),
            ("emails.value".to_owned(), json!(["a@example.com", "b@example.com"])),
            ("emails.type".to_owned(), json!(["work"])),
            (format!("{URN}:department"), json!("Engines")),
            (format!("{}:Department", URN.to_uppercase()), json!("Engines")),
            (format!("{URN}:manager.value"), json!("26118915")),
            (URN.to_owned(), user()[URN].clone()),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName".to_owned(), json!("ada")),
            (
                "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName".to_owned(),
                json!("Lovelace"),
            ),
        ] {
            assert_eq!(read(&user(), &path), Some(value), "{path}");
        }
    }

    #[test]
    fn null_empty_and_absent_are_unassigned() {
        for path in [
            "nickName",
            "photos",
            "title",
            "name.givenName",
            "photos.value",
            "urn:other:2.0:User:x",
        ] {
            assert_eq!(read(&user(), path), None, "{path}");
        }
    }

    #[test]
    #[should_panic(expected = "reads no filters")]
    fn a_filter_panics() {
        read(&user(), "emails[type eq \"work\"].value");
    }
}
