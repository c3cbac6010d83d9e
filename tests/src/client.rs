//! Talks to a server as an operator, or as a tenant's identity provider.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::http;
use crate::server::{ADMIN_TOKEN, Server};

/// What the server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body: JSON, or null where there is none. Of lines of JSON, an array of them.
    pub body: Value,
}

/// Sends requests below a URL with a token.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    /// The URL, without a slash at the end.
    pub base: String,
    /// The bearer token.
    pub token: String,
    content_type: &'static str,
}

/// A tenant, its service and its operator.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name, unique to the test.
    pub name: String,
    /// Its id.
    pub id: String,
    /// `/admin/v1/tenants/{name}`.
    pub admin: Client,
    /// `/tenants/{name}/scim/v2`.
    pub scim: Client,
}

/// Set to `schema` or `database` in the environment of the tests, it gives each of their tenants one of its own.
const PLACEMENT: &str = "TEST_PLACEMENT";

impl Server {
    /// The admin API, `/admin/v1`.
    #[must_use]
    pub fn admin(&self) -> Client {
        Client::new(format!("{}/admin/v1", self.url), ADMIN_TOKEN, "application/json")
    }

    /// Any path below the server's URL, with no token.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        Client::new(self.url.clone(), "", "application/json")
    }

    /// What the server counts, as Prometheus reads it.
    pub async fn metrics(&self) -> String {
        let operator = self.anonymous().with_token(ADMIN_TOKEN);
        let answer = operator.request(Method::GET, "/metrics").send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.text().await.expect("text")
    }

    /// A new tenant, with a token; its name begins with `prefix`.
    pub async fn tenant(&self, prefix: &str) -> Tenant {
        let placement = std::env::var(PLACEMENT).unwrap_or_else(|_| "shared".to_owned());
        self.tenant_in(&placement, prefix).await
    }

    /// The same with its data in the tables of that placement: `shared`, or a `schema` or `database` of its own.
    pub async fn tenant_in(&self, placement: &str, prefix: &str) -> Tenant {
        let placement = match placement {
            "database" => json!({ "kind": placement, "url": self.new_database().await }),
            _ => json!({ "kind": placement }),
        };
        self.tenant_at(placement, prefix).await
    }

    /// The URL of a further database beside that of the server.
    async fn new_database(&self) -> String {
        let url = self.database_url();
        let mut conn = PgConnection::connect(&url).await.expect("the server's database answers");
        let name = format!("tenant_{}", uuid::Uuid::new_v4().simple());
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&mut conn).await.expect("a new database");
        let (path, parameters) = url.split_once('?').unwrap_or((&url, ""));
        let (server, _) = path.rsplit_once('/').expect("it names a database");
        format!("{server}/{name}?{parameters}")
    }

    /// The same with what the body says of its placement.
    pub async fn tenant_at(&self, placement: Value, prefix: &str) -> Tenant {
        let unique = tempfile::Builder::new().prefix("").rand_bytes(8).tempdir();
        let unique = unique.expect("a directory").path().to_owned();
        let unique = unique.file_name().expect("a name").to_string_lossy().to_lowercase();
        let name = format!("{prefix}-{unique}");
        let admin = self.admin();
        // Tests ask faster than a tenant may by default.
        let limits = json!({ "requestsPerSecond": 1_000_000 });
        let tenant = json!({ "name": name, "limits": limits, "placement": placement });
        let created = admin.post("/tenants", tenant).await.expect(201);
        let id = created.body["id"].as_str().expect("an id").to_owned();
        let admin = admin.below(&format!("/tenants/{name}"));
        let token = admin.post("/tokens", json!({ "name": "test" })).await.expect(201);
        let token = token.body["token"].as_str().expect("a token").to_owned();
        let base = format!("{}/tenants/{name}/scim/v2", self.url);
        let scim = Client::new(base, &token, "application/scim+json");
        Tenant { name, id, admin, scim }
    }
}

impl Tenant {
    /// The same tenant at another server.
    #[must_use]
    pub fn moved(&self, from: &Server, to: &Server) -> Self {
        let at = |client: &Client| client.at(client.base.replace(&from.url, &to.url));
        Self { admin: at(&self.admin), scim: at(&self.scim), ..self.clone() }
    }

    /// The same tenant at a server that was started later.
    #[must_use]
    pub fn at_server(&self, server: &Server) -> Self {
        let admin = self.admin.at(format!("{}/admin/v1/tenants/{}", server.url, self.name));
        let scim = self.scim.at(format!("{}/tenants/{}/scim/v2", server.url, self.name));
        Self { admin, scim, ..self.clone() }
    }

    /// Uploads a plugin and activates it with a configuration; the digest is the answer.
    pub async fn activate(&self, name: &str, component: &[u8], config: Value) -> String {
        let uploaded = self.upload(name, component).await.expect(201);
        let digest = uploaded.body["digest"].as_str().expect("a digest").to_owned();
        self.admin.put(&format!("/plugins/{name}/config"), config).await.expect(200);
        let activate = format!("/plugins/{name}/activate");
        self.admin.post(&activate, json!({ "digest": digest })).await.expect(200);
        digest
    }

    /// Uploads a component as a version of a plugin.
    pub async fn upload(&self, name: &str, component: &[u8]) -> Answer {
        let request = self.admin.request(Method::PUT, &format!("/plugins/{name}"));
        let request = request.header(CONTENT_TYPE, "application/wasm").body(component.to_vec());
        Answer::of(request).await
    }

    /// Creates a resource and gives its id.
    pub async fn create(&self, path: &str, body: Value) -> String {
        let created = self.scim.post(path, body).await.expect(201);
        created.body["id"].as_str().expect("an id").to_owned()
    }
}

impl Client {
    /// A client below `base` with a token.
    #[must_use]
    pub fn new(base: String, token: &str, content_type: &'static str) -> Self {
        Self { http: http::client(), base, token: token.to_owned(), content_type }
    }

    /// The same below a further path.
    #[must_use]
    pub fn below(&self, path: &str) -> Self {
        self.at(format!("{}{path}", self.base))
    }

    /// The same below another URL.
    #[must_use]
    pub fn at(&self, base: String) -> Self {
        Self { base, ..self.clone() }
    }

    /// The same with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// GET with query parameters, which are encoded here.
    pub async fn query(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        Answer::of(self.request(Method::GET, path).query(parameters)).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &body, &[]).await
    }

    /// PUT.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, &body, &[]).await
    }

    /// PATCH.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, &body, &[]).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    /// Any method with a body and headers.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        headers: &[(HeaderName, &str)],
    ) -> Answer {
        let mut request = self.request(method, path).header(CONTENT_TYPE, self.content_type);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        Answer::of(request.body(body.to_string())).await
    }

    /// The answer to a request with a body, if there is one: a server may be killed meanwhile.
    pub async fn attempt(&self, method: Method, path: &str, body: &Value) -> Option<Answer> {
        let request = self.request(method, path).header(CONTENT_TYPE, self.content_type);
        Answer::if_any(request.body(body.to_string())).await
    }

    /// A request to complete by hand.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        if self.token.is_empty() {
            return request;
        }
        request.header(AUTHORIZATION, format!("Bearer {}", self.token))
    }
}

impl Answer {
    /// Sends a request and reads the answer whole.
    ///
    /// # Panics
    /// There is no answer, or one whose body is not JSON.
    pub async fn of(request: RequestBuilder) -> Self {
        Self::if_any(request).await.expect("the server answers")
    }

    /// The same; `None` where the connection fails or ends before the answer is there.
    ///
    /// # Panics
    /// The body is not JSON.
    pub async fn if_any(request: RequestBuilder) -> Option<Self> {
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.ok()?;
        let json = |text| serde_json::from_str(text).expect("the body is JSON");
        let content_type = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let body = match text.as_str() {
            "" => Value::Null,
            lines if content_type == Some("application/x-ndjson") => {
                lines.lines().map(json).collect()
            }
            text => json(text),
        };
        Some(Self { status, headers, body })
    }

    /// The answer, which has to have this status.
    ///
    /// # Panics
    /// It has another; the body is in the message.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:#}", self.body);
        self
    }

    /// A header as text; empty where it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// `detail` of an error; empty where there is none.
    #[must_use]
    pub fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or_default()
    }
}
