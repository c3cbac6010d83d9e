//! `make bench-neighbour`: what a tenant notices of another one at all its limits.
//!
//! The attacker's plugin computes for ever, and its clients create users as fast as they may. The
//! victim reads and writes one request after the other, in turns of alone and beside, so that both see
//! the same machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tenon_tests::{Options, Server, Tenant, artifacts, user};
use tokio::task::JoinSet;

use crate::report::{self, Goal, Row};

/// Turns of alone and beside, and requests of the victim in each.
const TURNS: usize = 10;
const REQUESTS: usize = 400;

/// Clients of the attacker: as many as it may have calls at a time.
const ATTACKERS: usize = 16;

pub(crate) async fn measure() {
    let quiet = Some("error,tenon_server::serve=info".to_owned());
    let server = Server::start(Options { log: quiet, ..Options::default() });
    let (attacker, victim) = (server.tenant("attacker").await, server.tenant("victim").await);
    attacker.activate("loop", &artifacts::hostile("loop"), json!({})).await;
    let plugin = artifacts::hostile("harmless");
    victim.activate("harmless", &plugin, json!({})).await;
    let unlimited = json!({ "limits": { "requestsPerSecond": 1_000_000 } });
    victim.admin.patch("", unlimited).await.expect(200);

    let (mut alone, mut beside) = (Times::default(), Times::default());
    let mut attacked = 0;
    for turn in 0..TURNS {
        alone.add(&victim, &format!("alone-{turn}")).await;
        let attack = Attack::start(&attacker);
        beside.add(&victim, &format!("beside-{turn}")).await;
        attacked += attack.stop().await;
    }
    println!("{attacked} requests of the attacker were answered meanwhile");
    let row = |what: &str, alone: Vec<Duration>, beside: Vec<Duration>| {
        let (alone, beside) = (p99(alone), p99(beside));
        Row::of(format!("{what}, p99 beside the attacker"), beside, "ms")
            .beside("alone", alone, beside / alone)
            .goal(Goal::AtMost(1.1))
    };
    report::write_neighbour(&[
        row("GET /Users/{id}", alone.reads, beside.reads),
        row("POST /Users with a plugin", alone.writes, beside.writes),
    ]);
}

#[derive(Default)]
struct Times {
    reads: Vec<Duration>,
    writes: Vec<Duration>,
}

impl Times {
    async fn add(&mut self, victim: &Tenant, turn: &str) {
        for number in 0..REQUESTS {
            let body = user(&format!("{turn}-{number}"));
            let began = Instant::now();
            let created = victim.scim.post("/Users", body).await;
            self.writes.push(began.elapsed());
            let path =
                format!("/Users/{}", created.expect(201).body["id"].as_str().expect("an id"));
            let began = Instant::now();
            let read = victim.scim.get(&path).await;
            self.reads.push(began.elapsed());
            read.expect(200);
        }
    }
}

/// Requests that never end well, until it is stopped.
struct Attack {
    stopped: Arc<AtomicBool>,
    clients: JoinSet<usize>,
}

impl Attack {
    fn start(attacker: &Tenant) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for _ in 0..ATTACKERS {
            let (scim, stopped) = (attacker.scim.clone(), Arc::clone(&stopped));
            clients.spawn(async move {
                let mut answered = 0;
                while !stopped.load(Ordering::Relaxed) {
                    let answer = scim.post("/Users", user("never")).await;
                    assert!([429, 502, 503, 504].contains(&answer.status), "{}", answer.status);
                    answered += 1;
                }
                answered
            });
        }
        Self { stopped, clients }
    }

    async fn stop(mut self) -> usize {
        self.stopped.store(true, Ordering::Relaxed);
        let mut answered = 0;
        while let Some(client) = self.clients.join_next().await {
            answered += client.expect("a client ends");
        }
        answered
    }
}

/// In milliseconds.
fn p99(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() * 99 / 100].as_secs_f64() * 1_000.0
}
