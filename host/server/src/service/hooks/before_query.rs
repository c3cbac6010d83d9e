//! `before-query`: plugins narrow what a client sees, and with it what it can touch.
//!
//! Filters of plugins are read and bound on their own and then and-ed to the client's: whatever is in
//! one, it cannot widen.

use std::sync::Arc;

use tenon_plugin::{Call, CallError, Capability, Plugin, QueryDecision};
use tenon_scim::filter::{self, BoundFilter};
use tenon_scim::membership;
use tenon_scim::schema::ResourceType;
use uuid::Uuid;

use super::{Operation, failed, rejected};
use crate::service::plugins::Said;
use crate::service::{Error, Request, Services, not_found};
use crate::store::filter_sql::{self, Asked, Bound, Narrowed, Order, Slice, Space};
use crate::tenant::runtime::ActivePlugin;

const HOOK: Capability = Capability::BeforeQuery;

impl Request {
    /// Where resources of a type are looked for.
    pub(in crate::service) fn space<'s>(&'s self, resource_type: &'s ResourceType) -> Space<'s> {
        let tenant = &self.tenant;
        Space {
            resource_type,
            ready: tenant.ready.of_type(resource_type),
            rewritten: tenant.ready.has_documents(&tenant.registry),
            types: tenant.registry.resource_types(),
            base_url: &self.base_url,
            narrowed: &[],
        }
    }
}

impl Services {
    /// What plugins leave of the resources of a type; `None` where that is all of them. `filter` is
    /// the client's own.
    ///
    /// # Errors
    /// A plugin refuses the query, fails, or gives a filter that means nothing for the type.
    pub(in crate::service) async fn narrowing<'t>(
        &self,
        request: &Request,
        operation: Operation,
        resource_type: &'t ResourceType,
        filter: Option<&str>,
    ) -> Result<Option<BoundFilter<'t>>, Error> {
        let filter: Option<Arc<str>> = filter.map(Arc::from);
        let mut narrowed = Vec::new();
        for active in request.plugins_with(HOOK) {
            let filter = filter.clone();
            let run = move |plugin: Arc<Plugin>, call: Call| {
                let filter = filter.clone();
                async move { plugin.before_query(&call, filter.as_deref()).await }
            };
            let hook = (HOOK, operation, resource_type);
            let decided = match self.called(request, active, hook, run, Said::of_query).await? {
                Ok(QueryDecision::Proceed) => Ok(None),
                Ok(QueryDecision::Narrow(narrow)) => {
                    bound(request, resource_type, &narrow).map(Some)
                }
                Ok(QueryDecision::Reject(issues)) => {
                    request.note(active, "refused");
                    return Err(rejected(active, issues));
                }
                Err(error) => Err(error),
            };
            note(request, active, &decided);
            narrowed.extend(decided.map_err(|error| failed(active, error))?);
        }
        Ok(narrowed.into_iter().reduce(both))
    }

    /// What plugins leave of the types that memberships lead to, for a request that looks at these.
    ///
    /// # Errors
    /// As [`Self::narrowing`].
    pub(in crate::service) async fn narrowed_memberships<'t>(
        &self,
        request: &'t Request,
    ) -> Result<Vec<Narrowed<'t>>, Error> {
        let mut narrowed = Vec::new();
        for resource_type in request.tenant.registry.resource_types() {
            if membership::of(resource_type).is_some()
                && let Some(filter) =
                    self.narrowing(request, Operation::Read, resource_type, None).await?
            {
                narrowed.push(Narrowed { resource_type, filter });
            }
        }
        Ok(narrowed)
    }

    /// Refuses what plugins leave out for this request, as what is not there.
    ///
    /// # Errors
    /// The resource is left out, or as [`Self::narrowing`].
    pub(in crate::service) async fn check_seen(
        &self,
        request: &Request,
        operation: Operation,
        resource_type: &ResourceType,
        id: Uuid,
    ) -> Result<(), Error> {
        if !request.has_hook(HOOK) {
            return Ok(());
        }
        match self.narrowing(request, operation, resource_type, None).await? {
            Some(narrowed) => self.check_matches(request, resource_type, id, narrowed).await,
            None => Ok(()),
        }
    }

    async fn check_matches(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        id: Uuid,
        narrowed: BoundFilter<'_>,
    ) -> Result<(), Error> {
        let found = self.matching(request, resource_type, &[id], narrowed).await?;
        if found.is_empty() { Err(not_found(resource_type, id)) } else { Ok(()) }
    }

    /// Those of the resources that match. The database decides, as it does for lists.
    pub(in crate::service) async fn matching(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        ids: &[Uuid],
        narrowed: BoundFilter<'_>,
    ) -> Result<Vec<Uuid>, Error> {
        let of_id = |id: &Uuid| {
            filter::parse(&format!("id eq \"{id}\"")).and_then(|it| it.bind(resource_type))
        };
        let of_ids = ids.iter().map(of_id).collect::<Result<_, _>>();
        let of_ids = BoundFilter::Or(of_ids.map_err(tenon_scim::Error::from)?);
        let asked = Asked {
            space: request.space(resource_type),
            filter: Some(&of_ids),
            narrowing: Some(&narrowed),
            sort: None,
        };
        let mut plan = filter_sql::Plan::of(vec![asked], Order::Creation, self.list_limits);
        let mut conn = self.database.read_for(request.tenant.place).await?;
        plan.count(&mut conn, request.tenant.id).await?;
        let all = Slice { bound: Bound::After(None), skip: 0, take: ids.len() };
        let page = plan.page(&mut conn, request.tenant.id, &all).await?;
        if let Some(exceeded) = plan.exceeded(&page) {
            return Err(Error::too_many(exceeded));
        }
        if page.stale {
            return Err(Error::documents_not_rewritten(&mut conn, request.tenant.id).await?);
        }
        Ok(page.found.iter().map(|found| found.row.id).collect())
    }
}

/// Both have to hold.
fn both<'t>(left: BoundFilter<'t>, right: BoundFilter<'t>) -> BoundFilter<'t> {
    BoundFilter::And(vec![left, right])
}

fn bound<'t>(
    request: &Request,
    resource_type: &'t ResourceType,
    narrow: &str,
) -> Result<BoundFilter<'t>, CallError> {
    filter::parse_within(narrow, request.tenant.limits.max_filter_terms)
        .and_then(|filter| filter.bind(resource_type))
        .map_err(|error| CallError::InvalidOutput {
            message: format!("the filter that it narrows by is wrong: {error}"),
        })
}

fn note(
    request: &Request,
    active: &ActivePlugin,
    decided: &Result<Option<BoundFilter<'_>>, CallError>,
) {
    request.note(
        active,
        match decided {
            Ok(None) => "passed",
            Ok(Some(_)) => "narrowed",
            Err(error) => error.kind(),
        },
    );
}
