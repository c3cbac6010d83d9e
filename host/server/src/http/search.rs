//! List queries: of one endpoint or of all, in the URL or in a body (RFC 7644 §3.4.2, §3.4.3).

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tenon_scim::list::Query;
use tenon_scim::search;

use super::error::ScimError;
use super::extract::{Scim, ScimBody};
use super::resources::scim_text;
use crate::service::list::Collection;
use crate::tenant::access::Permission;

type Answer = Result<Response, ScimError>;

/// RFC 7644 §3.4.2, at the endpoint of a resource type.
pub(super) async fn list(scim: Scim, Path(endpoint): Path<String>) -> Answer {
    let resource_type = scim.resource_type(&endpoint)?;
    answer_url(&scim, Collection::Type(&resource_type)).await
}

/// RFC 7644 §3.4.2.1: "A query against a server root indicates that all resources within the
/// server SHALL be included, subject to filtering." These are of the types that the client may list.
pub(super) async fn list_all(scim: Scim) -> Answer {
    let types = scim.request.types_with(Permission::List)?;
    answer_url(&scim, Collection::Root(&types)).await
}

/// RFC 7644 §3.4.3, at the server root. The parameters are those of the body.
pub(super) async fn search_all(scim: Scim, ScimBody(body): ScimBody) -> Answer {
    let query = search::parse(&body).map_err(tenon_scim::Error::from)?;
    let types = scim.request.types_with(Permission::List)?;
    answer(&scim, Collection::Root(&types), &query).await
}

/// RFC 7644 §3.4.3, at the endpoint of a resource type.
pub(super) async fn search(
    scim: Scim,
    Path(endpoint): Path<String>,
    ScimBody(body): ScimBody,
) -> Answer {
    let resource_type = scim.resource_type(&endpoint)?;
    let query = search::parse(&body).map_err(tenon_scim::Error::from)?;
    answer(&scim, Collection::Type(&resource_type), &query).await
}

/// The answer to a list query in the URL, or an explanation of it.
async fn answer_url(scim: &Scim, collection: Collection<'_>) -> Answer {
    let query = scim.list_query()?;
    if scim.explains()? {
        scim.request.require_of_all(Permission::Explain, collection)?;
        let explanation = scim.app.services.explain(&scim.request, collection, &query).await?;
        return Ok(Json(explanation).into_response());
    }
    answer(scim, collection, &query).await
}

/// The answer to a list query, however it was put.
async fn answer(scim: &Scim, collection: Collection<'_>, query: &Query) -> Answer {
    let list = scim.app.services.list(&scim.request, collection, query).await?;
    Ok(scim_text(StatusCode::OK, list))
}
