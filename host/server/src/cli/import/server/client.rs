//! Asks a SCIM service.

use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;
use reqwest::{Client, StatusCode, Url};
use serde_json::Value;

use super::Page;
use crate::cli::admin::{AdminError, cause, http};
use crate::cli::import::ImportError;
use crate::cli::patience::patiently;
use crate::config::SOURCE_TOKEN_VARIABLE;

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// For one answer: a group may have a million members.
const PATIENCE: Duration = Duration::from_secs(600);

/// A type of resources of the service.
#[derive(Debug, Clone)]
pub(super) struct Type {
    pub(super) name: String,
    endpoint: String,
    /// Whether its resources have members.
    pub(super) is_group: bool,
}

/// A page of a list.
#[derive(Debug)]
pub(super) struct List {
    pub(super) total: u64,
    pub(super) next_cursor: Option<String>,
    pub(super) resources: Vec<Value>,
}

pub(super) struct SourceClient {
    http: Client,
    base: Url,
    token: Option<String>,
    pub(super) types: Vec<Type>,
    has_cursors: bool,
    sorts: bool,
    /// Resources of a page that it shows at the most.
    most: u64,
}

impl SourceClient {
    /// Asks a service what it has: its types, and how it pages.
    pub(super) async fn open(base: Url, flags: &ArgMatches) -> Result<Self, ImportError> {
        let (http, token) = (http()?, token(flags)?);
        let (types, has_cursors, sorts) = (Vec::new(), false, false);
        let mut client = Self { http, base, token, types, has_cursors, sorts, most: u64::MAX };
        let config = client.ask_if_any(&["ServiceProviderConfig"], &[]).await?.unwrap_or_default();
        let feature = |name: &str, part: &str| config.get(name).and_then(|it| it.get(part));
        let is = |name: &str, part: &str| feature(name, part) == Some(&Value::Bool(true));
        client.has_cursors = is("pagination", "cursor");
        client.sorts = is("sort", "supported");
        let most = feature("filter", "maxResults").and_then(Value::as_u64).filter(|it| *it > 0);
        client.most = most.unwrap_or(u64::MAX);
        let types = client.ask_if_any(&["ResourceTypes"], &[]).await?;
        client.types =
            types.as_ref().map(types_of).filter(|it| !it.is_empty()).unwrap_or_else(core);
        Ok(client)
    }

    pub(super) const fn first_page(&self) -> Page {
        if self.has_cursors { Page::Cursor(None) } else { Page::Index(1) }
    }

    /// A page of the resources of a type, without memberships where the service can leave them out;
    /// none where a cursor holds no more.
    pub(super) async fn list(
        &self,
        resource_type: &Type,
        page: &Page,
        size: u64,
    ) -> Result<Option<List>, ImportError> {
        let count = size.min(self.most).to_string();
        let memberships = if resource_type.is_group { "members" } else { "groups" };
        let mut query = vec![("count", count), ("excludedAttributes", memberships.to_owned())];
        match page {
            Page::Cursor(cursor) => query.push(("cursor", cursor.clone().unwrap_or_default())),
            Page::Index(start) => {
                query.push(("startIndex", start.to_string()));
                query.extend(self.sorts.then(|| ("sortBy", "id".to_owned())));
            }
        }
        let path: Vec<&str> = resource_type.path().collect();
        let url = self.at(&path, &query);
        let list = match patiently(|| self.exchange(&url)).await {
            Ok(list) => list,
            Err(AdminError::Refused { status: StatusCode::BAD_REQUEST, .. })
                if matches!(page, Page::Cursor(Some(_))) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(told(url, error)),
        };
        let total = list.get("totalResults").and_then(Value::as_u64);
        let total = total.ok_or_else(|| ImportError::Source {
            url: url.clone(),
            reason: "the answer has no totalResults: it is no SCIM list".to_owned(),
        })?;
        let next = list.get("nextCursor").and_then(Value::as_str).filter(|it| !it.is_empty());
        let next_cursor = next.map(str::to_owned);
        let resources = match list {
            Value::Object(mut list) => list.shift_remove("Resources"),
            _ => None,
        };
        let resources = match resources {
            Some(Value::Array(resources)) => resources,
            _ => Vec::new(),
        };
        Ok(Some(List { total, next_cursor, resources }))
    }

    /// A resource with all that it has.
    pub(super) async fn get(&self, of: &Type, id: &str) -> Result<Option<Value>, ImportError> {
        let path: Vec<&str> = of.path().chain([id]).collect();
        self.ask_if_any(&path, &[]).await
    }

    /// What is there; none where the service has no such thing.
    async fn ask_if_any(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Option<Value>, ImportError> {
        let url = self.at(path, query);
        match patiently(|| self.exchange(&url)).await {
            Ok(answer) => Ok(Some(answer)),
            Err(AdminError::Refused {
                status: StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED,
                ..
            }) => Ok(None),
            Err(error) => Err(told(url, error)),
        }
    }

    fn at(&self, path: &[&str], query: &[(&str, String)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn exchange(&self, url: &Url) -> Result<Value, AdminError> {
        let mut request = self.http.get(url.clone()).timeout(PATIENCE);
        request = request.header("Accept", "application/scim+json, application/json");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let no_answer = |error: reqwest::Error| AdminError::NoAnswer {
            url: url.clone(),
            reason: cause(&error),
        };
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status();
        let text = response.text().await.map_err(no_answer)?;
        let answer = serde_json::from_str::<Value>(&text);
        if !status.is_success() {
            let detail = answer.ok().and_then(|it| it.get("detail")?.as_str().map(str::to_owned));
            return Err(AdminError::Refused { status, detail: detail.unwrap_or_default() });
        }
        let start = || text.chars().take(100).collect();
        answer.map_err(|_| AdminError::Other { url: url.clone(), answer: start() })
    }
}

impl Type {
    fn path(&self) -> impl Iterator<Item = &str> {
        self.endpoint.split('/').filter(|it| !it.is_empty())
    }
}

/// From a file or the environment: command lines are seen by all users of a machine.
fn token(flags: &ArgMatches) -> Result<Option<String>, ImportError> {
    let text = match flags.get_one::<PathBuf>("source-token-file") {
        Some(path) => {
            let read = std::fs::read_to_string(path);
            Some(read.map_err(|source| ImportError::File { path: path.clone(), source })?)
        }
        None => std::env::var(SOURCE_TOKEN_VARIABLE).ok(),
    };
    Ok(text.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()))
}

fn types_of(list: &Value) -> Vec<Type> {
    let listed = list.get("Resources").and_then(Value::as_array).into_iter().flatten();
    let read = |it: &Value| {
        let text = |name: &str| it.get(name).and_then(Value::as_str).map(str::to_owned);
        let is_group = text("schema").as_deref() == Some(GROUP);
        Some(Type { name: text("name")?, endpoint: text("endpoint")?, is_group })
    };
    listed.filter_map(read).collect()
}

/// RFC 7644 §3.2: where users and groups are.
fn core() -> Vec<Type> {
    let of = |name: &str, endpoint: &str, is_group| Type {
        name: name.to_owned(),
        endpoint: endpoint.to_owned(),
        is_group,
    };
    vec![of("User", "/Users", false), of("Group", "/Groups", true)]
}

fn told(url: Url, error: AdminError) -> ImportError {
    let reason = match error {
        AdminError::NoAnswer { reason, .. } => format!("the source does not answer: {reason}"),
        AdminError::Refused { status: StatusCode::UNAUTHORIZED, detail } => {
            format!("the source wants another token (--source-token-file): {detail}")
        }
        AdminError::Refused { status, detail } => format!("the source answers {status} {detail}"),
        AdminError::Other { answer, .. } => format!("the source answers with no JSON: {answer}"),
        error => error.to_string(),
    };
    ImportError::Source { url, reason }
}
