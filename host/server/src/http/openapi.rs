//! `/admin/v1/openapi.json`: the routes of the server, and what each needs.

use axum::Json;
use serde_json::{Map, Value, json};

use super::routes::{self, ADMIN_BASE, Route, SCIM_BASE};

/// As OpenAPI 3.1. `x-tenon-needs` is the name of a permission, `credential` for any valid credential
/// of the tenant, or `operator`.
pub(super) async fn document() -> Json<Value> {
    let mut paths = Map::new();
    for (base, table) in [(SCIM_BASE, routes::scim()), (ADMIN_BASE, routes::admin())] {
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
