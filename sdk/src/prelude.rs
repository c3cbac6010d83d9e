//! What a plugin's source file starts with: `use tenon_sdk::prelude::*;`.

pub use crate::{
    AfterCommit, AfterRead, Attribute, BeforeDelete, BeforeQuery, BeforeWrite, Claim, Context,
    Description, Document, Edit, Event, Failure, Issue, Mutability, Operation, QueryDecision,
    RequestHead, Resolver, Schema, Uniqueness, Validation, WriteDecision, clock, config, directory,
    log, random,
};
