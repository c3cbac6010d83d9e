//! Filters and sorts as SQL: the only place where statements are put together.
//!
//! A statement finds the page of a list in steps, each a table of ids:
//!
//! * `c0`, the candidates: what an index finds for the most selective term, or all of the type; as
//!   many as may be looked at, and one more;
//! * `m0`, those of them that match: terms that an index answers for one resource come first, and
//!   then what is left is evaluated over the document;
//! * `matched`, those of all types that are asked for, with the keys by which they are sorted;
//! * the page, with its resources, beside the total.
//!
//! Nothing is left to estimates: a tenant that has just been filled has no statistics, and the
//! planner takes it for a single row. Each step is `MATERIALIZED`, and each id is looked up on its
//! own, as the head of `store/members.rs` has it.

mod binds;
mod derived;
mod document;
mod operand;
mod page;
mod planner;
mod sets;
mod sort;
mod stale;
#[cfg(test)]
mod tests;
mod walk;
mod words;

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tenon_scim::filter::BoundFilter;
use tenon_scim::schema::ResourceType;
use tenon_scim::sort::{Sort, SortOrder};
use uuid::Uuid;

pub use binds::Statement;
pub use page::{Found, Page, is_timeout};
pub use planner::{Plan, TypePlan};

/// The place of the tenant in every statement.
const TENANT: &str = "$1::uuid";

/// Where resources are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Space<'s> {
    /// Their type.
    pub resource_type: &'s ResourceType,
    /// The attributes of the type that have an index, by their paths.
    pub ready: &'s HashSet<String>,
    /// Whether all documents are as the schemas of today make them. Where they are not, a page tells
    /// whether it depends on one that may be another.
    pub rewritten: bool,
    /// All types of the tenant: what memberships refer to.
    pub types: &'s [Arc<ResourceType>],
    /// Where the tenant's service is, without a slash at the end.
    pub base_url: &'s str,
    /// The types of which memberships show a part; of all others, they show all resources.
    pub narrowed: &'s [Narrowed<'s>],
}

/// What is seen of a type of resources.
#[derive(Debug, Clone)]
pub struct Narrowed<'s> {
    /// The type.
    pub resource_type: &'s ResourceType,
    /// Those of its resources that are seen.
    pub filter: BoundFilter<'s>,
}

/// Which resources of a type are looked for, and in which order.
#[derive(Debug, Clone)]
pub struct Asked<'s> {
    /// Where.
    pub space: Space<'s>,
    /// Which; all where there is none.
    pub filter: Option<&'s BoundFilter<'s>>,
    /// Which of them are seen; all where there is none. It goes by all memberships, also those that
    /// [`Space::narrowed`] leaves out for the filter and the sort.
    pub narrowing: Option<&'s BoundFilter<'s>>,
    /// The sort; `None` also where the type does not have the attribute.
    pub sort: Option<Sort<'s>>,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// That of creation.
    Creation,
    /// That of a sort.
    Sorted(SortOrder),
}

/// How many resources a list may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Documents that are read.
    pub documents: u32,
    /// Resources that are looked up in an index one by one.
    pub probes: u32,
    /// Resources that an index finds.
    pub found: u32,
    /// Resources that an index finds and that are sorted by their documents, although an index has
    /// the order of all: to read all of it takes longer.
    pub sorted: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { documents: 50_000, probes: 1_000_000, found: 10_000_000, sorted: 2_000 }
    }
}

/// The place of a resource in a list. The id decides where the keys are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The text of its [`tenon_scim::sort::SortKey`]; empty where the list is not sorted.
    #[serde(rename = "k", default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Its id.
    #[serde(rename = "i")]
    pub id: Uuid,
}

/// Which resources a page has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bound {
    /// The first ones after this position, or of all.
    #[serde(rename = "a")]
    After(Option<Position>),
    /// The last ones before this position, or of all.
    #[serde(rename = "b")]
    Before(Option<Position>),
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// Where it begins or ends.
    pub bound: Bound,
    /// How many of those within the bound are passed over.
    pub skip: usize,
    /// How many are wanted.
    pub take: usize,
}
