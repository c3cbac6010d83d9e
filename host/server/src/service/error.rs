//! Why a request is not carried out, in words for who sent it.

use std::sync::Arc;

use sqlx::PgConnection;
use tenon_plugin::CallError;
use tenon_scim::precondition;
use tenon_scim::schema::validate::Invalid;
use uuid::Uuid;

use crate::store::filter_sql::TypePlan;
use crate::store::index_builds::{self, DOCUMENTS, IndexBuild, State};
use crate::store::{StoreError, TenantId};
use crate::tenant::runtime::RuntimeError;

/// Why a request is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It breaks the protocol or the schemas.
    #[error(transparent)]
    Protocol(#[from] tenon_scim::Error),
    /// A plugin of the tenant refuses it.
    #[error("plugin \"{plugin}\" refuses the resource")]
    Rejected {
        /// The plugin.
        plugin: Arc<str>,
        /// What is wrong; never empty.
        issues: Vec<tenon_plugin::Issue>,
    },
    /// The tenant has no such resource type.
    #[error("the tenant has no resource type at {endpoint}; ResourceTypes lists what it has")]
    NoResourceType {
        /// The path asked for, below the base URL.
        endpoint: String,
    },
    /// There is no such resource.
    #[error("{resource_type} \"{id}\" does not exist")]
    NotFound {
        /// The name of the type.
        resource_type: String,
        /// The id asked for.
        id: String,
    },
    /// A value belongs to another resource.
    #[error("another {resource_type} has this value of \"{attribute}\"")]
    NotUnique {
        /// The name of the type.
        resource_type: String,
        /// The path of the attribute.
        attribute: String,
    },
    /// The tenant has as many resources of the type as it may have.
    #[error(
        "the tenant has {n} resources of type {resource_type}, and may have {limit}; delete some, or \
         ask the operator for more"
    )]
    LimitReached {
        /// The name of the type.
        resource_type: String,
        /// How many there are.
        n: i64,
        /// How many there may be.
        limit: i64,
    },
    /// A group would have more members than a group of the tenant may have.
    #[error(
        "a group of the tenant may have {limit} members, and would have more; remove some, or ask the \
         operator for more"
    )]
    MembersLimit {
        /// How many there may be.
        limit: usize,
    },
    /// The credential may not do this.
    #[error(
        "the credential does not have the permission \"{permission}\"{}",
        resource_type.as_ref().map(|it| format!(" for {it} resources")).unwrap_or_default()
    )]
    Forbidden {
        /// The name of the permission.
        permission: &'static str,
        /// The name of the type, where it is about resources of one.
        resource_type: Option<String>,
    },
    /// An export is of everything, and plugins leave the principal less.
    #[error(
        "a plugin of the tenant leaves this credential only some resources of type {resource_type}, \
         and an export is of all; lists have those that it leaves"
    )]
    NarrowedExport {
        /// The name of the type.
        resource_type: String,
    },
    /// The answer would depend on an attribute that the credential may not read.
    #[error(
        "attribute \"{path}\" may not be read with this credential, so nothing may be asked of it"
    )]
    HiddenAttribute {
        /// The path of the attribute.
        path: String,
    },
    /// It is a copy of what another tenant has.
    #[error(
        "{resource_type} \"{id}\" is shared by another tenant, where alone it can be changed; here it \
         can be read, and be a member of groups"
    )]
    ReadOnlyShared {
        /// The name of the type.
        resource_type: String,
        /// Its id.
        id: Uuid,
    },
    /// The operator has suspended the tenant.
    #[error("the tenant is suspended; its operator can resume it")]
    Suspended,
    /// The tenant asks for more than it may at a time.
    #[error(
        "the tenant sends more requests than it may; send the request again in {retry_after} s"
    )]
    TooManyRequests {
        /// After how many seconds to come back.
        retry_after: u64,
    },
    /// The idempotency key came with another request before.
    #[error(
        "the Idempotency-Key came with another request before; a key is for one request, and for \
         that one again"
    )]
    KeyOfAnother,
    /// The request with this idempotency key has not ended.
    #[error(
        "a request with this Idempotency-Key was begun and has no answer yet; send it again later. If \
         that stays so, the server was killed meanwhile: look what was done, and use another key"
    )]
    KeyInUse,
    /// The stored version is not one on which the request depends (RFC 7644 §3.14).
    #[error(transparent)]
    PreconditionFailed(#[from] precondition::Failed),
    /// Others changed the resource every time it was about to be written.
    #[error("the resource is being changed by other requests; send the request again")]
    Contended,
    /// As many lists as may look at all resources, or show memberships, are doing so.
    #[error(
        "too many lists with a filter, a sort or memberships are being made; send the request again"
    )]
    ScansBusy,
    /// As many audit logs are being verified as may be: each holds a connection for long.
    #[error("other audit logs are being verified; try again in a moment")]
    VerificationsBusy,
    /// A list depends on documents that are not as the schemas of today make them.
    #[error(
        "the list depends on resources that were written under other schemas, and these are still \
         being prepared for filters and sorts{}; send the request again later",
        progress(builds)
    )]
    DocumentsNotRewritten {
        /// How far each type is.
        builds: Vec<IndexBuild>,
    },
    /// A list shows more memberships than may be loaded for it.
    #[error(
        "the resources have more than {limit} memberships together; ask for fewer resources (count), \
         or leave out \"members\" or \"groups\" (excludedAttributes)"
    )]
    TooManyMemberships {
        /// How many may be.
        limit: usize,
    },
    /// A list would have to look at more resources than it may.
    #[error(
        "more than {limit} {resource_type} resources would have to be looked at one by one{}; {}",
        quoted(" for ", attributes),
        advice(resource_type, can_be_indexed)
    )]
    TooManyCandidates {
        /// The name of the type.
        resource_type: String,
        /// How many may be looked at.
        limit: u32,
        /// The attributes that no index answers.
        attributes: Vec<String>,
        /// Those of them that an index could answer.
        can_be_indexed: Vec<String>,
    },
    /// A write looks at all members of a group, and they are more than may be loaded for it.
    #[error(
        "the group has more than {limit} members, and the request looks at all of them; name those \
         that are meant by their \"value\" (a plugin that validates groups looks at all of them, too)"
    )]
    GroupTooLarge {
        /// How many may be.
        limit: usize,
    },
    /// A plugin gave no answer, and the request cannot go on without.
    #[error("plugin \"{plugin}\" failed ({}); the request was refused and nothing was changed", error.kind())]
    PluginFailed {
        /// The plugin.
        plugin: Arc<str>,
        /// What happened, for the log.
        error: CallError,
    },
    /// A plugin could not be loaded.
    #[error(
        "plugin \"{plugin}\" could not be loaded; the request was refused and nothing was changed"
    )]
    PluginNotLoaded {
        /// The plugin.
        plugin: Arc<str>,
        /// Why, for the log.
        reason: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fault of the server.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    pub(super) fn too_many(of_type: &TypePlan<'_>) -> Self {
        Self::TooManyCandidates {
            resource_type: of_type.resource_type().to_owned(),
            limit: of_type.limit(),
            attributes: of_type.residual(),
            can_be_indexed: of_type.can_be_indexed(),
        }
    }

    pub(super) async fn documents_not_rewritten(
        conn: &mut PgConnection,
        tenant: TenantId,
    ) -> Result<Self, StoreError> {
        let mut builds = index_builds::list(conn, tenant).await?;
        builds.retain(|build| build.attr == DOCUMENTS && build.state != State::Ready);
        Ok(Self::DocumentsNotRewritten { builds })
    }
}

fn progress(builds: &[IndexBuild]) -> String {
    let of_type = |IndexBuild { resource_type, done, total, .. }: &IndexBuild| match total {
        0 => format!("{resource_type}: about to begin"),
        _ => format!("{resource_type}: {done} of {total} done"),
    };
    let builds: Vec<_> = builds.iter().map(of_type).collect();
    if builds.is_empty() { String::new() } else { format!(" ({})", builds.join(", ")) }
}

fn quoted(before: &str, paths: &[String]) -> String {
    let quoted: Vec<_> = paths.iter().map(|path| format!("\"{path}\"")).collect();
    if quoted.is_empty() { String::new() } else { format!("{before}{}", quoted.join(", ")) }
}

/// What is to be done about too many candidates.
fn advice(resource_type: &str, can_be_indexed: &[String]) -> String {
    let narrow = "add a term that fewer resources satisfy and an index answers";
    match can_be_indexed.first() {
        None => narrow.to_owned(),
        Some(path) => {
            let or = quoted(" or ", can_be_indexed.get(1..).unwrap_or_default());
            format!(
                "have \"{path}\"{or} indexed (tenon index add {resource_type} {path}), or {narrow}"
            )
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<RuntimeError> for Error {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Store(error) => Self::Store(error),
            RuntimeError::Misfit(misfit) => Self::Internal(misfit.to_string()),
        }
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Protocol(invalid.into())
    }
}
