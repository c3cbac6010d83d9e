//! Resources as answers need them: rows that go into an answer without being taken apart, read with
//! one statement over a lane.
//!
//! What `members` says of tenants without statistics holds here too: ranges and orders (`BETWEEN …
//! ORDER BY`, `… LIMIT 1`) leave the planner one index each.

mod lookup;
mod page;

use tenon_scim::resource::Meta;
use time::OffsetDateTime;
use uuid::Uuid;

use super::StoreError;
use super::resources::meta;

pub use lookup::{ById, ByUniqueValue, Lookups};
pub(super) use page::leave_out_one_more;
pub use page::{Bound, Page, page, page_over};

/// A resource as it is stored, without its secrets.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    /// The name of its type.
    #[sqlx(rename = "type")]
    pub resource_type: String,
    /// Identifies it within the tenant.
    pub id: Uuid,
    /// Counts its changes, from 1.
    pub version: i64,
    /// When it was created.
    pub created: OffsetDateTime,
    /// When it was last changed.
    pub modified: OffsetDateTime,
    /// The shape of its type when it was written; another number where the body has to be read in
    /// any case.
    pub shape: i64,
    /// The attributes as JSON; where the shape is that of the type, as clients see them, except
    /// for memberships and `meta`.
    pub body: String,
    /// Whether it is a member of a group.
    pub is_member: bool,
}

/// Which resources a list has. One type has an index of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// Those of the type with this name.
    Type(String),
    /// Those of the types with these names.
    Types(Vec<String>),
}

/// The columns of a [`Row`] in the order of [`Row::of`], of the table `resources` under the name `r`.
macro_rules! columns {
    () => {
        "r.type, r.id, r.version, r.created, r.modified, r.shape, r.body, \
         coalesce((SELECT m.member_id FROM group_members AS m \
                   WHERE m.tenant_id = r.tenant_id AND m.member_id BETWEEN r.id AND r.id \
                   ORDER BY m.member_id LIMIT 1) = r.id, false) AS is_member"
    };
}

pub(crate) use columns;

impl Row {
    /// What the server knows of it.
    #[must_use]
    pub fn meta(&self) -> Meta {
        meta(self.id, self.version, self.created, self.modified)
    }

    /// The columns from `first` on.
    fn of(row: &tokio_postgres::Row, first: usize) -> Result<Self, StoreError> {
        Ok(Self {
            resource_type: row.try_get(first)?,
            id: row.try_get(first + 1)?,
            version: row.try_get(first + 2)?,
            created: row.try_get(first + 3)?,
            modified: row.try_get(first + 4)?,
            shape: row.try_get(first + 5)?,
            body: row.try_get(first + 6)?,
            is_member: row.try_get(first + 7)?,
        })
    }
}
