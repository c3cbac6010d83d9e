//! Filters (RFC 7644 §3.4.2.2): text → [`Filter`] → [`BoundFilter`] → a yes or no.
//!
//! ```text
//! FILTER    = attrExp / logExp / valuePath / *1"not" "(" FILTER ")"
//! valuePath = attrPath "[" valFilter "]"
//! attrExp   = (attrPath SP "pr") / (attrPath SP compareOp SP compValue)
//! logExp    = FILTER SP ("and" / "or") SP FILTER      ; not before and before or
//! compValue = false / null / true / number / string   ; as in JSON
//! compareOp = "eq" / "ne" / "co" / "sw" / "ew" / "gt" / "lt" / "ge" / "le"
//! ```
//!
//! Parsing knows no schema. Binding looks up every attribute, and refuses comparisons that
//! make no sense for its type. Evaluation cannot fail.

mod ast;
mod bind;
mod bind_each;
mod eval;
mod lexer;
mod parser;

pub use ast::{CompareOp, Filter, Literal, PathText};
pub use bind::{BoundFilter, Comparison, Operand, Scope};
pub use bind_each::bind_each;
pub use parser::{MAX_DEPTH, MAX_LENGTH, MAX_TERMS, parse, parse_within};

use crate::quote::shortened;

/// Why a filter is refused, and where.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("filter, column {column}: {kind}")]
pub struct FilterError {
    /// The character at which the trouble starts, counted from 1.
    pub column: usize,
    /// The trouble.
    pub kind: FilterErrorKind,
}

/// What is wrong with a filter.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FilterErrorKind {
    /// Something else belongs here.
    #[error("expected {expected}, found {}", shortened(.found))]
    Expected {
        /// What belongs here.
        expected: &'static str,
        /// What stands here.
        found: String,
    },
    /// A string without its end, or with a bad escape.
    #[error("the string is not a JSON string: {error}")]
    BadString {
        /// What the JSON reader says.
        error: String,
    },
    /// A character that has no meaning in a filter.
    #[error("unexpected character {found:?}")]
    UnexpectedCharacter {
        /// The character.
        found: char,
    },
    /// More nesting than the limit.
    #[error("more than {MAX_DEPTH} levels of nesting")]
    TooDeep,
    /// More terms than the limit.
    #[error("more than {limit} terms")]
    TooManyTerms {
        /// How many there may be.
        limit: usize,
    },
    /// Longer than the limit.
    #[error("longer than {MAX_LENGTH} characters")]
    TooLong,
    /// An attribute that the schemas do not have.
    #[error("{error}")]
    UnknownAttribute {
        /// Which one.
        error: Box<crate::path::PathError>,
    },
    /// An attribute that no resource type has, where resources of all types are searched.
    #[error("no resource type has an attribute \"{}\"", shortened(.path))]
    UnknownEverywhere {
        /// The path.
        path: String,
    },
    /// A complex attribute is compared as a whole, and has no `value`.
    #[error("\"{attribute}\" is complex; compare one of its sub-attributes")]
    Complex {
        /// The attribute.
        attribute: String,
    },
    /// The value is of another type than the attribute.
    #[error("\"{attribute}\" is of type {kind}; it cannot be compared with {}", shortened(.found))]
    WrongType {
        /// The attribute.
        attribute: String,
        /// Its type.
        kind: &'static str,
        /// The value, in words.
        found: String,
    },
    /// The operator does not fit the type (RFC 7644 §3.4.2.2, table 3).
    #[error("operator \"{op}\" does not apply to \"{attribute}\", which is of type {kind}")]
    WrongOperator {
        /// The operator.
        op: &'static str,
        /// The attribute.
        attribute: String,
        /// Its type.
        kind: &'static str,
    },
    /// Brackets after an attribute with one value.
    #[error("\"{attribute}\" is neither multi-valued nor complex; \"[…]\" does not apply")]
    NotMultiValued {
        /// The attribute.
        attribute: String,
    },
    /// Secrets cannot be searched.
    #[error("\"{attribute}\" is never returned, so it cannot be searched")]
    NotSearchable {
        /// The attribute.
        attribute: String,
    },
}

impl FilterError {
    pub(crate) const fn at(column: usize, kind: FilterErrorKind) -> Self {
        Self { column, kind }
    }
}
