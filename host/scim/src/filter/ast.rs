//! A filter as it was written, before any schema is known.

use std::fmt;

use serde_json::Number;

/// A filter as text means it. Its [`Display`](fmt::Display) form parses to the same filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them hold. Never fewer than two.
    And(Vec<Filter>),
    /// At least one holds. Never fewer than two.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// `path pr`: the attribute has a value.
    Present(PathText),
    /// `path op value`.
    Compare(PathText, CompareOp, Literal),
    /// `path[filter]`: one value satisfies all of the filter.
    Element(PathText, Box<Filter>),
}

/// An attribute path as written.
#[derive(Debug, Clone)]
pub struct PathText {
    /// The text.
    pub text: String,
    /// Its first character, counted from 1.
    pub column: usize,
}

/// Two paths are equal when they are spelt alike, wherever they stand.
impl PartialEq for PathText {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// A comparison (RFC 7644 §3.4.2.2, table 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOp {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
}

impl CompareOp {
    const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// The operator on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }

    /// RFC 7644 §3.4.2.2: "Attribute names and attribute operators used in filters are case
    /// insensitive."
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.as_str().eq_ignore_ascii_case(word))
    }
}

/// The value of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`: `eq null` asks for the absence of a value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as in JSON.
    Number(Number),
    /// A string as in JSON, unescaped.
    String(String),
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(terms) => {
                join(f, terms, " and ", |term| matches!(term, Self::And(_) | Self::Or(_)))
            }
            Self::Or(terms) => join(f, terms, " or ", |term| matches!(term, Self::Or(_))),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Present(path) => write!(f, "{} pr", path.text),
            Self::Compare(path, op, value) => write!(f, "{} {} {value}", path.text, op.as_str()),
            Self::Element(path, inner) => write!(f, "{}[{inner}]", path.text),
        }
    }
}

fn join(
    f: &mut fmt::Formatter<'_>,
    terms: &[Filter],
    operator: &str,
    needs_parentheses: impl Fn(&Filter) -> bool,
) -> fmt::Result {
    for (index, term) in terms.iter().enumerate() {
        if index > 0 {
            f.write_str(operator)?;
        }
        if needs_parentheses(term) {
            write!(f, "({term})")?;
        } else {
            write!(f, "{term}")?;
        }
    }
    Ok(())
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::String(value) => write!(f, "{}", serde_json::Value::from(value.as_str())),
        }
    }
}
