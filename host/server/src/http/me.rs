//! `/Me`: the resource that the token speaks for (RFC 7644 §3.11), under another name.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::error::ScimError;
use super::extract::{Scim, ScimBody};
use super::resources::{self, set_header};
use crate::tenant::access::Permission;

type Answer = Result<Response, ScimError>;

pub(super) async fn get(scim: Scim, headers: HeaderMap) -> Answer {
    let me = Me::of(&scim, Permission::Read).await?;
    Ok(me.answer(resources::get(scim, me.path(), headers).await))
}

pub(super) async fn replace(scim: Scim, headers: HeaderMap, body: ScimBody) -> Answer {
    let me = Me::of(&scim, Permission::Update).await?;
    Ok(me.answer(resources::replace(scim, me.path(), headers, body).await))
}

pub(super) async fn patch(scim: Scim, headers: HeaderMap, body: ScimBody) -> Answer {
    let me = Me::of(&scim, Permission::Update).await?;
    Ok(me.answer(resources::patch(scim, me.path(), headers, body).await))
}

pub(super) async fn delete(scim: Scim, headers: HeaderMap) -> Answer {
    let me = Me::of(&scim, Permission::Delete).await?;
    Ok(me.answer(resources::delete(scim, me.path(), headers).await))
}

/// A token speaks for a resource that is there already.
pub(super) async fn create(_scim: Scim) -> ScimError {
    not_supported("nothing can be created at /Me; POST to the endpoint of a resource type")
}

/// The resource behind the alias.
struct Me {
    endpoint: String,
    id: String,
    location: String,
}

impl Me {
    /// RFC 7644 §3.11: "A service provider that does NOT support this feature SHOULD respond with
    /// HTTP status code 501 (Not Implemented)."
    async fn of(scim: &Scim, permission: Permission) -> Result<Self, ScimError> {
        let no_subject = || not_supported("/Me is for tokens of a user; this token has none");
        let id = scim.request.principal.subject.ok_or_else(no_subject)?;
        let services = &scim.app.services;
        let resource_type = services.type_of(&scim.request, id).await?;
        scim.request.require(permission, Some(&resource_type))?;
        let endpoint = &resource_type.endpoint;
        Ok(Self {
            endpoint: endpoint.trim_start_matches('/').to_owned(),
            id: id.to_string(),
            location: format!("{}{endpoint}/{id}", scim.request.base_url),
        })
    }

    /// As the handlers of resources take it.
    fn path(&self) -> Path<(String, String)> {
        Path((self.endpoint.clone(), self.id.clone()))
    }

    /// RFC 7644 §3.11: "In any response, the HTTP "Location" header MUST be the permanent location
    /// of the aliased resource".
    fn answer(&self, answer: Answer) -> Response {
        let mut response = answer.into_response();
        set_header(&mut response, header::LOCATION, &self.location);
        response
    }
}

fn not_supported(detail: &str) -> ScimError {
    ScimError::new(StatusCode::NOT_IMPLEMENTED, detail)
}
