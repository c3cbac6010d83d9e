//! Moving a tenant's resources in and out, in lines of JSON: what an export has is what an import
//! takes. A line has a resource without its members, or members of one group, so that no line grows
//! with a group; an import has all resources first, and members after them.

mod export;
mod ids;
mod line;
mod members;
mod references;

use tenon_scim::Object;
use tenon_scim::resource::Meta;
use tenon_scim::value::instant;
use uuid::Uuid;

pub use self::export::{ExportPage, Position};
pub use self::line::{Line, MembersOf};
use super::write::import::Incoming;
use super::{Error, Request, Services};
use crate::tenant::access::Permission;

/// What an import does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It tells what it would do.
    DryRun,
    /// It writes.
    Write {
        /// Whether the source's version counts where the tenant has changed a resource since.
        overwrite: bool,
    },
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The resource was created.
    Created,
    /// It was there, and was changed.
    Updated,
    /// It was there as it is in the source.
    Unchanged,
}

/// A line that was taken.
#[derive(Debug)]
pub struct Imported {
    /// What was done.
    pub outcome: Outcome,
    /// The id in the tenant: of the resource, or of the group.
    pub id: Uuid,
    /// Attributes that no schema of the type has; they were left out.
    pub ignored: Vec<String>,
    /// Members that were left out.
    pub refused: Vec<RefusedMember>,
}

/// A member that a group did not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedMember {
    /// Its id in the source.
    pub value: String,
    /// Why.
    pub detail: String,
}

/// Why a line was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It says nothing that could be taken.
    #[error("{0}")]
    Line(String),
    /// A resource of another type has the id.
    #[error("the id \"{id}\" is that of {} of the tenant", a_resource(.resource_type.as_deref()))]
    IdTaken {
        /// The id.
        id: Uuid,
        /// The name of the type, where the principal may read it.
        resource_type: Option<String>,
    },
    /// Both have changed it.
    #[error(
        "the tenant has another version of it, which is as new as the source's or newer; import it \
         with \"overwrite\" if that of the source is to count"
    )]
    Newer,
    /// As a request of its own it would fail too.
    #[error(transparent)]
    Request(Box<Error>),
}

fn a_resource(resource_type: Option<&str>) -> String {
    resource_type.map_or("another resource".to_owned(), |name| format!("a {name}"))
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Request(Box::new(error))
    }
}

impl From<tenon_scim::Error> for Refusal {
    fn from(error: tenon_scim::Error) -> Self {
        Error::from(error).into()
    }
}

impl Imported {
    pub(super) const fn new(outcome: Outcome, id: Uuid, ignored: Vec<String>) -> Self {
        Self { outcome, id, ignored, refused: Vec::new() }
    }
}

impl Services {
    /// Takes one line.
    ///
    /// # Errors
    /// It is not one, or what it says is refused as in a request of its own.
    pub async fn import(
        &self,
        request: &Request,
        line: &Line,
        mode: Mode,
    ) -> Result<Imported, Refusal> {
        match line {
            Line::Resource { resource_type, resource } => {
                self.import_resource(request, resource_type.as_deref(), resource, mode).await
            }
            Line::Members(members) => self.import_members(request, members, mode).await,
        }
    }

    async fn import_resource(
        &self,
        request: &Request,
        resource_type: Option<&str>,
        resource: &Object,
        mode: Mode,
    ) -> Result<Imported, Refusal> {
        let resource_type = line::type_of(&request.tenant.registry, resource_type, resource)?;
        request.require(Permission::Create, Some(resource_type))?;
        request.require(Permission::Update, Some(resource_type))?;
        let id = ids::local(request.tenant.id, &resource_type.name, line::id_of(resource)?);
        let attributes = references::rewritten(request, resource_type, resource);
        let changed = line::last_modified(resource).and_then(instant);
        let is_newer_than = |meta: &Meta| changed.is_some_and(|it| it > meta.last_modified);
        let incoming =
            Incoming { id, attributes: &attributes, mode, is_newer_than: &is_newer_than };
        self.write_imported(request, resource_type, &incoming).await
    }
}
