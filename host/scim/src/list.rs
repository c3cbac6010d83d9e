//! List queries and their answers (RFC 7644 §3.4.2).

use serde_json::{Value, json};

use crate::Object;
use crate::sort::SortOrder;

/// The `schemas` URI of a list (RFC 7644 §3.4.2).
pub const LIST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// The query parameters of RFC 7644 §3.4.2 and §3.9. Others are ignored: clients send their own,
/// such as Entra ID's `aadOptscim062020`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// `filter`, unparsed.
    pub filter: Option<String>,
    /// `sortBy`.
    pub sort_by: Option<String>,
    /// `sortOrder`.
    pub sort_order: SortOrder,
    /// `startIndex`: the first resource wanted, from 1.
    pub start_index: usize,
    /// `count`: how many are wanted; `None` leaves it to the server.
    pub count: Option<usize>,
    /// `attributes`.
    pub attributes: Option<Vec<String>>,
    /// `excludedAttributes`.
    pub excluded_attributes: Option<Vec<String>>,
}

/// Why a query parameter is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QueryError {
    /// Not a whole number.
    #[error("query parameter \"{name}\" must be a whole number, not \"{found}\"")]
    NotANumber {
        /// The parameter.
        name: &'static str,
        /// Its value.
        found: String,
    },
    /// Neither order.
    #[error(
        "query parameter \"sortOrder\" must be \"ascending\" or \"descending\", not \"{found}\""
    )]
    SortOrder {
        /// Its value.
        found: String,
    },
    /// It names nothing that has an order.
    #[error("query parameter \"sortBy\": {error}")]
    SortBy {
        /// Why not.
        error: crate::path::PathError,
    },
    /// RFC 7644 §3.9 has one or the other.
    #[error("query parameters \"attributes\" and \"excludedAttributes\" exclude each other")]
    BothProjections,
    /// A parameter is there twice.
    #[error("query parameter \"{name}\" is given twice")]
    Twice {
        /// The parameter.
        name: String,
    },
}

impl Query {
    /// Reads decoded query parameters. Their names are read as the RFC writes them.
    ///
    /// # Errors
    /// A value that cannot be read, or parameters that contradict each other.
    pub fn parse<'p>(
        parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
    ) -> Result<Self, QueryError> {
        let mut query = Self { start_index: 1, ..Self::default() };
        let mut seen = Vec::new();
        for (name, value) in parameters {
            match name {
                "filter" => query.filter = Some(value.to_owned()),
                "sortBy" => query.sort_by = Some(value.to_owned()),
                "sortOrder" => query.sort_order = sort_order(value)?,
                // RFC 7644 §3.4.2.4: "A value less than 1 SHALL be interpreted as 1." and "A
                // negative value SHALL be interpreted as "0"."
                "startIndex" => query.start_index = number("startIndex", value)?.max(1),
                "count" => query.count = Some(number("count", value)?),
                "attributes" => query.attributes = Some(names(value)),
                "excludedAttributes" => query.excluded_attributes = Some(names(value)),
                _ => continue,
            }
            if seen.contains(&name) {
                return Err(QueryError::Twice { name: name.to_owned() });
            }
            seen.push(name);
        }
        if query.attributes.is_some() && query.excluded_attributes.is_some() {
            return Err(QueryError::BothProjections);
        }
        Ok(query)
    }
}

/// The body of an answer to a list query. `total` counts all that match, not this page.
#[must_use]
pub fn response(total: usize, start_index: usize, resources: Vec<Object>) -> Value {
    json!({
        "schemas": [LIST_SCHEMA],
        "totalResults": total,
        "itemsPerPage": resources.len(),
        "startIndex": start_index,
        "Resources": resources,
    })
}

fn sort_order(value: &str) -> Result<SortOrder, QueryError> {
    if value.eq_ignore_ascii_case("ascending") {
        Ok(SortOrder::Ascending)
    } else if value.eq_ignore_ascii_case("descending") {
        Ok(SortOrder::Descending)
    } else {
        Err(QueryError::SortOrder { found: value.to_owned() })
    }
}

/// A whole number; a negative one counts as 0.
fn number(name: &'static str, value: &str) -> Result<usize, QueryError> {
    let number: i64 = value
        .trim()
        .parse()
        .map_err(|_| QueryError::NotANumber { name, found: value.to_owned() })?;
    Ok(usize::try_from(number).unwrap_or(0))
}

fn names(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_brought_into_it() {
        let query = Query::parse([("startIndex", "0"), ("count", "-5")]).unwrap();
        assert_eq!((query.start_index, query.count), (1, Some(0)));
        assert_eq!(Query::parse([("startIndex", "-3")]).unwrap().start_index, 1);
        assert_eq!(Query::parse([]).unwrap().count, None);
    }

    #[test]
    fn unknown_parameters_are_ignored_and_bad_values_are_not() {
        assert!(Query::parse([("aadOptscim062020", "1")]).is_ok());
        for (name, value) in [("count", "ten"), ("startIndex", ""), ("sortOrder", "up")] {
            let error = Query::parse([(name, value)]).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn attributes_and_excluded_attributes_exclude_each_other() {
        let error = Query::parse([("attributes", "a, b"), ("excludedAttributes", "c")]);
        assert_eq!(error, Err(QueryError::BothProjections));
        let query = Query::parse([("attributes", " a, b,")]).unwrap();
        assert_eq!(query.attributes, Some(vec!["a".to_owned(), "b".to_owned()]));
    }
}
