//! List queries and their answers (RFC 7644 §3.4.2, RFC 9865).

mod error;

use serde_json::Value;

pub use error::QueryError;

use crate::sort::SortOrder;

/// The `schemas` URI of a list (RFC 7644 §3.4.2).
pub const LIST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// Names that `attributes` or `excludedAttributes` may have.
pub const MAX_NAMES: usize = 1_000;

/// A list query: the parameters of RFC 7644 §3.4.2 and RFC 9865 §2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// `filter`, unparsed.
    pub filter: Option<String>,
    /// `sortBy`.
    pub sort_by: Option<String>,
    /// `sortOrder`.
    pub sort_order: SortOrder,
    /// Where the page begins: `startIndex` or `cursor`.
    pub paging: Paging,
    /// `count`: how many are wanted; `None` leaves it to the server.
    pub count: Option<usize>,
    /// Which attributes are wanted.
    pub selection: Selection,
}

/// How a client goes through the pages of a list (RFC 9865 §2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paging {
    /// `startIndex`: the first resource wanted, from 1 (RFC 7644 §3.4.2.4).
    Index(usize),
    /// `cursor`: as the page before gave it; `None` for the first page (RFC 9865 §2).
    Cursor(Option<String>),
}

/// Index paging is the default: clients of before RFC 9865 expect it (§2.4).
impl Default for Paging {
    fn default() -> Self {
        Self::Index(1)
    }
}

/// `attributes` and `excludedAttributes` (RFC 7644 §3.9), which every method takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// `attributes`.
    pub attributes: Option<Vec<String>>,
    /// `excludedAttributes`.
    pub excluded_attributes: Option<Vec<String>>,
}

impl Query {
    /// Reads decoded parameters of a URL. Their names are read as the RFC writes them; others are
    /// ignored: clients send their own, such as Entra ID's `aadOptscim062020`.
    ///
    /// # Errors
    /// A value that cannot be read, or parameters that contradict each other.
    pub fn parse<'p>(
        parameters: impl IntoIterator<Item = (&'p str, &'p str)> + Clone,
    ) -> Result<Self, QueryError> {
        let known = Known::of(
            parameters.clone(),
            ["filter", "sortBy", "sortOrder", "startIndex", "count", "cursor"],
        )?;
        let [filter, sort_by, order, start_index, count, cursor] = known.0;
        let whole = |text: &str| text.trim().parse().ok();
        let shown = |text: &str| Value::from(text).to_string();
        let paging = paging(start_index.map(|it| whole(it).ok_or_else(|| shown(it))), cursor)?;
        Ok(Self {
            filter: filter.map(str::to_owned),
            sort_by: sort_by.map(str::to_owned),
            sort_order: order.map(sort_order).transpose()?.unwrap_or_default(),
            count: page_size(&paging, count.map(|it| whole(it).ok_or_else(|| shown(it))))?,
            paging,
            selection: Selection::parse(parameters)?,
        })
    }

    /// How many resources a page has: `count`, within the server's bounds.
    ///
    /// # Errors
    /// A cursor is used, and `count` is larger than the largest page. RFC 9865 §2.1: "Count value
    /// must be between 0 and service provider's maxPageSize". With an index, fewer are returned
    /// (RFC 7644 §3.4.2.4).
    pub fn page_size(&self, default: usize, max: usize) -> Result<usize, QueryError> {
        match (&self.paging, self.count) {
            (_, None) => Ok(default),
            (Paging::Cursor(_), Some(found)) if found > max => {
                Err(QueryError::CountTooLarge { max, found })
            }
            (_, Some(count)) => Ok(count.min(max)),
        }
    }
}

impl Selection {
    /// Reads decoded parameters of a URL.
    ///
    /// # Errors
    /// Both are there, or one of them twice or with more than [`MAX_NAMES`] names.
    pub fn parse<'p>(
        parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
    ) -> Result<Self, QueryError> {
        let known = Known::of(parameters, ["attributes", "excludedAttributes"])?;
        let [attributes, excluded] = known.0.map(|value| value.map(names));
        Self::of(attributes, excluded)
    }

    /// The selection of these names.
    ///
    /// # Errors
    /// Both are there, or one has more than [`MAX_NAMES`] names.
    pub fn of(
        attributes: Option<Vec<String>>,
        excluded_attributes: Option<Vec<String>>,
    ) -> Result<Self, QueryError> {
        if attributes.is_some() && excluded_attributes.is_some() {
            return Err(QueryError::BothProjections);
        }
        for (name, names) in
            [("attributes", &attributes), ("excludedAttributes", &excluded_attributes)]
        {
            let found = names.as_ref().map_or(0, Vec::len);
            if found > MAX_NAMES {
                return Err(QueryError::TooManyNames { name, max: MAX_NAMES, found });
            }
        }
        Ok(Self { attributes, excluded_attributes })
    }
}

/// The values of some parameters, each given once at the most.
struct Known<'p, const N: usize>([Option<&'p str>; N]);

impl<'p, const N: usize> Known<'p, N> {
    fn of(
        parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
        names: [&str; N],
    ) -> Result<Self, QueryError> {
        let mut values = [None; N];
        for (name, value) in parameters {
            let slot = names.iter().zip(&mut values).find(|(known, _)| **known == name);
            let Some((_, slot)) = slot else { continue };
            if slot.replace(value).is_some() {
                return Err(QueryError::Twice { name: name.to_owned() });
            }
        }
        Ok(Self(values))
    }
}

/// A number as it was sent; where it is none, its JSON.
pub(crate) type Sent = Result<i128, String>;

/// The method of paging that the parameters ask for.
pub(crate) fn paging(
    start_index: Option<Sent>,
    cursor: Option<&str>,
) -> Result<Paging, QueryError> {
    match (start_index, cursor) {
        (Some(_), Some(_)) => Err(QueryError::BothPagings),
        // RFC 9865 §2: "The cursor value MUST be empty or omitted for the first request".
        (None, Some("")) => Ok(Paging::Cursor(None)),
        (None, Some(cursor)) => Ok(Paging::Cursor(Some(cursor.to_owned()))),
        (None, None) => Ok(Paging::default()),
        (Some(sent), None) => {
            let sent =
                sent.map_err(|found| QueryError::NotANumber { name: "startIndex", found })?;
            // RFC 7644 §3.4.2.4: "A value less than 1 SHALL be interpreted as 1."
            Ok(Paging::Index(at_least_zero(sent).max(1)))
        }
    }
}

/// `count`, if it is a number.
pub(crate) fn page_size(paging: &Paging, count: Option<Sent>) -> Result<Option<usize>, QueryError> {
    // RFC 7644 §3.4.2.4, RFC 9865 §2: "A negative value SHALL be interpreted as "0"."
    let count = count.map(|sent| sent.map(at_least_zero)).transpose();
    count.map_err(|found| match paging {
        Paging::Index(_) => QueryError::NotANumber { name: "count", found },
        Paging::Cursor(_) => QueryError::Count { found },
    })
}

fn at_least_zero(number: i128) -> usize {
    usize::try_from(number.max(0)).unwrap_or(usize::MAX)
}

pub(crate) fn sort_order(value: &str) -> Result<SortOrder, QueryError> {
    if value.eq_ignore_ascii_case("ascending") {
        Ok(SortOrder::Ascending)
    } else if value.eq_ignore_ascii_case("descending") {
        Ok(SortOrder::Descending)
    } else {
        Err(QueryError::SortOrder { found: value.to_owned() })
    }
}

fn names(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Where a page is in its list, as the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The index of its first resource, from 1.
    Index(usize),
    /// The cursors of the pages before and after it, where there are any.
    Cursors {
        /// `previousCursor`.
        previous: Option<String>,
        /// `nextCursor`.
        next: Option<String>,
    },
}

/// The body of an answer to a list query, as text. `total` counts all that match, not this page;
/// each of the resources is a JSON object.
#[must_use]
pub fn response(total: usize, place: &Place, resources: &[String]) -> String {
    let place = match place {
        Place::Index(start_index) => format!(",\"startIndex\":{start_index}"),
        Place::Cursors { previous, next } => [("previousCursor", previous), ("nextCursor", next)]
            .into_iter()
            .filter_map(|(name, cursor)| Some((name, cursor.as_deref()?)))
            .map(|(name, cursor)| format!(",\"{name}\":{}", Value::from(cursor)))
            .collect(),
    };
    let count = resources.len();
    let head = format!(
        "{{\"schemas\":[\"{LIST_SCHEMA}\"],\"totalResults\":{total},\"itemsPerPage\":{count}{place},\
         \"Resources\":["
    );
    let bytes: usize = resources.iter().map(|resource| resource.len() + 1).sum();
    let mut text = String::with_capacity(head.len() + bytes + 2);
    text.push_str(&head);
    for (place, resource) in resources.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(resource);
    }
    text.push_str("]}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScimType;

    #[test]
    fn numbers_out_of_range_are_brought_into_it() {
        let query = Query::parse([("startIndex", "0"), ("count", "-5")]).unwrap();
        assert_eq!((query.paging, query.count), (Paging::Index(1), Some(0)));
        assert_eq!(Query::parse([("startIndex", "-3")]).unwrap().paging, Paging::Index(1));
        let large = Query::parse([("count", "99999999999999999999")]).unwrap();
        assert_eq!(large.page_size(10, 100), Ok(100));
        assert_eq!(Query::parse([]).unwrap().page_size(10, 100), Ok(10));
    }

    #[test]
    fn unknown_parameters_are_ignored_and_bad_values_are_not() {
        assert!(Query::parse([("aadOptscim062020", "1")]).is_ok());
        for (name, value) in [("count", "ten"), ("startIndex", ""), ("sortOrder", "up")] {
            let error = Query::parse([(name, value)]).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
            assert_eq!(error.scim_type(), ScimType::InvalidValue);
        }
        let twice = Query::parse([("filter", "a pr"), ("filter", "b pr")]);
        assert_eq!(twice, Err(QueryError::Twice { name: "filter".to_owned() }));
    }

    #[test]
    fn attributes_and_excluded_attributes_exclude_each_other() {
        let error = Query::parse([("attributes", "a, b"), ("excludedAttributes", "c")]);
        assert_eq!(error, Err(QueryError::BothProjections));
        let query = Query::parse([("attributes", " a, b,")]).unwrap();
        assert_eq!(query.selection.attributes, Some(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn the_names_of_attributes_are_counted() {
        for name in ["attributes", "excludedAttributes"] {
            let parse = |names: usize| Query::parse([(name, vec!["a"; names].join(",").as_str())]);
            assert!(parse(MAX_NAMES).is_ok());
            let error = parse(MAX_NAMES + 1).unwrap_err();
            assert_eq!(error.scim_type(), ScimType::InvalidValue);
            let message = format!("parameter \"{name}\" must have at most 1000 names, not 1001");
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn an_empty_cursor_asks_for_the_first_page() {
        assert_eq!(Query::parse([("cursor", "")]).unwrap().paging, Paging::Cursor(None));
        let later = Query::parse([("cursor", "abc")]).unwrap();
        assert_eq!(later.paging, Paging::Cursor(Some("abc".to_owned())));
        let both = Query::parse([("cursor", ""), ("startIndex", "1")]);
        assert_eq!(both, Err(QueryError::BothPagings));
    }

    #[test]
    fn a_bad_count_has_a_name_of_its_own_where_a_cursor_is_used() {
        let error = Query::parse([("cursor", ""), ("count", "ten")]).unwrap_err();
        assert_eq!(error.scim_type(), ScimType::InvalidCount);
        let negative = Query::parse([("cursor", ""), ("count", "-1")]).unwrap();
        assert_eq!(negative.page_size(10, 100), Ok(0));
        let large = Query::parse([("cursor", ""), ("count", "101")]).unwrap();
        let error = large.page_size(10, 100).unwrap_err();
        assert_eq!(error.scim_type(), ScimType::InvalidCount);
    }
}
