//! Resources of every type: one set of handlers, whatever the tenant's schemas say.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tenon_scim::Object;
use tenon_scim::list::Selection;
use tenon_scim::membership::{Membership, members_of};
use tenon_scim::precondition::{EntityTags, Failed, Preconditions};
use tenon_scim::project::{Projection, names_in};
use tenon_scim::schema::ResourceType;

use super::error::ScimError;
use super::extract::{Scim, ScimBody};
use super::idempotency;
use super::members_stream;
use crate::service::Error;
use crate::service::hooks::Operation;
use crate::service::memberships::{MemberPages, Members};
use crate::service::read::Resource;
use crate::service::render::{Around, Rendering};
use crate::store::rows::Row;

/// Answers are for one tenant's token alone, and hold only as long as the ETag does.
pub(super) const REVALIDATE: &str = "private, no-cache";
/// The media type (RFC 7644 §3.1).
pub(super) const SCIM_JSON: &str = "application/scim+json";

type Answer = Result<Response, ScimError>;
/// The endpoint.
type Collection = Path<String>;
/// The endpoint and the id.
type Member = Path<(String, String)>;

/// RFC 7644 §3.3.
pub(super) async fn create(
    scim: Scim,
    Path(endpoint): Collection,
    headers: HeaderMap,
    ScimBody(input): ScimBody,
) -> Answer {
    let resource_type = scim.resource_type(&endpoint)?;
    let selection = scim.selection()?;
    let services = &scim.app.services;
    let written = names_in(&resource_type, &input);
    if let Some(keyed) = idempotency::keyed(&scim, &headers, &endpoint, &input)? {
        let request = &scim.request;
        let shown =
            request.projection(&resource_type, &selection).after_writing(&resource_type, &written);
        let answer = services.create_once(request, &resource_type, &input, &keyed, &shown).await?;
        return Ok(idempotency::respond(answer));
    }
    let resource = services.create(&scim.request, &resource_type, &input).await?;
    Ok(answer_write(StatusCode::CREATED, &scim, &resource_type, resource, &selection, &written)
        .await)
}

/// RFC 7644 §3.4.1.
pub(super) async fn get(scim: Scim, Path((endpoint, id)): Member, headers: HeaderMap) -> Answer {
    let resource_type = scim.resource_type(&endpoint)?;
    let selection = scim.selection()?;
    let services = &scim.app.services;
    let row = services.get(&scim.request, &resource_type, &id).await?;
    let etag = row.meta().etag();
    if is_known(&headers, &etag)? {
        return Ok(not_modified(&etag));
    }
    let projection = scim.request.projection(&resource_type, &selection);
    let mut response = shown(&scim, &resource_type, projection, &row).await?;
    set_header(&mut response, header::ETAG, &etag);
    set_header(&mut response, header::CACHE_CONTROL, REVALIDATE);
    Ok(response)
}

/// A stored resource as an answer; the members of a group, if they are many, while they are read.
async fn shown(
    scim: &Scim,
    resource_type: &Arc<ResourceType>,
    projection: Projection,
    row: &Row,
) -> Answer {
    let (services, request) = (&scim.app.services, &scim.request);
    let rendering = Rendering::new(request, resource_type, projection.clone());
    let members = match rendering.memberships() {
        // Plugins look at whole resources.
        Some(Membership::Members(attribute)) if !services.edits_what_is_read(request) => {
            Some(attribute)
        }
        _ => None,
    };
    let Some(attribute) = members else {
        let primary = services.replicas.primary(request.tenant.place);
        let text = services
            .texts(&rendering, &[row], &primary, Operation::Read)
            .await?
            .pop()
            .unwrap_or_default();
        return Ok(scim_text(StatusCode::OK, text));
    };
    Ok(match services.members(request, resource_type, &projection, row.id).await? {
        Members::Few(values) => scim_text(StatusCode::OK, rendering.text(row, values)?),
        Members::Many(pages) => {
            let Around { before, after } = rendering.around(row)?;
            let around = (before.into_owned(), after);
            members_stream::answer(StatusCode::OK, around, &attribute.name, *pages)
        }
    })
}

/// RFC 7644 §3.5.1.
pub(super) async fn replace(
    scim: Scim,
    Path((endpoint, id)): Member,
    headers: HeaderMap,
    ScimBody(input): ScimBody,
) -> Answer {
    let resource_type = scim.resource_type(&endpoint)?;
    let selection = scim.selection()?;
    let preconditions = preconditions(&headers)?;
    let services = &scim.app.services;
    let resource =
        services.replace(&scim.request, &resource_type, &id, &input, &preconditions).await?;
    let written = names_in(&resource_type, &input);
    Ok(answer_write(StatusCode::OK, &scim, &resource_type, resource, &selection, &written).await)
}

/// RFC 7644 §3.5.2: the server "MUST return a 200 OK response code and the entire resource … or MAY
/// return HTTP status code 204 (No Content) and the appropriate response headers", but "a 200 OK
/// if the "attributes" parameter is specified in the request".
pub(super) async fn patch(
    scim: Scim,
    Path((endpoint, id)): Member,
    headers: HeaderMap,
    ScimBody(input): ScimBody,
) -> Answer {
    let resource_type = scim.resource_type(&endpoint)?;
    let selection = scim.selection()?;
    let patch = scim.request.parse_patch(&input).await?;
    let preconditions = preconditions(&headers)?;
    let services = &scim.app.services;
    let resource =
        services.patch(&scim.request, &resource_type, &id, &patch, &preconditions).await?;
    if selection.attributes.is_none()
        && scim.request.tenant.dialect.patches_without_body.contains(&resource_type.name.as_str())
    {
        let mut response = StatusCode::NO_CONTENT.into_response();
        set_header(&mut response, header::ETAG, &resource.meta.etag());
        return Ok(response);
    }
    let written = patch.names(&resource_type);
    Ok(answer_write(StatusCode::OK, &scim, &resource_type, resource, &selection, &written).await)
}

/// RFC 7644 §3.6.
pub(super) async fn delete(scim: Scim, Path((endpoint, id)): Member, headers: HeaderMap) -> Answer {
    let resource_type = scim.resource_type(&endpoint)?;
    let preconditions = preconditions(&headers)?;
    scim.app.services.delete(&scim.request, &resource_type, &id, &preconditions).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A JSON body of SCIM's media type (RFC 7644 §3.1).
pub(super) fn scim_json(status: StatusCode, body: &Value) -> Response {
    scim_text(status, body.to_string())
}

/// The same, of JSON that is text already.
pub(super) fn scim_text(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    set_header(&mut response, header::CONTENT_TYPE, SCIM_JSON);
    response
}

/// The answer to a write. It is done, so nothing after it makes it fail: where what others write
/// of the resource cannot be read, the answer is without it.
async fn answer_write(
    status: StatusCode,
    scim: &Scim,
    resource_type: &Arc<ResourceType>,
    mut resource: Resource,
    selection: &Selection,
    written: &[String],
) -> Response {
    let projection = scim.request.projection(resource_type, selection);
    let projection = projection.after_writing(resource_type, written);
    let services = &scim.app.services;
    // Nobody knows what has just been created: it belongs to no group, and its members are there.
    let pages = if status == StatusCode::CREATED {
        Ok(None)
    } else {
        services.complete(&scim.request, resource_type, &projection, &mut resource).await
    };
    let pages = pages.unwrap_or_else(|error| {
        tracing::error!(%error, "a resource is written, and answered without its memberships");
        None
    });
    let shown = services.show_written(&scim.request, resource_type, &projection, &resource).await;
    answer(status, scim, resource_type, &resource, shown, pages)
}

/// The resource, with `pages` of members where these are many.
fn answer(
    status: StatusCode,
    scim: &Scim,
    resource_type: &ResourceType,
    resource: &Resource,
    shown: Object,
    pages: Option<MemberPages>,
) -> Response {
    let mut response = match (pages, members_of(resource_type)) {
        (Some(pages), Some(members)) => {
            let around = members_stream::around(shown);
            members_stream::answer(status, around, &members.name, pages)
        }
        _ => scim_json(status, &Value::Object(shown)),
    };
    set_header(&mut response, header::ETAG, &resource.meta.etag());
    // RFC 7644 §3.3: "the URI of the created resource SHALL be returned in the HTTP "Location"
    // header".
    if status == StatusCode::CREATED {
        let location = resource.meta.location(resource_type, &scim.request.base_url);
        set_header(&mut response, header::LOCATION, &location);
    }
    response
}

pub(super) fn set_header(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Whether the one who reads has this version already.
///
/// RFC 9110 §13.1.2: "the origin server MUST respond with either a) the 304 (Not Modified) status
/// code if the request method is GET or HEAD".
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> Result<bool, ScimError> {
    match preconditions(headers)?.check(etag) {
        Ok(()) => Ok(false),
        Err(Failed::IfNoneMatch { .. }) => Ok(true),
        Err(failed) => Err(Error::from(failed).into()),
    }
}

pub(super) fn not_modified(etag: &str) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    set_header(&mut response, header::ETAG, etag);
    set_header(&mut response, header::CACHE_CONTROL, REVALIDATE);
    response
}

fn preconditions(headers: &HeaderMap) -> Result<Preconditions, ScimError> {
    Ok(Preconditions {
        if_match: entity_tags(headers, header::IF_MATCH, "If-Match")?,
        if_none_match: entity_tags(headers, header::IF_NONE_MATCH, "If-None-Match")?,
    })
}

/// All lines of a header as one list (RFC 9110 §5.3).
fn entity_tags(
    headers: &HeaderMap,
    header: HeaderName,
    name: &'static str,
) -> Result<Option<EntityTags>, ScimError> {
    let lines: Vec<_> =
        headers.get_all(header).iter().map(|it| String::from_utf8_lossy(it.as_bytes())).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let tags = EntityTags::parse(name, &lines.join(", ")).map_err(tenon_scim::Error::from)?;
    Ok(Some(tags))
}
