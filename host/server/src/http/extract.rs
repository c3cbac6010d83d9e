//! What handlers take: the authenticated tenant, a SCIM body.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request as HttpRequest};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use tenon_scim::list::{Query, Selection};
use tenon_scim::schema::ResourceType;
use tenon_scim::{Object, ScimType};
use tracing::Span;
use uuid::Uuid;

use super::App;
use super::body::{self, SCIM_TYPES};
use super::error::ScimError;
use super::observe::RequestId;
use crate::service::Request;
use crate::tenant::auth::{TokenParts, bearer};

/// An authenticated request to a tenant's SCIM service. There is no other way to a
/// [`Request`], and without one no service can be asked.
#[derive(Debug)]
pub(super) struct Scim {
    pub(super) request: Request,
    /// The resource that the token speaks for, if one.
    pub(super) subject: Option<Uuid>,
    /// What the client has shown.
    pub(super) token: TokenParts,
    /// The query part of the URL.
    pub(super) query: String,
    /// What the handlers share.
    pub(super) app: Arc<App>,
}

/// The JSON object of a SCIM request.
pub(super) struct ScimBody(pub(super) Object);

impl Scim {
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
            "true" if self.request.may_explain => Ok(true),
            "true" => Err(ScimError::new(
                StatusCode::FORBIDDEN,
                "the token may not ask for explanations, which tell of the tenant's indexes and \
                 sizes; the operator creates one that may with \"mayExplain\": true",
            )),
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
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| {
            ScimError::new(StatusCode::NOT_FOUND, "there is nothing at a path that is not UTF-8")
        })?;
        let tenant_in_path = params
            .iter()
            .find(|(name, _)| *name == "tenant")
            .map(|(_, tenant)| tenant.to_owned())
            .ok_or_else(ScimError::unauthorized)?;
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(bearer)
            .and_then(TokenParts::parse)
            .ok_or_else(ScimError::unauthorized)?;
        let services = &app.services;
        let known =
            services.credentials.authenticate(&services.database, &token, &tenant_in_path).await?;
        let known = known.ok_or_else(ScimError::unauthorized)?;
        Span::current().record("tenant", known.tenant_name.as_str());

        let query = parts.uri.query().unwrap_or_default().to_owned();
        let request_id = RequestId::of(&parts.extensions);
        // The path as the request has it: the tenant by name or by id.
        let base_url = format!("{}/tenants/{tenant_in_path}/scim/v2", app.public_url);
        let request = Request {
            tenant: Arc::clone(&known.runtime),
            base_url: base_url.into(),
            request_id,
            actor: Arc::clone(&known.actor),
            may_explain: known.may_explain,
        };
        let (subject, app) = (known.subject, Arc::clone(app));
        Ok(Self { request, subject, token, query, app })
    }
}

impl FromRequest<Arc<App>> for ScimBody {
    type Rejection = ScimError;

    async fn from_request(request: HttpRequest, _app: &Arc<App>) -> Result<Self, ScimError> {
        let (parts, body) = request.into_parts();
        Ok(Self(body::object(&parts.headers, body, SCIM_TYPES).await?))
    }
}
