//! `make bench-neighbour`: what a tenant notices of another one at all its limits.
//!
//! The attacker's plugin uses all the fuel that its tenant has in a second, and never fails, so that no breaker
//! stops it; its clients create users at twice the rate that they may. They are on a thread of their own,
//! so that the victim's client waits for the server alone. The victim reads and writes one request after the
//! other, in turns of alone and beside, so that both see the same machine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;
use tenon_tests::{Client, Options, Server, Tenant, artifacts, user};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::report::{self, Goal, Row};

/// Turns of alone and beside, and requests of the victim in each.
const TURNS: usize = 10;
const REQUESTS: usize = 400;

/// Clients of the attacker: as many as it may have calls at a time.
const ATTACKERS: u32 = 16;

/// What they ask for in a second together: twice what a tenant may.
const ATTACKS_PER_SECOND: u32 = 200;

pub(crate) async fn measure() {
    let quiet = Some("error,tenon_server::serve=info".to_owned());
    let server = Server::start(Options { log: quiet, ..Options::default() });
    let (attacker, victim) = (server.tenant("attacker").await, server.tenant("victim").await);
    attacker.activate("busy", &artifacts::component("busy"), json!({})).await;
    let plugin = artifacts::hostile("harmless");
    victim.activate("harmless", &plugin, json!({})).await;
    let unlimited = json!({ "limits": { "requestsPerSecond": 1_000_000 } });
    victim.admin.patch("", unlimited).await.expect(200);

    let (mut alone, mut beside) = (Times::default(), Times::default());
    let mut answered = Answered::new();
    for turn in 0..TURNS {
        alone.add(&victim, &format!("alone-{turn}")).await;
        let attack = Attack::start(&attacker, turn);
        beside.add(&victim, &format!("beside-{turn}")).await;
        for (status, count) in attack.stop() {
            *answered.entry(status).or_default() += count;
        }
    }
    println!("answers to the attacker, by status: {answered:?}");
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

/// How many answers of each status.
type Answered = BTreeMap<u16, usize>;

/// The attacker's requests, until it is stopped.
struct Attack {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<Answered>,
}

impl Attack {
    fn start(attacker: &Tenant, turn: usize) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let (base, token) = (attacker.scim.base.clone(), attacker.scim.token.clone());
        let until = Arc::clone(&stopped);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            // Its connections are of this thread too.
            let scim = Client::new(base, &token, "application/scim+json");
            runtime.expect("a runtime").block_on(attack(&scim, turn, &until))
        });
        Self { stopped, thread }
    }

    fn stop(self) -> Answered {
        self.stopped.store(true, Ordering::Relaxed);
        self.thread.join().expect("the attacker ends")
    }
}

async fn attack(scim: &Client, turn: usize, stopped: &Arc<AtomicBool>) -> Answered {
    let mut clients = JoinSet::new();
    for client in 0..ATTACKERS {
        let (scim, stopped) = (scim.clone(), Arc::clone(stopped));
        clients.spawn(async move {
            let mut pace = interval(Duration::from_secs(1) * ATTACKERS / ATTACKS_PER_SECOND);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut answered = Answered::new();
            for number in 0.. {
                pace.tick().await;
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let body = user(&format!("{turn}-{client}-{number}"));
                *answered.entry(scim.post("/Users", body).await.status).or_default() += 1;
            }
            answered
        });
    }
    let mut answered = Answered::new();
    for (status, count) in clients.join_all().await.into_iter().flatten() {
        assert!([201, 429, 503].contains(&status), "{status}");
        *answered.entry(status).or_default() += count;
    }
    answered
}

/// In milliseconds.
fn p99(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() * 99 / 100].as_secs_f64() * 1_000.0
}
