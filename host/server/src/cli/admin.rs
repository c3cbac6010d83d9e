//! Commands that ask a running server over its admin API. The operator has a token for it, and the
//! server knows what its database does not tell.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, ArgMatches, value_parser};
use reqwest::{Client, Method, StatusCode, Url};
use serde_json::Value;

use crate::config::{TOKEN_VARIABLE, URL_VARIABLE};

/// The operator's alone, which the server reads too.
const ADMIN_TOKEN_VARIABLE: &str = "TENON_ADMIN_TOKEN";
const JSON: &str = "application/json";
const WASM: &str = "application/wasm";
const NDJSON: &str = "application/x-ndjson";
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// Longer than a request takes at the most.
const PATIENCE: Duration = Duration::from_secs(65);

/// Why a command was not carried out. One line, with what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    #[error("--url: must be a URL such as https://scim.example.com, not \"{0}\"")]
    Url(String),
    #[error(
        "a token is needed, the operator's or one of the tenant that may administer it: --token-file, \
         {TOKEN_VARIABLE} or {ADMIN_TOKEN_VARIABLE}"
    )]
    NoToken,
    #[error("no HTTP: {0}")]
    Http(String),
    #[error("{url} does not answer: {reason}; check --url or {URL_VARIABLE}")]
    NoAnswer { url: Url, reason: String },
    #[error("{detail}")]
    Refused { status: StatusCode, detail: String },
    #[error("{url} does not answer as a Tenon of this version does: {answer}")]
    Other { url: Url, answer: String },
    #[error("cannot print: {0}")]
    Print(#[from] std::io::Error),
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
    #[error("--{flag}: {reason}")]
    Flag { flag: &'static str, reason: String },
    #[error("the server goes on with the move; `tenon tenant show {0}` tells how far it is")]
    GoesOn(String),
    #[error("the audit log is not as it was written")]
    NotIntact,
}

/// The admin API of a server.
pub(super) struct AdminClient {
    http: Client,
    base: Url,
    token: String,
}

/// Which server, and who asks.
pub(super) fn flags() -> [Arg; 3] {
    [
        Arg::new("url")
            .long("url")
            .value_name("URL")
            .help(format!("Where the server is [env: {URL_VARIABLE}] [default: {DEFAULT_URL}]")),
        Arg::new("token").long("token").value_name("TOKEN").help(format!(
            "The operator's token, or one that may administer the tenant. All users of a machine see \
             command lines: rather --token-file or [env: {TOKEN_VARIABLE}, {ADMIN_TOKEN_VARIABLE}]"
        )),
        Arg::new("token-file")
            .long("token-file")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .conflicts_with("token")
            .help("Where the token is"),
    ]
}

/// Of which tenant.
pub(super) fn tenant_flag() -> Arg {
    Arg::new("tenant")
        .long("tenant")
        .value_name("NAME")
        .required(true)
        .value_parser(name)
        .help("The tenant, by name or id")
}

/// What a path has between two slashes. Others would make it the path of something else.
pub(super) fn name(text: &str) -> Result<String, String> {
    match text {
        "" | "." | ".." => Err("is no name".to_owned()),
        name => Ok(name.to_owned()),
    }
}

impl AdminClient {
    /// A client for what the flags and the environment say.
    pub(super) fn of(flags: &ArgMatches) -> Result<Self, AdminError> {
        let given = |flag: &str, variables: &[&str]| {
            let flag = flags.get_one::<String>(flag).cloned();
            let variables = variables.iter().filter_map(|variable| std::env::var(variable).ok());
            flag.into_iter().chain(variables).find(|text| !text.is_empty())
        };
        let token = match flags.get_one::<PathBuf>("token-file") {
            Some(path) => token_in(path)?,
            None => given("token", &[TOKEN_VARIABLE, ADMIN_TOKEN_VARIABLE])
                .ok_or(AdminError::NoToken)?,
        };
        let url = given("url", &[URL_VARIABLE]).unwrap_or_else(|| DEFAULT_URL.to_owned());
        let mut base = Url::parse(&url).map_err(|_| AdminError::Url(url.clone()))?;
        base.path_segments_mut()
            .map_err(|()| AdminError::Url(url))?
            .pop_if_empty()
            .extend(["admin", "v1"]);
        Ok(Self { http: http()?, base, token })
    }

    /// Asks for something.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, AdminError> {
        let url = self.with(path, query);
        self.send(Method::GET, url, None).await
    }

    /// Asks for something long, and writes it on as it comes.
    pub(super) async fn download(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        out: &mut impl Write,
    ) -> Result<(), AdminError> {
        let url = self.with(path, query);
        let no_answer = |error: reqwest::Error| AdminError::NoAnswer {
            url: url.clone(),
            reason: cause(&error),
        };
        // As long as it takes.
        let request = self.http.get(url.clone()).bearer_auth(&self.token).timeout(Duration::MAX);
        let mut response = request.send().await.map_err(no_answer)?;
        let status = response.status();
        if !status.is_success() {
            let text = response.text().await.map_err(no_answer)?;
            return Err(refused(status, &serde_json::from_str(&text).unwrap_or_default()));
        }
        while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
            out.write_all(&chunk)?;
        }
        Ok(out.flush()?)
    }

    /// Asks for something to be done.
    pub(super) async fn post(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, AdminError> {
        let url = self.with(path, query);
        self.send(Method::POST, url, None).await
    }

    /// Makes something of what is described.
    pub(super) async fn create(&self, path: &[&str], body: &Value) -> Result<Value, AdminError> {
        self.send(Method::POST, self.at(path), Some(body)).await
    }

    /// Changes something.
    pub(super) async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, AdminError> {
        self.send(Method::PATCH, self.at(path), Some(body)).await
    }

    /// Puts something.
    pub(super) async fn put(&self, path: &[&str], body: &Value) -> Result<Value, AdminError> {
        self.send(Method::PUT, self.at(path), Some(body)).await
    }

    /// Puts a component.
    pub(super) async fn upload(
        &self,
        path: &[&str],
        component: Vec<u8>,
    ) -> Result<Value, AdminError> {
        let url = self.at(path);
        let answer = self.exchange(Method::PUT, url.clone(), Some((WASM, component))).await?;
        read(&url, &answer)
    }

    /// Lines of JSON.
    pub(super) async fn get_lines(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<String, AdminError> {
        let url = self.with(path, query);
        self.exchange(Method::GET, url, None).await
    }

    /// Posts lines of JSON.
    pub(super) async fn post_lines(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        lines: String,
    ) -> Result<Value, AdminError> {
        let url = self.with(path, query);
        let answer =
            self.exchange(Method::POST, url.clone(), Some((NDJSON, lines.into_bytes()))).await?;
        read(&url, &answer)
    }

    /// Removes something.
    pub(super) async fn delete(&self, path: &[&str]) -> Result<Value, AdminError> {
        self.send(Method::DELETE, self.at(path), None).await
    }

    /// What is no answer of this version.
    pub(super) fn unlike(&self, path: &[&str], answer: &Value) -> AdminError {
        let answer = answer.to_string().chars().take(100).collect();
        AdminError::Other { url: self.at(path), answer }
    }

    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        url
    }

    fn with(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.at(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Value, AdminError> {
        let body = body.map(|it| (JSON, it.to_string().into_bytes()));
        match self.exchange(method, url.clone(), body).await?.as_str() {
            "" => Ok(Value::Null),
            answer => read(&url, answer),
        }
    }

    /// The body of the answer, which is a success.
    async fn exchange(
        &self,
        method: Method,
        url: Url,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<String, AdminError> {
        let mut request = self.http.request(method, url.clone()).bearer_auth(&self.token);
        if let Some((content_type, body)) = body {
            request = request.header("Content-Type", content_type).body(body);
        }
        let no_answer = |error: reqwest::Error| AdminError::NoAnswer {
            url: url.clone(),
            reason: cause(&error),
        };
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status();
        let text = response.text().await.map_err(no_answer)?;
        if status.is_success() {
            return Ok(text);
        }
        let Ok(answer) = serde_json::from_str::<Value>(&text) else {
            return Err(AdminError::Other { url, answer: format!("status {status}") });
        };
        Err(refused(status, &answer))
    }
}

fn token_in(path: &Path) -> Result<String, AdminError> {
    let unusable = |reason: String| AdminError::File { path: path.display().to_string(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    match text.trim() {
        "" => Err(unusable("there is no token in it".to_owned())),
        token => Ok(token.to_owned()),
    }
}

fn refused(status: StatusCode, answer: &Value) -> AdminError {
    let detail = answer.get("detail").and_then(Value::as_str);
    let detail = detail.map_or_else(|| format!("status {status}"), str::to_owned);
    AdminError::Refused { status, detail }
}

/// What all commands ask with.
pub(super) fn http() -> Result<Client, AdminError> {
    // An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = Client::builder().timeout(PATIENCE).build();
    http.map_err(|error| AdminError::Http(error.to_string()))
}

fn read(url: &Url, answer: &str) -> Result<Value, AdminError> {
    serde_json::from_str(answer).map_err(|_| AdminError::Other {
        url: url.clone(),
        answer: answer.chars().take(100).collect(),
    })
}

/// The innermost cause says what is wrong: "connection refused".
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
