//! What handlers take: the authenticated tenant, a SCIM body.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request as HttpRequest};
use axum::http::StatusCode;
use axum::http::request::Parts;
use tenon_scim::list::{Query, Selection};
use tenon_scim::schema::ResourceType;
use tenon_scim::{Object, ScimType};

use super::App;
use super::body::{self, SCIM_TYPES};
use super::error::ScimError;
use super::guard::Access;
use crate::service::Request;
use crate::tenant::auth::CredentialKey;
use crate::tenant::credentials::Authenticated;
use crate::tenant::shown::Shown;

/// A request to a tenant's SCIM service that has passed the guard. There is no other way to a
/// [`Request`], and without one no service can be asked.
#[derive(Debug)]
pub(super) struct Scim {
    pub(super) request: Request,
    credential: (Arc<Shown>, Arc<Authenticated>),
    /// The query part of the URL.
    pub(super) query: String,
    /// What the handlers share.
    pub(super) app: Arc<App>,
}

/// The JSON object of a SCIM request.
pub(super) struct ScimBody(pub(super) Object);

impl Scim {
    /// A key that only this client has.
    pub(super) fn key(&self) -> CredentialKey {
        let (shown, known) = &self.credential;
        known.key(shown)
    }

    /// The parameters of a list query.
    pub(super) fn list_query(&self) -> Result<Query, ScimError> {
        let parameters = self.parameters();
        let parameters = parameters.iter().map(|(name, value)| (&**name, &**value));
        Ok(Query::parse(parameters).map_err(tenon_scim::Error::from)?)
    }

    /// Whether a list is to be explained and not made: `explain=true`.
    pub(super) fn explains(&self) -> Result<bool, ScimError> {
        let parameters = self.parameters();
        let mut values = parameters.iter().filter(|(name, _)| name == "explain");
        let invalid = |detail| {
            let error = ScimError::new(StatusCode::BAD_REQUEST, detail);
            error.with_type(ScimType::InvalidValue)
        };
        let value = values.next().map_or("false", |(_, value)| value);
        if values.next().is_some() {
            return Err(invalid("parameter \"explain\" must be given once"));
        }
        match value {
            "false" => Ok(false),
            "true" => Ok(true),
            _ => Err(invalid("parameter \"explain\" must be \"true\" or \"false\"")),
        }
    }

    /// The attributes that are wanted of a resource.
    pub(super) fn selection(&self) -> Result<Selection, ScimError> {
        let parameters = self.parameters();
        let parameters = parameters.iter().map(|(name, value)| (&**name, &**value));
        Ok(Selection::parse(parameters).map_err(tenon_scim::Error::from)?)
    }

    /// The parameters of the URL, decoded. Which of them count depends on the request.
    pub(super) fn parameters(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.query.as_bytes()).collect()
    }

    /// The resource type that the tenant has at this endpoint.
    pub(super) fn resource_type(&self, endpoint: &str) -> Result<Arc<ResourceType>, ScimError> {
        Ok(Arc::clone(self.request.resource_type(&format!("/{endpoint}"))?))
    }
}

impl FromRequestParts<Arc<App>> for Scim {
    type Rejection = ScimError;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &Arc<App>,
    ) -> Result<Self, Self::Rejection> {
        let access =
            parts.extensions.get::<Access>().cloned().ok_or_else(ScimError::unauthorized)?;
        let Access { request, credential } = access;
        let query = parts.uri.query().unwrap_or_default().to_owned();
        Ok(Self { request, credential, query, app: Arc::clone(app) })
    }
}

impl FromRequest<Arc<App>> for ScimBody {
    type Rejection = ScimError;

    async fn from_request(request: HttpRequest, _app: &Arc<App>) -> Result<Self, ScimError> {
        let (parts, body) = request.into_parts();
        let access = parts.extensions.get::<Access>().ok_or_else(ScimError::unauthorized)?;
        let limit = access.request.tenant.limits.max_body_bytes;
        Ok(Self(body::object_within(&parts.headers, body, SCIM_TYPES, limit).await?))
    }
}
