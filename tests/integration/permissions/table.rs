//! Every route, as the server itself lists them, for every role.

use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Server, Tenant, user};

/// The roles, written out once more: a mistake in the server's table is to be seen.
const ROLES: [(&str, &[&str]); 5] = [
    (
        "provisioner",
        &["scim:create", "scim:read", "scim:update", "scim:delete", "scim:list", "scim:bulk"],
    ),
    ("reader", &["scim:read", "scim:list"]),
    (
        "plugin-developer",
        &[
            "plugins:read",
            "plugins:write",
            "plugins:activate",
            "config:read",
            "scim:read",
            "scim:list",
            "scim:explain",
        ],
    ),
    ("auditor", &["audit:read", "config:read", "tokens:read"]),
    (
        "tenant-admin",
        &[
            "scim:create",
            "scim:read",
            "scim:update",
            "scim:delete",
            "scim:list",
            "scim:bulk",
            "scim:explain",
            "plugins:read",
            "plugins:write",
            "plugins:activate",
            "config:read",
            "config:write",
            "tokens:read",
            "tokens:write",
            "audit:read",
        ],
    ),
];

/// What the routes need, written out once more.
const NEEDS: &[(&str, &str, &str)] = &[
    ("get", "/tenants/{tenant}/scim/v2/ServiceProviderConfig", "credential"),
    ("get", "/tenants/{tenant}/scim/v2/ResourceTypes", "credential"),
    ("get", "/tenants/{tenant}/scim/v2/ResourceTypes/{name}", "credential"),
    ("get", "/tenants/{tenant}/scim/v2/Schemas", "credential"),
    ("get", "/tenants/{tenant}/scim/v2/Schemas/{id}", "credential"),
    ("get", "/tenants/{tenant}/scim/v2/Me", "scim:read"),
    ("put", "/tenants/{tenant}/scim/v2/Me", "scim:update"),
    ("patch", "/tenants/{tenant}/scim/v2/Me", "scim:update"),
    ("delete", "/tenants/{tenant}/scim/v2/Me", "scim:delete"),
    ("post", "/tenants/{tenant}/scim/v2/Me", "scim:create"),
    ("post", "/tenants/{tenant}/scim/v2/Bulk", "scim:bulk"),
    ("get", "/tenants/{tenant}/scim/v2/", "scim:list"),
    ("post", "/tenants/{tenant}/scim/v2/.search", "scim:list"),
    ("post", "/tenants/{tenant}/scim/v2/{endpoint}/.search", "scim:list"),
    ("get", "/tenants/{tenant}/scim/v2/{endpoint}", "scim:list"),
    ("post", "/tenants/{tenant}/scim/v2/{endpoint}", "scim:create"),
    ("get", "/tenants/{tenant}/scim/v2/{endpoint}/{id}", "scim:read"),
    ("put", "/tenants/{tenant}/scim/v2/{endpoint}/{id}", "scim:update"),
    ("patch", "/tenants/{tenant}/scim/v2/{endpoint}/{id}", "scim:update"),
    ("delete", "/tenants/{tenant}/scim/v2/{endpoint}/{id}", "scim:delete"),
    ("get", "/admin/v1/openapi.json", "config:read"),
    ("get", "/admin/v1/substrings", "operator"),
    ("put", "/admin/v1/substrings", "operator"),
    ("get", "/admin/v1/tenants", "operator"),
    ("post", "/admin/v1/tenants", "operator"),
    ("get", "/admin/v1/tenants/{tenant}", "config:read"),
    ("patch", "/admin/v1/tenants/{tenant}", "config:write"),
    ("delete", "/admin/v1/tenants/{tenant}", "operator"),
    ("post", "/admin/v1/tenants/{tenant}/suspend", "operator"),
    ("post", "/admin/v1/tenants/{tenant}/resume", "operator"),
    ("get", "/admin/v1/tenants/{tenant}/stats", "config:read"),
    ("get", "/admin/v1/tenants/{tenant}/health", "config:read"),
    ("post", "/admin/v1/tenants/{tenant}/move", "operator"),
    ("get", "/admin/v1/tenants/{tenant}/move", "operator"),
    ("get", "/admin/v1/tenants/{tenant}/tokens", "tokens:read"),
    ("post", "/admin/v1/tenants/{tenant}/tokens", "tokens:write"),
    ("delete", "/admin/v1/tenants/{tenant}/tokens/{id}", "tokens:write"),
    ("patch", "/admin/v1/tenants/{tenant}/tokens/{id}", "tokens:write"),
    ("post", "/admin/v1/tenants/{tenant}/tokens/{id}/rotate", "tokens:write"),
    ("get", "/admin/v1/tenants/{tenant}/clients", "tokens:read"),
    ("post", "/admin/v1/tenants/{tenant}/clients", "tokens:write"),
    ("post", "/admin/v1/tenants/{tenant}/clients/{id}/rotate", "tokens:write"),
    ("delete", "/admin/v1/tenants/{tenant}/clients/{id}", "tokens:write"),
    ("get", "/admin/v1/tenants/{tenant}/issuers", "tokens:read"),
    ("post", "/admin/v1/tenants/{tenant}/issuers", "tokens:write"),
    ("put", "/admin/v1/tenants/{tenant}/issuers/{id}", "tokens:write"),
    ("delete", "/admin/v1/tenants/{tenant}/issuers/{id}", "tokens:write"),
    ("post", "/admin/v1/tenants/{tenant}/issuers/{id}/refresh", "tokens:write"),
    ("get", "/admin/v1/tenants/{tenant}/explain", "scim:explain"),
    ("post", "/admin/v1/tenants/{tenant}/import", "config:write"),
    ("get", "/admin/v1/tenants/{tenant}/export", "config:write"),
    ("get", "/admin/v1/tenants/{tenant}/indexes", "config:read"),
    ("put", "/admin/v1/tenants/{tenant}/indexes/{type}/{attribute}", "config:write"),
    ("delete", "/admin/v1/tenants/{tenant}/indexes/{type}/{attribute}", "config:write"),
    ("get", "/admin/v1/tenants/{tenant}/plugins", "plugins:read"),
    ("get", "/admin/v1/tenants/{tenant}/plugins/order", "plugins:read"),
    ("put", "/admin/v1/tenants/{tenant}/plugins/order", "plugins:activate"),
    ("get", "/admin/v1/tenants/{tenant}/plugins/{name}", "plugins:read"),
    ("put", "/admin/v1/tenants/{tenant}/plugins/{name}", "plugins:write"),
    ("delete", "/admin/v1/tenants/{tenant}/plugins/{name}", "plugins:write"),
    ("post", "/admin/v1/tenants/{tenant}/plugins/{name}/activate", "plugins:activate"),
    ("post", "/admin/v1/tenants/{tenant}/plugins/{name}/deactivate", "plugins:activate"),
    ("post", "/admin/v1/tenants/{tenant}/plugins/{name}/rollback", "plugins:activate"),
    ("post", "/admin/v1/tenants/{tenant}/plugins/{name}/shadow", "plugins:activate"),
    ("get", "/admin/v1/tenants/{tenant}/plugins/{name}/shadow", "plugins:read"),
    ("delete", "/admin/v1/tenants/{tenant}/plugins/{name}/shadow", "plugins:activate"),
    ("post", "/admin/v1/tenants/{tenant}/plugins/{name}/impact", "plugins:activate"),
    ("get", "/admin/v1/tenants/{tenant}/plugins/{name}/impact", "plugins:read"),
    ("delete", "/admin/v1/tenants/{tenant}/plugins/{name}/impact", "plugins:activate"),
    ("post", "/admin/v1/tenants/{tenant}/plugins/{name}/recordings", "plugins:activate"),
    ("get", "/admin/v1/tenants/{tenant}/plugins/{name}/recordings", "plugins:read"),
    ("delete", "/admin/v1/tenants/{tenant}/plugins/{name}/recordings", "plugins:activate"),
    ("get", "/admin/v1/tenants/{tenant}/plugins/{name}/recordings/{id}", "plugins:read"),
    ("delete", "/admin/v1/tenants/{tenant}/plugins/{name}/recordings/{id}", "plugins:activate"),
    ("get", "/admin/v1/tenants/{tenant}/plugins/{name}/logs", "plugins:read"),
    ("put", "/admin/v1/tenants/{tenant}/plugins/{name}/settings", "plugins:activate"),
    ("get", "/admin/v1/tenants/{tenant}/plugins/{name}/config", "plugins:read"),
    ("put", "/admin/v1/tenants/{tenant}/plugins/{name}/config", "plugins:write"),
    ("get", "/admin/v1/realms/{realm}/resolver", "operator"),
    ("put", "/admin/v1/realms/{realm}/resolver", "operator"),
    ("delete", "/admin/v1/realms/{realm}/resolver", "operator"),
    ("get", "/admin/v1/tenants/{tenant}/plugins/{name}/deliveries", "plugins:read"),
    ("post", "/admin/v1/tenants/{tenant}/plugins/{name}/deliveries/{event}/retry", "plugins:write"),
    ("delete", "/admin/v1/tenants/{tenant}/plugins/{name}/deliveries/{event}", "plugins:write"),
    ("get", "/admin/v1/tenants/{tenant}/entry-points", "operator"),
    ("post", "/admin/v1/tenants/{tenant}/entry-points", "operator"),
    ("delete", "/admin/v1/tenants/{tenant}/entry-points/{kind}/{value}", "operator"),
    ("get", "/admin/v1/tenants/{tenant}/shares", "operator"),
    ("get", "/admin/v1/tenants/{tenant}/shares/{parent}", "operator"),
    ("put", "/admin/v1/tenants/{tenant}/shares/{parent}", "operator"),
    ("delete", "/admin/v1/tenants/{tenant}/shares/{parent}", "operator"),
    ("get", "/admin/v1/tenants/{tenant}/audit", "audit:read"),
    ("get", "/admin/v1/tenants/{tenant}/audit/export", "audit:read"),
    ("post", "/admin/v1/tenants/{tenant}/audit/verify", "audit:read"),
    ("get", "/admin/v1/tenants/{tenant}/requests", "audit:read"),
    ("get", "/admin/v1/audit", "operator"),
    ("get", "/admin/v1/audit/export", "operator"),
    ("post", "/admin/v1/audit/verify", "operator"),
    ("get", "/admin/v1/issuers", "operator"),
    ("post", "/admin/v1/issuers", "operator"),
    ("put", "/admin/v1/issuers/{id}", "operator"),
    ("delete", "/admin/v1/issuers/{id}", "operator"),
    ("post", "/admin/v1/issuers/{id}/refresh", "operator"),
    ("get", "/admin/v1/realms", "operator"),
    ("post", "/admin/v1/realms", "operator"),
    ("get", "/admin/v1/realms/{realm}", "operator"),
    ("delete", "/admin/v1/realms/{realm}", "operator"),
    ("get", "/admin/v1/realms/{realm}/entry-points", "operator"),
    ("post", "/admin/v1/realms/{realm}/entry-points", "operator"),
    ("delete", "/admin/v1/realms/{realm}/entry-points/{kind}/{value}", "operator"),
];

/// A route, and what it needs, as the server says.
struct Route {
    method: String,
    path: String,
    needs: String,
}

async fn routes(server: &Server) -> Vec<Route> {
    let document = server.admin().get("/openapi.json").await.expect(200).body;
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let needs = operation["x-tenon-needs"].as_str().unwrap().to_owned();
            routes.push(Route { method: method.clone(), path: path.clone(), needs });
        }
    }
    routes
}

#[tokio::test]
async fn every_route_says_who_may_ask() {
    let server = Server::shared();
    let routes = routes(&server).await;
    for (method, path, needs) in NEEDS.iter().copied() {
        let route =
            routes.iter().find(|it| (it.method.as_str(), it.path.as_str()) == (method, path));
        assert_eq!(route.map(|it| it.needs.as_str()), Some(needs), "{method} {path}");
    }
    assert_eq!(routes.len(), NEEDS.len(), "a route is not in this table");
}

/// A request that nothing comes of: what it names does not exist, and its body is empty.
async fn ask(server: &Server, token: &str, route: &Route, tenant: &str) -> Answer {
    let path = route
        .path
        .replace("{tenant}", tenant)
        .replace("{endpoint}", "Users")
        .replace("{id}", "6b1e0b8e-0f0e-4c0b-8f5c-2f4d7c9b0a11")
        .replace("{name}", "none")
        .replace("{type}", "User")
        .replace("{attribute}", "none");
    let client = Client::new(server.url.clone(), token, "application/json");
    let method: Method = route.method.to_uppercase().parse().unwrap();
    match method {
        Method::GET | Method::DELETE => Answer::of(client.request(method, &path)).await,
        _ => client.send(method, &path, &json!({}), &[]).await,
    }
}

/// Neither 401 nor 403: whatever came of it, the request was let in.
fn is_let_in(answer: &Answer) -> bool {
    !matches!(answer.status, 401 | 403)
}

async fn token_of(tenant: &Tenant, role: &str) -> String {
    let user = tenant.create("/Users", user(&format!("a-{role}"))).await;
    let body = json!({ "name": role, "role": role, "userId": user });
    let created = tenant.admin.post("/tokens", body).await.expect(201).body;
    created["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_route_is_open_to_the_roles_that_may_and_to_no_other() {
    let server = Server::shared();
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let routes = routes(&server).await;
    for (role, permissions) in ROLES {
        let token = token_of(&acme, role).await;
        for route in &routes {
            // It would end the tenant's user and all that comes after it.
            let is_last = route.method == "delete" && route.path.ends_with("/Me");
            let told = format!("{role}: {} {}", route.method, route.path);
            let may = match route.needs.as_str() {
                "credential" => true,
                "operator" => false,
                permission => permissions.contains(&permission),
            };
            if !(is_last && may) {
                let own = ask(&server, &token, route, &acme.name).await;
                assert_eq!(is_let_in(&own), may, "{told}: {} {:#}", own.status, own.body);
                let status = if route.needs == "operator" { 401 } else { 403 };
                assert!(may || own.status == status, "{told}: {}", own.status);
            }
            if !route.path.contains("{tenant}") {
                continue;
            }
            for other in [&globex.name, &globex.id, "no-such-tenant"] {
                let other = ask(&server, &token, route, other).await;
                assert_eq!(other.status, 401, "{told}, of another tenant: {:#}", other.body);
            }
        }
    }
}

#[tokio::test]
async fn the_operator_administers_all_and_is_no_client_of_a_tenant() {
    let server = Server::shared();
    for route in &routes(&server).await {
        let acme = server.tenant("acme").await;
        let answer = ask(&server, &acme.admin.token, route, &acme.name).await;
        let is_admin = route.path.starts_with("/admin/");
        let told = format!("{} {}: {}", route.method, route.path, answer.status);
        assert_eq!(is_let_in(&answer), is_admin, "{told}");
        let anonymous = ask(&server, "", route, &acme.name).await;
        assert_eq!(anonymous.status, 401, "{told}");
    }
}

#[tokio::test]
async fn all_that_an_administrator_may_not_know_looks_alike() {
    let server = Server::shared();
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let token = token_of(&acme, "tenant-admin").await;
    let admin = server.admin().with_token(&token);
    admin.get(&format!("/tenants/{}", acme.name)).await.expect(200);
    let mut seen: Vec<Value> = Vec::new();
    for path in
        ["/tenants", "/nowhere", "/tenants/none/plugins", &format!("/tenants/{}", globex.name)]
    {
        seen.push(admin.get(path).await.expect(401).body);
        seen.push(admin.with_token("wrong").get(path).await.expect(401).body);
    }
    assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:#?}");
}
