//! What requests do: read and write resources of any type, manage a tenant's plugins.

pub mod audit;
pub mod bulk;
pub mod charge;
pub mod condition;
pub mod cursor;
mod dialect;
pub mod facts;
pub mod hooks;
pub mod housekeeping;
pub mod idempotency;
pub mod indexes;
pub mod indexing;
mod large;
pub mod list;
pub mod memberships;
pub mod metrics;
pub mod moves;
pub mod plugins;
pub mod read;
pub mod removal;
pub mod render;
pub mod request_log;
pub mod secrets;
pub mod shares;
pub mod substrings;
pub mod transfer;
mod visible;
pub mod write;

use std::future::Future;
use std::sync::Arc;

use sqlx::PgConnection;
use tenon_plugin::{CallError, PluginHost};
use tenon_scim::path::AttributeRef;
use tenon_scim::schema::ResourceType;
use tenon_scim::schema::validate::Invalid;
use tenon_scim::{index, precondition};
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use self::cursor::CursorSealer;
use self::facts::Facts;
use self::metrics::Metrics;
use self::request_log::RequestLog;
use crate::store::audit::By;
use crate::store::filter_sql::{Limits, TypePlan};
use crate::store::index_builds::{self, DOCUMENTS, IndexBuild, State};
use crate::store::lanes::Lanes;
use crate::store::replicas::{Replicas, Source};
use crate::store::resources::Stored;
use crate::store::rows::Lookups;
use crate::store::{Database, StoreError, TenantId};
use crate::tenant::access::{Permission, Principal};
use crate::tenant::credentials::Credentials;
use crate::tenant::rate::Rates;
use crate::tenant::runtime::TenantRuntime;

/// Who asks, and what the answer needs to know of the question.
#[derive(Debug, Clone)]
pub struct Request {
    /// The tenant.
    pub tenant: Arc<TenantRuntime>,
    /// Where the tenant's service is, for `meta.location`; without a slash at the end.
    pub base_url: Arc<str>,
    /// Identifies the request in the log.
    pub request_id: Arc<str>,
    /// Who asks, and what they may do.
    pub principal: Arc<Principal>,
    /// What becomes known of it.
    pub facts: Facts,
}

impl Request {
    /// Resources of a page at the most.
    #[must_use]
    pub fn max_page_size(&self) -> usize {
        let most = self.tenant.limits.max_page_size;
        self.principal.claimed.max_page_size.map_or(most, |claimed| claimed.min(most))
    }

    /// The resource type that the tenant has at this endpoint, `/Users`.
    ///
    /// # Errors
    /// It has none there.
    pub fn resource_type(&self, endpoint: &str) -> Result<&Arc<ResourceType>, Error> {
        let known = self.tenant.registry.at_endpoint(endpoint);
        known.ok_or_else(|| Error::NoResourceType { endpoint: endpoint.to_owned() })
    }

    /// Refuses what the principal may not do: with resources of a type, or with all (some, where a
    /// permission may be for one type). Whoever asks for a permission asks here.
    ///
    /// # Errors
    /// They do not have the permission.
    pub fn require(
        &self,
        permission: Permission,
        resource_type: Option<&ResourceType>,
    ) -> Result<(), Error> {
        let grants = &self.principal.grants;
        let is_allowed = match resource_type {
            Some(resource_type) => grants.allow_on(permission, &resource_type.name),
            None => grants.allow(permission),
        };
        if is_allowed {
            return Ok(());
        }
        let resource_type = resource_type.map(|it| it.name.clone());
        Err(Error::Forbidden { permission: permission.name(), resource_type })
    }

    /// The types with whose resources the principal may do this.
    ///
    /// # Errors
    /// There are none.
    pub fn types_with(&self, permission: Permission) -> Result<Vec<Arc<ResourceType>>, Error> {
        let types = self.tenant.registry.resource_types().iter();
        let types: Vec<_> =
            types.filter(|it| self.require(permission, Some(it)).is_ok()).cloned().collect();
        if types.is_empty() {
            return Err(Error::Forbidden { permission: permission.name(), resource_type: None });
        }
        Ok(types)
    }

    /// The attributes whose values writes keep in the index.
    fn wanted_indexes<'t>(&self, resource_type: &'t ResourceType) -> Vec<AttributeRef<'t>> {
        index::declared(resource_type).collect()
    }

    fn by(&self) -> By<'_> {
        By { actor: &self.principal.actor, request_id: &self.request_id }
    }
}

/// What the services work with.
#[derive(Debug, Clone)]
pub struct Services {
    /// The database.
    pub database: Database,
    /// Connections to it for quick reads.
    pub lanes: Lanes,
    /// Single resources by their keys.
    pub lookups: Lookups,
    /// Copies of it for reads that cost.
    pub replicas: Replicas,
    /// Who may ask.
    pub credentials: Arc<Credentials>,
    /// How fast.
    pub rates: Arc<Rates>,
    /// Requests without a credential, which take nothing from the clients of the tenant.
    pub rates_of_nobody: Arc<Rates>,
    /// How fast those of a JWT may that claims a rate of its own, by its tenant and who acts.
    pub claimed_rates: Arc<Rates<(TenantId, Arc<str>)>>,
    /// What is told of requests.
    pub request_log: RequestLog,
    /// Where plugins run.
    pub plugins: PluginHost,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    sealer: secrets::Sealer,
    cursors: CursorSealer,
    /// Places for lists that look at all resources of a type, or show memberships. Each holds a
    /// connection for long: half of them stay free for everything else.
    scans: Arc<Semaphore>,
    /// How many resources a list may look at.
    list_limits: Limits,
    /// Has a receiver for each bulk request that is being carried out.
    bulks: watch::Sender<()>,
}

impl Services {
    /// Services over a database and a plugin host.
    #[must_use]
    pub fn new(
        database: Database,
        lanes: Lanes,
        replicas: Replicas,
        plugins: PluginHost,
        cursors: CursorSealer,
        list_limits: Limits,
        credentials: Credentials,
    ) -> Self {
        let connections = usize::try_from(database.connections()).unwrap_or(1);
        let scans = Arc::new(Semaphore::new((connections / 2).max(1)));
        let (sealer, bulks) = (secrets::Sealer::default(), watch::Sender::new(()));
        Self {
            database,
            lookups: Lookups::over(&lanes),
            lanes,
            replicas,
            credentials: Arc::new(credentials),
            rates: Arc::default(),
            rates_of_nobody: Arc::default(),
            claimed_rates: Arc::default(),
            request_log: RequestLog::default(),
            plugins,
            metrics: Arc::default(),
            sealer,
            cursors,
            scans,
            list_limits,
            bulks,
        }
    }

    /// Reads what a replica may serve; where one fails meanwhile, once more from the primary.
    async fn read_anywhere<T, R>(
        &self,
        request: &Request,
        read: impl Fn(Source) -> R,
    ) -> Result<T, Error>
    where
        R: Future<Output = Result<T, Error>>,
    {
        let source = self.replicas.source(request.tenant.place);
        match read(source.clone()).await {
            Err(Error::Store(error)) => match source.instead(&error) {
                Some(primary) => read(primary).await,
                None => Err(error.into()),
            },
            done => done,
        }
    }
}

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
    fn too_many(of_type: &TypePlan<'_>) -> Self {
        Self::TooManyCandidates {
            resource_type: of_type.resource_type().to_owned(),
            limit: of_type.limit(),
            attributes: of_type.residual(),
            can_be_indexed: of_type.can_be_indexed(),
        }
    }

    async fn documents_not_rewritten(
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

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Protocol(invalid.into())
    }
}

/// Ids are UUIDs; what is not one names nothing.
fn parse_id(resource_type: &ResourceType, id: &str) -> Result<Uuid, Error> {
    parse_uuid(id).ok_or_else(|| not_found(resource_type, id))
}

/// An id is compared as it is written (RFC 7643 §3.1, caseExact): of the ways to write a UUID, only
/// the one in which ids are given out counts.
fn parse_uuid(id: &str) -> Option<Uuid> {
    Uuid::parse_str(id).ok().filter(|uuid| uuid.to_string() == id)
}

/// Refuses to write a copy of what another tenant has.
fn check_own(resource_type: &ResourceType, stored: &Stored) -> Result<(), Error> {
    if stored.is_shared { Err(read_only(resource_type, stored.id)) } else { Ok(()) }
}

fn read_only(resource_type: &ResourceType, id: Uuid) -> Error {
    Error::ReadOnlyShared { resource_type: resource_type.name.clone(), id }
}

fn not_found(resource_type: &ResourceType, id: impl ToString) -> Error {
    Error::NotFound { resource_type: resource_type.name.clone(), id: id.to_string() }
}
