//! Two tenants, and what each has.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tenon_tests::{Answer, Client, Options, Postgres, Server, Tenant, artifacts, user};
use uuid::Uuid;

use crate::indexes::until;
use crate::jwt::{self, Idp};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// What a request names: `<user>` is replaced by the value of `user`.
pub type Values = Vec<(&'static str, String)>;

/// Acme asks, Globex has.
pub struct World {
    pub servers: [Server; 2],
    pub acme: Tenant,
    /// Acme's administrator, who is one of its users.
    pub administrator: Client,
    pub globex: Tenant,
    pub of_globex: Values,
    pub of_nobody: Values,
    /// What either has of its own.
    pub own: Values,
    pub globex_own: Values,
    pub idp: Idp,
    pub database: PgConnection,
    _postgres: Postgres,
}

impl World {
    pub async fn new() -> Self {
        let postgres = Postgres::start(&[]);
        let start = || {
            Server::start(
                Options::on(&postgres.url())
                    .with("TENON_TRUSTED_PROXIES", "127.0.0.0/8")
                    .with("TENON_TENANT_HEADERS", "x-tenant-id")
                    .with("TENON_TENANT_HOST", "{tenant}.scim.example.com"),
            )
        };
        let servers = [start(), start()];
        let (acme, globex) = (servers[0].tenant("acme").await, servers[0].tenant("globex").await);
        let of_globex = furnish(&servers[0], &globex).await;
        let (own, administrator, idp) = settle(&acme).await;
        know_the_plugin(&globex.moved(&servers[0], &servers[1])).await;
        let of = |name: &str| {
            let value = of_globex.iter().find(|(it, _)| *it == name).map(|(_, it)| it.clone());
            value.expect("Globex has it")
        };
        let globex_own = vec![
            ("own-user", of("user")),
            ("own-group", of("group")),
            ("own-plugin", of("plugin")),
        ];
        let database = PgConnection::connect(&postgres.url()).await.unwrap();
        let of_nobody = of_nobody(&of_globex);
        World {
            servers,
            acme,
            administrator,
            globex,
            of_globex,
            of_nobody,
            own,
            globex_own,
            idp,
            database,
            _postgres: postgres,
        }
    }

    /// All rows of a tenant, table by table, but for those of some tables.
    pub async fn rows(&mut self, tenant: &str, but_for: &[&str]) -> Vec<(String, String)> {
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT table_name::text FROM information_schema.columns \
             WHERE table_schema = 'public' AND column_name = 'tenant_id' ORDER BY 1",
        )
        .fetch_all(&mut self.database)
        .await
        .unwrap();
        let mut all = Vec::new();
        for table in tables.into_iter().filter(|table| !but_for.contains(&table.as_str())) {
            let rows = format!(
                "SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') \
                 FROM {table} AS t WHERE tenant_id = $1"
            );
            let rows = sqlx::query_scalar(sqlx::AssertSqlSafe(rows));
            let rows = rows.bind(tenant.parse::<Uuid>().unwrap());
            all.push((table, rows.fetch_one(&mut self.database).await.unwrap()));
        }
        all
    }
}

/// A text with what it names.
pub fn filled(text: &str, values: &[&Values]) -> String {
    values
        .iter()
        .flat_map(|it| it.iter())
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("<{name}>"), value))
}

/// One of everything that a tenant can have.
async fn furnish(server: &Server, globex: &Tenant) -> Values {
    let teams = artifacts::component("teams");
    let digest = globex.activate("teams", &teams, json!({ "secret": "of globex" })).await;
    let manager = globex.create("/Users", user("boss-of-globex")).await;
    let mut person = user("person-of-globex");
    person["nickName"] = json!("nick-of-globex");
    person["schemas"].as_array_mut().unwrap().push(json!(ENTERPRISE));
    person[ENTERPRISE] = json!({ "manager": { "value": manager } });
    let person = globex.create("/Users", person).await;
    let members = json!([{ "value": person }]);
    let group = json!({ "schemas": [GROUP], "displayName": "of globex", "members": members });
    let group = globex.create("/Groups", group).await;
    let badge = json!({ "schemas": ["urn:example:2.0:Badge"], "number": "1" });
    let badge = globex.create("/Badges", badge).await;
    let token = globex.admin.post("/tokens", json!({ "name": "of globex" })).await.expect(201);
    let client = globex.admin.post("/clients", json!({ "name": "of globex" })).await.expect(201);
    let jwks = json!({ "issuer": "https://idp.globex.example", "jwks": Idp::new("g").jwks() });
    let issuer = jwt::issuer(globex, jwks).await.expect(201);
    globex.admin.put("/indexes/User/nickName", json!({})).await.expect(201);
    let page = globex.scim.query("/Users", &[("count", "1"), ("cursor", "")]).await.expect(200);
    let host = json!({ "kind": "host", "value": "globex.example" });
    globex.admin.post("/entry-points", host).await.expect(201);
    server.admin().post("/realms", json!({ "name": "globex" })).await.expect(201);
    until(server, globex, "nickName", Some("ready")).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    vec![
        ("user", person),
        ("user-name", "person-of-globex".to_owned()),
        ("group", group),
        ("badge", badge),
        ("type", "Badge".to_owned()),
        ("endpoint", "Badges".to_owned()),
        ("schema", "urn:example:2.0:Badge".to_owned()),
        ("attribute", "nickName".to_owned()),
        ("cursor", text(&page.body["nextCursor"])),
        ("token", text(&token.body["id"])),
        ("client", text(&client.body["id"])),
        ("issuer", text(&issuer.body["id"])),
        ("issuer-url", "https://idp.globex.example".to_owned()),
        ("plugin", "teams".to_owned()),
        ("digest", digest),
        ("call", recorded_call(server, globex).await.to_string()),
        ("tenant", globex.name.clone()),
        ("host", "globex.example".to_owned()),
        ("realm", "globex".to_owned()),
    ]
}

async fn recorded_call(server: &Server, globex: &Tenant) -> Uuid {
    let id = Uuid::now_v7();
    sqlx::query(
        "INSERT INTO recorded_calls (tenant_id, plugin, id, recording, at, request_id, outcome, file) \
         VALUES ($1::text::uuid, 'teams', $2, $2, now(), 'r', 'ok', '{\"of\":\"globex\"}')",
    )
    .bind(&globex.id)
    .bind(id)
    .execute(&mut server.database().await)
    .await
    .unwrap();
    id
}

/// The same kinds of things, which nobody has.
fn of_nobody(of_globex: &Values) -> Values {
    let nobodys = |name: &str, globexs: &str| match name {
        "user" | "group" | "badge" | "token" | "client" | "issuer" | "call" => {
            Uuid::now_v7().to_string()
        }
        "type" => "Nobody".to_owned(),
        "endpoint" => "Nobodies".to_owned(),
        "attribute" => "profileUrl".to_owned(),
        "digest" => format!("sha256:{}", "0".repeat(64)),
        // One that is sealed, but by nobody.
        "cursor" => globexs.chars().rev().collect(),
        "schema" => "urn:example:2.0:Nobody".to_owned(),
        _ => globexs.replace("globex", "nobody").replace("teams", "nobody"),
    };
    of_globex.iter().map(|(name, globexs)| (*name, nobodys(name, globexs))).collect()
}

/// What the asker has, its administrator and its identity provider.
async fn settle(acme: &Tenant) -> (Values, Client, Idp) {
    let person = acme.create("/Users", user("own")).await;
    let administrator = acme.create("/Users", user("administrator")).await;
    let members = json!([{ "value": person }]);
    let group = json!({ "schemas": [GROUP], "displayName": "own", "members": members });
    let group = acme.create("/Groups", group).await;
    acme.upload("own", &artifacts::component("tell-members")).await.expect(201);
    let idp = Idp::new("a");
    jwt::issuer(acme, json!({ "jwks": idp.jwks() })).await.expect(201);
    let token = json!({ "name": "admin", "role": "tenant-admin", "userId": administrator });
    let token = acme.admin.post("/tokens", token).await.expect(201).body;
    let client = acme.scim.with_token(token["token"].as_str().unwrap());
    let own = vec![("own-user", person), ("own-group", group), ("own-plugin", "own".to_owned())];
    (own, client, idp)
}

/// Waits until a server knows that the plugin is active, which it asks once a second.
async fn know_the_plugin(globex: &Tenant) {
    let answer = || async { globex.scim.get("/Badges").await.status };
    while answer().await != 200 {}
}

/// Sends a request with a body of JSON, where there is one.
pub async fn send(
    client: &Client,
    method: &str,
    path: &str,
    body: &str,
    headers: &[(&'static str, String)],
) -> Answer {
    let method: Method = method.to_uppercase().parse().unwrap();
    let mut request = client.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    if !body.is_empty() {
        let media_type = match path.ends_with("/import") {
            true => "application/x-ndjson",
            false => "application/json",
        };
        request = request.header("content-type", media_type).body(body.to_owned());
    }
    Answer::of(request).await
}
