//! `/admin/v1/openapi.json`: the routes of the server, what each needs, takes and answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::App;
use super::error::{Problem, ScimError};
use super::routes::{self, ADMIN_BASE, Route, SCIM_BASE};
use crate::service::Error;

/// What is said of operations beyond the table of routes: parameters, bodies and answers. Tests hold it
/// against the table, and against what the server takes and answers.
const API: &str = include_str!("openapi/api.json");

/// As OpenAPI 3.1. `x-tenon-needs` is the name of a permission, `credential` for any valid credential
/// of the tenant, or `operator`.
/// Services of tenants are told at the first of the configured paths.
pub(super) async fn document(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let service = app.resolver.settings.paths.first().map_or(SCIM_BASE.to_owned(), |it| it.text());
    let document = described(&service).map_err(|error| {
        ScimError::from(Error::Internal(format!("the description of the API: {error}")))
    })?;
    Ok(Json(document).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Api {
    operations: BTreeMap<String, Operation>,
    parameters: Map<String, Value>,
    schemas: Map<String, Value>,
}

/// Names of parameters and schemas. `[Token]` is a page of tokens, and what has a slash is a media type.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Operation {
    parameters: Vec<String>,
    body: Option<String>,
    optional_body: bool,
    answers: BTreeMap<String, Option<String>>,
}

/// A table of routes, and how it speaks.
struct Table<'t> {
    base: &'t str,
    media_type: &'static str,
    /// The media type of errors, and their schema.
    errors: (&'static str, &'static str),
}

fn described(service: &str) -> Result<Value, serde_json::Error> {
    let Api { operations, parameters, schemas } = serde_json::from_str(API)?;
    let scim = Table {
        base: service,
        media_type: "application/scim+json",
        errors: ("application/scim+json", "ScimError"),
    };
    let admin = Table {
        base: ADMIN_BASE,
        media_type: "application/json",
        errors: ("application/problem+json", "Problem"),
    };
    let nothing = Operation::default();
    let mut paths = Map::new();
    for (table, routes) in [(scim, routes::scim()), (admin, routes::admin())] {
        for route in &routes {
            let path = format!("{}{}", table.base, route.path);
            let methods = paths.entry(path).or_insert_with(|| json!({}));
            let operation = operations.get(route.operation).unwrap_or(&nothing);
            if let Some(methods) = methods.as_object_mut() {
                let method = route.method.as_str().to_lowercase();
                methods.insert(method, table.operation(route, operation));
            }
        }
    }
    Ok(json!({
        "openapi": "3.1.0",
        "info": { "title": "Tenon", "version": env!("CARGO_PKG_VERSION") },
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
            "parameters": parameters,
            "schemas": schemas,
        },
        "security": [{ "bearer": [] }],
        "paths": paths,
    }))
}

impl Table<'_> {
    fn operation(&self, route: &Route, operation: &Operation) -> Value {
        let mut described = json!({
            "operationId": route.operation,
            "summary": route.summary,
            "x-tenon-needs": route.needs.name(),
            "parameters": self.parameters(route, operation),
            "responses": self.responses(route, operation),
        });
        if let (Some(described), Some(body)) = (described.as_object_mut(), &operation.body) {
            let required = !operation.optional_body;
            let body = json!({ "required": required, "content": self.content(body) });
            described.insert("requestBody".to_owned(), body);
        }
        described
    }

    fn parameters(&self, route: &Route, operation: &Operation) -> Vec<Value> {
        let segments = self.base.split('/').chain(route.path.split('/'));
        let names = segments.filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
        let in_path = names.map(|name| {
            let schema = json!({ "type": "string" });
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        });
        let others = operation.parameters.iter();
        let others =
            others.map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }));
        in_path.chain(others).collect()
    }

    fn responses(&self, route: &Route, operation: &Operation) -> Value {
        let mut responses = Map::new();
        for (status, answer) in &operation.answers {
            let mut response = json!({ "description": success(status) });
            if let (Some(response), Some(answer)) = (response.as_object_mut(), answer) {
                response.insert("content".to_owned(), self.content(answer));
            }
            responses.insert(status.clone(), response);
        }
        for (status, description) in errors_of(self, route, operation) {
            responses.insert(status.to_owned(), self.error(description));
        }
        let others = "Any other error; of 503 and 429, Retry-After tells when to come back";
        responses.insert("default".to_owned(), self.error(others));
        Value::Object(responses)
    }

    fn error(&self, description: &str) -> Value {
        let (media_type, schema) = self.errors;
        json!({ "description": description, "content": { media_type: { "schema": named(schema) } } })
    }

    /// What a body is: by the name of a schema, or of a media type.
    fn content(&self, body: &str) -> Value {
        if body.contains('/') {
            return json!({ body: { "schema": {} } });
        }
        let of_page = body.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let schema = of_page.map_or_else(|| named(body), page_of);
        json!({ self.media_type: { "schema": schema } })
    }
}

fn named(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn page_of(schema: &str) -> Value {
    json!({
        "type": "object",
        "required": ["items"],
        "properties": {
            "items": { "type": "array", "items": named(schema) },
            "nextCursor": {
                "type": "string",
                "description": "The cursor of the next page; there is none after the last",
            },
        },
    })
}

fn success(status: &str) -> &'static str {
    match status {
        "201" => "It has been made",
        "202" => "It has begun, and goes on after the answer",
        "204" => "It has been done, and there is nothing to say",
        "304" => "The client has it",
        "501" => "There is no such thing here",
        _ => "As asked",
    }
}

/// What a route may be refused with.
fn errors_of(
    table: &Table<'_>,
    route: &Route,
    operation: &Operation,
) -> Vec<(&'static str, &'static str)> {
    let has_body = operation.body.is_some();
    let takes_something = has_body || !operation.parameters.is_empty();
    let has_name = table.base.contains('{') || route.path.contains('{');
    let is_safe = route.method == Method::GET;
    let has_precondition = operation.parameters.iter().any(|it| it == "ifMatch");
    let all = [
        (takes_something, "400", "The request is wrong; the detail tells what of it"),
        (true, "401", "There is no valid credential"),
        (true, "403", "The credential does not have the permission, or a limit is reached"),
        (has_name, "404", "There is nothing of that name"),
        (!is_safe, "409", "It does not fit to what there is"),
        (has_precondition, "412", "The resource has another version"),
        (has_body, "413", "The body is too large"),
        (has_body, "415", "The body is of another media type"),
        (true, "429", "Too many requests; Retry-After tells when to come back"),
    ];
    all.into_iter().filter(|it| it.0).map(|(_, status, text)| (status, text)).collect()
}

#[cfg(test)]
mod tests;
