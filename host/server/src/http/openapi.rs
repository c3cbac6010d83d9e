//! `/admin/v1/openapi.json`: the routes of the server, and what each needs.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

use super::App;
use super::routes::{self, ADMIN_BASE, Route, SCIM_BASE};

/// As OpenAPI 3.1. `x-tenon-needs` is the name of a permission, `credential` for any valid credential
/// of the tenant, or `operator`.
/// Services of tenants are told at the first of the configured paths.
pub(super) async fn document(State(app): State<Arc<App>>) -> Json<Value> {
    let mut paths = Map::new();
    let service = app.resolver.settings.paths.first().map_or(SCIM_BASE.to_owned(), |it| it.text());
    for (base, table) in [(&*service, routes::scim()), (ADMIN_BASE, routes::admin())] {
        for route in &table {
            let path = paths.entry(format!("{base}{}", route.path)).or_insert_with(|| json!({}));
            if let Some(methods) = path.as_object_mut() {
                methods.insert(route.method.as_str().to_lowercase(), operation(base, route));
            }
        }
    }
    Json(json!({
        "openapi": "3.1.0",
        "info": { "title": "Tenon", "version": env!("CARGO_PKG_VERSION") },
        "components": { "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } } },
        "security": [{ "bearer": [] }],
        "paths": paths,
    }))
}

fn operation(base: &str, route: &Route) -> Value {
    let segments = base.split('/').chain(route.path.split('/'));
    let names = segments.filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> = names
        .map(|name| {
            let schema = json!({ "type": "string" });
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    json!({
        "operationId": route.operation,
        "summary": route.summary,
        "x-tenon-needs": route.needs.name(),
        "parameters": parameters,
        "responses": { "default": { "description": "as the documentation says" } },
    })
}
