//! Prints exchanges, and checks their status.

use std::io::IsTerminal;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use tenon_tests::{Answer, Client};

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const RED: &str = "31";

/// The title of what follows.
pub(crate) fn heading(text: &str) {
    println!("\n{}\n", styled(BOLD, text));
}

/// A remark of the demo's own.
pub(crate) fn note(text: &str) {
    println!("{}", styled(DIM, text));
}

/// Sends a request and prints both sides; the answer has to have the status.
pub(crate) async fn shown(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<&Value>,
    expected: u16,
) -> Result<Value, String> {
    request(client, &method, path);
    if let Some(body) = body {
        json(body);
    }
    let answer = client.send(method, path, body.unwrap_or(&Value::Null), &[]).await;
    answered(answer, expected)
}

/// GET with query parameters, printed before they are encoded.
pub(crate) async fn query(
    client: &Client,
    path: &str,
    parameters: &[(&str, &str)],
) -> Result<Value, String> {
    request(client, &Method::GET, path);
    for (name, value) in parameters {
        println!("    {name} = {value}");
    }
    answered(client.query(path, parameters).await, 200)
}

/// Uploads a component, of which the size is printed.
pub(crate) async fn upload(client: &Client, path: &str, component: &[u8]) -> Result<Value, String> {
    request(client, &Method::PUT, path);
    println!("    ({} bytes of application/wasm)", component.len());
    let request = client.request(Method::PUT, path).header(CONTENT_TYPE, "application/wasm");
    answered(Answer::of(request.body(component.to_vec())).await, 201)
}

fn request(client: &Client, method: &Method, path: &str) {
    println!("{method} {}{path}", client.base);
}

fn answered(answer: Answer, expected: u16) -> Result<Value, String> {
    let colour = if answer.status < 400 { GREEN } else { RED };
    println!("{}", styled(colour, &format!("→ {}", answer.status)));
    json(&answer.body);
    if answer.status != expected {
        return Err(format!("the answer should have status {expected}, not {}", answer.status));
    }
    println!();
    Ok(answer.body)
}

fn json(value: &Value) {
    for line in format!("{value:#}").lines() {
        println!("    {line}");
    }
}

fn styled(code: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}
