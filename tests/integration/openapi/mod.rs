//! The description of the API, held against what the server takes and answers.

mod schema;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Options, Server, artifacts, until, user};

use self::schema::misfit;

/// The description, and which operations were held against it.
struct Held {
    description: Value,
    held: BTreeSet<String>,
}

impl Held {
    async fn of(server: &Server) -> Self {
        let description = server.admin().get("/openapi.json").await.expect(200).body;
        Self { description, held: BTreeSet::new() }
    }

    /// The path, the method and the description of an operation.
    fn operation(&self, id: &str) -> (&str, &str, &Value) {
        let paths = self.description["paths"].as_object().unwrap().iter();
        let mut all = paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        });
        all.find(|(.., it)| it["operationId"] == id).unwrap_or_else(|| panic!("no {id}"))
    }

    /// Asks, and holds the request and the answer against the description. `path` is below that of
    /// the client; null is no body.
    async fn call(&mut self, id: &str, client: &Client, path: &str, body: Value) -> Value {
        let (_, method, operation) = self.operation(id);
        let method: Method = method.to_uppercase().parse().unwrap();
        let described = body_of(&operation["requestBody"]);
        if !body.is_null() {
            let schema = described.unwrap_or_else(|| panic!("{id} has a body"));
            assert_eq!(misfit(&self.description, schema, &body), None, "request of {id}");
        }
        let body = (!body.is_null()).then(|| body.to_string());
        let mut request = client.request(method, path);
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body);
        }
        self.judge(id, &Answer::of(request).await)
    }

    /// Holds an answer against the description; its body.
    fn judge(&mut self, id: &str, answer: &Answer) -> Value {
        let (.., operation) = self.operation(id);
        let response = operation["responses"].get(answer.status.to_string());
        let response =
            response.unwrap_or_else(|| panic!("{id}: {} {:#}", answer.status, answer.body));
        assert!(answer.status < 300, "{id}: {:#}", answer.body);
        match body_of(response) {
            Some(schema) => {
                let misfit = misfit(&self.description, schema, &answer.body);
                assert_eq!(misfit, None, "answer of {id}: {:#}", answer.body);
            }
            None => assert!(
                answer.body.is_null() || response.get("content").is_some(),
                "{id}: {:#}",
                answer.body
            ),
        }
        self.held.insert(id.to_owned());
        answer.body.clone()
    }

    /// The operations of the admin API, with their paths.
    fn admin(&self) -> Vec<(String, String)> {
        let paths = self.description["paths"].as_object().unwrap().iter();
        let admin = paths.filter(|(path, _)| path.starts_with("/admin/"));
        let all = admin.flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().values();
            methods.map(|it| (it["operationId"].as_str().unwrap().to_owned(), path.clone()))
        });
        all.collect()
    }
}

/// The schema of a body in JSON.
fn body_of(described: &Value) -> Option<&Value> {
    let content = described.get("content")?;
    content.get("application/json").map(|it| &it["schema"])
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}

#[tokio::test]
async fn the_description_is_what_the_server_takes_and_answers() {
    let server = Server::start(Options::default());
    let (mut api, admin) = (Held::of(&server).await, server.admin());
    let acme = server.tenant("acme").await;
    let own = &acme.admin;
    // What may be the same for the operator.
    api.call("getOpenApi", &admin, "/openapi.json", Value::Null).await;
    api.call("getSubstrings", &admin, "/substrings", Value::Null).await;
    api.call("putSubstrings", &admin, "/substrings", json!({ "on": false })).await;
    let realm = api.call("createRealm", &admin, "/realms", json!({ "name": "eu" })).await;
    api.call("listRealms", &admin, "/realms", Value::Null).await;
    let of_realm = admin.below(&format!("/realms/{}", text(&realm, "id")));
    api.call("getRealm", &of_realm, "", Value::Null).await;
    for (client, kind) in [(&of_realm, "Realm"), (own, "Tenant")] {
        let host = json!({ "kind": "host", "value": format!("{kind}.example.com") });
        let id = |verb: &str, end: &str| format!("{verb}{kind}EntryPoint{end}");
        let bound = api.call(&id("bind", ""), client, "/entry-points", host).await;
        api.call(&id("list", "s"), client, "/entry-points", Value::Null).await;
        let path = format!("/entry-points/host/{}", text(&bound, "value"));
        api.call(&id("unbind", ""), client, &path, Value::Null).await;
    }
    operator_issuers(&mut api, &admin).await;
    tenants(&mut api, &admin).await;
    let parent = server.tenant("parent").await;
    let share = format!("/shares/{}", parent.id);
    api.call("putShare", own, &share, json!({ "resourceTypes": ["User"] })).await;
    api.call("listShares", own, "/shares", Value::Null).await;
    api.call("getShare", own, &share, Value::Null).await;
    api.call("deleteShare", own, &share, Value::Null).await;
    acme.upload("realm-resolver", artifacts::realm_resolver()).await.expect(201);
    let resolver = json!({
        "tenant": acme.name, "plugin": "realm-resolver", "permissions": ["scim:read"],
        "headers": ["authorization"],
    });
    api.call("putRealmResolver", &of_realm, "/resolver", resolver).await;
    api.call("getRealmResolver", &of_realm, "/resolver", Value::Null).await;
    api.call("deleteRealmResolver", &of_realm, "/resolver", Value::Null).await;
    api.call("deleteRealm", &of_realm, "", Value::Null).await;

    credentials(&mut api, own).await;
    plugins_and_indexes(&mut api, &acme).await;
    deliveries(&mut api, &acme).await;
    acme.create("/Users", user("a")).await;
    let explained = json!({});
    let path = "/explain?endpoint=/Users&filter=title%20eq%20%22x%22";
    assert_ne!(api.call("explain", own, path, Value::Null).await, explained);
    api.call("getTenantStats", own, "/stats", Value::Null).await;
    api.call("getTenantHealth", own, "/health", Value::Null).await;
    let exported = own.get("/export").await;
    api.judge("exportResources", &exported);
    let line = json!({ "resourceType": "User", "resource": user("imported") });
    let request = own.request(Method::POST, "/import");
    let request = request.header("Content-Type", "application/x-ndjson").body(format!("{line}\n"));
    api.judge("importResources", &Answer::of(request).await);
    for (client, of) in [(own, ""), (&admin, "Operator")] {
        api.call(&format!("list{of}Audit"), client, "/audit", Value::Null).await;
        let exported = client.get("/audit/export").await;
        api.judge(&format!("export{of}Audit"), &exported);
        api.call(&format!("verify{of}Audit"), client, "/audit/verify", Value::Null).await;
    }
    while api.call("listRequests", own, "/requests", Value::Null).await["items"] == json!([]) {}

    let all: BTreeSet<String> = api.admin().into_iter().map(|(id, _)| id).collect();
    let left: Vec<&String> = all.difference(&api.held).collect();
    // They need an issuer that answers: their answers have no body.
    assert_eq!(
        left,
        ["refreshIssuer", "refreshOperatorIssuer"],
        "not held against the description"
    );
}

async fn operator_issuers(api: &mut Held, admin: &Client) {
    let mut issuer = json!({
        "issuer": "https://login.example.com", "audiences": ["scim"], "tenantClaim": "/tid",
        "jwksUrl": "https://login.example.com/keys", "realm": "eu",
    });
    let made = api.call("createOperatorIssuer", admin, "/issuers", issuer.clone()).await;
    let path = format!("/issuers/{}", text(&made, "id"));
    api.call("listOperatorIssuers", admin, "/issuers", Value::Null).await;
    issuer["realm"] = Value::Null;
    api.call("replaceOperatorIssuer", admin, &path, issuer).await;
    api.call("deleteOperatorIssuer", admin, &path, Value::Null).await;
}

async fn tenants(api: &mut Held, admin: &Client) {
    let body = json!({ "name": "globex", "externalKey": "crm-1", "dialect": "okta", "limits": { "maxUsers": 10 } });
    api.call("createTenant", admin, "/tenants", body).await;
    let globex = admin.below("/tenants/globex");
    let changes = json!({
        "name": "globex-2", "externalKey": null, "dialect": null, "requestLog": "all",
        "limits": { "maxUsers": null, "maxResources": { "Group": 3 }, "plugins": { "fuel": 1000 } },
        "resolution": { "realm": "eu" },
    });
    api.call("patchTenant", &globex, "", changes).await;
    let globex = admin.below("/tenants/globex-2");
    api.call("suspendTenant", &globex, "/suspend", Value::Null).await;
    api.call("listTenants", admin, "/tenants?limit=1", Value::Null).await;
    api.call("getTenant", &globex, "", Value::Null).await;
    api.call("resumeTenant", &globex, "/resume", Value::Null).await;
    let target = json!({ "placement": { "kind": "schema" } });
    api.call("moveTenant", &globex, "/move", target).await;
    api.call("getTenantMove", &globex, "/move", Value::Null).await;
    api.call("deleteTenant", &globex, "", Value::Null).await;
}

async fn credentials(api: &mut Held, own: &Client) {
    let body = json!({
        "name": "idp", "permissions": ["scim:*"], "hidden": ["title"], "expiresAt": "2099-01-01T00:00:00Z",
        "userId": null, "mayExplain": true,
    });
    let token = api.call("createToken", own, "/tokens", body).await;
    let path = format!("/tokens/{}", text(&token, "id"));
    api.call("listTokens", own, "/tokens", Value::Null).await;
    let changes = json!({ "role": "reader", "expiresAt": null, "hidden": [] });
    api.call("patchToken", own, &path, changes).await;
    let rotation = json!({ "overlapSeconds": 60 });
    api.call("rotateToken", own, &format!("{path}/rotate"), rotation.clone()).await;
    api.call("revokeToken", own, &path, Value::Null).await;

    let body = json!({ "name": "app", "role": "reader", "hidden": ["title"] });
    let client = api.call("createClient", own, "/clients", body).await;
    let path = format!("/clients/{}", text(&client, "id"));
    api.call("listClients", own, "/clients", Value::Null).await;
    api.call("rotateClient", own, &format!("{path}/rotate"), rotation).await;
    api.call("deleteClient", own, &path, Value::Null).await;

    let mut issuer = json!({
        "issuer": "https://login.example.com", "audiences": ["scim"], "jwksUrl": "https://login.example.com/keys",
        "tenantClaim": "/tid", "permissionMap": { "SCIM.Write": ["scim:*"] }, "hidden": ["title"],
    });
    let made = api.call("createIssuer", own, "/issuers", issuer.clone()).await;
    let path = format!("/issuers/{}", text(&made, "id"));
    api.call("listIssuers", own, "/issuers", Value::Null).await;
    issuer["clockSkewSeconds"] = json!(10);
    api.call("replaceIssuer", own, &path, issuer).await;
    api.call("deleteIssuer", own, &path, Value::Null).await;
}

async fn plugins_and_indexes(api: &mut Held, acme: &tenon_tests::Tenant) {
    let own = &acme.admin;
    let uploaded = acme.upload("cost-center", artifacts::cost_center()).await;
    let version = api.judge("uploadPlugin", &uploaded);
    let plugin = own.below("/plugins/cost-center");
    let config = json!({ "departments": ["Sales"] });
    api.call("putPluginConfig", &plugin, "/config", config).await;
    api.call("getPluginConfig", &plugin, "/config", Value::Null).await;
    let digest = json!({ "digest": version["digest"] });
    api.call("activatePlugin", &plugin, "/activate", digest.clone()).await;
    api.call("listPlugins", own, "/plugins", Value::Null).await;
    api.call("getPlugin", &plugin, "", Value::Null).await;
    recordings(api, acme, &plugin).await;
    let other = artifacts::tagged(artifacts::cost_center(), "other");
    let other = acme.upload("cost-center", &other).await.expect(201).body;
    let other = json!({ "digest": other["digest"] });
    api.call("shadowPlugin", &plugin, "/shadow", other).await;
    api.call("getPluginShadow", &plugin, "/shadow", Value::Null).await;
    api.call("stopPluginShadow", &plugin, "/shadow", Value::Null).await;
    api.call("deactivatePlugin", &plugin, "/deactivate", Value::Null).await;
    api.call("beginPluginImpact", &plugin, "/impact", digest.clone()).await;
    api.call("listPluginImpacts", &plugin, "/impact", Value::Null).await;
    let is_done = async || {
        let impacts = plugin.get("/impact").await.expect(200).body;
        (impacts["items"][0]["state"] != "running").then_some(())
    };
    until("the end of the impact check", is_done).await;
    let cancelled = until("an impact check that is cancelled in time", async || {
        plugin.post("/impact", digest.clone()).await.expect(202);
        let cancelled = plugin.delete("/impact").await;
        (cancelled.status == 204).then_some(cancelled)
    });
    api.judge("cancelPluginImpact", &cancelled.await);
    api.call("listPluginLogs", &plugin, "/logs", Value::Null).await;
    api.call("rollbackPlugin", &plugin, "/rollback", json!({})).await;
    let settings = json!({ "onFailure": { "before-write": "skip" } });
    api.call("putPluginSettings", &plugin, "/settings", settings).await;
    let order = api.call("getPluginOrder", own, "/plugins/order", Value::Null).await;
    api.call("putPluginOrder", own, "/plugins/order", order).await;
    api.call("deletePlugin", &plugin, "", Value::Null).await;

    let wishes = json!({ "substrings": true });
    api.call("addIndex", own, "/indexes/User/title", wishes).await;
    api.call("listIndexes", own, "/indexes", Value::Null).await;
    api.call("removeIndex", own, "/indexes/User/title", Value::Null).await;
}

async fn recordings(api: &mut Held, acme: &tenon_tests::Tenant, plugin: &Client) {
    let wanted = json!({ "hook": "validation", "calls": 1, "redact": ["emails"], "headers": [] });
    api.call("beginPluginRecording", plugin, "/recordings", wanted).await;
    acme.create("/Users", user("recorded")).await;
    let call = until("the recorded call", async || {
        let all = plugin.get("/recordings").await.expect(200).body;
        all["items"][0]["calls"][0]["id"].as_str().map(str::to_owned)
    });
    let call = format!("/recordings/{}", call.await);
    api.call("listPluginRecordings", plugin, "/recordings", Value::Null).await;
    api.call("getRecordedCall", plugin, &call, Value::Null).await;
    api.call("deleteRecordedCall", plugin, &call, Value::Null).await;
    api.call("deletePluginRecordings", plugin, "/recordings", Value::Null).await;
}

async fn deliveries(api: &mut Held, acme: &tenon_tests::Tenant) {
    // It fails with that configuration, so that what it is to be told stays.
    acme.activate("audit-tap", artifacts::audit_tap(), json!({ "misspelt": 1 })).await;
    acme.create("/Users", user("told")).await;
    let plugin = acme.admin.below("/plugins/audit-tap");
    let page = api.call("listDeliveries", &plugin, "/deliveries", Value::Null).await;
    let one = format!("/deliveries/{}", text(&page["items"][0], "event"));
    api.call("retryDelivery", &plugin, &format!("{one}/retry"), Value::Null).await;
    api.call("getTenantStats", &acme.admin, "/stats", Value::Null).await;
    api.call("discardDelivery", &plugin, &one, Value::Null).await;
}

/// A required member, with a value that it may have.
fn sample(name: &str) -> (String, Value) {
    let value = match name {
        "on" => json!(false),
        "hook" => json!("validation"),
        "calls" => json!(1),
        "audiences" => json!(["scim"]),
        "kind" => json!("host"),
        "placement" => json!({ "kind": "shared" }),
        "resourceTypes" => json!(["User"]),
        "permissions" => json!(["scim:read"]),
        "order" => json!(["cost-center"]),
        "value" => json!("sample.example.com"),
        "digest" => json!(format!("sha256:{}", "0".repeat(64))),
        _ => json!("sample"),
    };
    (name.to_owned(), value)
}

#[tokio::test]
async fn every_member_that_is_described_is_known_to_the_server_and_no_other() {
    let server = Server::shared();
    let (api, acme) = (Held::of(&server).await, server.tenant("acme").await);
    let token = acme.admin.post("/tokens", json!({ "name": "a" })).await.expect(201).body;
    let client = acme.admin.post("/clients", json!({ "name": "a" })).await.expect(201).body;
    let plugin = format!("plugin-{}", &acme.id[24..]);
    acme.upload(&plugin, artifacts::cost_center()).await.expect(201);
    let mut judged = 0;
    for (id, path) in api.admin() {
        let (_, method, operation) = api.operation(&id);
        let Some(schema) = body_of(&operation["requestBody"]) else { continue };
        let schema = api.description.pointer(&schema["$ref"].as_str().unwrap()[1..]).unwrap();
        if schema.get("additionalProperties") != Some(&json!(false)) {
            continue;
        }
        let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        let required: Value = names.map(|it| sample(it.as_str().unwrap())).collect();
        let realm = "no-such-realm";
        let of = if path.contains("clients") { text(&client, "id") } else { text(&token, "id") };
        let path = path.replace("{tenant}", &acme.name).replace("{realm}", realm);
        let path =
            path.replace("{parent}", &acme.id).replace("{name}", &plugin).replace("{id}", of);
        let path = path.replace("{type}", "User").replace("{attribute}", "title");
        let ask = async |name: &str| {
            let method: Method = method.to_uppercase().parse().unwrap();
            let request = server.anonymous().with_token(tenon_tests::ADMIN_TOKEN);
            let request = request.request(method, &path);
            // Nothing of the kind is any member.
            let mut body = required.clone();
            body[name] = json!([[false]]);
            let request = request.header("Content-Type", "application/json");
            Answer::of(request.body(body.to_string())).await.expect(400).detail().to_owned()
        };
        for name in schema["properties"].as_object().unwrap().keys() {
            let detail = ask(name).await;
            // What is read as a whole does not tell which member it is that is wrong.
            let is_whole = id.contains("Issuer") && !detail.contains("unknown field");
            let is_known = detail.contains(&format!("\"{name}\"")) && !detail.contains("not known");
            assert!(is_whole || is_known, "{id}: {name}: {detail}");
            judged += 1;
        }
        let detail = ask("nmae").await;
        assert!(detail.contains("nmae"), "{id}: {detail}");
    }
    assert!(judged > 30, "{judged}");
}
