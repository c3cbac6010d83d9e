//! What an error repeats of a client's text.

use std::borrow::Cow;

/// Characters of a client's text that an error repeats. A path may be as long as a body; an answer
/// that repeats it would be longer still.
const QUOTED_CHARACTERS: usize = 100;

/// The text as an error repeats it: its beginning and "…", where it is long.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(QUOTED_CHARACTERS) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::list::{Query, QueryError};
    use crate::patch::{PATCH_SCHEMA, PatchRequest, apply};
    use crate::sort::{Sort, SortOrder};
    use crate::{Dialect, Error, Registry, filter, path};

    #[test]
    fn text_is_cut_after_whole_characters() {
        let short = "é".repeat(QUOTED_CHARACTERS);
        assert_eq!(shortened(&short), short);
        assert_eq!(shortened(&format!("{short}x")), format!("{short}…"));
    }

    #[test]
    fn no_error_repeats_more_than_the_beginning_of_what_was_sent() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let long = "x".repeat(900_000);
        let path = |text: String| Error::from(path::parse(user, &text).unwrap_err());
        let filter = |text: String| -> Error {
            filter::parse(&text).and_then(|it| it.bind(user)).unwrap_err().into()
        };
        let query = |name, value| Error::from(Query::parse([(name, value)]).unwrap_err());
        let patch = |op: &str, path: String| -> Error {
            let operation = json!({ "op": op, "path": path, "value": "x" });
            let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": [operation] });
            let request = PatchRequest::parse(body.as_object().unwrap());
            let current = json!({ "userName": "b" });
            let current = current.as_object().unwrap();
            let patched = request.and_then(|it| apply(user, current, &it, &Dialect::RFC));
            patched.map(Value::Object).unwrap_err().into()
        };
        let error = Sort::new(user, &long, SortOrder::Ascending).unwrap_err();
        let sort = Error::from(QueryError::SortBy { error });
        let term = "x".repeat(30_000);
        let errors = [
            path(long.clone()),
            path(format!("{long}!")),
            path(format!("urn:{long}")),
            path(format!("name.{long}")),
            path(format!("userName[{long}]")),
            path(format!("emails[{long}]")),
            path(format!("emails[{term} eq 1]")),
            path(format!("emails[type eq \"x\"].{long}")),
            filter(format!("{term} pr")),
            filter(format!("userName {term}")),
            filter(format!("userName eq {term}")),
            filter(format!("userName pr \"{term}\"")),
            filter(format!("active eq \"{term}\"")),
            query("count", &long),
            query("startIndex", &long),
            query("sortOrder", &long),
            sort,
            patch(&long, "title".to_owned()),
            patch("replace", long.clone()),
            patch("replace", format!("emails[value eq \"{term}\"].value")),
        ];
        for error in errors {
            let text = error.to_string();
            assert!(text.len() < 800 && text.contains('…'), "{text:.900}");
        }
    }
}
