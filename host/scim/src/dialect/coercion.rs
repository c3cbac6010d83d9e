//! What was read as something else than it says.

use std::fmt;

/// One thing that a client sent and that was read as the RFC's form of it.
///
/// Its text is for logs: but for booleans, it has nothing of the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coercion {
    /// The path of the attribute.
    pub path: String,
    /// How it was read.
    pub reading: Reading,
}

/// How something was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A string as the boolean it names.
    StringBoolean(bool),
    /// A string as the `value` of a complex attribute.
    BareValue,
    /// An array of one as its value.
    ArrayOfOne,
    /// An object as the `value` in it.
    WrappedValue,
    /// The empty string as no value.
    EmptyString,
    /// The JSON in `value` as the parts of the value.
    JsonInValue,
    /// A name without a URN as the attribute of an extension.
    UnqualifiedExtension,
}

impl fmt::Display for Coercion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path)?;
        match self.reading {
            Reading::StringBoolean(value) => write!(f, "string boolean read as {value}"),
            Reading::BareValue => f.write_str("bare string read as its \"value\""),
            Reading::ArrayOfOne => f.write_str("array of one read as its one value"),
            Reading::WrappedValue => f.write_str("object read as its \"value\""),
            Reading::EmptyString => f.write_str("empty string read as no value"),
            Reading::JsonInValue => f.write_str("JSON in \"value\" read as its sub-attributes"),
            Reading::UnqualifiedExtension => f.write_str("named without its URN"),
        }
    }
}
