//! Why a list query is refused.

use crate::ScimType;
use crate::quote::shortened;

/// Why a parameter is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QueryError {
    /// Not a whole number.
    #[error("parameter \"{name}\" must be a whole number, not {}", shortened(.found))]
    NotANumber {
        /// The parameter.
        name: &'static str,
        /// Its value as JSON.
        found: String,
    },
    /// Neither order.
    #[error("parameter \"sortOrder\" must be \"ascending\" or \"descending\", not \"{}\"", shortened(.found))]
    SortOrder {
        /// Its value.
        found: String,
    },
    /// It names nothing that has an order.
    #[error("parameter \"sortBy\": {error}")]
    SortBy {
        /// Why not.
        error: crate::sort::SortError,
    },
    /// RFC 7644 §3.9 has one or the other.
    #[error("parameters \"attributes\" and \"excludedAttributes\" exclude each other")]
    BothProjections,
    /// `attributes` or `excludedAttributes` is too long.
    #[error("parameter \"{name}\" must have at most {max} names, not {found}")]
    TooManyNames {
        /// The parameter.
        name: &'static str,
        /// As many as there may be.
        max: usize,
        /// As many as there are.
        found: usize,
    },
    /// RFC 9865 §2.4: "clients can use the 'startIndex' or 'cursor' query parameters to request a
    /// specific method".
    #[error("parameters \"startIndex\" and \"cursor\" ask for two methods of paging; send one")]
    BothPagings,
    /// A parameter is there twice.
    #[error("parameter \"{name}\" is given twice")]
    Twice {
        /// The parameter.
        name: String,
    },
    /// The body of a search is not of the form of RFC 7644 §3.4.3.
    #[error("member \"{name}\" of a search must be {expected}, not {found}")]
    Member {
        /// The member.
        name: &'static str,
        /// What it has to be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// The body of a search does not say that it is one.
    #[error("member \"schemas\" of a search must contain \"{}\"", crate::search::SEARCH_SCHEMA)]
    NotASearch,
    /// `count` is no number, in a query that is paged by cursors.
    #[error("parameter \"count\" must be a whole number, not {}", shortened(.found))]
    Count {
        /// Its value as JSON.
        found: String,
    },
    /// `count` asks for larger pages than there are, in a query that is paged by cursors.
    #[error("parameter \"count\" must be at most {max}, the maxPageSize, not {found}")]
    CountTooLarge {
        /// The largest page.
        max: usize,
        /// Its value.
        found: usize,
    },
    /// `count` is not that of the first page.
    #[error("parameter \"count\" must be {initial}, as on the first page, not {found}")]
    CountChanged {
        /// That of the first page.
        initial: usize,
        /// Its value.
        found: usize,
    },
    /// RFC 9865 §5.2: forged, foreign and misused cursors get "identical error messages".
    #[error(
        "parameter \"cursor\" is not one that this query has given; all other parameters must be \
         as on the first page, which an empty cursor asks for"
    )]
    InvalidCursor,
    /// It is older than the `cursorTimeout`.
    #[error("the cursor has expired; an empty cursor asks for the first page again")]
    ExpiredCursor,
}

impl QueryError {
    /// The `scimType` (RFC 7644 §3.12, table 9; RFC 9865 §2.1, table 3).
    #[must_use]
    pub const fn scim_type(&self) -> ScimType {
        match self {
            Self::NotANumber { .. }
            | Self::SortOrder { .. }
            | Self::SortBy { .. }
            | Self::BothProjections
            | Self::TooManyNames { .. }
            | Self::BothPagings
            | Self::Twice { .. } => ScimType::InvalidValue,
            Self::Member { .. } | Self::NotASearch => ScimType::InvalidSyntax,
            Self::Count { .. } | Self::CountTooLarge { .. } | Self::CountChanged { .. } => {
                ScimType::InvalidCount
            }
            Self::InvalidCursor => ScimType::InvalidCursor,
            Self::ExpiredCursor => ScimType::ExpiredCursor,
        }
    }
}
