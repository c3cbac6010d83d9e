//! Every route of the server, and who may ask: the one place that says it.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};

use super::{
    App, admin, bulk, discovery, error, guard, health, me, metrics, oauth, openapi, resources,
    search,
};
use crate::tenant::access::Permission::{
    self, AuditRead, Bulk, ConfigRead, ConfigWrite, Create, Delete, Explain, List, PluginsActivate,
    PluginsRead, PluginsWrite, Read, TokensRead, TokensWrite, Update,
};

/// Below which the service of a tenant is, when `arrival` has found out whose.
pub(super) const SCIM_BASE: &str = "/scim/v2";
/// The operation of what is at no route.
pub(super) const UNKNOWN: &str = "unknown";
/// Below which the admin API is.
pub(super) const ADMIN_BASE: &str = "/admin/v1";

/// Where clients of a tenant are given access tokens, below its service.
pub(super) const TOKEN: &str = "/oauth2/token";
/// Where it is told of that: before the path of the service, or after it.
pub(super) const METADATA: &str = "/.well-known/oauth-authorization-server";

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Any valid credential of the tenant.
    Credential,
    /// The same, or none where the tenant's discovery is for everybody.
    Discovery,
    /// A permission for the resource type at `{endpoint}`.
    OfType(Permission),
    /// A permission for some type; the handler narrows down to which.
    OfSomeType(Permission),
    /// A permission for the type of the resource that the credential speaks for.
    OfMe(Permission),
    /// A permission of the tenant that the path names. The operator has it for all.
    Tenant(Permission),
    /// The operator's token.
    Operator,
}

impl Needs {
    /// As the description of the API has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Credential | Self::Discovery => "credential",
            Self::OfType(permission)
            | Self::OfSomeType(permission)
            | Self::OfMe(permission)
            | Self::Tenant(permission) => permission.name(),
            Self::Operator => "operator",
        }
    }
}

/// A route: what is asked, who may, and what answers.
pub(super) struct Route {
    pub(super) method: Method,
    /// Below the base of its table.
    pub(super) path: &'static str,
    pub(super) needs: Needs,
    /// The name of the operation.
    pub(super) operation: &'static str,
    /// What it does, in a few words.
    pub(super) summary: &'static str,
    handler: MethodRouter<Arc<App>>,
}

macro_rules! method {
    ($name:ident, $method:ident) => {
        fn $name<H, T>(
            path: &'static str,
            needs: Needs,
            operation: &'static str,
            summary: &'static str,
            handler: H,
        ) -> Route
        where
            H: Handler<T, Arc<App>>,
            T: 'static,
        {
            let handler = on(MethodFilter::$method, handler);
            Route { method: Method::$method, path, needs, operation, summary, handler }
        }
    };
}

method!(get, GET);
method!(post, POST);
method!(put, PUT);
method!(patch, PATCH);
method!(delete, DELETE);

/// Those of the server itself. Anybody may ask whether it works; the operator, what it counts.
pub(super) fn of_server(app: &Arc<App>) -> Router<Arc<App>> {
    let guarded = from_fn_with_state((Arc::clone(app), Needs::Operator, "metrics"), guard::admin);
    Router::new()
        .route("/health", axum::routing::get(health::health))
        .route("/ready", axum::routing::get(health::ready))
        .route("/metrics", axum::routing::get(metrics::metrics).route_layer(guarded))
}

/// The service of a tenant (RFC 7644 §3.2), below wherever that is.
#[rustfmt::skip]
pub(super) fn scim() -> Vec<Route> {
    use Needs::{Discovery, OfMe, OfSomeType, OfType};
    vec![
        get("/ServiceProviderConfig", Discovery, "getServiceProviderConfig", "What the service offers", discovery::service_provider_config),
        get("/ResourceTypes", Discovery, "listResourceTypes", "The types of resources", discovery::resource_types),
        get("/ResourceTypes/{name}", Discovery, "getResourceType", "A type of resources", discovery::resource_type),
        get("/Schemas", Discovery, "listSchemas", "The schemas", discovery::schemas),
        get("/Schemas/{id}", Discovery, "getSchema", "A schema", discovery::schema),
        get("/Me", OfMe(Read), "getMe", "The resource that the credential speaks for", me::get),
        put("/Me", OfMe(Update), "replaceMe", "Replace the resource that the credential speaks for", me::replace),
        patch("/Me", OfMe(Update), "patchMe", "Change the resource that the credential speaks for", me::patch),
        delete("/Me", OfMe(Delete), "deleteMe", "Delete the resource that the credential speaks for", me::delete),
        post("/Me", OfMe(Create), "createMe", "Nothing can be created here: 501", me::create),
        post("/Bulk", OfSomeType(Bulk), "bulk", "Several operations, each of which needs its own permission", bulk::bulk),
        get("/", OfSomeType(List), "listAll", "Resources of all types", search::list_all),
        post("/.search", OfSomeType(List), "searchAll", "Resources of all types, by a query in the body", search::search_all),
        post("/{endpoint}/.search", OfType(List), "searchResources", "Resources of a type, by a query in the body", search::search),
        get("/{endpoint}", OfType(List), "listResources", "Resources of a type", search::list),
        post("/{endpoint}", OfType(Create), "createResource", "Create a resource", resources::create),
        get("/{endpoint}/{id}", OfType(Read), "getResource", "A resource", resources::get),
        put("/{endpoint}/{id}", OfType(Update), "replaceResource", "Replace a resource", resources::replace),
        patch("/{endpoint}/{id}", OfType(Update), "patchResource", "Change a resource", resources::patch),
        delete("/{endpoint}/{id}", OfType(Delete), "deleteResource", "Delete a resource", resources::delete),
    ]
}

/// The admin API, below [`ADMIN_BASE`].
#[rustfmt::skip]
pub(super) fn admin() -> Vec<Route> {
    use Needs::{Operator, Tenant};
    use admin::{
        audit, clients, condition, deliveries, entry_points, explain, indexes, issuers, moves, operator_issuers,
        plugins, realms, requests, resolvers, shares, substrings, suspension, tenants, tokens, transfer,
    };
    vec![
        get("/openapi.json", Tenant(ConfigRead), "getOpenApi", "This description", openapi::document),
        get("/substrings", Operator, "getSubstrings", "The accelerator for parts of values", substrings::get),
        put("/substrings", Operator, "putSubstrings", "Turn the accelerator on or off", substrings::put),
        get("/tenants", Operator, "listTenants", "The tenants", tenants::list),
        post("/tenants", Operator, "createTenant", "Create a tenant", tenants::create),
        get("/tenants/{tenant}", Tenant(ConfigRead), "getTenant", "A tenant", tenants::get),
        patch("/tenants/{tenant}", Tenant(ConfigWrite), "patchTenant", "Change a tenant", tenants::update),
        delete("/tenants/{tenant}", Operator, "deleteTenant", "Delete a tenant with all that it has", tenants::delete),
        post("/tenants/{tenant}/suspend", Operator, "suspendTenant", "Refuse the credentials of a tenant", suspension::suspend),
        post("/tenants/{tenant}/resume", Operator, "resumeTenant", "Let the credentials of a tenant in again", suspension::resume),
        get("/tenants/{tenant}/stats", Tenant(ConfigRead), "getTenantStats", "How much a tenant has and may have", condition::stats),
        get("/tenants/{tenant}/health", Tenant(ConfigRead), "getTenantHealth", "Whether something of a tenant does not work", condition::health),
        post("/tenants/{tenant}/move", Operator, "moveTenant", "Have the data of a tenant go to other tables", moves::begin),
        get("/tenants/{tenant}/move", Operator, "getTenantMove", "How far a move is", moves::get),
        get("/tenants/{tenant}/tokens", Tenant(TokensRead), "listTokens", "The tokens, without their secrets", tokens::list),
        post("/tenants/{tenant}/tokens", Tenant(TokensWrite), "createToken", "Create a token", tokens::create),
        delete("/tenants/{tenant}/tokens/{id}", Tenant(TokensWrite), "revokeToken", "Revoke a token", tokens::revoke),
        patch("/tenants/{tenant}/tokens/{id}", Tenant(TokensWrite), "patchToken", "Change a token", tokens::update),
        post("/tenants/{tenant}/tokens/{id}/rotate", Tenant(TokensWrite), "rotateToken", "Give a token another secret; the one before is accepted for a while", tokens::rotate),
        get("/tenants/{tenant}/clients", Tenant(TokensRead), "listClients", "The OAuth clients, without their secrets", clients::list),
        post("/tenants/{tenant}/clients", Tenant(TokensWrite), "createClient", "Create an OAuth client", clients::create),
        post("/tenants/{tenant}/clients/{id}/rotate", Tenant(TokensWrite), "rotateClient", "Give a client another secret; the one before is accepted for a while", clients::rotate),
        delete("/tenants/{tenant}/clients/{id}", Tenant(TokensWrite), "deleteClient", "Delete an OAuth client, and end its tokens", clients::delete),
        get("/tenants/{tenant}/issuers", Tenant(TokensRead), "listIssuers", "Whose JWTs are credentials of the tenant", issuers::list),
        post("/tenants/{tenant}/issuers", Tenant(TokensWrite), "createIssuer", "Take JWTs of an issuer", issuers::create),
        put("/tenants/{tenant}/issuers/{id}", Tenant(TokensWrite), "replaceIssuer", "Change how JWTs of an issuer are taken", issuers::replace),
        delete("/tenants/{tenant}/issuers/{id}", Tenant(TokensWrite), "deleteIssuer", "Take JWTs of an issuer no more", issuers::delete),
        post("/tenants/{tenant}/issuers/{id}/refresh", Tenant(TokensWrite), "refreshIssuer", "Fetch the keys of an issuer now", issuers::refresh),
        get("/tenants/{tenant}/explain", Tenant(Explain), "explain", "How a list is made", explain::explain),
        post("/tenants/{tenant}/import", Tenant(ConfigWrite), "importResources", "Take resources of another service", transfer::import),
        get("/tenants/{tenant}/export", Tenant(ConfigWrite), "exportResources", "A page of all resources and members", transfer::export),
        get("/tenants/{tenant}/indexes", Tenant(ConfigRead), "listIndexes", "The indexes", indexes::list),
        put("/tenants/{tenant}/indexes/{type}/{attribute}", Tenant(ConfigWrite), "addIndex", "Have an attribute indexed", indexes::add),
        delete("/tenants/{tenant}/indexes/{type}/{attribute}", Tenant(ConfigWrite), "removeIndex", "Have an attribute indexed no more", indexes::remove),
        get("/tenants/{tenant}/plugins", Tenant(PluginsRead), "listPlugins", "The plugins", plugins::list),
        get("/tenants/{tenant}/plugins/order", Tenant(PluginsRead), "getPluginOrder", "The order in which plugins are called", plugins::get_order),
        put("/tenants/{tenant}/plugins/order", Tenant(PluginsActivate), "putPluginOrder", "Have plugins called in another order", plugins::put_order),
        get("/tenants/{tenant}/plugins/{name}", Tenant(PluginsRead), "getPlugin", "A plugin", plugins::get),
        put("/tenants/{tenant}/plugins/{name}", Tenant(PluginsWrite), "uploadPlugin", "Upload a version of a plugin", plugins::upload),
        delete("/tenants/{tenant}/plugins/{name}", Tenant(PluginsWrite), "deletePlugin", "Delete a plugin", plugins::delete),
        post("/tenants/{tenant}/plugins/{name}/activate", Tenant(PluginsActivate), "activatePlugin", "Have requests go through a version", plugins::activate),
        post("/tenants/{tenant}/plugins/{name}/deactivate", Tenant(PluginsActivate), "deactivatePlugin", "Have requests go through a plugin no more", plugins::deactivate),
        post("/tenants/{tenant}/plugins/{name}/rollback", Tenant(PluginsActivate), "rollbackPlugin", "Have requests go through the version that was active before", plugins::rollback),
        post("/tenants/{tenant}/plugins/{name}/shadow", Tenant(PluginsActivate), "shadowPlugin", "Run a version beside the active one, without effect", plugins::shadow),
        get("/tenants/{tenant}/plugins/{name}/shadow", Tenant(PluginsRead), "getPluginShadow", "What a version came to that is run beside the active one", plugins::get_shadow),
        delete("/tenants/{tenant}/plugins/{name}/shadow", Tenant(PluginsActivate), "stopPluginShadow", "Run a version beside the active one no more", plugins::stop_shadow),
        post("/tenants/{tenant}/plugins/{name}/impact", Tenant(PluginsActivate), "beginPluginImpact", "Run a version over the stored resources, without effect", plugins::begin_impact),
        get("/tenants/{tenant}/plugins/{name}/impact", Tenant(PluginsRead), "listPluginImpacts", "What versions would do to the stored resources", plugins::impacts),
        delete("/tenants/{tenant}/plugins/{name}/impact", Tenant(PluginsActivate), "cancelPluginImpact", "Run a version over the stored resources no more", plugins::cancel_impact),
        post("/tenants/{tenant}/plugins/{name}/recordings", Tenant(PluginsActivate), "beginPluginRecording", "Record the next calls of a hook", plugins::begin_recording),
        get("/tenants/{tenant}/plugins/{name}/recordings", Tenant(PluginsRead), "listPluginRecordings", "What is recorded of a plugin", plugins::recordings),
        delete("/tenants/{tenant}/plugins/{name}/recordings", Tenant(PluginsActivate), "deletePluginRecordings", "Record nothing more of a plugin, and forget what was", plugins::delete_recordings),
        get("/tenants/{tenant}/plugins/{name}/recordings/{id}", Tenant(PluginsRead), "getRecordedCall", "A recorded call, for who may read all resources", plugins::recorded_call),
        delete("/tenants/{tenant}/plugins/{name}/recordings/{id}", Tenant(PluginsActivate), "deleteRecordedCall", "Forget a recorded call", plugins::delete_recorded_call),
        get("/tenants/{tenant}/plugins/{name}/logs", Tenant(PluginsRead), "listPluginLogs", "What a plugin wrote, and how its calls failed", plugins::logs),
        put("/tenants/{tenant}/plugins/{name}/settings", Tenant(PluginsActivate), "putPluginSettings", "Choose what becomes of requests when a plugin fails", plugins::put_settings),
        get("/tenants/{tenant}/plugins/{name}/config", Tenant(PluginsRead), "getPluginConfig", "The configuration of a plugin", plugins::config),
        put("/tenants/{tenant}/plugins/{name}/config", Tenant(PluginsWrite), "putPluginConfig", "Configure a plugin", plugins::configure),
        get("/tenants/{tenant}/plugins/{name}/deliveries", Tenant(PluginsRead), "listDeliveries", "Events that a plugin is still to be told of", deliveries::list),
        post("/tenants/{tenant}/plugins/{name}/deliveries/{event}/retry", Tenant(PluginsWrite), "retryDelivery", "Tell a plugin of an event again", deliveries::retry),
        delete("/tenants/{tenant}/plugins/{name}/deliveries/{event}", Tenant(PluginsWrite), "discardDelivery", "Never tell a plugin of an event", deliveries::discard),
        get("/tenants/{tenant}/entry-points", Operator, "listTenantEntryPoints", "What is bound to a tenant", entry_points::list_of_tenant),
        post("/tenants/{tenant}/entry-points", Operator, "bindTenantEntryPoint", "Bind a host, a path or a header to a tenant", entry_points::bind_to_tenant),
        delete("/tenants/{tenant}/entry-points/{kind}/{value}", Operator, "unbindTenantEntryPoint", "Unbind what is bound to a tenant", entry_points::unbind_from_tenant),
        get("/tenants/{tenant}/shares", Operator, "listShares", "What a tenant has of others", shares::list),
        get("/tenants/{tenant}/shares/{parent}", Operator, "getShare", "What a tenant has of another, and what could not be copied", shares::get),
        put("/tenants/{tenant}/shares/{parent}", Operator, "putShare", "Share resource types of another tenant with a tenant", shares::put),
        delete("/tenants/{tenant}/shares/{parent}", Operator, "deleteShare", "Share no more: the copies are deleted", shares::delete),
        get("/tenants/{tenant}/audit", Tenant(AuditRead), "listAudit", "Who has done what", audit::list),
        get("/tenants/{tenant}/audit/export", Tenant(AuditRead), "exportAudit", "All records with their seals, as JSON Lines", audit::export),
        post("/tenants/{tenant}/audit/verify", Tenant(AuditRead), "verifyAudit", "Hold the records against their seals", audit::verify),
        get("/tenants/{tenant}/requests", Tenant(AuditRead), "listRequests", "Who asked for what, and what came of it", requests::list),
        get("/audit", Operator, "listOperatorAudit", "What the operator has done to no tenant", audit::list_of_operator),
        get("/audit/export", Operator, "exportOperatorAudit", "The operator's records with their seals, as JSON Lines", audit::export_of_operator),
        post("/audit/verify", Operator, "verifyOperatorAudit", "Hold the operator's records against their seals", audit::verify_of_operator),
        get("/issuers", Operator, "listOperatorIssuers", "Whose JWTs name their tenant", operator_issuers::list),
        post("/issuers", Operator, "createOperatorIssuer", "Take JWTs of an issuer for several tenants", operator_issuers::create),
        put("/issuers/{id}", Operator, "replaceOperatorIssuer", "Change how JWTs of an issuer of several tenants are taken", operator_issuers::replace),
        delete("/issuers/{id}", Operator, "deleteOperatorIssuer", "Take JWTs of an issuer of several tenants no more", operator_issuers::delete),
        post("/issuers/{id}/refresh", Operator, "refreshOperatorIssuer", "Fetch the keys of an issuer of several tenants now", operator_issuers::refresh),
        get("/realms", Operator, "listRealms", "The realms", realms::list),
        post("/realms", Operator, "createRealm", "Create a realm", realms::create),
        get("/realms/{realm}", Operator, "getRealm", "A realm", realms::get),
        delete("/realms/{realm}", Operator, "deleteRealm", "Delete a realm that nothing belongs to", realms::delete),
        get("/realms/{realm}/resolver", Operator, "getRealmResolver", "The plugin that says which tenant of a realm a request is for", resolvers::get),
        put("/realms/{realm}/resolver", Operator, "putRealmResolver", "Have a plugin say which tenant of a realm a request is for", resolvers::put),
        delete("/realms/{realm}/resolver", Operator, "deleteRealmResolver", "Have no plugin say it any more", resolvers::delete),
        get("/realms/{realm}/entry-points", Operator, "listRealmEntryPoints", "What is bound to a realm", entry_points::list_of_realm),
        post("/realms/{realm}/entry-points", Operator, "bindRealmEntryPoint", "Bind a host, a path or a header to a realm", entry_points::bind_to_realm),
        delete("/realms/{realm}/entry-points/{kind}/{value}", Operator, "unbindRealmEntryPoint", "Unbind what is bound to a realm", entry_points::unbind_from_realm),
    ]
}

/// The router of the SCIM routes, behind their guard, and of where clients show who they are.
pub(super) fn scim_router(app: &Arc<App>) -> Router<Arc<App>> {
    let guarded =
        |needs, operation| from_fn_with_state((Arc::clone(app), needs, operation), guard::scim);
    let mut routes = Router::new()
        .route(TOKEN, axum::routing::post(oauth::token))
        .route(METADATA, axum::routing::get(oauth::metadata));
    for Route { path, needs, operation, handler, .. } in scim() {
        routes = routes.route(path, handler.route_layer(guarded(needs, operation)));
    }
    let guarded = guarded(Needs::Credential, UNKNOWN);
    routes
        .fallback(error::unknown_scim_route.layer(guarded.clone()))
        .method_not_allowed_fallback(error::scim_method_not_allowed.layer(guarded))
}

/// The router of the admin API, behind its guard.
pub(super) fn admin_router(app: &Arc<App>) -> Router<Arc<App>> {
    let guarded =
        |needs, operation| from_fn_with_state((Arc::clone(app), needs, operation), guard::admin);
    let mut routes = Router::new();
    for Route { path, needs, operation, handler, .. } in admin() {
        routes = routes.route(path, handler.route_layer(guarded(needs, operation)));
    }
    let routes = routes
        .fallback(error::unknown_route.layer(guarded(Needs::Credential, UNKNOWN)))
        .method_not_allowed_fallback(
            error::method_not_allowed.layer(guarded(Needs::Credential, UNKNOWN)),
        );
    Router::new().nest(ADMIN_BASE, routes)
}
