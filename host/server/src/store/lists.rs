//! What lists are asked of.

/// Which resources a list has. One type has an index of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// Those of the type with this name.
    Type(String),
    /// Those of the types with these names.
    Types(Vec<String>),
}
