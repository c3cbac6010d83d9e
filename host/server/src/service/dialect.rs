//! Requests in the form of the RFC, whatever the tenant's clients send; what was read as something
//! else is told in the log.

use std::borrow::Cow;

use tenon_scim::dialect::Coercion;
use tenon_scim::filter::{self, BoundFilter};
use tenon_scim::patch::{self, PatchRequest};
use tenon_scim::schema::ResourceType;
use tenon_scim::{Dialect, Object};

use super::large::{is_large, is_large_patch};
use super::{Error, Request};

/// Coercions of one request that the log has.
const LOGGED: usize = 20;

impl Request {
    /// The body of a POST or PUT.
    pub(super) async fn read_resource<'i>(
        &self,
        resource_type: &ResourceType,
        input: &'i Object,
    ) -> Result<Cow<'i, Object>, Error> {
        let dialect = self.tenant.dialect;
        let read = self.work(is_large(input), || dialect.resource(resource_type, input)).await?;
        self.log(dialect, &read.coercions);
        Ok(read.value)
    }

    /// The body of a PATCH, read.
    ///
    /// # Errors
    /// It is no PATCH request.
    pub async fn parse_patch(&self, body: &Object) -> Result<PatchRequest, Error> {
        let patch = self.work(is_large(body), || PatchRequest::parse(body)).await;
        Ok(patch.map_err(tenon_scim::Error::from)?)
    }

    /// A PATCH request.
    ///
    /// # Errors
    /// It is not in the tenant's dialect, or a filter in it asks for what is hidden.
    pub(super) async fn read_patch<'i>(
        &self,
        resource_type: &ResourceType,
        input: &'i PatchRequest,
    ) -> Result<Cow<'i, PatchRequest>, Error> {
        let dialect = self.tenant.dialect;
        let large = is_large_patch(input);
        let read = self.work(large, || dialect.patch(resource_type, input)).await;
        let read = read.map_err(tenon_scim::Error::from)?;
        self.log(dialect, &read.coercions);
        if !self.hidden(resource_type).is_empty() {
            for path in patch::filters(resource_type, &read.value) {
                let attributes = path.filter.iter().flat_map(|it| it.attributes_of(path.target));
                self.check_visible(resource_type, attributes)?;
            }
        }
        Ok(read.value)
    }

    /// The `filter` of a list, for resources of each of these types.
    ///
    /// # Errors
    /// It is wrong, or asks for what is hidden.
    pub(super) fn read_filter<'t>(
        &self,
        types: &[&'t ResourceType],
        text: &str,
    ) -> Result<Vec<BoundFilter<'t>>, Error> {
        let dialect = self.tenant.dialect;
        let filter = filter::parse_within(text, self.tenant.limits.max_filter_terms)
            .map_err(tenon_scim::Error::from)?;
        let read = |resource_type: &ResourceType| {
            let read = dialect.filter(resource_type, &filter);
            self.log(dialect, &read.coercions);
            read.value
        };
        let bound = if let [resource_type] = types {
            vec![read(resource_type).bind(resource_type).map_err(tenon_scim::Error::from)?]
        } else {
            // One name may be that of an extension's attribute here, and of the type's own there.
            let filters: Vec<_> = types.iter().map(|it| read(it)).collect();
            let of_types = types.iter().copied().zip(filters.iter().map(Cow::as_ref));
            filter::bind_each(of_types).map_err(tenon_scim::Error::from)?
        };
        for (resource_type, filter) in types.iter().zip(&bound) {
            self.check_visible(resource_type, filter.attributes())?;
        }
        Ok(bound)
    }

    fn log(&self, dialect: Dialect, coercions: &[Coercion]) {
        if coercions.is_empty() {
            return;
        }
        self.facts.note(|noted| coercions.iter().for_each(|it| noted.coercion(it)));
        let read: Vec<String> = coercions.iter().take(LOGGED).map(ToString::to_string).collect();
        let read = read.join("; ");
        let more = coercions.len().saturating_sub(LOGGED);
        let dialect = dialect.name;
        tracing::info!(dialect, read, more, "not in the RFC's form, and read as such");
    }
}
