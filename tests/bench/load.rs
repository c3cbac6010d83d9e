//! The load: clients that each send one request after the other over a connection of their own, in
//! a process of their own, so that the server and those who ask it are told apart.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use uuid::Uuid;

/// In a body, what every request has another text for.
pub(crate) const UNIQUE: &str = "@@";
/// The length of that text: the run, the client's number, and a count.
const UNIQUE_LENGTH: usize = 32 + 1 + 4 + 1 + 12;

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
        .map(|number| tokio::spawn(client(load, format!("{run}-{number:04}"), number, until)))
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
    let written: Vec<String> = load.requests.iter().map(|it| written(load, it)).collect();
    let mut connection = Connection::open(&load.address).await;
    let mut answers = Vec::new();
    let first = number * written.len() / load.clients;
    for count in 0.. {
        let request = &written[(first + count) % written.len()];
        // As long as the length of the body says: UNIQUE_LENGTH.
        let unique = format!("{name}-{count:012}");
        let request = match request.contains(UNIQUE) {
            true => Cow::Owned(request.replace(UNIQUE, &unique)),
            false => Cow::Borrowed(request),
        };
        let started = Instant::now();
        let status = connection.ask(request.as_bytes(), until + PATIENCE).await;
        answers.push((status, started.elapsed()));
        if Instant::now() >= until || status == 0 {
            break;
        }
    }
    answers
}

/// A connection of a client. What is sent is made beforehand, and of an answer nothing is read but
/// where it ends: the client shares the machine with what it measures.
struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, received: Vec::with_capacity(64 * 1024) }
    }

    /// The status of the answer; 0, which is none, where there was no answer in time.
    async fn ask(&mut self, request: &[u8], until: Instant) -> u16 {
        let answer = async {
            self.stream.write_all(request).await.expect("the server reads");
            self.received.clear();
            loop {
                let read = self.stream.read_buf(&mut self.received).await.expect("an answer");
                assert_ne!(read, 0, "the server closed the connection");
                if let Some(status) = status_of_whole(&self.received) {
                    return status;
                }
            }
        };
        timeout_at(until.into(), answer).await.unwrap_or_default()
    }
}

/// The status of an answer that has arrived whole.
fn status_of_whole(received: &[u8]) -> Option<u16> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(received).expect("HTTP") else {
        return None;
    };
    let body = &received[head..];
    let length = response.headers.iter().find(|it| it.name.eq_ignore_ascii_case("content-length"));
    let is_whole = match (length, response.code) {
        (Some(length), _) => {
            let length = std::str::from_utf8(length.value).expect("ASCII");
            body.len() >= length.parse().expect("a length")
        }
        (None, Some(204)) => true,
        // In chunks, of which the last is empty.
        (None, _) => body.ends_with(b"\r\n0\r\n\r\n") || body == b"0\r\n\r\n",
    };
    response.code.filter(|_| is_whole)
}

/// A request as it is sent.
fn written(load: &Load, request: &Request) -> String {
    let body = request.body.as_deref().unwrap_or_default();
    let length = body.len() + body.matches(UNIQUE).count() * (UNIQUE_LENGTH - UNIQUE.len());
    format!(
        "{} {} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         content-type: application/scim+json\r\ncontent-length: {length}\r\n\r\n{body}",
        request.method, request.path, load.address, load.token
    )
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
