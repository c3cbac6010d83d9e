//! The load: clients that each send one request after the other over a connection of their own, in
//! a process of their own, so that the server and those who ask it are told apart.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

/// In a body, what every request has another text for.
pub(crate) const UNIQUE: &str = "@@";

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    /// `127.0.0.1:8080`.
    pub(crate) address: String,
    pub(crate) token: String,
    pub(crate) clients: usize,
    pub(crate) seconds: f64,
    /// Taken in turn; each client begins at another one.
    pub(crate) requests: Vec<Request>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    pub(crate) body: Option<String>,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: "GET".to_owned(), path: path.into(), body: None }
    }
}

/// What was answered.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) per_second: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// How many answers had which status.
    pub(crate) statuses: BTreeMap<u16, u64>,
}

impl Outcome {
    /// Only what has this status counts; where other answers came, the terminal tells so.
    pub(crate) fn expect(mut self, status: u16) -> Self {
        let all: u64 = self.statuses.values().sum();
        let right = self.statuses.get(&status).copied().unwrap_or_default();
        if right < all {
            println!("of {all} answers {right} have the status {status}: {:?}", self.statuses);
            self.per_second *= right as f64 / all as f64;
        }
        self
    }
}

/// Runs a load in another process.
pub(crate) fn run(load: &Load) -> Outcome {
    let this = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(this)
        .arg("load")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(&serde_json::to_vec(load).expect("JSON")).expect("the child reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the child ends");
    assert!(output.status.success(), "the load failed");
    serde_json::from_slice(&output.stdout).expect("an outcome")
}

/// The other process.
pub(crate) async fn child() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).expect("a load");
    let load: Load = serde_json::from_str(&text).expect("a load");
    let load: &'static Load = Box::leak(Box::new(load));
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(load.seconds);
    // What was written in an earlier run is there still.
    let run = Uuid::new_v4().simple().to_string();
    let clients: Vec<_> = (0..load.clients)
        .map(|number| tokio::spawn(client(load, format!("{run}-{number}"), number, until)))
        .collect();
    let mut answers = Vec::new();
    for client in clients {
        answers.extend(client.await.expect("a client"));
    }
    let outcome = outcome(answers, started.elapsed());
    println!("{}", serde_json::to_string(&outcome).expect("JSON"));
}

/// Asks until the time is over, at least once; the status and time of each answer.
async fn client(
    load: &'static Load,
    name: String,
    number: usize,
    until: Instant,
) -> Vec<(u16, Duration)> {
    let mut connection = connect(&load.address).await;
    let mut answers = Vec::new();
    let first = number * load.requests.len() / load.clients;
    for count in 0.. {
        let request = &load.requests[(first + count) % load.requests.len()];
        let request = built(load, request, || format!("{name}-{count}"));
        let started = Instant::now();
        let answer = timeout(PATIENCE, async {
            let response = connection.send_request(request).await.expect("an answer");
            let status = response.status().as_u16();
            response.into_body().collect().await.expect("the whole answer");
            status
        });
        // 0 is no status: there was no answer in time.
        let status = answer.await.unwrap_or_default();
        answers.push((status, started.elapsed()));
        if Instant::now() >= until || status == 0 {
            break;
        }
        if connection.is_closed() {
            connection = connect(&load.address).await;
        }
    }
    answers
}

async fn connect(address: &str) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a socket");
    let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("a connection");
    tokio::spawn(connection);
    sender
}

fn built(
    load: &Load,
    request: &Request,
    unique: impl Fn() -> String,
) -> hyper::Request<Full<Bytes>> {
    let body = request.body.as_ref().map(|body| match body.contains(UNIQUE) {
        true => body.replace(UNIQUE, &unique()),
        false => body.clone(),
    });
    hyper::Request::builder()
        .method(request.method.as_str())
        .uri(&request.path)
        .header(HOST, &load.address)
        .header(AUTHORIZATION, format!("Bearer {}", load.token))
        .header(CONTENT_TYPE, "application/scim+json")
        .body(Full::from(body.unwrap_or_default()))
        .expect("a request")
}

fn outcome(answers: Vec<(u16, Duration)>, took: Duration) -> Outcome {
    let mut outcome =
        Outcome { per_second: answers.len() as f64 / took.as_secs_f64(), ..Outcome::default() };
    let mut times: Vec<Duration> = Vec::with_capacity(answers.len());
    for (status, time) in answers {
        *outcome.statuses.entry(status).or_default() += 1;
        times.push(time);
    }
    times.sort_unstable();
    let at = |percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1_000.0;
    (outcome.p50, outcome.p99) = (at(50), at(99));
    outcome
}
