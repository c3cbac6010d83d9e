//! `directory`: what plugins can look up in their tenant.

use std::sync::Arc;

use tenon_plugin::{Directory, LookUp, LookUpError};
use tenon_scim::Object;
use tenon_scim::filter::{self, BoundFilter};
use tenon_scim::resource::{self, Known};
use tenon_scim::schema::ResourceType;
use tenon_scim::stored;

use crate::service::{Error, Request, Services, parse_uuid};
use crate::store::filter_sql::{self, Asked, Bound, Limits, Order, Page, Slice};
use crate::store::rows::{self, ById, Of, Row};

/// How many resources one look-up may look at: a small part of what a list may.
const LIMITS: Limits = Limits { documents: 2_000, probes: 20_000, found: 200_000, sorted: 2_000 };

/// The resources of the tenant of a request, without memberships and what is returned to nobody.
pub(super) struct TenantDirectory {
    services: Services,
    request: Request,
}

impl TenantDirectory {
    pub(super) fn of(services: &Services, request: &Request) -> Arc<dyn Directory> {
        Arc::new(Self { services: services.clone(), request: request.clone() })
    }

    fn resource_type(&self, name: &str) -> Result<&Arc<ResourceType>, LookUpError> {
        let known = self.request.tenant.registry.resource_type(name);
        known.ok_or_else(|| refused(format!("the tenant has no resource type {name:?}")))
    }

    async fn by_id(&self, resource_type: &str, id: &str) -> Result<Option<String>, LookUpError> {
        let resource_type = self.resource_type(resource_type)?;
        let Some(id) = parse_uuid(id) else { return Ok(None) };
        let key = ById { resource_type: resource_type.name.clone(), id };
        let place = self.request.tenant.place;
        let row = self.services.lookups.by_id(place, key).await.map_err(unavailable)?;
        row.map(|row| self.text(resource_type, &row)).transpose()
    }

    async fn count_all(&self, resource_type: &ResourceType) -> Result<u64, LookUpError> {
        let (services, place) = (&self.services, self.request.tenant.place);
        let of = Of::Type(resource_type.name.clone());
        let page = rows::page(&services.lanes, place, &of, rows::Bound::Skip(0), 0).await;
        Ok(u64::try_from(page.map_err(unavailable)?.total).unwrap_or(0))
    }

    /// Those that match a filter: so many of them, and how many there are.
    async fn matching(
        &self,
        resource_type: &ResourceType,
        filter: Option<&str>,
        take: usize,
    ) -> Result<Page, LookUpError> {
        let filter = filter.map(|filter| self.bound(resource_type, filter)).transpose()?;
        let space = self.request.space(resource_type);
        let asked = Asked { space, filter: filter.as_ref(), narrowing: None, sort: None };
        let mut plan = filter_sql::Plan::of(vec![asked], Order::Creation, LIMITS);
        let tenant = self.request.tenant.id;
        let conn = self.services.database.read_for(self.request.tenant.place).await;
        let mut conn = conn.map_err(unavailable)?;
        plan.count(&mut conn, tenant).await.map_err(unavailable)?;
        let slice = Slice { bound: Bound::After(None), skip: 0, take };
        let page = plan.page(&mut conn, tenant, &slice).await.map_err(unavailable)?;
        match plan.exceeded(&page) {
            Some(exceeded) => Err(refused(Error::too_many(exceeded).to_string())),
            None if page.stale => Err(unavailable("resources are being rewritten")),
            None => Ok(page),
        }
    }

    fn bound<'t>(
        &self,
        resource_type: &'t ResourceType,
        filter: &str,
    ) -> Result<BoundFilter<'t>, LookUpError> {
        filter::parse_within(filter, self.request.tenant.limits.max_filter_terms)
            .and_then(|filter| filter.bind(resource_type))
            .map_err(refused)
    }

    /// A resource as JSON. Secrets are not among what is read.
    fn text(&self, resource_type: &ResourceType, row: &Row) -> Result<String, LookUpError> {
        let Known { attributes, .. } =
            stored::read(resource_type, &row.body, None).map_err(unavailable)?;
        let meta = row.meta();
        let whole: Object =
            resource::assemble(resource_type, &attributes, &meta, &self.request.base_url);
        let shown = resource::without_secrets(resource_type, &whole);
        serde_json::to_string(&shown).map_err(unavailable)
    }
}

impl Directory for TenantDirectory {
    fn get<'a>(&'a self, resource_type: &'a str, id: &'a str) -> LookUp<'a, Option<String>> {
        Box::pin(self.by_id(resource_type, id))
    }

    fn find<'a>(
        &'a self,
        resource_type: &'a str,
        filter: &'a str,
        limit: u32,
    ) -> LookUp<'a, Vec<String>> {
        Box::pin(async move {
            let resource_type = self.resource_type(resource_type)?;
            let take = usize::try_from(limit).unwrap_or(usize::MAX);
            let page = self.matching(resource_type, Some(filter), take).await?;
            page.found.iter().map(|found| self.text(resource_type, &found.row)).collect()
        })
    }

    fn count<'a>(&'a self, resource_type: &'a str, filter: Option<&'a str>) -> LookUp<'a, u64> {
        Box::pin(async move {
            let resource_type = self.resource_type(resource_type)?;
            if filter.is_none() {
                return self.count_all(resource_type).await;
            }
            let page = self.matching(resource_type, filter, 0).await?;
            Ok(u64::try_from(page.total).unwrap_or(u64::MAX))
        })
    }
}

fn refused(reason: impl ToString) -> LookUpError {
    LookUpError::Refused(reason.to_string())
}

fn unavailable(reason: impl ToString) -> LookUpError {
    LookUpError::Unavailable(reason.to_string())
}
