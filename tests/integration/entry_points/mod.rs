//! Where requests belong: by path, host, header, the credential alone, and realms.

mod default_tenant;
mod hosts;
mod oauth;
mod proxies;
mod realms;
mod resolvers;
mod ways;

use std::net::TcpListener;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use tenon_tests::{Answer, Client, Options, Server, Tenant};

/// A server that listens to a proxy on this machine.
fn behind_a_proxy() -> Options {
    Options::default()
        .with("TENON_TRUSTED_PROXIES", "127.0.0.0/8")
        .with("TENON_TENANT_HEADERS", "x-tenant-id, x-org")
        .with("TENON_TENANT_HOST", "{tenant}.scim.example.com")
}

/// A server that clients reach under another URL than the tests do.
fn reached_as(public_url: &str, mut options: Options) -> Server {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    options.listen = Some(free);
    let mut server = Server::start(options.with("TENON_PUBLIC_URL", public_url));
    server.url = format!("http://{free}");
    server
}

/// A way to a tenant's service: below which URL requests are sent, and with which headers.
#[derive(Debug, Clone)]
struct Way {
    client: Client,
    headers: Vec<(&'static str, String)>,
}

impl Way {
    fn new(server: &Server, tenant: &Tenant, path: &str, headers: &[(&'static str, &str)]) -> Self {
        let client = tenant.scim.at(format!("{}{path}", server.url));
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { client, headers }
    }

    async fn get(&self, path: &str) -> Answer {
        let mut request = self.client.request(Method::GET, path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        Answer::of(request).await
    }

    /// POST of a form.
    async fn form(&self, path: &str, form: &str) -> Answer {
        let request = self.client.with_token("").request(Method::POST, path);
        let mut request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        Answer::of(request.body(form.to_owned())).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.as_str()))
            .collect();
        self.client.send(Method::POST, path, body, &headers).await
    }
}
