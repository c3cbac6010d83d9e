//! One request and its answer.

use std::collections::BTreeMap;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method};
use serde_json::{Map, Value};

use super::matching::differences;
use super::variables::Variables;
use super::vector::{Expect, Send};

const SCIM_JSON: &str = "application/scim+json";
const ERROR_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// The server under test.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) http: Client,
    /// Without a slash at the end.
    pub(super) base: String,
    pub(super) token: String,
}

/// What the server answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// `None` where there is no body.
    pub(super) body: Option<Value>,
}

impl Target {
    /// Sends a request whose variables are replaced.
    ///
    /// # Errors
    /// It cannot be made, or there is no answer that can be read.
    pub(super) async fn send(&self, send: &Send, variables: &Variables) -> Result<Answer, String> {
        let method = Method::from_bytes(send.method.as_bytes()).map_err(|it| it.to_string())?;
        let url = format!("{}{}", self.base, variables.text(&send.path)?);
        let mut request = self.http.request(method, url);
        if !send.query.is_empty() {
            let mut query = Vec::new();
            for (name, value) in &send.query {
                query.push((name, variables.text(value)?));
            }
            request = request.query(&query);
        }
        let body = match (&send.body, &send.text) {
            (Some(body), _) => Some(variables.fill(body)?.to_string()),
            (None, Some(text)) => Some(variables.text(text)?),
            (None, None) => None,
        };
        for (name, value) in self.headers(send, body.is_some()) {
            request = request.header(name, variables.text(&value)?);
        }
        Answer::of(request.body(body.unwrap_or_default())).await
    }

    /// GET of a path below the base URL.
    ///
    /// # Errors
    /// There is no answer that can be read.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, String> {
        let request = self.http.get(format!("{}{path}", self.base));
        Answer::of(request.bearer_auth(&self.token).header(ACCEPT, SCIM_JSON)).await
    }

    /// DELETE of a path below the base URL.
    ///
    /// # Errors
    /// There is no answer that can be read.
    pub(super) async fn delete(&self, path: &str) -> Result<Answer, String> {
        let request = self.http.delete(format!("{}{path}", self.base));
        Answer::of(request.bearer_auth(&self.token)).await
    }

    /// The usual headers, changed as the step says.
    fn headers(&self, send: &Send, has_body: bool) -> BTreeMap<String, String> {
        let mut headers = BTreeMap::from([
            (AUTHORIZATION.to_string(), format!("Bearer {}", self.token)),
            (ACCEPT.to_string(), SCIM_JSON.to_owned()),
        ]);
        if has_body {
            headers.insert(CONTENT_TYPE.to_string(), SCIM_JSON.to_owned());
        }
        for (name, value) in &send.headers {
            match value {
                Some(value) => headers.insert(name.to_lowercase(), value.clone()),
                None => headers.remove(&name.to_lowercase()),
            };
        }
        headers
    }
}

impl Answer {
    async fn of(request: reqwest::RequestBuilder) -> Result<Self, String> {
        let response = request.send().await.map_err(|error| chain(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.map_err(|error| chain(&error))?;
        let body = match text.as_str() {
            "" => None,
            text => Some(serde_json::from_str(text).map_err(|error| {
                format!("status {status} with a body that is not JSON: {error}: {text:?}")
            })?),
        };
        Ok(Self { status, headers, body })
    }

    /// All that is not as expected.
    ///
    /// # Errors
    /// A variable that is not known.
    pub(super) fn problems(
        &self,
        expect: &Expect,
        variables: &Variables,
    ) -> Result<Vec<String>, String> {
        if !expect.status.allow(self.status) {
            // The body says why; what else was expected of it does not.
            let body = self.body.as_ref().map_or_else(String::new, |body| format!(": {body}"));
            let (expected, found) = (&expect.status, self.status);
            return Ok(vec![format!("status: expected {expected}, found {found}{body}")]);
        }
        let mut problems = Vec::new();
        for (name, expected) in &expect.headers {
            let expected = variables.fill(expected)?;
            let found = self.headers.get(name).map(|it| String::from_utf8_lossy(it.as_bytes()));
            let found = found.map(|text| Value::String(text.into_owned()));
            problems.extend(differences(&expected, found.as_ref(), &format!("header {name}")));
        }
        if let Some(expected) = &expect.body {
            let expected = variables.fill(expected)?;
            problems.extend(differences(&expected, self.body.as_ref(), "body"));
        }
        problems.extend(self.error_problems());
        Ok(problems)
    }

    /// RFC 7644 §3.12, for every error with a body: it is a SCIM error, and "status" is "the HTTP
    /// status code … expressed as a JSON string".
    fn error_problems(&self) -> Vec<String> {
        let Some(body) = self.body.as_ref().filter(|_| self.status >= 400) else {
            return Vec::new();
        };
        let mut error = Map::new();
        error.insert("schemas".to_owned(), Value::from(vec![ERROR_SCHEMA]));
        error.insert("status".to_owned(), Value::from(self.status.to_string()));
        differences(&Value::Object(error), Some(body), "body")
    }
}

/// An error with what it comes from: reqwest's own text does not say why.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
