//! The same rule behind HTTP, on this machine and over a connection that stays open.

use std::sync::Arc;

use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tenon_plugin::Document;

use super::rule;

pub(super) struct Webhook {
    client: reqwest::Client,
    url: String,
    user: Arc<Value>,
}

impl Webhook {
    pub(super) async fn start(document: &Document) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let judge = post(async |Json(user): Json<Value>| {
            Json(json!({ "accepted": rule::accepts_json(&user) }))
        });
        // On a thread of its own, as another process would be.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = listener.into_std().expect("a listener");
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, Router::new().route("/", judge)).await.expect("it serves");
            });
        });
        let client = tenon_tests::http_client();
        Self { client, url, user: Arc::new(Value::Object((*document.value).clone())) }
    }

    pub(super) async fn accepts(&self) {
        let body = self.user.to_string();
        let request = self.client.post(&self.url).header("content-type", "application/json");
        let answer = request.body(body).send().await.expect("an answer");
        let answer = answer.bytes().await.expect("a body");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(answer["accepted"], true);
    }
}
