//! What a plugin's source file starts with: `use tenon_sdk::prelude::*;`.

pub use crate::{
    Attribute, Context, Description, Document, Failure, Issue, Mutability, Operation, Returned,
    Schema, Uniqueness, Validation, config, log,
};
