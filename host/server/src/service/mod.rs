//! What requests do: read and write resources of any type, manage a tenant's plugins.

pub mod audit;
pub mod bulk;
pub mod charge;
pub mod condition;
pub mod cursor;
pub mod deliveries;
mod dialect;
mod error;
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
mod queue;
pub mod read;
pub mod removal;
pub mod render;
pub mod request_log;
pub mod resolver;
pub mod secrets;
pub mod shares;
pub mod substrings;
pub mod transfer;
mod visible;
pub mod write;

use std::future::Future;
use std::sync::Arc;

use tenon_plugin::{CallObserver, CallReport, PluginHost};
use tenon_scim::index;
use tenon_scim::path::AttributeRef;
use tenon_scim::schema::ResourceType;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

pub use self::error::Error;

use self::cursor::CursorSealer;
use self::facts::Facts;
use self::metrics::Metrics;
use self::plugins::{PluginLog, Recordings, Shadows};
use self::request_log::RequestLog;
use crate::keyring::Keyring;
use crate::store::audit::By;
use crate::store::filter_sql::Limits;
use crate::store::lanes::Lanes;
use crate::store::replicas::{Replicas, Source};
use crate::store::resources::Stored;
use crate::store::rows::Lookups;
use crate::store::{Database, TenantId};
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
        By { actor: &self.principal.actor, request_id: &self.request_id, told: &self.tenant.told }
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
    /// What plugins write.
    pub plugin_log: PluginLog,
    /// What is run beside active plugins.
    pub shadows: Shadows,
    /// What is recorded of their calls.
    pub recordings: Recordings,
    /// Where plugins run.
    pub plugins: PluginHost,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Under which secrets are stored.
    pub keyring: Keyring,
    sealer: secrets::Sealer,
    cursors: CursorSealer,
    /// Places for lists that look at all resources of a type, or show memberships. Each holds a
    /// connection for long: half of them stay free for everything else.
    scans: Arc<Semaphore>,
    /// Places for verifications of audit logs, of which each holds a connection for long.
    verifications: Arc<Semaphore>,
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
        let verifications = Arc::new(Semaphore::new((connections / 8).max(1)));
        let (sealer, bulks) = (secrets::Sealer::default(), watch::Sender::new(()));
        let metrics = Arc::<Metrics>::default();
        let plugin_log = PluginLog::default();
        plugins
            .report_to(Arc::new(Observers([metrics.of_plugins(), Arc::new(plugin_log.clone())])));
        Self {
            lookups: Lookups::over(&lanes, &database),
            keyring: database.keyring().clone(),
            database,
            lanes,
            replicas,
            credentials: Arc::new(credentials),
            rates: Arc::default(),
            rates_of_nobody: Arc::default(),
            claimed_rates: Arc::default(),
            request_log: RequestLog::default(),
            plugin_log,
            shadows: Shadows::default(),
            recordings: Recordings::default(),
            plugins,
            metrics,
            sealer,
            cursors,
            scans,
            verifications,
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

/// Who is told of calls of plugins.
#[derive(Debug)]
struct Observers([Arc<dyn CallObserver>; 2]);

impl CallObserver for Observers {
    fn called(&self, report: &CallReport<'_>) {
        for observer in &self.0 {
            observer.called(report);
        }
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
