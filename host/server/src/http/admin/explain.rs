//! `/admin/v1/tenants/{tenant}/explain`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use tenon_scim::list::Query;

use super::super::App;
use super::super::error::{Problem, ScimError};
use super::{Administrator, ForTenant, invalid, request_to};
use crate::service::list::Collection;
use crate::tenant::access::Permission;

type Answer = Result<Response, Problem>;

/// `endpoint` is `/Users` or, for all types, `/`; the others are those of a list.
const PARAMETERS: [&str; 4] = ["endpoint", "filter", "sortBy", "sortOrder"];

/// How the tenant's list is made: [`crate::service::list::explain::Explanation`].
pub(crate) async fn explain(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = query.unwrap_or_default();
    let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let unknown = parameters.iter().find(|(name, _)| !PARAMETERS.contains(&&**name));
    if let Some((name, _)) = unknown {
        return Err(invalid(format!("parameter \"{name}\" is not known here")));
    }
    let mut endpoints = parameters.iter().filter(|(name, _)| name == "endpoint");
    let (Some((_, endpoint)), None) = (endpoints.next(), endpoints.next()) else {
        return Err(invalid("parameter \"endpoint\" is required once, such as /Users".to_owned()));
    };
    let query = Query::parse(parameters.iter().map(|(name, value)| (&**name, &**value)));
    let query = query.map_err(tenon_scim::Error::from).map_err(ScimError::from)?;
    let request = request_to(&app, &tenant, administrator).await?;
    let collection = match &**endpoint {
        "/" => Collection::Root(request.tenant.registry.resource_types()),
        endpoint => Collection::Type(request.resource_type(endpoint).map_err(ScimError::from)?),
    };
    request.require_of_all(Permission::Explain, collection).map_err(ScimError::from)?;
    let explanation = app.services.explain(&request, collection, &query).await;
    Ok(Json(explanation.map_err(ScimError::from)?).into_response())
}
