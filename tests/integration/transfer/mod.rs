//! Resources that come from elsewhere, and leave for elsewhere.

mod foreign;
mod interrupted;
mod lines;
mod reports;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tenon_tests::{Answer, Server, Tenant, printed};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// Sends lines to a tenant; `query` begins with `?` or is empty.
async fn import(tenant: &Tenant, query: &str, lines: &[Value]) -> Answer {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let request = tenant.admin.request(Method::POST, &format!("/import{query}"));
    Answer::of(request.header(CONTENT_TYPE, "application/x-ndjson").body(body)).await
}

/// The results of lines that a tenant has taken.
async fn results(tenant: &Tenant, query: &str, lines: &[Value]) -> Vec<Value> {
    let answer = import(tenant, query, lines).await.expect(200);
    answer.body["results"].as_array().unwrap().clone()
}

/// All lines of an export, page after page.
async fn export(tenant: &Tenant) -> Vec<Value> {
    let mut lines = Vec::new();
    let mut page = tenant.admin.get("/export").await.expect(200).body;
    loop {
        lines.append(page.as_array_mut().unwrap());
        let end = lines.pop().unwrap();
        let Some(next) = end["position"]["next"].as_str() else { return lines };
        page = tenant.admin.query("/export", &[("position", next)]).await.expect(200).body;
    }
}

fn outcomes(results: &[Value]) -> Vec<&str> {
    results.iter().map(|it| it["outcome"].as_str().unwrap()).collect()
}

/// What a tenant has, by id: its resources without `meta`, and the members of its groups.
async fn content(tenant: &Tenant) -> BTreeMap<String, Value> {
    let mut content = BTreeMap::new();
    for mut line in export(tenant).await.into_iter().skip(1) {
        if let Some(members) = line.get("members") {
            let of = format!("members of {}", members["group"]);
            let all: &mut Value = content.entry(of).or_insert_with(|| json!([]));
            all.as_array_mut().unwrap().extend(members["values"].as_array().unwrap().clone());
            continue;
        }
        let mut resource = line["resource"].take();
        resource.as_object_mut().unwrap().remove("meta");
        if let Some(manager) = resource.pointer_mut(&format!("/{ENTERPRISE}/manager/$ref")) {
            *manager = json!(manager.as_str().unwrap().rsplit('/').next());
        }
        content.insert(resource["id"].as_str().unwrap().to_owned(), resource);
    }
    content
}

/// A command of `tenon`, with its files in a directory.
fn command(server: &Server, directory: &Path, args: &[&str]) -> Command {
    let mut command = server.command(args);
    command.current_dir(directory);
    command
}

/// The summary of a command with `--json`.
fn summary(mut command: Command) -> Value {
    serde_json::from_str(&printed(&command.output().unwrap())).unwrap()
}
