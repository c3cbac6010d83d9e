//! Resources that come from elsewhere, and leave for elsewhere.

mod lines;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use tenon_tests::{Answer, Tenant};

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
