//! The body of a search (RFC 7644 §3.4.3): a list query that is not in the URL.

use serde_json::Value;

use crate::Object;
use crate::list::{self, Query, QueryError, Selection, Sent};
use crate::value::json_type;

/// The `schemas` URI of a search (RFC 7644 §3.4.3).
pub const SEARCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// Reads the body of a search. Names are read without regard to case, and members that the RFC
/// does not have are ignored.
///
/// # Errors
/// It is not a SearchRequest, or a member is not what it has to be.
pub fn parse(body: &Object) -> Result<Query, QueryError> {
    let schemas = strings(body, "schemas")?.unwrap_or_default();
    if !schemas.iter().any(|schema| schema.eq_ignore_ascii_case(SEARCH_SCHEMA)) {
        return Err(QueryError::NotASearch);
    }
    let paging = list::paging(number(body, "startIndex")?, string(body, "cursor")?)?;
    let sort_order = string(body, "sortOrder")?.map(list::sort_order).transpose()?;
    Ok(Query {
        filter: string(body, "filter")?.map(str::to_owned),
        sort_by: string(body, "sortBy")?.map(str::to_owned),
        sort_order: sort_order.unwrap_or_default(),
        count: list::page_size(&paging, number(body, "count")?)?,
        paging,
        selection: Selection::of(
            strings(body, "attributes")?,
            strings(body, "excludedAttributes")?,
        )?,
    })
}

/// The value of a member; null is as good as none (RFC 7643 §2.5).
fn member<'b>(body: &'b Object, name: &'static str) -> Result<Option<&'b Value>, QueryError> {
    let mut values = body.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let value = values.next().map(|(_, value)| value);
    if values.next().is_some() {
        return Err(QueryError::Twice { name: name.to_owned() });
    }
    Ok(value.filter(|value| !value.is_null()))
}

fn string<'b>(body: &'b Object, name: &'static str) -> Result<Option<&'b str>, QueryError> {
    let Some(value) = member(body, name)? else { return Ok(None) };
    value.as_str().map(Some).ok_or_else(|| wrong(name, "a string", value))
}

fn strings(body: &Object, name: &'static str) -> Result<Option<Vec<String>>, QueryError> {
    let Some(value) = member(body, name)? else { return Ok(None) };
    let expected = "an array of strings";
    let values = value.as_array().ok_or_else(|| wrong(name, expected, value))?;
    let owned = |value: &Value| {
        value.as_str().map(str::to_owned).ok_or_else(|| wrong(name, expected, value))
    };
    values.iter().map(owned).collect::<Result<_, _>>().map(Some)
}

fn number(body: &Object, name: &'static str) -> Result<Option<Sent>, QueryError> {
    let sent = |value: &Value| {
        let whole = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
        whole.ok_or_else(|| value.to_string())
    };
    Ok(member(body, name)?.map(sent))
}

fn wrong(name: &'static str, expected: &'static str, value: &Value) -> QueryError {
    QueryError::Member { name, expected, found: json_type(value) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ScimType;
    use crate::list::Paging;
    use crate::sort::SortOrder;

    fn search(members: &Value) -> Result<Query, QueryError> {
        let mut body = json!({ "schemas": [SEARCH_SCHEMA] });
        let body = body.as_object_mut().unwrap();
        body.extend(members.as_object().unwrap().clone());
        parse(body)
    }

    #[test]
    fn a_search_says_what_a_url_says() {
        let found = search(&json!({
            "Attributes": ["userName", "emails"],
            "filter": "userName sw \"b\"",
            "SORTBY": "userName",
            "sortOrder": "Descending",
            "startIndex": 11,
            "count": 10,
            "cursor": null,
            "somethingElse": true
        }));
        let in_url = Query::parse([
            ("attributes", "userName,emails"),
            ("filter", "userName sw \"b\""),
            ("sortBy", "userName"),
            ("sortOrder", "descending"),
            ("startIndex", "11"),
            ("count", "10"),
        ]);
        assert_eq!(found, in_url);
        let nothing = search(&json!({})).unwrap();
        assert_eq!((nothing.sort_order, nothing.paging), (SortOrder::Ascending, Paging::Index(1)));
        assert_eq!(search(&json!({ "cursor": "" })).unwrap().paging, Paging::Cursor(None));
    }

    #[test]
    fn a_search_says_that_it_is_one() {
        for body in [json!({}), json!({ "schemas": [] }), json!({ "schemas": ["urn:x"] })] {
            assert_eq!(parse(body.as_object().unwrap()), Err(QueryError::NotASearch), "{body}");
        }
    }

    #[test]
    fn a_member_of_another_type_is_named() {
        let cases = [
            (json!({ "filter": 1 }), "\"filter\" of a search must be a string, not a number"),
            (json!({ "attributes": "a,b" }), "\"attributes\" of a search must be an array of"),
            (json!({ "attributes": [1] }), "must be an array of strings, not a number"),
            (json!({ "cursor": 5 }), "\"cursor\" of a search must be a string"),
            (json!({ "sortBy": "a", "sortby": "b" }), "\"sortBy\" is given twice"),
            (json!({ "count": 1.5 }), "\"count\" must be a whole number, not 1.5"),
            (json!({ "startIndex": "1" }), "\"startIndex\" must be a whole number, not \"1\""),
        ];
        for (members, message) in cases {
            let error = search(&members).unwrap_err();
            assert!(error.to_string().contains(message), "{members}: {error}");
        }
        let filter = search(&json!({ "filter": 1 })).unwrap_err();
        assert_eq!(filter.scim_type(), ScimType::InvalidSyntax);
        let count = search(&json!({ "count": "1", "cursor": "" })).unwrap_err();
        assert_eq!(count.scim_type(), ScimType::InvalidCount);
    }
}
